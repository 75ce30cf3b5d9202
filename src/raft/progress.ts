/**
 * What a leader knows of one follower, and how fast it may send to it (thesis, section 10.2.1).
 *
 * `probe`: the place where the logs agree is unknown; one message at a time feels for it.
 * `replicate`: it is known; messages are pipelined within a window.
 * Only `becomeProbe` and `becomeReplicate` change between the two; the window goes with `replicate`.
 */
import { assert } from '../assert.ts'
import type { RaftLimits } from './config.ts'
import { entryBytes } from './log.ts'
import type { Entry, NodeId } from './types.ts'

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

/** How a leader sends to a follower. */
export type Progress = Probe | Replicate

interface Sent {
  readonly lastIndex: number
  readonly entries: number
  readonly bytes: number
}

/** Messages that were sent and not acknowledged, counted three ways. */
export class Window {
  readonly #sent: Sent[] = []
  #entries = 0
  #bytes = 0

  /** Entries that may still be sent; 0 while any of the three caps is reached. */
  room(limits: RaftLimits): number {
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

  /** Whether something was sent that has no answer yet. */
  get awaiting(): boolean {
    return this.#progress.kind === 'probe'
      ? this.#progress.sent
      : this.#matchIndex + 1 < this.#nextIndex
  }

  becomeProbe(nextIndex: number): void {
    assert(nextIndex > this.#matchIndex, 'what matches is never probed again')
    this.#progress = { kind: 'probe', sent: false }
    this.#nextIndex = nextIndex
  }

  becomeReplicate(): void {
    assert(this.#progress.kind === 'probe', 'streaming begins after a successful probe')
    this.#progress = { kind: 'replicate', window: new Window() }
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
    if (this.#progress.kind === 'probe' && matchIndex >= this.#nextIndex - 1) this.becomeReplicate()
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
   * Whether it keeps up: the last round was short, and the one under way is not longer yet. A voter
   * further behind would hold up every commit that needs it (thesis, section 4.2.1).
   */
  isClose(ticks: number, ticksMax: number): boolean {
    if (this.#roundTicks === undefined || this.#roundTicks > ticksMax) return false
    return this.#round === undefined || ticks - this.#round.startedAt <= ticksMax
  }

  ackRound(round: number): void {
    this.#ackedRound = Math.max(this.#ackedRound, round)
  }
}
