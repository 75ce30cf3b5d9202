/**
 * How long the calls of a slot may take. With the SDK's own time a client outwaits almost every
 * fault: no call's outcome is unknown, and all clients stay with a leader that was cut off, so that
 * nobody writes elsewhere while others still read from it. So some clients are hasty. They give
 * calls up while these may still take effect, and go on with another node.
 */

import type { Client } from 'quorate'
import type { RunPorts } from './ports.ts'

/** Of so many slots the last one is hasty; a run of one or two clients has none. */
const slotsPerHasty = 3
/** The share of the time of the others that a hasty one gives a call. */
const hastyShare = 1 / 20
/** A healthy cluster answers within this, ms, also on a busy machine. */
const hastyMsMin = 250

/** The budget in ms of each call of a slot, where calls have `timeoutMs`. */
export function patienceOf(slot: number, timeoutMs: number): number {
  if (slot % slotsPerHasty !== slotsPerHasty - 1) return timeoutMs
  return Math.min(timeoutMs, Math.max(hastyMsMin, Math.round(timeoutMs * hastyShare)))
}

/**
 * Connects a client whose calls have `callMs`. To connect takes several round trips, so it gets
 * `timeoutMs` in all, however hasty the calls are. Rejects as `connect` does.
 */
export async function connectWithin(
  { connect }: Pick<RunPorts, 'connect'>,
  endpoints: string,
  { timeoutMs, callMs }: { readonly timeoutMs: number; readonly callMs: number },
): Promise<Client> {
  // Each try may take `callMs`, and seldom takes less when it fails.
  const triesMax = Math.ceil(timeoutMs / callMs)
  for (let tries = 1; ; tries++) {
    try {
      return await connect(endpoints, { timeout: callMs })
    } catch (error) {
      if (tries >= triesMax) throw error
    }
  }
}
