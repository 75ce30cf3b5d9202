/**
 * Opens a node on its data directory: lock, identity, state, log, in this order; each is closed
 * again if a later one can't be opened. It knows only ports, so a simulation opens nodes with it.
 */
import { assert } from '../assert.ts'
import { entryStamp } from '../command/index.ts'
import { corruptError, QuorateError } from '../errors.ts'
import type { Clock, Disk, Network, Random } from '../ports.ts'
import {
  decodeConfiguration,
  emptyConfiguration,
  memberIds,
  Raft,
  voterIds,
} from '../raft/index.ts'
import type { ConfigurationAt, Entry } from '../raft/index.ts'
import type { DatabaseSizes, StateDatabase, StateMachine } from '../state/index.ts'
import { openDataDirectory, PeerIncarnations, Removed } from '../wal/index.ts'
import type { DataDirectory } from '../wal/index.ts'
import { StateFailures } from './damage.ts'
import { Generations } from './generations.ts'
import { configurationOf } from './member-list.ts'
import { Node } from './node.ts'
import { openLog } from './open-log.ts'
import type { AlignedLog, Standing } from './open-log.ts'
import { openState } from './open-state.ts'
import type { NodeSettings } from './options.ts'
import { removedError } from './removed.ts'
import type { ReceivedSnapshot } from './snapshot-receiver.ts'
import { storageCaps } from './storage.ts'

/** The world as a node meets it. */
export interface NodePorts {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly network: Network
  /** Opens the database of one generation of the state, or makes it. */
  readonly openDatabase: (directory: string, sizes?: DatabaseSizes) => Promise<StateDatabase>
  readonly processId: number | undefined
  readonly version: string
}

/** An open node, not started yet; `release` lets go of the data directory once it has ended. */
export interface OpenNode {
  readonly node: Node
  /** How often state or log were made anew in this process because they were damaged. */
  readonly repaired: number
  release(): Promise<void>
}

/** Why and how a node is opened anew, in the process in which it ran before. */
export interface Restart {
  readonly state:
    /** A snapshot takes its place. */
    | { readonly type: 'installed'; readonly received: ReceivedSnapshot }
    /** It is damaged, and left aside for an empty one. */
    | { readonly type: 'fresh' }
    /** It goes on from its last barrier. */
    | { readonly type: 'kept' }
  /**
   * What was committed, and durable here, when the node ended: readers have seen the log up to it.
   * What was committed beyond may not be what this disk holds at the same index.
   */
  readonly knownCommit: number
  /** How often state or log were made anew in this process because they were damaged. */
  readonly repaired: number
}

/** Opens everything. */
export async function openNode(
  ports: NodePorts,
  settings: NodeSettings,
  restart?: Restart,
): Promise<OpenNode> {
  const { disk } = ports
  const { logger, caps } = settings
  const directory = await openDataDirectory({ disk, path: settings.dataDirectory })
  const opened: (() => Promise<void>)[] = [() => directory.close()]
  try {
    const group = directory.groupDirectory
    const identity = directory.logIdentity
    const removed = new Removed(disk, group)
    if (await removed.read()) throw removedError(directory)
    const storage = storageCaps(settings.storage, caps, await disk.space(settings.dataDirectory))
    const { segmentBytes } = storage
    const options = { disk, directory: group, identity, logger, segmentBytes }
    const incarnations = await PeerIncarnations.open({ disk, directory: group })
    const { openDatabase } = ports
    const sizes = storage.database
    const generations = new Generations({ disk, group, openDatabase, sizes })
    if (restart?.state.type === 'installed') {
      const { generation, snapshot } = restart.state.received
      // From here on, whatever happens, the node has the new state.
      await generations.switchTo(generation, snapshot)
    }
    const failures = new StateFailures()
    const fresh = restart?.state.type === 'fresh'
    const openedState = await openState({ generations, logger, caps, failures, fresh })
    const { state } = openedState
    opened.push(() => state.abandon())
    if (wasTakenOut(directory, state)) throw removedError(directory)
    const standing = standingOf(directory, state, incarnations.size)
    const openedLog = await openLog({
      log: options,
      opened: openedState,
      standing,
      logger,
    })
    const { log, aligned, recovering, isRecovering } = openedLog
    opened.push(() => log.close())
    state.liveFrom = aligned.lastIndex
    // What it had before comes again, and nobody knows yet how far.
    if (isRecovering) state.committedBefore = Infinity
    const knownCommit = restart?.knownCommit ?? 0
    const found = Number(openedState.repaired) + Number(openedLog.repaired)
    const repaired = (restart?.repaired ?? 0) + found
    const raft = makeRaft(ports, settings, {
      directory,
      recovered: aligned,
      state,
      knownCommit,
      isRecovering,
      hasMetOthers: incarnations.size > 0,
    })
    checkPeers(settings, directory, raft)
    const node = new Node({
      clock: ports.clock,
      disk,
      network: ports.network,
      random: ports.random,
      processId: ports.processId,
      version: ports.version,
      logger,
      settings,
      storage,
      identity: directory.identity,
      incarnations,
      log,
      recovering,
      removed,
      raft,
      state,
      stateFailures: failures,
      generations,
      recoveredCommit: Math.max(raft.status().commitIndex, knownCommit),
      repaired,
      lastStamp: lastStampOf(aligned.tail),
    })
    return { node, repaired, release: () => directory.close() }
  } catch (error) {
    for (const close of opened.toReversed()) {
      await close().catch((cause: unknown) => {
        logger.warn('while closing', { error: String(cause) })
      })
    }
    throw fromSystem(error, settings.dataDirectory)
  }
}

