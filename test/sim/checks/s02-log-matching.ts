/**
 * S2, log matching: two logs that agree on index and term of an entry agree on it and on
 * everything before it (paper, figure 3 and section 5.3).
 *
 * By induction that is the same as: an index and a term name one entry, and one term of the entry
 * before it, in all logs that there ever were. A log that begins behind a snapshot says of it the
 * term, too. So each entry is looked at once, when it becomes
 * durable somewhere, and no logs are compared. It holds over time as well, for the one leader of
 * the term made that entry, once, behind a log that it never changed.
 */
import type { AppendEntries, Message } from '../../../src/raft/index.ts'
import type { Check, NodeView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import type { Leaderships } from './leaderships.ts'
import { LogCopy } from './log-copy.ts'

/** What is known of an index in a term, and of that index in other terms. */
interface Variant {
  readonly term: number
  readonly hash: number
  readonly previousTerm: number
  readonly other: Variant | undefined
}

/** S2; see the head of the file. */
export class LogMatching implements Check {
  readonly name = 'S2'
  readonly #leaderships: Leaderships
  readonly #variants: (Variant | undefined)[] = []
  readonly #copies = new Map<string, LogCopy>()
  #looks = 0

  constructor(leaderships: Leaderships) {
    this.#leaderships = leaderships
  }

  onDurable({ id, durable }: NodeView): void {
    let copy = this.#copies.get(id)
    if (copy === undefined) {
      copy = new LogCopy()
      this.#copies.set(id, copy)
    }
    const changed = copy.follow(durable)
    for (let index = changed; index <= copy.lastIndex; index++) {
      const entry = durable.at(index)
      if (entry === undefined) throw new Violation(this.name, `${id} has no entry ${index}`)
      this.#look(id, index, entry.term, entry.hash, copy.termAt(index - 1))
    }
    // What lies below is not looked at again each time: one entry, in turn.
    const { baseIndex } = copy
    if (changed <= baseIndex + 1) return
    const index = baseIndex + 1 + (this.#looks++ % (changed - 1 - baseIndex))
    if (copy.agreesAt(durable, index)) return
    throw new Violation(this.name, `entry ${index} of ${id} changed below entry ${changed}`)
  }

  onSend(node: NodeView, message: Message): void {
    if (message.type === 'appendEntries') this.#matchesLeader(node, message)
  }

  #look(id: string, index: number, term: number, hash: number, previousTerm: number): void {
    if (previousTerm > term) {
      const what = `entry ${index} of ${id} is of term ${term}, the one before of ${previousTerm}`
      throw new Violation(this.name, what)
    }
    const first = this.#variants[index]
    for (let known = first; known !== undefined; known = known.other) {
      if (known.term !== term) continue
      if (known.hash === hash && known.previousTerm === previousTerm) return
      const what = known.hash === hash ? 'another entry before it' : 'another content'
      throw new Violation(this.name, `entry ${index} of term ${term} has ${what} on ${id}`)
    }
    this.#variants[index] = { term, hash, previousTerm, other: first }
  }

  /** What a leader sends is its log, without gaps (`logcabin#160`, `openraft#1795`). */
  #matchesLeader({ id }: NodeView, { term, prevLog, entries }: AppendEntries): void {
    const expected = this.#leaderships.termAt(term, prevLog.index)
    if (expected !== undefined && expected !== prevLog.term) {
      const what = `entry ${prevLog.index} as of term ${prevLog.term}, its log has ${expected}`
      throw new Violation(this.name, `${id} in term ${term} sends on ${what}`)
    }
    const first = entries[0]?.index ?? prevLog.index + 1
    const last = entries.at(-1)?.index ?? prevLog.index
    if (first === prevLog.index + 1 && last === prevLog.index + entries.length) return
    const what = `${entries.length} entries, ${first} to ${last}, behind ${prevLog.index}`
    throw new Violation(this.name, `${id} in term ${term} sends ${what}`)
  }
}
