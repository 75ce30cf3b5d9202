/**
 * What a leader knows of one follower, and how fast it may send to it (thesis, section 10.2.1).
 *
 * `probe`: the place where the logs agree is unknown; one message at a time feels for it.
 * `replicate`: it is known; messages are pipelined within a window.
 * `snapshot`: what it needs next is no longer in the log. It gets a snapshot, and no entries.
 * Only the `become…` functions change between them; the window goes with `replicate`.
 */
import { assert, unreachable } from '../assert.ts'
import type { RaftLimits } from './config.ts'
import { entryBytes } from './log.ts'
import type { Entry, EntryId, NodeId } from './types.ts'

/** Asks the node for entries that a follower needs and that are no longer in memory. */
export interface ReplicateFetch {
  readonly purpose: 'replicate'
  readonly to: NodeId
  readonly from: number
  readonly bytesMax: number
}

/** Feeling for the place where the logs agree. */
export interface Probe {
  readonly kind: 'probe'
  /** Whether a message is out: no other is sent until an answer, or until it counts as lost. */
  readonly sent: boolean
}

/** Streaming. */
export interface Replicate {
  readonly kind: 'replicate'
  readonly window: Window
}

/** Waiting for a snapshot to bring it to where the log begins. */
export interface AwaitsSnapshot {
  readonly kind: 'snapshot'
}

/** How a leader sends to a follower. */
export type Progress = Probe | Replicate | AwaitsSnapshot

/**
 * What a follower needs a snapshot for, and what was done about it. It outlives `snapshot`: one
 * whose state is missing may hold the log, and then goes on to get entries, because the group may
 * need its acknowledgements while it is being helped.
 */
export interface SnapshotNeed {
  /** Whether it said that its state is missing. */
  isAsked: boolean
  /** Its log begins behind this index: an older snapshot would not join on. */
  least: number
  /** Ticks since it last asked in which it was there. */
  quietTicks: number
  stage: SnapshotStage
}

/** How far it has come with a snapshot for a follower. */
export type SnapshotStage =
  /** The node is to be told. */
  | { readonly kind: 'wanted' }
  /** The node was told, and has none ready yet. */
  | { readonly kind: 'awaited' }
  /** What the node had would not do; it is told again after a while. */
  | { readonly kind: 'useless'; ticks: number }
  /** It was offered, so many ticks ago. */
  | { readonly kind: 'offered'; readonly snapshot: EntryId; ticks: number }

/** How a leader brings a follower back that has lost its log; see `recovery.ts`. */
export interface PeerRecovery {
  /** The follower's name for it. */
  readonly id: number
  /** The round of heartbeats that a quorum without it is to acknowledge. */
  readonly round: number
  /** Where the leader's log ended when they had; undefined before. */
  index: number | undefined
}

interface Sent {
  readonly lastIndex: number
  readonly entries: number
  readonly bytes: number
}

/** Messages that were sent and not acknowledged, counted three ways. */
export class Window {
  readonly #sent: Sent[] = []
  /**
   * Whether the follower took entries since it was found. One that drops them, because its disk or
   * its memory is full, agrees to every empty message: it must not be sent a whole window each time.
   */
  #takes: boolean
  #entries = 0
  #bytes = 0

  constructor(takes: boolean) {
    this.#takes = takes
  }

