/**
 * The state of one Raft node. Plain data and small containers; the handlers beside it change it.
 *
 * `role` is written by `transitions.ts` alone; `currentTerm` and `votedFor` by `transitions.ts` and
 * by the one place in `election.ts` that grants a vote.
 */
import { assert, unreachable } from '../assert.ts'
import type { Random } from '../ports.ts'
import { randomBetween } from '../random.ts'
import { ApplyQueue } from './apply-queue.ts'
import type { RaftConfig, RaftLimits, RaftTiming } from './config.ts'
import { checkConfig, defaultLimits } from './config.ts'
import { emptyConfiguration, isVoter } from './configuration.ts'
import { Configurations } from './configurations.ts'
import { Log } from './log.ts'
import { Outbox } from './outbox.ts'
import type { Message } from './messages.ts'
import type { Peer, ReplicateFetch } from './progress.ts'
import type { EntryId, HardState, NodeId } from './types.ts'
import type { Uncommitted } from './uncommitted.ts'

/** Follows a leader, or waits for one. */
export interface Follower {
  readonly kind: 'follower'
  readonly leader: NodeId | undefined
}

/** Asks around whether an election could be won, in the term as it stands (thesis, 9.6). */
export interface PreCandidate {
  readonly kind: 'preCandidate'
  readonly votes: Map<NodeId, boolean>
}

/** Stands for election in `currentTerm`. Its own vote is among the votes once it is durable. */
export interface Candidate {
  readonly kind: 'candidate'
  readonly votes: Map<NodeId, boolean>
}

/** Leads `currentTerm`. */
export interface Leader {
  readonly kind: 'leader'
  /** All other members of the configuration in force, learners too. */
  readonly peers: Map<NodeId, Peer>
  /** The first entry of its own term: once it is committed, so is everything before it. */
  readonly noopIndex: number
  readonly uncommitted: Uncommitted
  readonly reads: LeaderReads
  readonly ownDisk: OwnDisk
  heartbeatElapsed: number
  /** The handing over that is under way. It ends with the role, whatever ends that. */
  transfer: Transfer | undefined
}

/** A leader takes no proposals, brings `to` to the end of its log, and asks it to take over. */
export interface Transfer {
  readonly to: NodeId
  readonly startedAt: number
  /** Whether it was asked. */
  asked: boolean
}

/** A leader gave up while it handed over; who leads next tells how that ended. */
export interface Handover {
  readonly to: NodeId
  /** The tick after which it is not waited for any more. */
  readonly until: number
}

/** How a transfer that was started ended. `otherLeader`: somebody else leads; it may be oneself. */
export interface TransferResult {
  readonly to: NodeId
  readonly outcome: 'done' | 'otherLeader' | 'timedOut'
}

/** How a leader's disk keeps up with what the others have committed without it. */
export interface OwnDisk {
  /** How far it had come when that was last looked at. */
  durableIndex: number
  /** Ticks for which it has stood still there, behind the commit index. */
  ticksBehind: number
}

/** What a node is at the moment. */
export type Role = Follower | PreCandidate | Candidate | Leader

/** A read that the leader is to confirm, for itself or for a follower. */
export interface RegisteredRead {
  readonly origin: NodeId
  readonly requestId: number
  readonly registeredAt: number
}

/** Reads of which one round of heartbeats will tell whether the leadership stands. */
export interface ReadRound {
  readonly round: number
  readonly readIndex: number
  readonly reads: readonly RegisteredRead[]
}

/** A leader's reads: at most one round is out, and one batch waits behind it. */
export interface LeaderReads {
  /** The newest round. Monotone within the term, so an old answer never confirms a newer read. */
  round: number
  confirming: ReadRound | undefined
  waiting: RegisteredRead[]
}

/** How a read ended. */
export type ReadState =
  | { readonly requestId: number; readonly refused: false; readonly readIndex: number }
  | { readonly requestId: number; readonly refused: true }

/** This node's own reads, whoever leads. */
export interface LocalReads {
  /** Where the next id comes from; see `readIndex`. */
  nextRequestId: number
  /** Reads without an outcome, by request id, with the tick at which they began; oldest first. */
  readonly outstanding: Map<number, number>
  /** Outcomes not handed out yet. */
  states: ReadState[]
}

/** Asks the node for committed entries that are no longer in memory. */
export interface ApplyFetch {
  readonly purpose: 'apply'
  readonly from: number
  readonly to: number
  readonly bytesMax: number
}

