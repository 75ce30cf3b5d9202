/** What nodes say to each other: one type per RPC, named after the paper and the thesis. */
import type { Entry, EntryId, NodeId } from './types.ts'

interface Addressed {
  readonly from: NodeId
  readonly to: NodeId
  /** The sender's `currentTerm`. */
  readonly term: number
}

/** Asks whether a vote could be won, without touching anybody's term (thesis 9.6). */
export interface RequestPreVote extends Addressed {
  readonly type: 'requestPreVote'
  /** The term in which the sender would stand: its `currentTerm` + 1. */
  readonly proposedTerm: number
  /** The last entry of the sender's log. */
  readonly lastLog: EntryId
}

export interface RequestPreVoteResult extends Addressed {
  readonly type: 'requestPreVoteResult'
  /** As asked, so that a late answer is not taken for a newer one. */
  readonly proposedTerm: number
  readonly granted: boolean
}

/** Paper, figure 2. */
export interface RequestVote extends Addressed {
  readonly type: 'requestVote'
  readonly lastLog: EntryId
  /**
   * Whether the leader itself asked for this election: then it is no disturbance, and those who
   * hear that leader vote all the same (thesis, section 4.2.3).
   */
  readonly transfer: boolean
}

export interface RequestVoteResult extends Addressed {
  readonly type: 'requestVoteResult'
  readonly granted: boolean
}

/** An answer to what a leader sends. */
interface Answer extends Addressed {
  /**
   * Set by a node that recovers its log, to a number of its own: it is not to be counted. Differs
   * from that of any other recovery; `1 ≤ recovery < 2^53`.
   */
  readonly recovery?: number
}

/** Paper, figure 2. Empty `entries` probe for the place where the logs agree. */
export interface AppendEntries extends Addressed {
  readonly type: 'appendEntries'
  readonly prevLog: EntryId
  /** Contiguous, from `prevLog.index + 1` on. */
  readonly entries: readonly Entry[]
  readonly leaderCommit: number
}

/** The follower's log holds, durably, what the leader's holds up to `matchIndex`. */
export interface AppendEntriesAccepted extends Answer {
  readonly type: 'appendEntriesAccepted'
  readonly matchIndex: number
}

/** The follower's log does not hold `prevLog` of the request. */
export interface AppendEntriesRejected extends Answer {
  readonly type: 'appendEntriesRejected'
  /** `prevLog.index` of the request, so that a late answer is known as such. */
  readonly rejectedIndex: number
  /**
   * The newest entry of the follower at or below `rejectedIndex` whose term is at most the
   * request's `prevLog.term`: above it the logs cannot agree. One round trip per term.
   */
  readonly hint: EntryId
}

/** Keeps the leadership, carries the commit index and the read round (thesis 6.4). */
export interface Heartbeat extends Addressed {
  readonly type: 'heartbeat'
  /** Monotone within a term. An answer confirms the reads registered up to this round. */
  readonly round: number
  /** At most what the follower is known to hold. */
  readonly leaderCommit: number
}

export interface HeartbeatResult extends Answer {
  readonly type: 'heartbeatResult'
  readonly round: number
}

/** A follower asks the leader for a read index (thesis 6.4). */
export interface ReadIndexRequest extends Addressed {
  readonly type: 'readIndexRequest'
  /** Never used twice by a sender, not even across its restarts; `1 ≤ id < 2^53`. */
  readonly requestId: number
}

/** The leader confirmed its leadership after the request arrived: `readIndex` is safe to read at. */
export interface ReadIndexResult extends Addressed {
  readonly type: 'readIndexResult'
  readonly requestId: number
  readonly readIndex: number
}

/** The asked node cannot serve: it is not the leader, or has too many reads waiting. */
export interface ReadIndexRefused extends Addressed {
  readonly type: 'readIndexRefused'
  readonly requestId: number
}

/** The leader asks this node, which holds its whole log, to take over now (thesis, 3.10). */
export interface TimeoutNow extends Addressed {
  readonly type: 'timeoutNow'
}

/**
 * The leader offers a snapshot to a node whose next entries its log no longer has (paper, figure
 * 13). It holds the state after exactly that entry; its rows do not go by messages.
 */
export interface InstallSnapshot extends Addressed {
  readonly type: 'installSnapshot'
  readonly snapshot: EntryId
}

/** A node whose state is missing asks its leader for a snapshot, whatever its log holds. */
export interface SnapshotNeeded extends Addressed {
  readonly type: 'snapshotNeeded'
  /** Its log begins behind this index: an older snapshot would not join on. */
  readonly baseIndex: number
}

/** Tells a node that asks as if it were a member that it is none any more. */
export interface Removed extends Addressed {
  readonly type: 'removed'
  /** Index of a committed configuration without it. One that knows a newer one with it, stays. */
  readonly configIndex: number
}

/** The leader has brought a node that recovers its log to where it may be counted again. */
export interface Readmitted extends Addressed {
  readonly type: 'readmitted'
  /** As the node named it: a late message is of no use to a later recovery. */
  readonly recovery: number
  /** Up to here the node holds the leader's log, or it is not meant. */
  readonly index: number
}

/** Every message between nodes. */
export type Message =
  | RequestPreVote
  | RequestPreVoteResult
  | RequestVote
  | RequestVoteResult
  | AppendEntries
  | AppendEntriesAccepted
  | AppendEntriesRejected
  | Heartbeat
  | HeartbeatResult
  | ReadIndexRequest
  | ReadIndexResult
  | ReadIndexRefused
  | TimeoutNow
  | Removed
  | InstallSnapshot
  | SnapshotNeeded
  | Readmitted
