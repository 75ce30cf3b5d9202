/**
 * The circuit breaker of one endpoint: after failures in a row it is left alone for a while, then
 * one connection is tried. It spares a node that comes up the storm of those who wait for it, and
 * calls the time that a dead address would cost them.
 *
 *     closed ──failures──> open ──time──> half-open ──welcome──> closed
 *                            ^───────────failure───────┘
 */
import type { Random } from '../ports.ts'
import { nextDelay } from './backoff.ts'

/** So many failures in a row open it. */
const failuresMax = 3
const openLimits = { baseMs: 150, delayMsMax: 1000 }

export class Breaker {
  readonly #random: Random
  readonly #onChange: (state: 'open' | 'closed') => void
  #failures = 0
  #openUntil = 0
  #delay = 0
  #open = false

  constructor(random: Random, onChange: (state: 'open' | 'closed') => void) {
    this.#random = random
    this.#onChange = onChange
  }

  /** Whether a connection may be tried now. Past its time an open breaker lets one through. */
  mayTry(now: number): boolean {
    return !this.#open || now >= this.#openUntil
  }

  /** The connection could not be made, or broke. */
  failed(now: number): void {
    this.#failures++
    if (this.#failures < failuresMax) return
    this.#delay = nextDelay(this.#random, this.#delay, openLimits)
    this.#openUntil = now + this.#delay
    if (this.#open) return
    this.#open = true
    this.#onChange('open')
  }

  /**
   * The node took the connection. The failures stay counted until it has answered something: one
   * that welcomes and then breaks at each first request must not stay closed for ever.
   */
  welcomed(): void {
    if (!this.#open) return
    this.#open = false
    this.#onChange('closed')
  }

  /** The node answered a request. */
  answered(): void {
    this.#failures = 0
    this.#delay = 0
  }
}
