/**
 * The time of a run. All of it goes through this one door, so that tests can let a whole run pass
 * without waiting.
 */
import { setTimeout as timer } from 'node:timers/promises'

/** Monotonic time since the run began, and waiting. */
export interface RunClock {
  /** Ms since the run began. */
  now(): number
  /** Resolves after `ms`, or at once when `signal` is aborted. Never rejects. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** Real time, from 0 on. */
export function realClock(): RunClock {
  const start = process.hrtime.bigint()
  return {
    now: () => Number(process.hrtime.bigint() - start) / 1e6,
    sleep: async (ms, signal) => {
      try {
        await timer(Math.max(0, ms), undefined, signal === undefined ? {} : { signal })
      } catch (error) {
        if (signal?.aborted !== true) throw error
      }
    },
  }
}

/** Stands for a result that did not come in time. */
export const late: unique symbol = Symbol('late')

/** Someone in a hurry: once `signal` is aborted, only `ms` are left. */
export interface Hurry {
  readonly signal: AbortSignal
  readonly ms: number
}

/**
 * What `work` comes to, or `late` after `ms`, or a while after somebody got into a hurry. Work that
 * is late goes on unwatched, and its end is ignored.
 */
export async function within<T>(
  clock: RunClock,
  ms: number,
  work: Promise<T>,
  hurry?: Hurry,
): Promise<T | typeof late> {
  const over = new AbortController()
  // Nobody waits for it any more once it is late: an error of it must not end the process.
  work.catch(() => {})
  const deadline = async (): Promise<typeof late> => {
    await clock.sleep(ms, over.signal)
    return late
  }
  const rush = async ({ signal, ms: left }: Hurry): Promise<typeof late> => {
    await aborted(signal, over.signal)
    await clock.sleep(left, over.signal)
    return late
  }
  try {
    return await Promise.race([work, deadline(), ...(hurry === undefined ? [] : [rush(hurry)])])
  } finally {
    over.abort()
  }
}

/** Resolves when one of them is aborted. */
function aborted(...signals: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const any = AbortSignal.any([...signals])
    if (any.aborted) resolve()
    else any.addEventListener('abort', () => resolve(), { once: true })
  })
}
