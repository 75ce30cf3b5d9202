/**
 * A copy of what a log holds, by which the next look at it finds what has changed. A log changes
 * at its end only, so the search goes from there down to the first entry that is the same; or it
 * begins anew behind a base, where a snapshot took the place of what was before.
 */
import type { DurableLog } from '../disk/durable-log.ts'
import { baseOf } from '../disk/durable-log.ts'

export class LogCopy {
  #base = { index: 0, term: 0 }
  /** What stands at `#base.index + i` is at `i`. */
  #terms: number[] = [0]
  #hashes: number[] = [0]

  /** Nothing is known up to there. */
  get baseIndex(): number {
    return this.#base.index
  }

  get lastIndex(): number {
    return this.#base.index + this.#terms.length - 1
  }

  /** That of the base too; -1 before it and beyond the end. */
  termAt(index: number): number {
    return this.#terms[index - this.#base.index] ?? -1
  }

  /** Whether an entry stands at this index. */
  holds(index: number, term: number, hash: number): boolean {
    const at = index - this.#base.index
    return at > 0 && this.#terms[at] === term && this.#hashes[at] === hash
  }

  /** Takes over what the log holds now; answers from which index on it is new. */
  follow(log: DurableLog): number {
    const base = baseOf(log)
    if (base.index !== this.#base.index || base.term !== this.#base.term) {
      this.#base = base
      this.#terms = [base.term]
      this.#hashes = [0]
    }
    let same = Math.min(this.lastIndex, log.lastIndex)
    while (same > base.index && !this.agreesAt(log, same)) same--
    this.#terms.length = same - base.index + 1
    this.#hashes.length = same - base.index + 1
    for (let index = same + 1; index <= log.lastIndex; index++) {
      const entry = log.at(index)
      this.#terms.push(entry?.term ?? -1)
      this.#hashes.push(entry?.hash ?? 0)
    }
    return same + 1
  }

  /** Whether both have the same entry there. */
  agreesAt(log: DurableLog, index: number): boolean {
    const entry = log.at(index)
    return entry !== undefined && this.holds(index, entry.term, entry.hash)
  }
}