  /** Entries that may still be sent; 0 while any of the three caps is reached. */
  room(limits: RaftLimits): number {
    if (!this.#takes && this.#sent.length > 0) return 0
    if (this.#sent.length >= limits.inflightMessagesMax) return 0
    if (this.#bytes >= limits.inflightBytesMax) return 0
    return Math.max(0, limits.inflightEntriesMax - this.#entries)
  }

  add(entries: readonly Entry[]): void {
    const last = entries.at(-1)
    assert(last !== undefined, 'a message in the window carries entries')
    assert((this.#sent.at(-1)?.lastIndex ?? 0) < last.index, 'the window is sent in order')
    let bytes = 0
    for (const entry of entries) bytes += entryBytes(entry)
    this.#sent.push({ lastIndex: last.index, entries: entries.length, bytes })
    this.#entries += entries.length
    this.#bytes += bytes
  }

  /** An acknowledgement covers all messages up to it: those of lost acknowledgements too. */
  acknowledge(matchIndex: number): void {
    for (let first = this.#sent[0]; first !== undefined; first = this.#sent[0]) {
      if (first.lastIndex > matchIndex) break
      this.#entries -= first.entries
      this.#bytes -= first.bytes
      this.#sent.shift()
      this.#takes = true
    }
    assert(this.#entries >= 0 && this.#bytes >= 0, 'counts of the window are not negative')
    assert(this.#sent.length > 0 || this.#bytes === 0, 'an empty window counts nothing')
  }
}

/** Part of catching up: the log up to where it ended when the round began (thesis, 4.2.1). */
interface CatchUpRound {
  readonly target: number
  readonly startedAt: number
}

/** A leader's view of one follower. It lives as long as the leadership. */
export class Peer {
  readonly id: NodeId
  /** Invariant: `matchIndex < nextIndex`, and neither match nor acked round ever falls. */
  #matchIndex = 0
  #nextIndex: number
  #progress: Progress = { kind: 'probe', sent: false }
  #ackedRound = 0
  #round: CatchUpRound | undefined
  /** How long the newest finished round took. */
  #roundTicks: number | undefined
  /** Ticks since the last answer of this term: what check-quorum looks at. */
  ticksSinceAnswer = 0
  /** Whether it answered at all in this term. Before, the count above says nothing of it. */
  hasAnswered = false
  /** The highest commit index that was sent to it, whether or not it arrived. */
  commitSent = 0
  /** Whether the leadership was offered to it in this term, and it did not take it up. */
  declined = false
  /** Whether it is to get a snapshot; always so in `snapshot`. */
  need: SnapshotNeed | undefined
  /** While it recovers its log. What it says then is of use, and vouches for nothing. */
  recovery: PeerRecovery | undefined
  /** The last of its recoveries that is known to be over. */
  recovered: number | undefined
  /** Whether an answer to an append came since the last periodic heartbeat. */
  answered = false
  /** Whether a whole heartbeat interval went by with something outstanding and no answer. */
  stalled = false
  /**
   * The outstanding fetch. It is kept until it is answered, even where the answer is of no use any
   * more: one follower never costs more than one read of the disk at a time.
   */
  fetch: ReplicateFetch | undefined

  constructor(id: NodeId, nextIndex: number) {
    assert(nextIndex >= 1, 'the first entry has index 1')
    this.id = id
    this.#nextIndex = nextIndex
  }

  get matchIndex(): number {
    return this.#matchIndex
  }

  get nextIndex(): number {
    return this.#nextIndex
  }

  get progress(): Progress {
    return this.#progress
  }

  get ackedRound(): number {
    return this.#ackedRound
  }

  /** What counts towards a commit. */
  get vouchedIndex(): number {
    return this.recovery === undefined ? this.#matchIndex : 0
  }

  /** What counts towards the confirmation of reads, and of the leadership. */
  get vouchedRound(): number {
    return this.recovery === undefined ? this.#ackedRound : 0
  }

  /** What counts for check-quorum. */
  get vouchedSilence(): number {
    return this.recovery === undefined ? this.ticksSinceAnswer : Infinity
  }

  /** Whether something was sent that has no answer yet. */
  get awaiting(): boolean {
    switch (this.#progress.kind) {
      case 'probe':
        return this.#progress.sent
      case 'replicate':
        return this.#matchIndex + 1 < this.#nextIndex
      // Offers are repeated by a timer of their own.
      case 'snapshot':
        return false
      default:
        return unreachable(this.#progress)
    }
  }

  becomeProbe(nextIndex: number): void {
    assert(nextIndex > this.#matchIndex, 'what matches is never probed again')
    this.#progress = { kind: 'probe', sent: false }
    this.#nextIndex = nextIndex
  }

  /** `takes`: the probe brought entries, and the follower took them. */
  becomeReplicate(takes: boolean): void {
    assert(this.#progress.kind === 'probe', 'streaming begins after a successful probe')
    this.#progress = { kind: 'replicate', window: new Window(takes) }
  }

  /** What it needs next is gone from the log: only a snapshot can help. */
  becomeSnapshot(): void {
    this.#progress = { kind: 'snapshot' }
    this.#nextIndex = this.#matchIndex + 1
    this.needsSnapshot()
  }

  /** Whatever the log holds, it is to get a snapshot. */
  needsSnapshot(): SnapshotNeed {
    this.need ??= { isAsked: false, least: 0, quietTicks: 0, stage: { kind: 'wanted' } }
    return this.need
  }

  /** Marks the probe as sent. The next index stays: nothing is assumed of its fate. */
  probed(): void {
    assert(this.#progress.kind === 'probe', 'only a probe waits for its answer')
    this.#progress = { kind: 'probe', sent: true }
  }

  /** Entries were sent: optimistically, they count as there (thesis, section 10.2.1). */
  streamed(entries: readonly Entry[]): void {
    assert(this.#progress.kind === 'replicate', 'only streaming moves the next index ahead')
    assert(entries[0]?.index === this.#nextIndex, 'entries are streamed without a gap')
    this.#progress.window.add(entries)
    this.#nextIndex += entries.length
  }

  /**
   * The follower holds everything up to `matchIndex`. Late and repeated acknowledgements are no
   * news and change nothing: match must not fall (`PySyncObj#167`). A probe ends only when what
   * it asked is answered, because its next index is otherwise still a guess.
   */
  accepted(matchIndex: number): void {
    this.#matchIndex = Math.max(this.#matchIndex, matchIndex)
    const { kind } = this.#progress
    if (kind === 'probe' && matchIndex >= this.#nextIndex - 1) {
      this.becomeReplicate(matchIndex >= this.#nextIndex)
    }
    this.#nextIndex = Math.max(this.#nextIndex, this.#matchIndex + 1)
    if (this.#progress.kind === 'replicate') this.#progress.window.acknowledge(this.#matchIndex)
  }

  /** Begins a round of catching up where none is under way and something is missing. */
  beginRound(ticks: number, lastIndex: number): void {
    if (this.#round !== undefined || this.#matchIndex >= lastIndex) return
    this.#round = { target: lastIndex, startedAt: ticks }
  }

  /** After an acknowledgement: ends the round that it completes. */
  endRound(ticks: number): void {
    if (this.#round === undefined) {
      this.#roundTicks ??= 0
      return
    }
    if (this.#matchIndex < this.#round.target) return
    this.#roundTicks = ticks - this.#round.startedAt
    this.#round = undefined
  }

  /**
   * Whether it keeps up: nothing is missing, or the last round was short and the one under way is
   * not longer yet. A voter further behind would hold up every commit that needs it (thesis,
   * section 4.2.1). Without writes no round follows a long one, which may have been a snapshot's.
   */
  isClose(ticks: number, ticksMax: number): boolean {
    if (this.#roundTicks === undefined) return false
    if (this.#round === undefined) return true
    return this.#roundTicks <= ticksMax && ticks - this.#round.startedAt <= ticksMax
  }

  ackRound(round: number): void {
    this.#ackedRound = Math.max(this.#ackedRound, round)
  }
}
