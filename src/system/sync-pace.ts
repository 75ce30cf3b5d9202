/**
 * Whether the next sync of a file is made on the event loop or handed to the thread pool.
 *
 * On a disk that takes writes into a safe cache, a sync is over in less time than it takes to hand
 * it to another thread and to hear back. On others it takes milliseconds, for which the loop must
 * not stand still. Which it is only shows by trying. A process that had to wait for a processor
 * finds a quick sync slow, so that one slow sync says little; a few in a row are followed by some in
 * the pool, and by twice as many each time that the trial after them fails again.
 */

/** Longer than this, in ms, and it should not have been made on the loop. */
const quickSyncMs = 0.3
const slowInARowMax = 3
/** So many in the pool after that, at the least and at the most. */
const syncsInPoolMin = 8
const syncsInPoolMax = 16_384
/** More to write down than this, in bytes, takes any disk a while. */
const quickSyncBytesMax = 65_536

export class SyncPace {
  #unsynced = 0
  #slowInARow = 0
  #inPool = 0
  #next = syncsInPoolMin

  /** So many bytes are to be written; whether that may be done on the loop. */
  wrote(bytes: number): boolean {
    this.#unsynced += bytes
    return this.#unsynced <= quickSyncBytesMax && this.#inPool === 0
  }

  /** A sync is to be made; whether that may be done on the loop. If so, `took` is to be called. */
  synced(): boolean {
    const bytes = this.#unsynced
    this.#unsynced = 0
    if (bytes > quickSyncBytesMax) return false
    if (this.#inPool === 0) return true
    this.#inPool -= 1
    return false
  }

  /** How long a sync on the loop took, in ms. */
  took(ms: number): void {
    if (ms <= quickSyncMs) {
      this.#slowInARow = 0
      this.#next = syncsInPoolMin
      return
    }
    this.#slowInARow += 1
    if (this.#slowInARow < slowInARowMax) return
    this.#slowInARow = 0
    this.#inPool = this.#next
    this.#next = Math.min(2 * this.#next, syncsInPoolMax)
  }
}
