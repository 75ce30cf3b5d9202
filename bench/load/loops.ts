/**
 * The two shapes of load. In a closed loop each caller waits for its answer before it calls again,
 * which finds the most that a store can do; it hides stalls, because nobody calls during one. In an
 * open loop calls arrive at a fixed rate whatever the answers take, and each is timed from the
 * moment at which it was due, so that a stall counts for all that fell into it (Gil Tene's
 * "coordinated omission").
 */
import { outstandingMax } from './job.ts'
import type { Tally } from './tally.ts'

/** Where the loops take their time from; tests turn it by hand. */
export interface LoopClock {
  /** ms, monotonic. */
  now(): number
  /** Resolves after about so many ms. */
  pause(ms: number): Promise<void>
}

/** Makes a call on behalf of a caller; resolves with the number of records. */
export type MakeCall = (caller: number) => Promise<number>

/** How a failure is called in the answer. */
export type NameError = (error: unknown) => string

export interface LoopOptions {
  readonly clock: LoopClock
  readonly tally: Tally
  readonly call: MakeCall
  readonly nameError: NameError
  /** How long a caller of a closed loop rests between two calls, ms. Default: not at all. */
  readonly restMs?: number
}

/** After a failure a caller rests so long, lest a store that is away is asked a million times. */
const restAfterFailureMs = 1
/** How finely an open loop looks at the clock. */
const tickMs = 1

/** So many callers, each with one call at a time, until the tally's window is over. */
export async function closedLoop(options: LoopOptions, callers: number): Promise<void> {
  const { clock, tally, call, nameError, restMs = 0 } = options
  const caller = async (number: number): Promise<void> => {
    for (;;) {
      const startMs = clock.now()
      if (startMs >= tally.endMs) return
      try {
        const records = await call(number)
        tally.succeeded(startMs, clock.now(), records)
      } catch (error) {
        tally.failedWith(nameError(error), startMs, clock.now())
        await clock.pause(restAfterFailureMs)
      }
      if (restMs > 0) await clock.pause(restMs)
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)))
}

/**
 * Calls at `perSecond` from `startMs` on, until the tally's window is over; resolves when the last
 * of them has an answer. After a late wake-up all calls that are due by then are made at once.
 */
export async function openLoop(
  options: LoopOptions,
  startMs: number,
  perSecond: number,
): Promise<void> {
  const { clock, tally, call, nameError } = options
  let outstanding = 0
  let idle: (() => void) | undefined
  const arrive = async (number: number, dueMs: number): Promise<void> => {
    outstanding += 1
    try {
      const records = await call(number)
      tally.succeeded(dueMs, clock.now(), records)
    } catch (error) {
      tally.failedWith(nameError(error), dueMs, clock.now())
    } finally {
      outstanding -= 1
      if (outstanding === 0) idle?.()
    }
  }
  const due = (number: number): number => startMs + (number * 1_000) / perSecond
  let number = 0
  while (due(number) < tally.endMs) {
    const now = clock.now()
    for (; due(number) <= now && due(number) < tally.endMs; number++) {
      if (outstanding < outstandingMax) void arrive(number, due(number))
      else tally.droppedAt(due(number))
    }
    await clock.pause(tickMs)
  }
  if (outstanding > 0) await new Promise<void>((done) => (idle = done))
}
