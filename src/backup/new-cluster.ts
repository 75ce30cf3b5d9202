/**
 * A data directory of a new cluster, made around a state that another cluster had.
 *
 * No number may be used for two things. The old cluster may have gone on after the state was taken,
 * so the new one begins a million entries and revisions further, under an id of its own history;
 * and its cluster id is new, so that no node of the old one talks to it.
 *
 * The state is put in place while the directory is being made, before `node.json`, which comes last
 * and makes it one. A restore that was cut short may be started again.
 */
import { createHash } from 'node:crypto'
import { assert } from '../assert.ts'
import { encodeMemberContext } from '../command/index.ts'
import { usageError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Disk, Random } from '../ports.ts'
import { encodeConfiguration, firstConfiguration } from '../raft/index.ts'
import type { EntryId } from '../raft/index.ts'
import { StateImport } from '../state/index.ts'
import type { SnapshotSummary, StateDatabase } from '../state/index.ts'
import { initialise, stateDirectoryName, StatePointer } from '../wal/index.ts'
import type { Identity, Member } from '../wal/index.ts'
import { checkNotAborted, type Abortable } from './aborted.ts'

/** How many indices and revisions are left out. */
const restoreStep = 1_000_000
const generation = 1

/** The world, as backups need it. */
export interface BackupPorts {
  readonly disk: Disk
  readonly random: Random
  /** Opens the database of a state's directory, or makes one there. */
  readonly openDatabase: (directory: string) => Promise<StateDatabase>
  readonly logger: Logger
}

/** A node that is to be. */
export interface NewNode extends Abortable {
  readonly dataDirectory: string
  readonly nodeId: string
  /** All of the new cluster, this node among them; the same list on every node. */
  readonly members: readonly Member[]
  readonly clusterId: string
  readonly clusterName: string | undefined
  /** Length of the log's segments. Default: as the log has it. */
  readonly segmentBytes?: number | undefined
  /** The entry after which the old state is. */
  readonly from: EntryId
  /** Hands all frames of the old state to the import, in order. */
  readonly fill: (into: StateImport) => Promise<void>
}

/** Makes the directory. Whatever fails, it is none of a node, and may be made again. */
export async function makeNode(
  ports: BackupPorts,
  node: NewNode,
): Promise<{ identity: Identity; summary: SnapshotSummary }> {
  const { disk, random } = ports
  const { dataDirectory, nodeId, members, clusterId, clusterName, from, segmentBytes } = node
  // Whoever is named wrongly is told so before anything is written.
  const configuration = configurationOf(members)
  const base: EntryId = { term: from.term, index: from.index + restoreStep }
  let summary: SnapshotSummary | undefined
  const identity = await initialise({
    disk,
    random,
    path: dataDirectory,
    nodeId,
    members,
    clusterName,
    clusterId,
    segmentBytes,
    base: { entry: base, term: from.term },
    beforeIdentity: async (group) => {
      summary = await putState(ports, group, { ...node, configuration })
      await new StatePointer({ disk, directory: group }).switchTo(generation, base)
      // What comes next is the identity, which makes it a node.
      checkNotAborted(node.signal)
    },
  })
  assert(summary !== undefined, 'the state is put in place before the identity is written')
  assert(summary.snapshot.index === base.index, 'the log begins where the state ends')
  return { identity, summary }
}

async function putState(
  { disk, openDatabase, logger }: BackupPorts,
  group: string,
  node: NewNode & { readonly configuration: Uint8Array },
): Promise<SnapshotSummary> {
  const directory = `${group}/${stateDirectoryName(generation)}`
  const database = await openDatabase(directory)
  const into = await StateImport.open({ database, logger, expected: node.from })
  let summary: SnapshotSummary
  try {
    await node.fill(into)
    const { sha256 } = into.summary ?? { sha256: undefined }
    assert(sha256 !== undefined, 'all frames were handed over')
    summary = await into.finish({
      indexStep: restoreStep,
      revisionStep: restoreStep,
      configuration: node.configuration,
      historyId: historyIdOf(node.clusterId, sha256),
    })
  } catch (error) {
    await into.abort()
    throw error
  }
  await disk.syncDirectory(directory)
  await disk.syncDirectory(group)
  return summary
}

/** All voters, each with its addresses, as the bytes of a config entry. */
function configurationOf(members: readonly Member[]): Uint8Array {
  if (new Set(members.map(({ id }) => id)).size !== members.length || members.length === 0) {
    throw usageError('a cluster has members, each named once')
  }
  const contexts = members.map(({ id, peerAddress, clientAddress }): [string, Uint8Array] => [
    id,
    encodeMemberContext({ peerAddress, clientAddress, priority: 0, staysLearner: false }),
  ])
  const voters = members.map(({ id }) => id)
  return encodeConfiguration(firstConfiguration(voters, new Map(contexts)))
}

/** The same on all nodes that are restored from one snapshot into one cluster. */
function historyIdOf(clusterId: string, sha256: string): string {
  return createHash('sha256')
    .update(`quorate history${clusterId}${sha256}`)
    .digest('hex')
    .slice(0, 32)
}
