/**
 * Whether the next sync is made on the event loop or handed to the thread pool.
 *
 * On a disk that takes writes into a safe cache, a sync is over in less time than it takes to hand
 * it to another thread and to hear back. On others it takes milliseconds, for which the loop must
 * not stand still. Which it is only shows by trying. A process that had to wait for a processor
 * finds a quick sync slow, and most of them where processors are scarce: so a quick one says more
 * than a slow one, and makes up for several. Where there are too few of them the next syncs go to the
 * pool, and twice as many each time that the trial after them fails again. One that was far too slow
 * is a stall of the disk, and enough by itself.
 */

/** Longer than this, in ms, and it should not have been made on the loop. */
const quickSyncMs = 0.4
/** For as long as this, in ms, nobody waits for a processor. */
const stallMs = 50
/** How many slow syncs in a row are put up with at a trial, and at most. */
const patienceAtTrial = 3
const patienceMax = 8
/** A slow one counts once for each of so many ms, or once: what stands still is the loop. */
const patienceMs = 10
/** What one quick sync adds to it. */
const patiencePerQuick = 4
/** So many in the pool after that, at the least and, without a stall, at the most. */
const syncsInPoolMin = 8
const syncsInPoolWhenSlowMax = 1_024
/** After a stall at the least, and at the most. */
const syncsInPoolAfterStall = 4_096
const syncsInPoolMax = 16_384
/** More to write down than this, in bytes, takes any disk a while. */
export const quickSyncBytesMax = 65_536

/** One for each disk: files come and go. */
export class SyncPace {
  #patience = patienceAtTrial
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
      this.#patience = Math.min(patienceMax, this.#patience + patiencePerQuick)
      this.#next = Math.max(syncsInPoolMin, Math.floor(this.#next / 2))
      return
    }
    this.#patience -= Math.max(1, ms / patienceMs)
    const stalled = ms > stallMs
    if (this.#patience > 0 && !stalled) return
    this.#patience = patienceAtTrial
    const least = stalled ? syncsInPoolAfterStall : syncsInPoolMin
    const most = stalled ? syncsInPoolMax : syncsInPoolWhenSlowMax
    this.#inPool = Math.max(least, Math.min(this.#next, most))
    this.#next = Math.min(2 * this.#inPool, most)
  }
}
