/** What the demo's collectors were told: the yardstick for what the nodes hold at the end. */
import { assert } from '../../assert.ts'
import type { RecordPutOptions, RecordWriter } from '../../collector/index.ts'
import { monotonicTime } from '../time.ts'

/** A record that the cluster said it has stored. */
export interface Acknowledged {
  readonly value: Uint8Array
  readonly revision: number
}

/** See the top of this file. */
export class Ledger {
  /** By key: what was acknowledged with `applied`. Bounded by what the demo's sources offer. */
  readonly applied = new Map<string, Acknowledged>()
  /** Keys whose `applied` came twice: the very thing that must never happen. */
  readonly appliedTwice: string[] = []
  /** By key: revisions that duplicates and mismatches named as the winner's. */
  readonly #winners = new Map<string, number>()
  acknowledgements = 0
  inFlight = 0
  #lastAt: number | undefined
  #longestGapMs = 0

  /** Starts to look for the longest time without an acknowledgement anew. */
  watchGap(): void {
    this.#lastAt = monotonicTime()
    this.#longestGapMs = 0
  }

  /** The longest time without an acknowledgement since `watchGap`, ms. */
  get longestGapMs(): number {
    const open = this.#lastAt === undefined ? 0 : monotonicTime() - this.#lastAt
    return Math.max(this.#longestGapMs, open)
  }

  /** Keys that a duplicate or a mismatch says are stored, other than by what was acknowledged. */
  disputed(): string[] {
    return [...this.#winners]
      .filter(([key, revision]) => this.applied.get(key)?.revision !== revision)
      .map(([key]) => key)
  }

  /** The same writer, with every answer written down. */
  witness(writer: RecordWriter): RecordWriter {
    return {
      put: async (key: string, value: Uint8Array, options: RecordPutOptions) => {
        this.inFlight++
        try {
          const result = await writer.put(key, value, options)
          this.#note(key, value, result)
          return result
        } finally {
          this.inFlight--
        }
      },
      close: () => writer.close(),
    }
  }

  #note(
    key: string,
    value: Uint8Array,
    { verdict, revision }: Awaited<ReturnType<RecordWriter['put']>>,
  ): void {
    assert(revision >= 1, 'a verdict names the revision of the write that took effect')
    const now = monotonicTime()
    if (this.#lastAt !== undefined) {
      this.#longestGapMs = Math.max(this.#longestGapMs, now - this.#lastAt)
    }
    this.#lastAt = now
    this.acknowledgements++
    if (verdict !== 'applied') {
      this.#winners.set(key, revision)
      return
    }
    if (this.applied.has(key)) this.appliedTwice.push(key)
    this.applied.set(key, { value, revision })
  }
}
