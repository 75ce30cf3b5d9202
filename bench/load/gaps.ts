/** For how long no write succeeded: what a fail-over costs those who write. */
import type { Gap } from './job.ts'

/** A span shorter than this is no gap: a slow flush or a busy machine makes such. */
export const gapMsLeast = 50
/** A list that long tells no more; the longest gap is kept beside it. */
const gapsMost = 10_000

/** Fed with the time of every success. */
export class GapWatch {
  readonly gaps: Gap[] = []
  longestMs = 0
  #lastMs: number

  /** `startMs`: from when on a success is expected, ms since 1970. */
  constructor(startMs: number) {
    this.#lastMs = startMs
  }

  /** A write succeeded. The end of the watch counts as one, so that an open gap is not lost. */
  success(nowMs: number): void {
    const lengthMs = nowMs - this.#lastMs
    if (lengthMs > this.longestMs) this.longestMs = lengthMs
    if (lengthMs > gapMsLeast && this.gaps.length < gapsMost)
      this.gaps.push([this.#lastMs, lengthMs])
    if (nowMs > this.#lastMs) this.#lastMs = nowMs
  }
}
