/**
 * The session under which writes are numbered (Ongaro's thesis, 6.3): it is how the state machine
 * knows a retry of a call from a new call. A sequence is given out once and never again, whatever
 * became of its call: a late copy of an old call must never pass for a new one.
 */
import { assert } from '../assert.ts'
import type { CallId } from '../command/index.ts'
import type { Random } from '../ports.ts'

/** The state machine keeps this many open sequences of a session. */
const windowMax = 4096
/** What stays unused of it, so that no call stands at its very edge. */
const windowMargin = 64
/** Sequences that may be open at once; more calls wait. */
export const sequencesOpenMax = windowMax - windowMargin

export class Session {
  /** 48-bit cluster time of birth, then 96 random bits. */
  readonly id: Uint8Array
  /** Whether anything was ever sent under it: until then no node knows it. */
  used = false
  #next = 1
  /** Invariant: `1 ≤ first ≤ next`, and no sequence below `first` is open. */
  #first = 1
  /** Whether a sequence is open, at its place modulo the window. */
  readonly #open = new Uint8Array(windowMax)

  constructor(random: Random, clusterTime: number) {
    assert(Number.isSafeInteger(clusterTime) && clusterTime >= 0, 'cluster time is whole ms')
    this.id = new Uint8Array(18)
    const view = new DataView(this.id.buffer)
    view.setUint16(0, Math.floor(clusterTime / 0x1_0000_0000))
    view.setUint32(2, clusterTime % 0x1_0000_0000)
    this.id.set(random.bytes(12), 6)
  }

  /** Whether another sequence may be opened. */
  get hasRoom(): boolean {
    return this.#next - this.#first < sequencesOpenMax
  }

  /** What the next call will be called, without giving it out. */
  upcoming(): CallId {
    return { session: this.id, sequence: this.#next, firstOutstanding: this.#first }
  }

  /** Gives out what `upcoming` named. */
  take(): number {
    assert(this.hasRoom, 'a sequence is given out within the window')
    const sequence = this.#next++
    this.#open[sequence % windowMax] = 1
    return sequence
  }

  /**
   * Nobody waits for this sequence any more: it was answered, or its caller was told how it ended.
   * Of one that ended `unknown` a copy may still be under way; once a later write has carried the
   * new watermark past it, such a copy is refused as forgotten, which no promise stands against.
   */
  release(sequence: number): void {
    assert(sequence >= this.#first && sequence < this.#next, 'only an open sequence is released')
    this.#open[sequence % windowMax] = 0
    while (this.#first < this.#next && this.#open[this.#first % windowMax] === 0) this.#first++
  }
}
