/** Walks through operations in the order of time. */
import type { Operation } from '../history/index.ts'

/** What is done at the beginning and at the end of each. */
export interface Visitor<T> {
  begins?(operation: T): void
  ends?(operation: T): void
}

/** When something began and ended, as places in the order of time. */
export type Span = Pick<Operation, 'begin' | 'end'>

/**
 * Visits all beginnings and endings, first to last. What never ended is not visited at its end. All
 * places of a history are distinct, so there are no ties.
 */
export function walk<T extends Span>(spans: readonly T[], visitor: Visitor<T>): void {
  const begins = [...spans].sort((a, b) => a.begin - b.begin)
  const ends = spans.filter(({ end }) => end !== Infinity).sort((a, b) => a.end - b.end)
  let next = 0
  for (const ending of ends) {
    for (let begun = begins[next]; begun !== undefined && begun.begin < ending.end;) {
      visitor.begins?.(begun)
      begun = begins[++next]
    }
    visitor.ends?.(ending)
  }
  for (const begun of begins.slice(next)) visitor.begins?.(begun)
}

/**
 * A call with lines of the history for its places in time, which in a history of our own come to the
 * same. It is for calls about several things, of which one may have been answered while nobody
 * knows about another: `answered` says which part of it this is about.
 */
export function byLines(operation: Operation, answered: boolean): Operation {
  const { invokeLine, completionLine = Infinity } = operation
  return { ...operation, begin: invokeLine, end: answered ? completionLine : Infinity }
}

/** The last of these that began; undefined: there are none. */
export function lastBegun<T extends Span>(spans: readonly T[]): T | undefined {
  let last: T | undefined
  for (const span of spans) if (last === undefined || span.begin > last.begin) last = span
  return last
}
