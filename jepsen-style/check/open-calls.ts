/**
 * Calls that stay open for ever. They may take effect at any time after they began, or never, so
 * that each doubles what is possible; but those that are alike can stand for one another: of equal
 * ones the search uses the earliest first, and so knows only how many it has used.
 *
 * Why that loses nothing: given an order that uses a later one and not the earlier, or the later
 * first, exchange the two. The earlier began before, so it may stand where the later one stood; and
 * as it never ends, any later place suits the other.
 */
import type { Operation } from '../history/index.ts'
import type { StepTable } from './step-table.ts'

/** The open calls of a group, kind by kind, within a kind in the order of their calls. */
export class OpenCalls {
  readonly operations: readonly Operation[]
  /** Of a group of equal calls: their kind. */
  readonly kinds: readonly number[]
  /** Of a group: its next call that was not used, among `operations`. */
  readonly next: Int32Array
  readonly #ends: Int32Array

  constructor(operations: readonly Operation[], table: StepTable) {
    const byKind = new Map<number, Operation[]>()
    for (const operation of operations.toSorted((a, b) => a.begin - b.begin)) {
      const kind = table.kindOf(operation)
      const alike = byKind.get(kind)
      if (alike === undefined) byKind.set(kind, [operation])
      else alike.push(operation)
    }
    const groups = [...byKind.values()]
    this.kinds = [...byKind.keys()]
    this.operations = groups.flat()
    this.next = new Int32Array(groups.length)
    this.#ends = new Int32Array(groups.length)
    let at = 0
    for (const [group, alike] of groups.entries()) {
      this.next[group] = at
      at += alike.length
      this.#ends[group] = at
    }
  }

  /** Whether the next call of a group is there, and had begun before this place in time. */
  ready(group: number, before: number): boolean {
    const next = this.next[group] ?? 0
    if (next >= (this.#ends[group] ?? 0)) return false
    return (this.operations[next]?.begin ?? before) < before
  }
}
