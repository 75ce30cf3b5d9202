/**
 * Values of a history, parsed. A history comes from a file or from a store under test: nothing in
 * it has a type until it was looked at.
 */

/** An object's fields. */
export type Fields = Readonly<Record<string, unknown>>

/** The fields of an object; of anything else there are none. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

/** A whole number; undefined: it is none. */
export function wholeOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined
}

/** A text; undefined: it is none. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A list whose every element can be parsed; undefined: it is none. */
export function listOf<T>(
  value: unknown,
  parse: (element: unknown) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(value)) return undefined
  const parsed: T[] = []
  for (const element of value as readonly unknown[]) {
    const each = parse(element)
    if (each === undefined) return undefined
    parsed.push(each)
  }
  return parsed
}

/** What a workload itself wrote into an invocation: if it is not there, the workload is wrong. */
export function own<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new TypeError(`an invocation without ${what}`)
  return value
}
