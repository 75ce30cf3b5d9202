/**
 * A copy of what a log holds, by which the next look at it finds what has changed. A log changes
 * at its end only, so the search goes from there down to the first entry that is the same.
 */
import type { DurableLog } from '../disk/durable-log.ts'

export class LogCopy {
  readonly #terms: number[] = [0]
  readonly #hashes: number[] = [0]

  get lastIndex(): number {
    return this.#terms.length - 1
  }

  /** 0 before the first entry, -1 beyond the end. */
  termAt(index: number): number {
    return this.#terms[index] ?? -1
  }

  /** Whether an entry stands at this index. */
  holds(index: number, term: number, hash: number): boolean {
    return this.#terms[index] === term && this.#hashes[index] === hash
  }

  /** Takes over what the log holds now; answers from which index on it is new. */
  follow(log: DurableLog): number {
    let same = Math.min(this.lastIndex, log.lastIndex)
    while (same > 0 && !this.agreesAt(log, same)) same--
    this.#terms.length = same + 1
    this.#hashes.length = same + 1
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