/** Asks the node to read entries from its log and hand them back with `fetched`. */
export type Fetch = ReplicateFetch | ApplyFetch

/** A snapshot that the leader has for this node. */
export interface SnapshotOffer {
  /** Who has it. It may go on to serve it when it leads no more. */
  readonly from: NodeId
  readonly term: number
  readonly snapshot: EntryId
}

/** What a node knows of its recovery. */
export interface Recovery {
  /** No other recovery has it, not even one of this node in an earlier life. */
  readonly id: number
  /** Up to here this log, in this life, was found to be that of the leader of `term`. */
  matched: EntryId
  /** Whether the leader has readmitted it, and whether the node was told. */
  stage: 'recovering' | 'readmitted' | 'told'
}

/** Counts of what was not acted on, for operators. */
export interface IgnoredCounts {
  /** Not from a member, or not to this node. */
  strangers: number
  /** Contradict themselves or the protocol. */
  malformed: number
  /** Appends that came faster than the disk. */
  overloaded: number
  /** Requests for votes while a leader is there. */
  disruptive: number
}

/** All state of a node. */
export interface Core {
  readonly id: NodeId
  readonly configurations: Configurations
  readonly random: Random
  readonly timing: RaftTiming
  readonly limits: RaftLimits
  readonly log: Log
  readonly outbox: Outbox
  readonly apply: ApplyQueue
  readonly reads: LocalReads
  readonly ignored: IgnoredCounts
  /** The state is empty and only a snapshot can fill it. Ends with this life of the node. */
  readonly stateMissing: boolean
  /** While the log is being recovered. */
  recovery: Recovery | undefined
  /** When the leader of a term was last asked for a snapshot. */
  asked: { readonly term: number; readonly at: number } | undefined
  /** The newest offer of a snapshot that is of use, and whether the node was told of it. */
  offer: (SnapshotOffer & { isTold: boolean }) | undefined
  fetches: Fetch[]
  /** A transfer that this node began as a leader and whose end it does not know yet. */
  handover: Handover | undefined
  /** Ends of transfers not handed out yet. */
  transfers: TransferResult[]
  /** Index of a committed configuration by which this node, once a member, is none any more. */
  removedAt: number | undefined
  /** A leadership that is handed over to it is not taken up: it would be of no use to anybody. */
  isReluctant: boolean
  currentTerm: number
  votedFor: NodeId | undefined
  commitIndex: number
  /** As last persisted. Invariant: `durable.currentTerm ≤ currentTerm`. */
  durable: HardState
  role: Role
  /** Ticks since the start. */
  ticks: number
  /** Ticks since the election timer was last set; it fires at `electionTimeout`. */
  electionElapsed: number
  electionTimeout: number
  /** Whether the leader may have something to send that `ready` has to look for. */
  flushDue: boolean
}

/** The state at the start: a follower of nobody, whatever it was before. */
export function createCore(config: RaftConfig): Core {
  checkConfig(config)
  const { hardState, log, appliedIndex, random } = config
  const limits = { ...defaultLimits, ...config.limits }
  const stateMissing = config.stateMissing ?? false
  const commitIndex = Math.max(hardState.commitIndex, appliedIndex, log.base.index)
  assert(commitIndex <= log.lastIndex, 'what is committed is in the log')
  assert(config.configuration.index <= commitIndex, 'the configuration to begin with is committed')
  const lastTerm = log.termRuns.at(-1)?.term ?? log.base.term
  assert(lastTerm <= hardState.currentTerm, 'no entry is of a later term')
  const core: Core = {
    id: config.id,
    configurations: startConfigurations(config),
    random,
    timing: config,
    limits,
    log: new Log(log, limits.logBytesMax),
    outbox: new Outbox(limits.outboxMessagesMax),
    apply: new ApplyQueue(appliedIndex),
    reads: { nextRequestId: firstRequestId(random), outstanding: new Map(), states: [] },
    ignored: { strangers: 0, malformed: 0, overloaded: 0, disruptive: 0 },
    stateMissing,
    recovery: config.recovering === true ? newRecovery(random) : undefined,
    asked: undefined,
    offer: undefined,
    fetches: [],
    handover: undefined,
    transfers: [],
    removedAt: undefined,
    isReluctant: false,
    currentTerm: hardState.currentTerm,
    votedFor: hardState.votedFor,
    commitIndex,
    durable: hardState,
    role: { kind: 'follower', leader: undefined },
    ticks: 0,
    electionElapsed: 0,
    electionTimeout: 0,
    flushDue: false,
  }
  resetElectionTimer(core)
  return core
}

