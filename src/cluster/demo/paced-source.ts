/** Market data at a steady pace, until told to stop. */
import { marketRecords, type Line, type LineSource } from '../../collector/index.ts'
import { sleep } from '../time.ts'

/** Enough for far longer than the demo takes; the cap bounds what its ledger holds. */
const recordsMax = 20_000
const batchMs = 50

/** A source of made-up market data that gives `perSecond` records a second. */
export class PacedMarket {
  readonly source: LineSource
  #stopped = false

  constructor(options: { seed: number; startMs: number; perSecond: number }) {
    const records = marketRecords({
      seed: options.seed,
      count: recordsMax,
      startMs: options.startMs,
      intervalMs: 60_000,
    })
    const size = Math.max(1, Math.round((options.perSecond * batchMs) / 1000))
    this.source = {
      kind: 'shared',
      open: (_replica, signal) => this.#lines(records, size, signal),
    }
  }

  /** No further record is offered; those that were offered still get their verdicts. */
  stop(): void {
    this.#stopped = true
  }

  async *#lines(
    records: Iterator<string>,
    size: number,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Line[]> {
    const encoder = new TextEncoder()
    for (let line = 1; !this.#stopped && !signal.aborted;) {
      const batch: Line[] = []
      while (batch.length < size) {
        const next = records.next()
        if (next.done === true) break
        batch.push({ line: line++, bytes: encoder.encode(next.value) })
      }
      if (batch.length === 0) return
      yield batch
      await sleep(batchMs, signal)
    }
  }
}
