/** The real clock. */
import type { Cancel, Clock } from '../ports.ts'

/** The longest delay that the platform's timers take; a longer one would fire at once. */
const delayMsMax = 0x7fff_ffff

/** Time as this machine tells it. */
export const realClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  timer: startTimer,
  // The check phase follows the poll phase: what has arrived is read first, also after a stall.
  soon: (callback) => void setImmediate(callback),
}

/**
 * The platform counts a timer from the loop's cached time, in whole milliseconds, so it can fire
 * up to a millisecond early. A time-out judged too early would break the promise of the port, so
 * it waits for the rest.
 */
function startTimer(delayMs: number, callback: () => void): Cancel {
  const due = performance.now() + delayMs
  let handle: NodeJS.Timeout
  const wait = (ms: number): void => {
    handle = setTimeout(fire, Math.min(Math.ceil(Math.max(ms, 0)), delayMsMax))
  }
  const fire = (): void => {
    const rest = due - performance.now()
    if (rest > 0) wait(rest)
    else callback()
  }
  wait(delayMs)
  return () => clearTimeout(handle)
}