/** What the operating system refused is a storage error; whatever else it is stays what it is. */
function fromSystem(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof QuorateError) return error
  if (!('code' in error) || typeof error.code !== 'string') return error
  const message = `the data directory ${path} could not be opened: ${error.message}`
  return new QuorateError('QUORATE_STORAGE', message, { cause: error })
}

function makeRaft(
  ports: NodePorts,
  settings: NodeSettings,
  parts: {
    directory: DataDirectory
    recovered: AlignedLog
    state: StateMachine
    knownCommit: number
    isRecovering: boolean
    hasMetOthers: boolean
  },
): Raft {
  const { directory, recovered, state, knownCommit, isRecovering, hasMetOthers } = parts
  const { appliedIndex } = state
  const { hardState, base, termRuns, lastIndex, tail, configEntries } = recovered
  const stateMissing = appliedIndex < base.index
  const configuration = stateMissing
    ? { index: 0, configuration: emptyConfiguration }
    : configurationAt(directory, state)
  // Who was made alone may have been joined since: then it has met somebody.
  if (stateMissing && !hasMetOthers) refuseIfAlone(directory, recovered)
  const { timing } = settings
  const commitIndex = Math.min(lastIndex, Math.max(hardState.commitIndex, knownCommit))
  return new Raft({
    id: directory.identity.nodeId,
    configuration,
    configEntries: configEntries.filter(({ index }) => index > configuration.index),
    random: ports.random,
    hardState: { ...hardState, commitIndex },
    log: { base, termRuns, lastIndex, tail },
    appliedIndex,
    stateMissing,
    recovering: isRecovering,
    electionTicksMin: timing.electionTicksMin,
    electionTicksMax: timing.electionTicksMax,
    heartbeatTicks: timing.heartbeatTicks,
    commitNotice: 'atTick',
    ...(settings.caps.raft === undefined ? {} : { limits: settings.caps.raft }),
  })
}

/**
 * Whether the state holds the entry that removed this node: one of the first members was in every
 * configuration before. One that joined may not have got the entry that added it; it goes by the
 * mark alone.
 */
function wasTakenOut(directory: DataDirectory, state: StateMachine): boolean {
  const { nodeId, joining } = directory.identity
  const { configuration } = configurationAt(directory, state)
  return joining !== true && !memberIds(configuration).includes(nodeId)
}

/**
 * What the cluster is, as far as this node knows. One that joined, and whose state is too young to
 * name it, goes by whom it has met: each of those may have a vote, and so may it.
 */
function standingOf(directory: DataDirectory, state: StateMachine, met: number): Standing {
  const { nodeId } = directory.identity
  const { configuration } = configurationAt(directory, state)
  if (!memberIds(configuration).includes(nodeId)) {
    return { as: 'newcomer', nodeId, voters: met === 0 ? 0 : met + 1 }
  }
  const as = configuration.learners.includes(nodeId) ? 'learner' : 'voter'
  return { as, nodeId, voters: voterIds(configuration).length }
}

/** The newest configuration that is applied; before the first, what the node was made with. */
function configurationAt({ identity }: DataDirectory, state: StateMachine): ConfigurationAt {
  const applied = state.configuration
  if (applied === undefined) {
    const configuration = identity.joining === true ? emptyConfiguration : configurationOf(identity)
    return { index: 0, configuration }
  }
  const configuration = decodeConfiguration(applied.data)
  // Its row has a checksum: if it still makes no sense, it was never written by us.
  assert(configuration !== undefined, 'a configuration that was applied can be read')
  return { index: applied.index, configuration }
}

/** Whether its cluster began with this node and no other. */
function wasMadeAlone({ identity }: DataDirectory): boolean {
  return identity.members.length === 1 && identity.joining !== true
}

/** Nobody else has what this node has lost. */
function refuseIfAlone(directory: DataDirectory, { configEntries }: AlignedLog): void {
  if (!wasMadeAlone(directory) || configEntries.length > 0) return
  throw corruptError(
    directory.groupDirectory,
    0,
    'the state is damaged, the log no longer holds what it was made from, and there is no other ' +
      'node to fetch it from: bring back a backup with "quorate snapshot restore"',
  )
}

/** A name that is mistyped would be dialled never, and nobody would know why. */
function checkPeers(settings: NodeSettings, { identity }: DataDirectory, raft: Raft): void {
  // A newcomer, and who has lost its state or its log, learn the members' names from the leader.
  const { stateMissing, recovering } = raft.status()
  if (identity.joining === true || stateMissing || recovering) return
  const { configuration } = raft.configuration
  const known = new Set([...identity.members.map(({ id }) => id), ...memberIds(configuration)])
  const stranger = Object.keys(settings.peers).find((id) => !known.has(id))
  if (stranger === undefined) return
  throw new QuorateError(
    'QUORATE_USAGE',
    `${stranger} is no member of this cluster; its members are ${[...known].join(', ')}`,
  )
}

function lastStampOf(tail: readonly Entry[]): number {
  const last = tail.findLast((entry) => entry.kind === 'commands')
  return last === undefined ? 0 : entryStamp(last.data)
}
