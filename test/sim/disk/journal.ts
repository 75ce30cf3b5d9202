/**
 * Changes of names, in the order in which they were made on the whole disk. What a disk promises
 * (`strict`) is that those are durable whose directory was synced since. What ext4 does besides:
 * its journal keeps the order of all changes, any fsync commits those before it, and a file that
 * was renamed over another one has its bytes on the disk first (`auto_da_alloc`).
 */
import { randomBetween } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { KeepUnsynced, MemoryFile } from '../../suites/memory-file.ts'
import { change } from '../../suites/memory-tree.ts'
import type { Directory, Node } from '../../suites/memory-tree.ts'

type Apply = (names: Map<string, Node>) => void

interface Change {
  readonly number: number
  readonly directory: Directory
  readonly apply: Apply
  /** The file that took another one's name. */
  readonly moved: MemoryFile | undefined
}

/** Older changes than so many are taken for durable where an ext4 keeps a journal. */
const changesMax = 4_096

export class Journal {
  #changes: Change[] = []
  #number = 0
  #committed = 0

  /** The number of the last change. */
  get now(): number {
    return this.#number
  }

  change(directory: Directory, apply: Apply, moved?: MemoryFile): void {
    change(directory, apply)
    this.#changes.push({ number: ++this.#number, directory, apply, moved })
    if (this.#changes.length > changesMax) this.#prune()
  }

  /** A directory's changes up to this number are durable. */
  syncDirectory(directory: Directory, until: number): void {
    this.commit(until)
    const rest: Change[] = []
    for (const each of this.#changes) {
      if (each.directory !== directory || each.number > until) rest.push(each)
      else if (directory.pending[0] === each.apply) {
        each.apply(directory.durable)
        directory.pending.shift()
      }
    }
    this.#changes = rest
  }

  /** A sync has ended that began after this many changes. */
  commit(until: number): void {
    this.#committed = Math.max(this.#committed, until)
  }

  /** Power is gone: what ext4 would keep becomes durable, and nothing is left open. */
  crash(keep: KeepUnsynced, random: SeededRandom): void {
    const open = this.#changes.filter(({ number }) => number > this.#committed)
    let kept = 0
    if (keep === 'all') kept = open.length
    else if (keep !== 'none') kept = randomBetween(random, 0, open.length + 1)
    const last = kept === 0 ? this.#committed : (open[kept - 1]?.number ?? this.#committed)
    for (const { number, directory, apply, moved } of this.#changes) {
      if (number <= last && directory.pending.includes(apply)) {
        moved?.sync()
        apply(directory.durable)
      }
    }
    for (const { directory } of this.#changes) directory.pending = []
    this.forget()
  }

  /** After a power cut nothing is open. */
  forget(): void {
    this.#changes = []
    this.#committed = this.#number
  }

  #prune(): void {
    this.#changes = this.#changes.filter(({ directory, apply }) =>
      directory.pending.includes(apply),
    )
  }
}
