/** Readers that wait for LevelDB to hold what was applied when they asked. */
import { QuorateError } from '../errors.ts'
import type { RowSnapshot } from './database.ts'
import type { AppliedRow } from './layout.ts'

/** Waiting at the same time, scans and digests. */
const pinsMax = 1024

/** The database as it was when it held the state after one entry. Whoever has it closes it. */
export interface Pinned {
  readonly snapshot: RowSnapshot
  readonly applied: AppliedRow
}

interface Waiter {
  readonly index: number
  readonly resolve: (pinned: Pinned) => void
  readonly reject: (error: unknown) => void
}

export class Pins {
  #waiting: Waiter[] = []

  /** Resolves with the first flushed state that holds this index. */
  wait(index: number): Promise<Pinned> {
    if (this.#waiting.length >= pinsMax) {
      const message = 'too many reads wait for a flush'
      return Promise.reject(new QuorateError('QUORATE_OVERLOADED', message))
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ index, resolve, reject })
    })
  }

  /**
   * LevelDB holds the state after `index`, and nothing is being written. Must be called in that
   * very step, because a snapshot that is taken any later may hold the next batch as well.
   */
  settle(index: number, pin: () => Pinned): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const each of waiting) {
      if (each.index <= index) each.resolve(pin())
      else this.#waiting.push(each)
    }
  }

  reject(error: unknown): void {
    for (const each of this.#waiting) each.reject(error)
    this.#waiting = []
  }
}
