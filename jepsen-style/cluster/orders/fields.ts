/**
 * Reading what the harness and the process of a node write to each other: small JSON files. It
 * imports nothing, since every node loads it.
 */

/** The fields of an object; undefined: the text is none. */
export function fieldsOf(text: string): Map<string, unknown> | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  return new Map<string, unknown>(Object.entries(value))
}

/** A number that is one; undefined: it is none. */
export function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
