/** A disk for tests: it holds exactly what was written, and gives it back after a crash. */
import type { Entry, HardState, Ready, RecoveredLog, TermRun } from '../../../src/raft/index.ts'
import { emptyHardState } from '../../../src/raft/index.ts'

/** Hard state and entries of one node. */
export class MemoryDisk {
  hardState: HardState = emptyHardState
  entries: Entry[] = []

  /** What a node does with a Ready: an index that is there already replaces the rest. */
  write(ready: Ready): void {
    if (ready.hardState !== undefined) this.hardState = ready.hardState
    for (const entry of ready.entries) {
      if (entry.index > this.entries.length + 1) throw new Error(`gap before ${entry.index}`)
      this.entries.length = entry.index - 1
      this.entries.push(entry)
    }
  }

  read(from: number, to: number, bytesMax: number): Entry[] {
    const out: Entry[] = []
    let bytes = 0
    for (const entry of this.entries.slice(from - 1, to)) {
      bytes += entry.data.length + 64
      if (out.length > 0 && bytes > bytesMax) break
      out.push(entry)
    }
    return out
  }

  /** What a start finds; `tailMax` entries of it in memory. */
  recover(tailMax = Infinity): RecoveredLog {
    const tail = tailMax === 0 ? [] : this.entries.slice(-tailMax)
    return { termRuns: termRuns(this.entries), lastIndex: this.entries.length, tail }
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
