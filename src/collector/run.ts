/** What the replicas of one run share: its counts, its end, and its waiting. */
import { assert } from '../assert.ts'
import type { Clock, Random } from '../ports.ts'
import { randomBetween } from '../random.ts'

/** Counts of decided offers, over all replicas. */
export interface Counts {
  readonly applied: number
  readonly duplicate: number
  readonly mismatch: number
  readonly rejected: number
}

/** Why something was tried again. */
export interface RetryReason {
  /** An error's code. */
  readonly code: string
  /** For people. Absent: the client that retried told no more than the code. */
  readonly message?: string
}

/** Why a run ended before its source did. */
export type StopReason = 'gaveUp' | 'aborted' | 'failed'

const backoffMsMin = 50
const backoffMsMax = 2_000

/** See the top of this file. */
export class Run {
  readonly counts = { applied: 0, duplicate: 0, mismatch: 0, rejected: 0 }
  duplicateAfterUnknown = 0
  readonly #clock: Clock
  readonly #random: Random
  /** What `stop` calls. Bounded: an entry per replica, source and call in its backoff. */
  readonly #onStop = new Set<() => void>()
  #retries = 0
  #lastRetry: RetryReason | undefined
  #stopReason: StopReason | undefined
  #error: unknown

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  get stopReason(): StopReason | undefined {
    return this.#stopReason
  }

  get stopped(): boolean {
    return this.#stopReason !== undefined
  }

  /** What made the run fail. */
  get error(): unknown {
    return this.#error
  }

  get retries(): number {
    return this.#retries
  }

  /** Undefined: there was none, or nobody told. */
  get lastRetry(): RetryReason | undefined {
    return this.#lastRetry
  }

  /** Counts a retry. Only the last reason that was told is kept: what stands in the way now. */
  retried(reason?: RetryReason): void {
    this.#retries += 1
    if (reason === undefined) return
    const { code, message } = reason
    this.#lastRetry = message === undefined ? { code } : { code, message }
  }

  /** Offers that have their verdict. */
  get decided(): number {
    const { applied, duplicate, mismatch, rejected } = this.counts
    return applied + duplicate + mismatch + rejected
  }

  /** Ends the run. Only the first reason counts. */
  stop(reason: StopReason): void {
    if (this.#stopReason !== undefined) return
    this.#stopReason = reason
    for (const callback of this.#onStop) callback()
    this.#onStop.clear()
  }

  /** Ends the run with an error that `collect` throws. */
  fail(error: unknown): void {
    if (this.#stopReason === undefined) this.#error = error
    this.stop('failed')
  }

  /** Calls back when the run stops: at once if it has. Returns how to take that back. */
  onStop(callback: () => void): () => void {
    if (this.stopped) callback()
    else this.#onStop.add(callback)
    return () => this.#onStop.delete(callback)
  }

  /**
   * Waits before a retry, longer each time up to a cap, with jitter, so that the replicas of a
   * cluster that comes back do not all arrive at once. Ends early when the run stops. Returns what
   * to give as `previousMs` the next time.
   */
  async backoff(previousMs: number): Promise<number> {
    assert(previousMs >= 0, 'a delay is not negative')
    const highest = Math.max(backoffMsMin + 1, previousMs * 3)
    const delayMs = Math.min(backoffMsMax, randomBetween(this.#random, backoffMsMin, highest))
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.timer(delayMs, () => {
        forget()
        resolve()
      })
      const forget = this.onStop(() => {
        cancel()
        resolve()
      })
    })
    return delayMs
  }
}
