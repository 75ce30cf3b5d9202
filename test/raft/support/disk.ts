/** A disk for tests: it holds exactly what was written, and gives it back after a crash. */
import type {
  Entry,
  EntryId,
  HardState,
  Ready,
  RecoveredLog,
  TermRun,
} from '../../../src/raft/index.ts'
import { emptyHardState } from '../../../src/raft/index.ts'

/** Hard state and entries of one node. */
export class MemoryDisk {
  hardState: HardState = emptyHardState
  /** The log begins behind this entry. */
  base: EntryId = { term: 0, index: 0 }
  /** From `base.index + 1` on. */
  entries: Entry[] = []

  get lastIndex(): number {
    return this.base.index + this.entries.length
  }

  /** What stands there; undefined where nothing does, or nothing any more. */
  at(index: number): Entry | undefined {
    return this.entries[index - this.base.index - 1]
  }

  /** Whether that entry is in the log, or the log begins right behind it. */
  holds({ index, term }: EntryId): boolean {
    if (index === this.base.index) return term === this.base.term
    return this.at(index)?.term === term
  }

  /** What a node does with a Ready: an index that is there already replaces the rest. */
  write(ready: Ready): void {
    if (ready.hardState !== undefined) this.hardState = ready.hardState
    for (const entry of ready.entries) {
      if (entry.index > this.lastIndex + 1) throw new Error(`gap before ${entry.index}`)
      if (entry.index <= this.base.index) throw new Error(`${entry.index} is gone already`)
      this.entries.length = entry.index - 1 - this.base.index
      this.entries.push(entry)
    }
  }

  /** Nothing where the first of it is gone. */
  read(from: number, to: number, bytesMax: number): Entry[] {
    const out: Entry[] = []
    if (from <= this.base.index) return out
    let bytes = 0
    for (const entry of this.entries.slice(from - 1 - this.base.index, to - this.base.index)) {
      bytes += entry.data.length + 64
      if (out.length > 0 && bytes > bytesMax) break
      out.push(entry)
    }
    return out
  }

  /** Lets go of all up to an entry that is there. */
  compact(index: number): EntryId {
    const term = index === this.base.index ? this.base.term : this.at(index)?.term
    if (term === undefined) throw new Error(`${index} is not in the log`)
    this.entries = this.entries.filter((entry) => entry.index > index)
    this.base = { term, index }
    return this.base
  }

  /** Lets go of everything: the log begins behind `base` now. */
  reset(base: EntryId): void {
    this.entries = []
    this.base = base
    this.hardState = { ...this.hardState, commitIndex: base.index }
  }

  /** What a start finds; `tailMax` entries of it in memory. */
  recover(tailMax = Infinity): RecoveredLog {
    const tail = tailMax === 0 ? [] : this.entries.slice(-tailMax)
    return { base: this.base, termRuns: termRuns(this.entries), lastIndex: this.lastIndex, tail }
  }
}

/** The runs of equal terms. */
export function termRuns(entries: readonly Entry[]): TermRun[] {
  const runs: TermRun[] = []
  for (const { term, index } of entries) {
    if (runs.at(-1)?.term !== term) runs.push({ term, firstIndex: index })
  }
  return runs
}

/** Entries from 1 on, of the given terms. */
export function entriesOfTerms(terms: readonly number[], from = 1): Entry[] {
  return terms.map((term, offset) => entry(from + offset, term))
}

/** One entry whose data names it. */
export function entry(index: number, term: number, text = `${index}/${term}`): Entry {
  return { index, term, kind: 'commands', data: bytes(text) }
}

/** The bytes of a text. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The text of bytes. */
export function text(data: Uint8Array): string {
  return new TextDecoder().decode(data)
}
