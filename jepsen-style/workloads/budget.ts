/** A budget of time for a call that is made of several. */

/** As long as the SDK's own default for one call, ms. */
const callMs = 5_000

/** Counts from when it is made. */
export class Budget {
  readonly #until: number

  constructor(ms = callMs) {
    this.#until = performance.now() + ms
  }

  get over(): boolean {
    return performance.now() >= this.#until
  }

  /** A time-out in ms for the next step: what is left, at least 1, at most `max`. */
  timeout(max = callMs): number {
    return Math.max(1, Math.min(max, Math.floor(this.#until - performance.now())))
  }
}
