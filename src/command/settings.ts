/** Which values a cluster setting may take: the same rule at the door and when it is applied. */
import { usageError } from '../errors.ts'
import type { SettingName } from './types.ts'

/** The newest `clusterVersion` whose commands and settings this build understands. */
export const clusterVersionKnown = 1

const dayMs = 24 * 3_600_000

/**
 * Lowest and highest values. The times end at a quarter of a year, because live tokens and
 * sessions are counted per minute; the counts are caps on memory, so they have a cap themselves.
 */
const ranges: Readonly<Record<SettingName, { readonly min: number; readonly max: number }>> = {
  clusterVersion: { min: 1, max: Number.MAX_SAFE_INTEGER },
  tokenRetentionMs: { min: 1, max: 92 * dayMs },
  sessionExpiryMs: { min: 1, max: 92 * dayMs },
  tokensMax: { min: 1, max: 1_000_000_000 },
  sessionsMax: { min: 1, max: 10_000_000 },
}

/** Whether a setting may have this value, apart from what the cluster has now. */
export function settingInRange(name: SettingName, value: number): boolean {
  const { min, max } = ranges[name]
  return Number.isSafeInteger(value) && value >= min && value <= max
}

/** Throws `QUORATE_USAGE` unless the setting may have this value. */
export function checkSetting(name: SettingName, value: number): void {
  if (!settingInRange(name, value)) {
    const { min, max } = ranges[name]
    throw usageError(`${name} is a whole number from ${min} to ${max}`)
  }
  if (name === 'clusterVersion' && value > clusterVersionKnown) {
    throw usageError(`this build knows cluster versions up to ${clusterVersionKnown}`)
  }
}
