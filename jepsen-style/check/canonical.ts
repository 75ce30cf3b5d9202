/** Values as texts: equal values give equal texts, whatever the order of their fields. */

/** Deeper than any value that a client writes; a text that deep is not a value. */
const depthMax = 100

/**
 * Why a value cannot be told from all others, so that no check may rest on it; undefined: it can.
 * Whole numbers beyond 2^53 have lost their last digits by the time they are read from JSON.
 */
export function whyNoValue(value: unknown, depth = 0): string | undefined {
  if (depth > depthMax) return `a value is nested deeper than ${depthMax}`
  if (typeof value === 'number') {
    // 1e999 is read as Infinity, and that would be written as null.
    const lost = Number.isInteger(value) ? !Number.isSafeInteger(value) : !Number.isFinite(value)
    return lost
      ? `${value} is larger than what numbers can tell apart: write it as a text`
      : undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  for (const item of Object.values(value)) {
    const why = whyNoValue(item, depth + 1)
    if (why !== undefined) return why
  }
  return undefined
}

/** JSON with sorted fields. `undefined` counts as null, as it does in a file. Throws if too deep. */
export function canonical(value: unknown, depth = 0): string {
  if (depth > depthMax) throw new RangeError(`a value is nested deeper than ${depthMax}`)
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'number' && Number.isFinite(value)) return `${value}`
  if (typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) {
    return `[${value.map((item) => canonical(item, depth + 1)).join(',')}]`
  }
  const fields = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => `${JSON.stringify(name)}:${canonical(item, depth + 1)}`)
  return `{${fields.join(',')}}`
}
