/**
 * What is committed, over all nodes and lives: one log, built from what nodes hand to their state
 * machines. The first to hand out an index says what stands there; everybody else is held to it.
 */
import type { Entry } from '../../../src/raft/index.ts'
import { entryHash } from '../disk/entry-hash.ts'

/** A committed entry. `data` is what the first node that handed it out had. */
export interface CommittedEntry extends Entry {
  /** As in `DurableEntry`: `entryHash`. */
  readonly hash: number
}

/** Whether they are the same entry. What is shared between nodes in memory is not hashed again. */
export function isSameEntry(known: CommittedEntry, entry: Entry): boolean {
  if (known.index !== entry.index || known.term !== entry.term) return false
  if (known.kind !== entry.kind) return false
  return known.data === entry.data || known.hash === entryHash(entry)
}

/** The committed log; see the head of the file. It has as many entries as a lifetime commits. */
export class CommittedLog {
  readonly #entries: CommittedEntry[] = []
  #maxCommitted = 0
  /** By the term of a node that knew: how far it knew the log to be committed. */
  readonly #knownIn = new Map<number, number>()

  /** From index 1 on, without gaps. */
  get entries(): readonly CommittedEntry[] {
    return this.#entries
  }

  get lastIndex(): number {
    return this.#entries.length
  }

  /** The highest commit index that any node ever showed to know, at least `lastIndex`. */
  get maxCommitted(): number {
    return this.#maxCommitted
  }

  at(index: number): CommittedEntry | undefined {
    return this.#entries[index - 1]
  }

  /** A node handed it out. What stands at its index; undefined: something is missing before it. */
  add(entry: Entry): CommittedEntry | undefined {
    const known = this.#entries[entry.index - 1]
    if (known !== undefined) return known
    if (entry.index !== this.#entries.length + 1) return undefined
    const { index, term, kind, data } = entry
    const added = { index, term, kind, data, hash: entryHash(entry) }
    this.#entries.push(added)
    if (index > this.#maxCommitted) this.#maxCommitted = index
    return added
  }

  /** A node in `term` knew that everything up to `index` is committed. */
  know(index: number, term: number): void {
    if (index > this.#maxCommitted) this.#maxCommitted = index
    if (index > (this.#knownIn.get(term) ?? 0)) this.#knownIn.set(term, index)
  }

  /**
   * How far the log was committed in terms before that one, for all that is known. Who knows of a
   * commit is in a term not below the one in which it was made, so that this never says too much.
   */
  knownBefore(term: number): number {
    let highest = 0
    for (const [knownIn, index] of this.#knownIn) {
      if (knownIn < term && index > highest) highest = index
    }
    return highest
  }
}
