/**
 * How long to wait before the next try: decorrelated jitter. Each delay is drawn between the base
 * and three times the one before, so clients that failed together come back apart.
 */
import type { Random } from '../ports.ts'
import { randomFraction } from '../random.ts'

/** Bounds of delays, ms. */
export interface BackoffLimits {
  readonly baseMs: number
  readonly delayMsMax: number
}

/** The delay that follows `previous`; 0 stands for none before. */
export function nextDelay(random: Random, previous: number, limits: BackoffLimits): number {
  const high = Math.max(limits.baseMs, previous * 3)
  const drawn = limits.baseMs + randomFraction(random) * (high - limits.baseMs)
  // Without a delay before, there is no spread yet: the first one is drawn around the base.
  const spread = previous === 0 ? drawn * (0.5 + randomFraction(random)) : drawn
  return Math.min(limits.delayMsMax, spread)
}