/** What the state held goes before what the log holds; who lost the state knows the log alone. */
function startConfigurations(config: RaftConfig): Configurations {
  const { id, configuration, configEntries, stateMissing } = config
  const base = stateMissing ? { index: 0, configuration: emptyConfiguration } : configuration
  const above = configEntries.filter(({ index }) => index > base.index)
  return new Configurations(id, base, above)
}

/**
 * Sets the timer anew, with a new draw: nodes that collided once should not collide again
 * (paper, section 5.2).
 */
export function resetElectionTimer(core: Core): void {
  const { electionTicksMin, electionTicksMax } = core.timing
  core.electionElapsed = 0
  core.electionTimeout = randomBetween(core.random, electionTicksMin, electionTicksMax + 1)
  assert(core.electionTimeout >= electionTicksMin, 'the timeout is within its bounds')
  assert(core.electionTimeout <= electionTicksMax, 'the timeout is within its bounds')
}

/**
 * Whether this node may stand for election: its vote counts, as far as it knows, or it did until
 * an entry that is not known to be committed. It may be the only one to have that entry: the
 * others then need a leader that has it, and would wait for ever (thesis, section 4.2.2).
 */
export function isPromotable(core: Core): boolean {
  const { removedAt, configurations, commitIndex, id } = core
  // A leader without a state could neither answer reads nor give a snapshot to anybody.
  if (removedAt !== undefined || core.stateMissing || core.recovery !== undefined) return false
  const { newest, previous } = configurations
  if (isVoter(newest.configuration, id)) return true
  return newest.index > commitIndex && previous !== undefined && isVoter(previous.configuration, id)
}

/** Whether a leader's term begins where it should. It may be gone from the log by now, applied. */
export function hasNoop(log: Log, { noopIndex }: Leader, term: number): boolean {
  return noopIndex < log.base.index || log.termAt(noopIndex) === term
}

/** The leader of the current term as far as this node knows. */
export function knownLeader(core: Core): NodeId | undefined {
  if (core.role.kind === 'leader') return core.id
  return core.role.kind === 'follower' ? core.role.leader : undefined
}

/**
 * A random 48-bit number: ids counted up from it differ from those of earlier lives of this node,
 * so that a late answer to one of those confirms nothing now.
 */
function firstRequestId(random: Random): number {
  const id = random.uint32() * 0x1_0000 + (random.uint32() >>> 16) + 1
  assert(Number.isSafeInteger(id) && id >= 1, 'a request id is a positive whole number')
  return id
}

function newRecovery(random: Random): Recovery {
  return { id: firstRequestId(random), matched: { term: 0, index: 0 }, stage: 'recovering' }
}

/** Queues a message. It leaves at once, or after the persist that it has to wait for. */
export function send(core: Core, message: Message): void {
  assert(message.term === core.currentTerm, 'a message speaks for the current term')
  const marked = markRecovery(core, message)
  core.outbox.send(marked, { hardState: core.durable, index: core.log.durableIndex })
}

/** A node that recovers says so with every answer to its leader. Here, so that none is left out. */
function markRecovery({ recovery, currentTerm: term }: Core, message: Message): Message {
  if (recovery === undefined) return message
  switch (message.type) {
    case 'appendEntriesAccepted': {
      const { matched } = recovery
      const before = matched.term === term ? matched.index : 0
      recovery.matched = { term, index: Math.max(before, message.matchIndex) }
      return { ...message, recovery: recovery.id }
    }
    case 'appendEntriesRejected':
    case 'heartbeatResult':
      return { ...message, recovery: recovery.id }
    case 'requestPreVote':
    case 'requestPreVoteResult':
    case 'requestVote':
    case 'requestVoteResult':
    case 'appendEntries':
    case 'heartbeat':
    case 'readIndexRequest':
    case 'readIndexResult':
    case 'readIndexRefused':
    case 'timeoutNow':
    case 'removed':
    case 'installSnapshot':
    case 'snapshotNeeded':
    case 'readmitted':
      return message
    default:
      return unreachable(message)
  }
}

/** Sender, receiver and term of a message that leaves now. */
export function addressed(core: Core, to: NodeId): { from: NodeId; to: NodeId; term: number } {
  return { from: core.id, to, term: core.currentTerm }
}
