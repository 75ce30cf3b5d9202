/**
 * Counts what falls into the measured time, and nothing else: in a closed loop the calls that end
 * in it, in an open loop those that were due in it, however long their answers took.
 */
import type { Histogram } from 'hdr-histogram-js'
import { emptyHistogram, encodeHistogram, recordMs } from './latencies.ts'
import { errorKindsMax, type JobAnswer } from './job.ts'

/** Where failures beyond the kinds that are told apart are counted. */
const furtherKinds = 'other'

/** Which moment of a call must lie in the measured time for it to count. */
export type Counted = 'end' | 'due'

/** One measured window, in ms of the clock that the caller reads. */
export class Tally {
  readonly beginMs: number
  readonly endMs: number
  readonly #counted: Counted
  operations = 0
  records = 0
  failed = 0
  dropped = 0
  readonly #errors = new Map<string, number>()
  readonly #histogram: Histogram = emptyHistogram()

  constructor(beginMs: number, endMs: number, counted: Counted = 'end') {
    this.beginMs = beginMs
    this.endMs = endMs
    this.#counted = counted
  }

  /** A call that was due (open loop) or made (closed loop) at `startMs` and succeeded at `nowMs`. */
  succeeded(startMs: number, nowMs: number, records: number): void {
    if (!this.#counts(startMs, nowMs)) return
    this.operations += 1
    this.records += records
    recordMs(this.#histogram, nowMs - startMs)
  }

  /** A call that was due or made at `startMs` and failed at `nowMs`. */
  failedWith(kind: string, startMs: number, nowMs: number): void {
    if (!this.#counts(startMs, nowMs)) return
    this.failed += 1
    const known = this.#errors.has(kind) || this.#errors.size < errorKindsMax - 1
    const name = known ? kind : furtherKinds
    this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1)
  }

  /** An arrival at `dueMs` that found no room. */
  droppedAt(dueMs: number): void {
    if (this.#within(dueMs)) this.dropped += 1
  }

  /** The answer to the job. `seconds`: where the time was not given beforehand, as in a fill. */
  answer(client: string, seconds = (this.endMs - this.beginMs) / 1_000): JobAnswer {
    const histogram = this.#histogram
    // A percentile is the upper end of its bucket, which may lie beyond the largest value.
    const at = (percentile: number): number =>
      this.operations === 0
        ? 0
        : Math.min(histogram.maxValue, histogram.getValueAtPercentile(percentile))
    return {
      operations: this.operations,
      records: this.records,
      failed: this.failed,
      dropped: this.dropped,
      seconds,
      errors: Object.fromEntries(this.#errors),
      histogram: encodeHistogram(histogram),
      p50: at(50),
      p90: at(90),
      p99: at(99),
      max: this.operations === 0 ? 0 : histogram.maxValue,
      client,
    }
  }

  #counts(startMs: number, nowMs: number): boolean {
    return this.#within(this.#counted === 'due' ? startMs : nowMs)
  }

  #within(ms: number): boolean {
    return ms >= this.beginMs && ms < this.endMs
  }
}
