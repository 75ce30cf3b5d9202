/** Waits that grow: each is twice the one before, up to a cap, and spread by chance. */
import type { Random } from '../ports.ts'
import { randomFraction } from '../random.ts'

export class Backoff {
  readonly #random: Random
  #attempts = 0

  constructor(random: Random) {
    this.#random = random
  }

  /**
   * The next wait: between half of it and the whole, so that nodes that lost each other at the
   * same moment do not meet at the same moments again.
   */
  next(firstMs: number, maxMs: number): number {
    // Doubling stops well before the product could leave the range of whole numbers.
    const whole = Math.min(maxMs, firstMs * 2 ** Math.min(this.#attempts, 20))
    this.#attempts++
    return whole * (0.5 + randomFraction(this.#random) / 2)
  }

  reset(): void {
    this.#attempts = 0
  }
}
