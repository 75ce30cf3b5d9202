/**
 * Whether this node could serve a linearizable read: found out by having one confirmed, again and
 * again, rather than guessed from the role. A node cut off from the quorum learns of it within an
 * election timeout.
 */
import type { Clock } from '../ports.ts'
import type { Reads } from './reads.ts'

interface ReadinessOptions {
  readonly clock: Clock
  readonly reads: Reads
  /** A probe is sent this often, ms; a node is ready if one that began two periods ago or later came back. */
  readonly periodMs: number
}

export class Readiness {
  readonly #options: ReadinessOptions
  #lastProbe = -Infinity
  #lastConfirmed = -Infinity
  #probing = false

  constructor(options: ReadinessOptions) {
    this.#options = options
  }

  /** Called on every tick: starts the next probe when it is due. */
  tick(now: number): void {
    const { reads, periodMs } = this.#options
    if (this.#probing || now - this.#lastProbe < periodMs) return
    this.#lastProbe = now
    this.#probing = true
    reads.addLinearizable({
      deadline: now + 2 * periodMs,
      serve: () => {
        this.#probing = false
        // The leadership was confirmed after the probe began, so that is the moment it proves.
        this.#lastConfirmed = now
      },
      fail: () => {
        this.#probing = false
      },
    })
  }

  ready(): boolean {
    return this.#options.clock.monotonic() - this.#lastConfirmed <= 2 * this.#options.periodMs
  }
}
