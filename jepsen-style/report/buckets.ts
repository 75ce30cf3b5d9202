/**
 * Latency and throughput over time, from a stream of calls, in memory that does not grow with it.
 *
 * Time is cut into equal buckets. Nobody knows beforehand how long the history is; when the
 * buckets run out, neighbours are merged in pairs and each is twice as wide from then on. A bucket
 * holds a histogram with logarithmic bins, so a quantile read from it is off by 5 % at most, and
 * the few slowest calls of each outcome as they were.
 */
import type { HistoryEvent } from '../history/event.ts'
import type { Call, Outcome } from './calls.ts'
import { cut } from './format.ts'

/** Most buckets that a chart has. */
export const bucketsMax = 240
/** Slowest calls that a bucket remembers, for each outcome. */
export const slowestMax = 4
/** Width of a bucket, ms, before any were merged. */
const narrowestMs = 50

const binsPerDecade = 24
const lowestMs = 0.01
const binCount = binsPerDecade * 8

/** A call that stands out, as a point of the chart. */
export interface Point {
  readonly outcome: Outcome
  /** When it was invoked, ms since the run began. */
  readonly at: number
  /** How long it took; of an open call, how long it was waited for. */
  readonly ms: number
  /** What was called. */
  readonly f: string
  readonly process: number
  readonly error?: string
}

/** What is known of a span of time. */
export interface Bucket {
  /** ms since the run began. */
  readonly begin: number
  readonly end: number
  /** Calls that began here and succeeded: latency in ms; undefined where there were none. */
  readonly p50: number | undefined
  readonly p99: number | undefined
  /** Calls that ended here; those that never did stand where they began. */
  readonly ok: number
  readonly failed: number
  readonly unknown: number
  /** The slowest calls that began here. */
  readonly slowest: readonly Point[]
}

/** The whole of it. */
export interface Series {
  readonly buckets: readonly Bucket[]
  readonly widthMs: number
  /** The last moment that the history tells of, ms since the run began. */
  readonly endMs: number
  /** Calls that carried no time and could not be placed. */
  readonly untimed: number
  /** What 99 % of all successful calls stayed within, ms; undefined: there were none. */
  readonly p99: number | undefined
}

function binOf(ms: number): number {
  if (ms <= lowestMs) return 0
  return Math.min(binCount - 1, Math.floor(Math.log10(ms / lowestMs) * binsPerDecade))
}

/** The middle of a bin on the logarithmic scale. */
function middleOf(bin: number): number {
  return lowestMs * 10 ** ((bin + 0.5) / binsPerDecade)
}

class Cell {
  readonly bins = new Uint32Array(binCount)
  timed = 0
  ok = 0
  failed = 0
  unknown = 0
  readonly slowest: Record<Outcome, Point[]> = { ok: [], fail: [], info: [], open: [] }

  keep(point: Point): void {
    const list = this.slowest[point.outcome]
    const at = list.findIndex((other) => other.ms < point.ms)
    list.splice(at === -1 ? list.length : at, 0, point)
    if (list.length > slowestMax) list.pop()
  }

  absorb(other: Cell): void {
    for (const [bin, calls] of other.bins.entries()) this.bins[bin] = (this.bins[bin] ?? 0) + calls
    this.timed += other.timed
    this.ok += other.ok
    this.failed += other.failed
    this.unknown += other.unknown
    for (const list of Object.values(other.slowest)) for (const point of list) this.keep(point)
  }

  /** The smallest latency that at least the given share of the calls stayed within. */
  quantile(q: number): number | undefined {
    if (this.timed === 0) return undefined
    let left = Math.ceil(this.timed * q)
    for (const [bin, calls] of this.bins.entries()) {
      left -= calls
      if (left <= 0) return middleOf(bin)
    }
    return undefined
  }
}

/** Collects a series. */
export class Buckets {
  #cells: Cell[] = []
  #width = narrowestMs
  #end = 0
  #untimed = 0

  /** Takes note of the time of any line, also of the nemesis'. */
  see(event: HistoryEvent): void {
    if (event.time !== undefined && event.time > this.#end) this.#end = event.time
  }

  /** Adds a call that is over, or that will never be. */
  add(call: Call): void {
    const { invoke, complete, outcome } = call
    if (invoke.time === undefined) {
      this.#untimed += 1
      return
    }
    const end = complete?.time ?? this.#end
    const ms = Math.max(0, end - invoke.time)
    const began = this.#cell(invoke.time)
    if (outcome === 'ok') {
      const bin = binOf(ms)
      began.bins[bin] = (began.bins[bin] ?? 0) + 1
      began.timed += 1
    }
    const error = complete?.error
    began.keep({
      outcome,
      at: invoke.time,
      ms,
      f: cut(invoke.f, 60),
      process: call.process,
      ...(error === undefined ? {} : { error: cut(error, 60) }),
    })
    // Of a call that never ended, the end of the history would be a wrong place.
    const ended = outcome === 'open' ? began : this.#cell(end)
    if (outcome === 'ok') ended.ok += 1
    else if (outcome === 'fail') ended.failed += 1
    else ended.unknown += 1
  }

  /** What was collected; `untilMs` makes the axis at least that long. */
  series(untilMs: number): Series {
    const buckets = this.#cells.map((cell, index) => ({
      begin: index * this.#width,
      end: (index + 1) * this.#width,
      p50: cell.quantile(0.5),
      p99: cell.quantile(0.99),
      ok: cell.ok,
      failed: cell.failed,
      unknown: cell.unknown,
      slowest: Object.values(cell.slowest).flat(),
    }))
    const all = new Cell()
    for (const cell of this.#cells) all.absorb(cell)
    const endMs = Math.max(this.#end, untilMs)
    return {
      buckets,
      widthMs: this.#width,
      endMs,
      untimed: this.#untimed,
      p99: all.quantile(0.99),
    }
  }

  #cell(time: number): Cell {
    while (time >= this.#width * bucketsMax) this.#merge()
    const index = Math.floor(time / this.#width)
    while (this.#cells.length <= index) this.#cells.push(new Cell())
    const cell = this.#cells[index]
    if (cell === undefined) throw new Error(`no bucket ${String(index)} at ${String(time)} ms`)
    return cell
  }

  #merge(): void {
    const merged: Cell[] = []
    for (const [index, cell] of this.#cells.entries()) {
      const pair = merged[index >> 1]
      if (pair === undefined) merged.push(cell)
      else pair.absorb(cell)
    }
    this.#cells = merged
    this.#width *= 2
  }
}
