/**
 * Hands committed entries to the state machine: in order, each once, and no more bytes at a time
 * than the caller can hold (paper, section 5.3: `lastApplied`).
 */
import { assert } from '../assert.ts'
import { entryBytes } from './log.ts'
import type { Entry } from './types.ts'

interface Batch {
  readonly lastIndex: number
  readonly bytes: number
}

/** What is between commit and applied. */
export class ApplyQueue {
  /** Invariant: `appliedIndex ≤ handedOutIndex ≤ commitIndex`. */
  #appliedIndex: number
  #handedOutIndex: number
  readonly #batches: Batch[] = []
  #bytes = 0
  /** Entries that the node read from its log because they were no longer in memory. */
  #fetched: readonly Entry[] = []
  #fetching = false

  constructor(appliedIndex: number) {
    this.#appliedIndex = appliedIndex
    this.#handedOutIndex = appliedIndex
  }

  get appliedIndex(): number {
    return this.#appliedIndex
  }

  get handedOutIndex(): number {
    return this.#handedOutIndex
  }

  /** Whether a fetch is outstanding: entries wait for it, there is never a second one. */
  get fetching(): boolean {
    return this.#fetching
  }

  get fetched(): readonly Entry[] {
    return this.#fetched
  }

  /** Bytes that may still be handed out; 0 at the cap. */
  room(bytesMax: number): number {
    return Math.max(0, bytesMax - this.#bytes)
  }

  /** These entries go to the state machine now. */
  handOut(entries: readonly Entry[]): void {
    let bytes = 0
    for (const entry of entries) {
      assert(entry.index === this.#handedOutIndex + 1, 'entries are applied without a gap')
      this.#handedOutIndex = entry.index
      bytes += entryBytes(entry)
    }
    assert(bytes > 0, 'a batch to apply has entries')
    this.#batches.push({ lastIndex: this.#handedOutIndex, bytes })
    this.#bytes += bytes
    this.#fetched = []
  }

  applied(index: number): void {
    assert(index >= this.#appliedIndex, 'the applied index never falls')
    assert(index <= this.#handedOutIndex, 'only what was handed out is applied')
    this.#appliedIndex = index
    for (let batch = this.#batches[0]; batch !== undefined; batch = this.#batches[0]) {
      if (batch.lastIndex > index) break
      this.#bytes -= batch.bytes
      this.#batches.shift()
    }
    assert(this.#bytes >= 0, 'counts of bytes are not negative')
  }

  startFetch(): void {
    assert(!this.#fetching && this.#fetched.length === 0, 'one fetch at a time')
    this.#fetching = true
  }

  completeFetch(entries: readonly Entry[]): void {
    assert(this.#fetching, 'a fetch is outstanding')
    // What is committed and durable can be read. A log that lost it must not go on.
    assert(entries[0]?.index === this.#handedOutIndex + 1, 'committed entries are in the log')
    this.#fetching = false
    this.#fetched = entries
  }
}
