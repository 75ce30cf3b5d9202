/** How far a run has come, now and then, for people who wait. */
import type { Failure } from '../lifetime.ts'

/** Real ms between two lines. */
const everyMs = 2_000

/** What is counted, and who is told. */
export interface ProgressOptions {
  readonly what: string
  readonly count: number | undefined
  readonly tell: (line: string) => void
}

export class Progress {
  readonly #options: ProgressOptions
  readonly #began = performance.now()
  #told = performance.now()
  #done = 0
  #failed = 0

  constructor(options: ProgressOptions) {
    this.#options = options
  }

  /** One more is over. */
  done(seed: number, failure: Failure | undefined): void {
    this.#done++
    if (failure !== undefined) {
      this.#failed++
      const [message = ''] = failure.message.split('\n')
      this.#options.tell(`seed ${seed} failed: ${failure.kind} ${failure.check}: ${message}`)
    }
    if (performance.now() - this.#told < everyMs) return
    this.#told = performance.now()
    this.#line()
  }

  /** All are over. */
  end(): void {
    this.#line()
  }

  #line(): void {
    const { what, count, tell } = this.#options
    const seconds = Math.max(0.001, (performance.now() - this.#began) / 1000)
    const of = count === undefined ? '' : ` of ${count}`
    const rate = (this.#done / seconds).toFixed(2)
    tell(`${this.#done}${of} ${what}, ${rate} a second, ${this.#failed} failed`)
  }
}
