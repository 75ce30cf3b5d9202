/**
 * How long service was away: for each fault, the time from when it was in force until the first
 * call that began after that had succeeded. Counted from when it is in force and not from when it
 * was asked for, because stopping a node, damaging its files and starting it takes seconds in which
 * nothing is away yet.
 */
import type { Journal } from './journal.ts'

/** Watches the calls on behalf of the faults. */
export class Recovery {
  readonly #waiting = new Map<number, number>()
  readonly #found = new Map<number, number>()

  constructor(journal: Pick<Journal, 'onCompletion'>) {
    journal.onCompletion(({ type, began, at }) => {
      if (type !== 'ok' || this.#waiting.size === 0) return
      for (const [fault, since] of this.#waiting) {
        if (began < since) continue
        this.#found.set(fault, Math.round((at - since) * 1000) / 1000)
        this.#waiting.delete(fault)
      }
    })
  }

  /** A fault works from now on. */
  inForce(fault: number, now: number): void {
    this.#waiting.set(fault, now)
  }

  /** Ms until the first success; undefined: there was none. */
  firstSuccessMs(fault: number): number | undefined {
    return this.#found.get(fault)
  }
}
