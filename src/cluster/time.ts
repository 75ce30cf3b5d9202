/**
 * Time, as the commands that start and stop processes need it. They are not simulated: they deal
 * with the operating system's processes, whose time is real.
 */

/** Waits; ends early, without an error, when `signal` is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve()
      return
    }
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** Monotonic milliseconds. */
export function monotonicTime(): number {
  return performance.now()
}

/** Milliseconds since 1970. */
export function wallTime(): number {
  return Date.now()
}

/** A point in time by which something must have happened. */
export class Deadline {
  readonly #at: number

  constructor(ms: number) {
    this.#at = monotonicTime() + ms
  }

  get passed(): boolean {
    return this.left <= 0
  }

  /** Milliseconds until it passes; 0 once it has. */
  get left(): number {
    return Math.max(0, this.#at - monotonicTime())
  }
}
