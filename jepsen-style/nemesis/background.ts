/** Work that goes on for as long as a fault is about. */
import { setTimeout as delay } from 'node:timers/promises'

/** A pause that ends early, without an error, when the signal is aborted. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>

/** A pause in real time. */
export const realPause: Pause = async (ms, signal) => {
  try {
    await delay(ms, undefined, { signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** One piece of such work. */
export class Background {
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  #failure: unknown

  /** Begins it. The work looks at the signal between its steps, and returns when it is aborted. */
  constructor(work: (signal: AbortSignal) => Promise<void>) {
    this.#done = work(this.#stop.signal).catch((error: unknown) => {
      this.#failure = error ?? new Error('the work failed')
    })
  }

  /** Ends it; resolves when it has ended. Rejects with what it failed with, if it did. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#done
    if (this.#failure !== undefined) throw this.#failure
  }
}
