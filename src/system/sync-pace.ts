/**
 * Whether the next sync is made on the event loop or handed to the thread pool.
 *
 * On a disk that takes writes into a safe cache, a sync is over in less time than it takes to hand
 * it to another thread and to hear back. On others it takes milliseconds, for which the loop must
 * not stand still. Which it is only shows by trying. A process that had to wait for a processor
 * finds a quick sync slow, so that one slow sync says little; a few in a row are followed by some in
 * the pool, and by twice as many each time that the trial after them fails again. One that was far
 * too slow is a stall of the disk, and enough by itself.
 */

/** Longer than this, in ms, and it should not have been made on the loop. */
const quickSyncMs = 0.3
/** For as long as this, in ms, nobody waits for a processor. */
const stallMs = 10
const slowInARowMax = 3
/** So many in the pool after that, at the least, after a stall, and at the most. */
const syncsInPoolMin = 8
const syncsInPoolAfterStall = 4_096
const syncsInPoolMax = 16_384
/** More to write down than this, in bytes, takes any disk a while. */
export const quickSyncBytesMax = 65_536

/** One for each disk: files come and go. */
export class SyncPace {
  #slowInARow = 0
  #inPool = 0
  #next = syncsInPoolMin

  /** Whether small writes, and a sync of those alone, may be made on the loop now. */
  get isQuick(): boolean {
    return this.#inPool === 0
  }

  /** A small sync was handed to the pool. */
  pooled(): void {
    this.#inPool = Math.max(0, this.#inPool - 1)
  }

  /** How long a sync on the loop took, in ms. */
  took(ms: number): void {
    if (ms <= quickSyncMs) {
      this.#slowInARow = 0
      this.#next = Math.max(syncsInPoolMin, Math.floor(this.#next / 2))
      return
    }
    this.#slowInARow += 1
    const stalled = ms > stallMs
    if (this.#slowInARow < slowInARowMax && !stalled) return
    this.#slowInARow = 0
    this.#inPool = stalled ? Math.max(this.#next, syncsInPoolAfterStall) : this.#next
    this.#next = Math.min(2 * this.#inPool, syncsInPoolMax)
  }
}
