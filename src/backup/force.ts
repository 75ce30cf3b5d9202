/**
 * The last resort, when a majority is lost for good and there is no backup: a new cluster from what
 * one survivor holds. Its directory stays as it is.
 *
 * The survivor knows for certain that entries up to its commit index are committed; those are
 * applied. Of what its log holds beyond, nobody can tell any more; it stays out, and so is what only
 * the others held. Both may have been acknowledged: the result says how much may be lost. Of a log
 * that is damaged, all counts that can be read, is known to be committed, and follows on from the
 * state: the state alone may hold far less, as a kill takes it back to its last barrier.
 */
import { decodeMemberContext } from '../command/index.ts'
import { QuorateError, usageError } from '../errors.ts'
import type { Disk } from '../ports.ts'
import { decodeConfiguration } from '../raft/index.ts'
import type { SnapshotSummary } from '../state/index.ts'
import { StateMachine } from '../state/index.ts'
import {
  intactRuns,
  LogStore,
  openDataDirectory,
  Recovering,
  Removed,
  stateDirectoryName,
  StatePointer,
} from '../wal/index.ts'
import type { DataDirectory, Identity, Member } from '../wal/index.ts'
import { checkNotAborted, type Abortable } from './aborted.ts'
import { storageFailure } from './file.ts'
import { makeNode } from './new-cluster.ts'
import type { BackupPorts } from './new-cluster.ts'

/** Read from the log at once. */
const replayBytesMax = 1_048_576

/** What is made of what. */
export interface ForceOptions extends BackupPorts, Abortable {
  /** The survivor's; its node must not run. */
  readonly dataDirectory: string
  /** Where the new cluster's only node is to be; must not hold one. */
  readonly newDataDirectory: string
  /** The only member of the new cluster. Default: id and addresses of the survivor. */
  readonly member?: Member | undefined
  readonly clusterName?: string | undefined
  /** Length of the log's segments, bytes, of both. Default: 64 MiB. */
  readonly segmentBytes?: number | undefined
}

/** The new cluster, and what may be lost. */
export interface ForcedCluster {
  readonly identity: Identity
  readonly summary: SnapshotSummary
  /** The last entry of the old cluster that the new one holds; at least 1. */
  readonly appliedIndex: number
  /**
   * Whether it is known to have lost entries that it had acknowledged, with a log that was damaged
   * before, and has not got them back: what it had been told is committed may be among them.
   */
  readonly hasLost: boolean
  /** Whether it was removed from its cluster: it lacks whatever came after. */
  readonly wasRemoved: boolean
  /** The last one in the survivor's log; undefined: the log is damaged. */
  readonly logLastIndex: number | undefined
  /** Up to here the survivor knew entries to be committed; undefined: the log is damaged. */
  readonly commitIndex: number | undefined
  /**
   * Entries of its log that are not in the new cluster: each may have been acknowledged. Undefined:
   * nobody knows, as the log is damaged, entries of it are lost, or the node was removed.
   */
  readonly unappliedEntries: number | undefined
}

/**
 * Makes the new data directory. Rejects with `QUORATE_LOCKED` while the survivor runs, with
 * `QUORATE_CORRUPT` where its state is damaged, or does not fit its log, or where nothing can be read
 * that is known to be committed; with a usage error where nothing ever was; with `QUORATE_ABORTED`:
 * then there is no node.
 */
export async function forceNewCluster(options: ForceOptions): Promise<ForcedCluster> {
  const { disk, dataDirectory, newDataDirectory } = options
  if (dataDirectory === newDataDirectory) {
    throw usageError('the new cluster needs a data directory of its own')
  }
  const survivor = await openDataDirectory({ disk, path: dataDirectory })
  try {
    const state = await openState(options, survivor)
    try {
      const known = await applyCommitted(options, survivor, state)
      if (known.appliedIndex === 0) throw holdsNothing(survivor, known)
      return { ...(await makeFrom(options, survivor, state)), ...known }
    } finally {
      // What was applied here went into the new cluster alone.
      await state.abandon()
    }
  } finally {
    await survivor.close()
  }
}

async function openState(options: ForceOptions, survivor: DataDirectory): Promise<StateMachine> {
  const { disk, openDatabase, logger } = options
  const directory = survivor.groupDirectory
  const live = await new StatePointer({ disk, directory }).read()
  if (live === undefined) throw usageError(`the node of ${survivor.path} has never run`)
  const path = `${directory}/${stateDirectoryName(live.generation)}`
  try {
    return await StateMachine.open({ database: await openDatabase(path), logger })
  } catch (error) {
    throw storageFailure(`${path} could not be opened`, error)
  }
}

type Known = Pick<
  ForcedCluster,
  'appliedIndex' | 'hasLost' | 'wasRemoved' | 'logLastIndex' | 'commitIndex' | 'unappliedEntries'
>

