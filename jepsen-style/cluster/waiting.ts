/** Waiting in real time: the nodes' processes know no other. */
import { setTimeout as delay } from 'node:timers/promises'

/** A pause. */
export async function sleep(ms: number): Promise<void> {
  await delay(ms)
}

/**
 * Asks again and again until a condition holds. False: not by the deadline. It is asked at least
 * once.
 */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs: number,
  everyMs = 50,
): Promise<boolean> {
  const end = performance.now() + withinMs
  for (;;) {
    if (await condition()) return true
    if (performance.now() >= end) return false
    await sleep(Math.min(everyMs, Math.max(1, end - performance.now())))
  }
}
