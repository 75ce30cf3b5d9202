/**
 * Writes the history of a run while it happens. A line is numbered, timed and handed on in the very
 * moment in which a call begins or its answer is known, so that the order of the lines is the order
 * of real time; nothing of it is kept in memory but counts.
 */
import { nemesisProcess, type FaultNote, type NewEvent } from '../history/index.ts'
import type { Completion, Invocation } from '../workloads/workload.ts'
import type { RunClock } from './clock.ts'

/** Where events go; `HistoryWriter` is one. */
export interface HistorySink {
  /** Events so far. */
  readonly length: number
  /** Takes an event, in the order in which they are given. Throws once the disk has failed. */
  write(event: NewEvent): unknown
  /** Resolves when there is room for more; rejects once the disk has failed. */
  flushed(): Promise<void>
  /** Resolves when every event is in the file. */
  close(): Promise<void>
}

/** How calls ended so far. */
export interface CallCounts {
  readonly ok: number
  readonly failed: number
  readonly unknown: number
}

/** Told of each completed call: when it began and ended, ms. */
export type CompletionListener = (ended: {
  readonly type: Completion['type']
  readonly began: number
  readonly at: number
}) => void

/** More lines than this no history has: what a check can hold in memory. */
export const eventsMax = 4_000_000

/** The history as it is written. */
export class Journal {
  readonly #sink: HistorySink
  readonly #clock: RunClock
  readonly #listeners: CompletionListener[] = []
  readonly #counts = { ok: 0, fail: 0, info: 0 }

  constructor(sink: HistorySink, clock: RunClock) {
    this.#sink = sink
    this.#clock = clock
  }

  get counts(): CallCounts {
    const { ok, fail, info } = this.#counts
    return { ok, failed: fail, unknown: info }
  }

  /** Whether no further call may begin. */
  get full(): boolean {
    return this.#sink.length >= eventsMax
  }

  onCompletion(listener: CompletionListener): void {
    this.#listeners.push(listener)
  }

  /** To be awaited before a call begins: a slow disk slows the calls down, not the memory up. */
  room(): Promise<void> {
    return this.#sink.flushed()
  }

  /** A call begins now. Returns what its end is told to. */
  begin(process: number, invocation: Invocation): (completion: Completion) => void {
    const { f, key, value } = invocation
    const began = this.#clock.now()
    const about = { process, f, ...(key !== undefined && { key }) }
    this.#append({ ...about, type: 'invoke', ...(value !== undefined && { value }) }, began)
    return (completion) => {
      const at = this.#clock.now()
      const { type, value: found, revision, error } = completion
      // A call that does not say what came of it came to what it asked for.
      const told = found === undefined ? value : found
      this.#append(
        {
          ...about,
          type,
          ...(told !== undefined && { value: told }),
          ...(revision !== undefined && { revision }),
          ...(error !== undefined && { error }),
        },
        at,
      )
      this.#counts[type]++
      for (const listener of this.#listeners) listener({ type, began, at })
    }
  }

  /** A fault begins, is seen or is healed now. Returns the time, ms. */
  fault(nemesis: string, note: FaultNote): number {
    const at = rounded(this.#clock.now())
    this.#append({ process: nemesisProcess, type: 'info', f: nemesis, value: note }, at)
    return at
  }

  /** Resolves when all of it is on disk. */
  close(): Promise<void> {
    return this.#sink.close()
  }

  #append(event: Omit<NewEvent, 'time'>, at: number): void {
    this.#sink.write({ ...event, time: rounded(at) })
  }
}

/** Microseconds are finer than anything that is drawn, and short in the file. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
