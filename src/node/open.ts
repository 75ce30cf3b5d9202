/**
 * Opens a node on its data directory: lock, identity, log, state, in this order; each is closed
 * again if a later one can't be opened. It knows only ports, so a simulation opens nodes with it.
 */
import { entryStamp } from '../command/index.ts'
import { corruptError, QuorateError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Clock, Disk, Network, Random } from '../ports.ts'
import type { Entry } from '../raft/index.ts'
import { Raft, firstConfiguration } from '../raft/index.ts'
import type { StateDatabase } from '../state/index.ts'
import { StateMachine } from '../state/index.ts'
import {
  LogStore,
  openDataDirectory,
  PeerIncarnations,
  stateDirectoryName,
  StatePointer,
} from '../wal/index.ts'
import type { DataDirectory, Recovered } from '../wal/index.ts'
import { isDamage } from './damage.ts'
import { Node } from './node.ts'
import type { NodeCaps, NodeSettings } from './options.ts'

/** The world as a node meets it. */
export interface NodePorts {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly network: Network
  /** Opens the database of one generation of the state, or makes it. */
  readonly openDatabase: (directory: string) => Promise<StateDatabase>
  readonly processId: number | undefined
  readonly version: string
}

/** An open node, not started yet; `release` lets go of the data directory once it has ended. */
export interface OpenNode {
  readonly node: Node
  release(): Promise<void>
}

/** The state is to be left aside and made anew from the log. */
export interface Rebuild {
  /**
   * What was committed, and durable here, when the damage was found: readers have seen the log up to
   * it. What was committed beyond may not be what this disk holds at the same index.
   */
  readonly knownCommit: number
}

/** Opens everything. */
export async function openNode(
  ports: NodePorts,
  settings: NodeSettings,
  rebuild?: Rebuild,
): Promise<OpenNode> {
  const { disk } = ports
  const { logger } = settings
  const directory = await openDataDirectory({ disk, path: settings.dataDirectory })
  const opened: (() => Promise<void>)[] = [() => directory.close()]
  try {
    checkPeers(settings, directory)
    const group = directory.groupDirectory
    const identity = directory.logIdentity
    const { caps } = settings
    const { segmentBytes } = caps
    const options = { disk, directory: group, identity, logger, segmentBytes }
    const { log, recovered } = await LogStore.open(options)
    opened.push(() => log.close())
    if (recovered.tornFlush !== undefined) {
      logger.warn('the last flush of the log was torn and is cut', { ...recovered.tornFlush })
    }
    const incarnations = await PeerIncarnations.open({ disk, directory: group })
    const state = await openState(ports, { group, logger, caps, freshState: rebuild !== undefined })
    opened.push(() => state.abandon())
    state.liveFrom = recovered.lastIndex
    const knownCommit = rebuild?.knownCommit ?? 0
    const raft = makeRaft(ports, settings, { directory, recovered, state, knownCommit })
    const node = new Node({
      clock: ports.clock,
      network: ports.network,
      random: ports.random,
      processId: ports.processId,
      version: ports.version,
      logger,
      settings,
      identity: directory.identity,
      incarnations,
      log,
      raft,
      state,
      recoveredCommit: raft.status().commitIndex,
      lastStamp: lastStampOf(recovered.tail),
    })
    return { node, release: () => directory.close() }
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
    recovered: Recovered
    state: StateMachine
    knownCommit: number
  },
): Raft {
  const { directory, recovered, state, knownCommit } = parts
  const { appliedIndex } = state
  // The state holds nothing that this log did not hold durably before: a log that ends earlier
  // has lost acknowledged entries, and a node with it must neither vote nor acknowledge.
  if (appliedIndex > recovered.lastIndex) {
    throw corruptError(
      recovered.end.file,
      recovered.end.offset,
      `the log ends at entry ${recovered.lastIndex}, but entry ${appliedIndex} was applied from it`,
    )
  }
  // An entry that was applied is never replaced (paper, section 5.4), so with another term at its
  // place log or state is another node's, and it would answer what the others never knew.
  const term = recovered.termRuns.findLast((run) => run.firstIndex <= appliedIndex)?.term ?? 0
  if (term !== state.appliedTerm) {
    throw corruptError(
      recovered.end.file,
      recovered.end.offset,
      `entry ${appliedIndex} of the log is of term ${term}, the one that was applied of term ` +
        `${state.appliedTerm}: log and state do not belong together`,
    )
  }
  const { timing } = settings
  return new Raft({
    id: directory.identity.nodeId,
    // The members are those that the group was founded with; no change of them is proposed.
    configuration: {
      index: 0,
      configuration: firstConfiguration(directory.identity.members.map((member) => member.id)),
    },
    configEntries: [],
    random: ports.random,
    hardState: {
      ...recovered.hardState,
      commitIndex: Math.max(recovered.hardState.commitIndex, knownCommit),
    },
    log: {
      termRuns: recovered.termRuns,
      lastIndex: recovered.lastIndex,
      tail: recovered.tail,
    },
    appliedIndex,
    electionTicksMin: timing.electionTicksMin,
    electionTicksMax: timing.electionTicksMax,
    heartbeatTicks: timing.heartbeatTicks,
    ...(settings.caps.raft === undefined ? {} : { limits: settings.caps.raft }),
  })
}

