/** A budget of time for a call that is made of several. */

/** Counts from when it is made. */
export class Budget {
  readonly #until: number
  readonly #ms: number

  /** `ms`: what all steps together may take; see `WorkloadSetting.timeoutOf`. */
  constructor(ms: number) {
    this.#ms = ms
    this.#until = performance.now() + ms
  }

  get over(): boolean {
    return performance.now() >= this.#until
  }

  /** A time-out in ms for the next step: what is left, at least 1, at most that share of the whole. */
  timeout(shareMax = 1): number {
    const left = this.#until - performance.now()
    return Math.max(1, Math.floor(Math.min(this.#ms * shareMax, left)))
  }
}
