/** Values as texts: equal values give equal texts, whatever the order of their fields. */

/** Deeper than any value that a client writes; a text that deep is not a value. */
const depthMax = 100

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
