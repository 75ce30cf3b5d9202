/**
 * Who led which term, and which log it led with. A leader never changes what it has: its log is
 * the one it was elected with, and behind it entries of its own term (paper, section 5.3).
 */
import type { Ready, TermRun } from '../../../src/raft/index.ts'
import { baseOf } from '../disk/durable-log.ts'
import type { DurableLog } from '../disk/durable-log.ts'
import type { NodeView } from '../world/observer.ts'

/** One leader in its term. */
export interface Leadership {
  readonly term: number
  readonly leader: string
  /** Where the entries of its own term begin. */
  readonly firstOwnIndex: number
  /** The terms of the log before that. */
  readonly runs: readonly TermRun[]
}

/** All leaderships of a lifetime. */
export class Leaderships {
  readonly #byTerm = new Map<number, Leadership>()

  of(term: number): Leadership | undefined {
    return this.#byTerm.get(term)
  }

  /**
   * A node tells that it leads. Its log stands on its disk at that moment, all but its own no-op:
   * the own vote is persisted behind all entries that the candidate had, and a candidate takes in
   * none.
   */
  begin(node: NodeView, term: number, ready: Ready): void {
    if (this.#byTerm.has(term)) return
    const own = ready.entries.find((entry) => entry.term === term)
    const firstOwnIndex = own?.index ?? node.durable.lastIndex + 1
    const runs = termRuns(node.durable, Math.min(node.durable.lastIndex, firstOwnIndex - 1))
    this.#byTerm.set(term, { term, leader: node.id, firstOwnIndex, runs })
  }

  /** The term of an entry in the log of the leader of `term`; undefined where that is unknown. */
  termAt(term: number, index: number): number | undefined {
    const leadership = this.#byTerm.get(term)
    if (leadership === undefined) return undefined
    if (index === 0) return 0
    if (index >= leadership.firstOwnIndex) return term
    return leadership.runs.findLast((run) => run.firstIndex <= index)?.term
  }
}

/** The terms of a log up to an index. They never fall, so each run is found by bisection. */
export function termRuns(log: DurableLog, last: number): TermRun[] {
  const base = baseOf(log)
  // What is before the base is committed, and not known here.
  const runs: TermRun[] = base.index === 0 ? [] : [{ term: base.term, firstIndex: base.index }]
  let firstIndex = base.index + 1
  while (firstIndex <= last) {
    const term = log.at(firstIndex)?.term ?? 0
    let low = firstIndex
    let high = last
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (log.at(middle)?.term === term) low = middle
      else high = middle - 1
    }
    runs.push({ term, firstIndex })
    firstIndex = low + 1
  }
  return runs
}
