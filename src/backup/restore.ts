/** Makes one node of a new cluster from a snapshot file. Every node is made from the same file. */
import { createHash } from 'node:crypto'
import { usageError } from '../errors.ts'
import type { SnapshotSummary } from '../state/index.ts'
import type { Identity, Member } from '../wal/index.ts'
import { checkNotAborted, type Abortable } from './aborted.ts'
import { readFile } from './file.ts'
import { isId } from './header.ts'
import { makeNode } from './new-cluster.ts'
import type { BackupPorts } from './new-cluster.ts'
import type { SaveProgress, SnapshotHeader } from './types.ts'
import { verifySnapshot } from './verify.ts'

/** What is restored where. */
export interface RestoreOptions extends BackupPorts, Abortable {
  readonly file: string
  /** Must not hold a node. */
  readonly dataDirectory: string
  readonly nodeId: string
  /**
   * All members of the new cluster, this node among them. Give every node the same list: the
   * cluster's id follows from it, unless one is given, and nodes with different lists refuse each
   * other.
   */
  readonly members: readonly Member[]
  /** One of the two is needed. Give each restore a name that was not used before. */
  readonly clusterName?: string | undefined
  /**
   * 32 hex digits, not those of the cluster that the snapshot is of. Nothing follows from the lists
   * then: nodes that were given different ones take each other for members of one cluster.
   */
  readonly clusterId?: string | undefined
  /** Length of the log's segments, bytes. Default: 64 MiB. */
  readonly segmentBytes?: number | undefined
  /** Called after each frame while the file is verified; it is read once more after that. */
  readonly onProgress?: ((progress: SaveProgress) => void) | undefined
}

/** A node that was restored and can be started. */
export interface Restored {
  readonly identity: Identity
  /** Of the file. */
  readonly header: SnapshotHeader
  /** What the node holds: its index and revision are those that the new cluster goes on from. */
  readonly summary: SnapshotSummary
}

/**
 * Verifies all of the file first, then makes the data directory. Rejects with `QUORATE_CORRUPT` or
 * `QUORATE_FORMAT_TOO_NEW` where the file is not whole, with `QUORATE_ALREADY_INITIALISED` where
 * there is a node, with usage errors, and with `QUORATE_ABORTED`: then there is no node.
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<Restored> {
  const { file, disk, dataDirectory, nodeId, members, clusterName, segmentBytes, signal } = options
  const { header, summary: saved } = await verifySnapshot(options)
  const clusterId = newClusterId(options, header, saved.sha256)
  const { identity, summary } = await makeNode(options, {
    dataDirectory,
    nodeId,
    members,
    clusterId,
    clusterName,
    segmentBytes,
    from: header.snapshot,
    signal,
    fill: async (into) => {
      await readFile({ disk, file }, async (frame) => {
        const { done } = await into.write(frame)
        checkNotAborted(signal)
        return done
      })
    },
  })
  return { identity, header, summary }
}

function newClusterId(
  { clusterId, clusterName, members }: RestoreOptions,
  header: SnapshotHeader,
  sha256: string,
): string {
  if (clusterId === undefined && clusterName === undefined) {
    throw usageError('the restored cluster needs a name or an id of its own')
  }
  const id = clusterId ?? derivedId(clusterName ?? '', members, sha256)
  if (!isId(id)) throw usageError('the cluster id is not 32 hex digits')
  if (id === header.clusterId) {
    throw usageError('the restored cluster needs another id than the one that was saved')
  }
  return id
}

/**
 * From all that the nodes are told alike, addresses of clients included: the configuration that
 * each puts into its state is made of the same.
 */
function derivedId(name: string, members: readonly Member[], sha256: string): string {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1))
  const list = sorted.map(({ id, peerAddress, clientAddress }) => [
    id,
    peerAddress,
    clientAddress ?? '',
  ])
  const text = JSON.stringify(['quorate restore', name, sha256, list])
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