/**
 * Opens the live generation of the state. One that is damaged is left aside: the next one starts
 * empty, and the log brings everything back. Nothing is lost by that, because the log is whole.
 */
async function openState(
  ports: NodePorts,
  options: { group: string; logger: Logger; caps: NodeCaps; freshState: boolean },
): Promise<StateMachine> {
  const { disk } = ports
  const { group, logger, caps } = options
  const pointer = new StatePointer({ disk, directory: group })
  const live = await liveGeneration(pointer, logger)
  if (live !== undefined && !options.freshState) {
    try {
      return await openGeneration(ports, { group, logger, caps, generation: live })
    } catch (error) {
      if (!isDamage(error)) throw error
      logger.error('the state is damaged and is made anew from the log', { error: String(error) })
    }
  }
  const generation = await unusedGeneration(disk, group)
  const state = await openGeneration(ports, { group, logger, caps, generation })
  try {
    await disk.syncDirectory(group)
    await pointer.switchTo(generation)
    await removeOtherGenerations(disk, group, generation)
  } catch (error) {
    await state.abandon()
    throw error
  }
  return state
}

async function openGeneration(
  ports: NodePorts,
  options: { group: string; logger: Logger; caps: NodeCaps; generation: number },
): Promise<StateMachine> {
  const { group, logger, caps, generation } = options
  const { overlayFlushBytes, overlayBytesMax } = caps
  const database = await ports.openDatabase(`${group}/${stateDirectoryName(generation)}`)
  return await StateMachine.open({
    database,
    logger,
    ...(overlayFlushBytes === undefined ? {} : { overlayFlushBytes }),
    ...(overlayBytesMax === undefined ? {} : { overlayBytesMax }),
  })
}

async function liveGeneration(pointer: StatePointer, logger: Logger): Promise<number | undefined> {
  try {
    return await pointer.read()
  } catch (error) {
    if (!isDamage(error)) throw error
    logger.error('the pointer to the state is damaged; the state is made anew', {
      error: String(error),
    })
    return undefined
  }
}

/** Above every number that was ever used, so that no half-made generation is taken for whole. */
async function unusedGeneration(disk: Disk, group: string): Promise<number> {
  return Math.max(0, ...(await generations(disk, group))) + 1
}

async function removeOtherGenerations(disk: Disk, group: string, live: number): Promise<void> {
  for (const generation of await generations(disk, group)) {
    if (generation !== live) await disk.remove(`${group}/${stateDirectoryName(generation)}`)
  }
}

async function generations(disk: Disk, group: string): Promise<number[]> {
  const names = (await disk.list(group)) ?? []
  return names
    .map((name) => /^state-([1-9]\d{0,8})$/.exec(name)?.[1])
    .filter((number) => number !== undefined)
    .map(Number)
}

function checkPeers(settings: NodeSettings, directory: DataDirectory): void {
  const known = new Set(directory.identity.members.map((member) => member.id))
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
