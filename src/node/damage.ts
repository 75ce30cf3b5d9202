/** Tells damage, which a rebuild from the log repairs, from every other failure of the state. */

/** Causes looked through: a flush wraps LevelDB's error once. */
const causesMax = 3

/** Whether the rows are not what was written, in our words or in LevelDB's own. */
export function isDamage(error: unknown): boolean {
  let cause = error
  for (let depth = 0; depth < causesMax && cause instanceof Error; depth++) {
    const code: unknown = 'code' in cause ? cause.code : undefined
    if (code === 'QUORATE_CORRUPT' || code === 'LEVEL_CORRUPTION') return true
    cause = cause.cause
  }
  return false
}
