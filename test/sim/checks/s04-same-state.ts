/**
 * S4, state machine safety: at one index all nodes apply the same entry and come to the same state
 * (paper, figure 3). The digest of effects is a chain over all that was decided, so two nodes that
 * agree on it at an index decided everything alike up to there; so does one node that applies its
 * log once more after a restart.
 *
 * Nodes apply in groups of their own size. They are compared where both have a digest, which goes
 * back to the first difference as soon as one index ends a group on both.
 */
import type { AppliedEntry } from '../../../src/state/index.ts'
import type { Entry } from '../../../src/raft/index.ts'
import type { Check, NodeView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { isSameEntry } from './committed.ts'
import type { CommittedLog } from './committed.ts'

/** S4; see the head of the file. */
export class SameState implements Check {
  readonly name = 'S4'
  readonly #committed: CommittedLog
  /** By index: the digest after it, and who was the first to have it. */
  readonly #effects: ({ readonly digest: string; readonly id: string } | undefined)[] = []

  constructor(committed: CommittedLog) {
    this.#committed = committed
  }

  onApplied(
    { id }: NodeView,
    entries: readonly Entry[],
    applied: readonly AppliedEntry[],
    effects: string,
  ): void {
    for (const [at, entry] of entries.entries()) {
      const { index, term } = entry
      const stands = this.#committed.at(index)
      if (stands === undefined) this.#fail(`${id} applies entry ${index}, which is not committed`)
      else if (!isSameEntry(stands, entry)) this.#fail(`${id} applies another entry at ${index}`)
      const answered = applied[at]
      if (answered?.index === index && answered.term === term) continue
      this.#fail(`${id} answers entry ${index} of term ${term} as another one`)
    }
    const last = entries.at(-1)?.index
    if (last === undefined) return
    const known = this.#effects[last]
    if (known === undefined) this.#effects[last] = { digest: effects, id }
    else if (known.digest !== effects) this.#fail(`${known.id} and ${id} differ after ${last}`)
  }

  #fail(what: string): never {
    throw new Violation(this.name, what)
  }
}
