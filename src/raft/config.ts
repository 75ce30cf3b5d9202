/** What a Raft node is started with: who it is, what its disk held, its timing and its caps. */
import { assert } from '../assert.ts'
import type { Random } from '../ports.ts'
import type { ConfigurationAt, Entry, EntryId, HardState, NodeId, TermRun } from './types.ts'

/** The caps. Everything that could grow is held by one of them. */
export interface RaftLimits {
  /** Entry bytes of one AppendEntries; a larger entry travels alone. */
  readonly messageBytesMax: number
  /** AppendEntries on their way to one follower. */
  readonly inflightMessagesMax: number
  /** Entries on their way to one follower. */
  readonly inflightEntriesMax: number
  /** Entry bytes on their way to one follower; the last message may go past it. */
  readonly inflightBytesMax: number
  /** Entries proposed in this term and not yet committed. */
  readonly uncommittedEntriesMax: number
  /** Their bytes; one proposal alone may go past it, else it could never be made. */
  readonly uncommittedBytesMax: number
  /** Entries kept in memory; older ones are fetched from the node's log. */
  readonly logBytesMax: number
  /**
   * Entries not durable here yet. Past it a follower drops appends, as if they were lost, and a
   * leader takes no proposals.
   */
  readonly unstableBytesMax: number
  /** Committed entries handed out and not yet reported as applied; the last may go past it. */
  readonly applyBytesMax: number
  /** Reads under way: of this node, and on a leader those of all nodes together. */
  readonly readsMax: number
  /** Messages that wait to be taken; past it they are dropped, like lost ones. */
  readonly outboxMessagesMax: number
}

/** Caps for a node with a few hundred MiB of memory. */
export const defaultLimits: RaftLimits = {
  messageBytesMax: 256 * 1024,
  inflightMessagesMax: 256,
  inflightEntriesMax: 16_384,
  inflightBytesMax: 8 * 1024 * 1024,
  uncommittedEntriesMax: 65_536,
  uncommittedBytesMax: 32 * 1024 * 1024,
  logBytesMax: 16 * 1024 * 1024,
  unstableBytesMax: 64 * 1024 * 1024,
  applyBytesMax: 4 * 1024 * 1024,
  readsMax: 4096,
  outboxMessagesMax: 16_384,
}

/** What the node's log held at the start. */
export interface RecoveredLog {
  /**
   * The log begins behind this entry: all up to it is in the state machine and gone from the log.
   * Index 0: nothing is gone.
   */
  readonly base: EntryId
  /** The terms of the whole log, from `base.index + 1` on. */
  readonly termRuns: readonly TermRun[]
  /** At least `base.index`. */
  readonly lastIndex: number
  /** The newest entries, contiguous, ending at `lastIndex`; as many as is convenient, or none. */
  readonly tail: readonly Entry[]
}

/** The log of a node that never ran. */
export const emptyLog: RecoveredLog = {
  base: { term: 0, index: 0 },
  termRuns: [],
  lastIndex: 0,
  tail: [],
}

/** The hard state of a node that never ran. */
export const emptyHardState: HardState = { currentTerm: 0, votedFor: undefined, commitIndex: 0 }

/** How many ticks things take. */
export interface RaftTiming {
  /** Each election timeout is drawn from `electionTicksMin..electionTicksMax`, both included. */
  readonly electionTicksMin: number
  readonly electionTicksMax: number
  readonly heartbeatTicks: number
  /**
   * When a leader tells of a commit that no append has told of. `atOnce`: followers apply as soon as
   * can be. `atTick`: within a tick, which spares a message to each follower, and its answer, for
   * each group of writes while others follow. Default: `atOnce`.
   */
  readonly commitNotice?: 'atOnce' | 'atTick'
}

/** Options of `Raft`. */
export interface RaftConfig extends RaftTiming {
  readonly id: NodeId
  /**
   * A committed configuration: that of the snapshot, or the group's first, at index 0. A newcomer
   * that was told nothing starts with an empty one; the log that it gets names the members.
   */
  readonly configuration: ConfigurationAt
  /**
   * All config entries of the log above that index, in order, wherever in the log they stand. Older
   * ones may be among them.
   */
  readonly configEntries: readonly Entry[]
  /** This node's own: with a shared seed all nodes would stand for election together. */
  readonly random: Random
  /** Term and vote as last persisted. */
  readonly hardState: HardState
  readonly log: RecoveredLog
  /**
   * What the state machine holds already; it is committed, whatever the hard state says. At least
   * `log.base.index`, unless `stateMissing`.
   */
  readonly appliedIndex: number
  /**
   * The state machine is empty, and the log no longer begins at 1, so that only a snapshot can fill
   * it. The log is whole: such a node votes and acknowledges. It applies nothing, refuses reads,
   * does not stand for election, and asks its leader for a snapshot. Which configuration the state
   * held is lost with it, so `configuration` is not gone by. Default: false.
   */
  readonly stateMissing?: boolean
  /**
   * The log, or a part of it, was lost, and term and vote are certain. Such a node gives no votes,
   * does not stand for election, and is not counted, until a Ready says `readmitted` and the node
   * has confirmed that it made that durable. Whatever is left of the log may be given. Default:
   * false. Why that is safe: docs/decisions/0013-recovering-nodes.md.
   */
  readonly recovering?: boolean
  /** Overrides of `defaultLimits`. */
  readonly limits?: Partial<RaftLimits>
}

/** Throws unless the options make sense together. */
export function checkConfig(config: RaftConfig): void {
  const { electionTicksMin, electionTicksMax, heartbeatTicks } = config
  checkConfigEntries(config)
  const isBehind = config.appliedIndex < config.log.base.index
  assert(isBehind === (config.stateMissing ?? false), 'the state holds what the log lacks')
  assert(Number.isSafeInteger(heartbeatTicks) && heartbeatTicks >= 1, 'heartbeats take a tick')
  // A follower must not stand for election between two heartbeats of a healthy leader.
  assert(Number.isSafeInteger(electionTicksMin), 'election timeouts are whole ticks')
  assert(electionTicksMin > heartbeatTicks, 'an election timeout is longer than a heartbeat')
  // Without a spread, nodes that time out together do so for ever (paper, section 5.2).
  assert(Number.isSafeInteger(electionTicksMax), 'election timeouts are whole ticks')
  assert(electionTicksMax > electionTicksMin, 'election timeouts are spread')
  for (const [name, value] of Object.entries(config.limits ?? {})) {
    assert(Number.isSafeInteger(value) && value >= 1, `the cap ${name} is a positive whole number`)
  }
}

/** A config entry that was left out would bring back voters that have no say any more. */
function checkConfigEntries({ configuration, configEntries, log }: RaftConfig): void {
  assert(configuration.index <= log.lastIndex, 'the configuration is of the log')
  assert((configEntries.at(-1)?.index ?? 0) <= log.lastIndex, 'config entries are in the log')
  const given = new Set(configEntries.map(({ index }) => index))
  for (const { kind, index } of log.tail) {
    const isGiven = kind !== 'config' || index <= configuration.index || given.has(index)
    assert(isGiven, 'all config entries of the log are given')
  }
}