async function applyCommitted(
  options: ForceOptions,
  survivor: DataDirectory,
  state: StateMachine,
): Promise<Known> {
  const { disk } = options
  const { groupDirectory: directory } = survivor
  const hasLost = await hasLostEntries({ disk, directory })
  const wasRemoved = await new Removed(disk, directory).read()
  const opened = await openLog(options, survivor)
  if (opened === undefined) {
    await replayIntact(options, survivor, state)
    const unknown = { logLastIndex: undefined, commitIndex: undefined, unappliedEntries: undefined }
    return { appliedIndex: state.appliedIndex, hasLost, wasRemoved, ...unknown }
  }
  const { log, recovered } = opened
  const { commitIndex } = recovered.hardState
  try {
    state.liveFrom = recovered.lastIndex
    await replay(options, log, state, commitIndex)
    const { appliedIndex } = state
    const logLastIndex = recovered.lastIndex
    const isKnown = !hasLost && !wasRemoved
    const unappliedEntries = isKnown ? Math.max(0, logLastIndex - appliedIndex) : undefined
    return { appliedIndex, hasLost, wasRemoved, logLastIndex, commitIndex, unappliedEntries }
  } finally {
    await log.close()
  }
}

/**
 * Whether a node is marked as one that has lost entries that it had acknowledged. `directory`: that
 * of its group. A mark that is damaged is one all the same.
 */
export async function hasLostEntries(where: {
  readonly disk: Disk
  readonly directory: string
}): Promise<boolean> {
  try {
    return (await new Recovering(where).read()) !== undefined
  } catch (error) {
    if (!(error instanceof QuorateError) || error.code !== 'QUORATE_CORRUPT') throw error
    return true
  }
}

/** Undefined: it is damaged. */
async function openLog(options: ForceOptions, survivor: DataDirectory) {
  const { disk, logger, segmentBytes } = options
  const { groupDirectory: directory, logIdentity: identity } = survivor
  try {
    return await LogStore.open({ disk, directory, identity, logger, segmentBytes })
  } catch (error) {
    if (!(error instanceof QuorateError) || error.code !== 'QUORATE_CORRUPT') throw error
    logger.error('the log is damaged; what can be read of it is taken', { error: error.message })
    return undefined
  }
}

async function replay(
  { signal }: ForceOptions,
  log: Pick<LogStore, 'base' | 'read'>,
  state: StateMachine,
  commitIndex: number,
): Promise<void> {
  if (state.appliedIndex < log.base.index) {
    throw new QuorateError(
      'QUORATE_CORRUPT',
      `the state ends at entry ${state.appliedIndex}, but the log begins behind entry ` +
        `${log.base.index}: this survivor can't tell what was between`,
    )
  }
  while (state.appliedIndex < commitIndex) {
    checkNotAborted(signal)
    const from = state.appliedIndex + 1
    const entries = await log.read(from, commitIndex, replayBytesMax)
    if (entries.length === 0) return
    for (const entry of entries) {
      if (state.overlayFull) await state.drained()
      state.apply([entry])
    }
  }
}

/** Of a damaged log. What does not follow on from the state is of no use: something is missing. */
async function replayIntact(
  options: ForceOptions,
  { groupDirectory: directory, logIdentity: identity }: DataDirectory,
  state: StateMachine,
): Promise<void> {
  const { disk, signal } = options
  // Nobody waits for digests of marks.
  state.liveFrom = Infinity
  for await (const run of intactRuns({ disk, directory, identity })) {
    checkNotAborted(signal)
    if (run.base.index <= state.appliedIndex) await replay(options, run, state, run.committedIndex)
  }
}

async function makeFrom(
  options: ForceOptions,
  survivor: DataDirectory,
  state: StateMachine,
): Promise<{ identity: Identity; summary: SnapshotSummary }> {
  const { newDataDirectory, clusterName, random, segmentBytes, signal } = options
  const member = options.member ?? ownMember(survivor, state)
  const opened = await state.openExport()
  try {
    return await makeNode(options, {
      dataDirectory: newDataDirectory,
      nodeId: member.id,
      members: [member],
      clusterId: Buffer.from(random.bytes(16)).toString('hex'),
      clusterName,
      segmentBytes,
      from: opened.snapshot,
      signal,
      fill: async (into) => {
        for (let n = 0; ; n++) {
          const { bytes, last } = await opened.frame(n)
          await into.write(bytes)
          checkNotAborted(signal)
          if (last) return
        }
      },
    })
  } finally {
    await opened.close()
  }
}

/** Neither the state nor what can be read of the log has an entry that is known to be committed. */
function holdsNothing({ path }: DataDirectory, { logLastIndex }: Known): QuorateError {
  const why = `nothing in ${path} is known to be committed`
  return logLastIndex === undefined
    ? new QuorateError('QUORATE_CORRUPT', `${why}, and its log is damaged`)
    : usageError(`${why}: there is nothing to go on from`)
}

/** As all members knew it last, or as it was made. */
function ownMember({ identity }: DataDirectory, state: StateMachine): Member {
  const { nodeId: id, members } = identity
  const known = state.configuration && decodeConfiguration(state.configuration.data)
  const bytes = known?.contexts.get(id)
  const context = bytes && decodeMemberContext(bytes)
  if (context !== undefined) {
    const { peerAddress, clientAddress } = context
    return { id, peerAddress, clientAddress }
  }
  const own = members.find((member) => member.id === id)
  if (own !== undefined) return own
  throw usageError(`the addresses of ${identity.nodeId} are not known: name the new member`)
}
