/**
 * The replicated log as this node sees it: the terms of all entries, the newest entries
 * themselves, and how much of it is known to be durable.
 *
 * Three positions matter: `durableIndex` (on disk, and what is on disk is what stands here),
 * `#handedOut` (given to the persist that is under way, or durable) and `lastIndex`. A truncation
 * pulls all of them down. That is what makes the following race harmless (`cockroach#63302`):
 *   1. entry 5 of term 2 is handed out to be persisted;
 *   2. a leader of term 3 replaces it in memory, while the write still runs;
 *   3. the write of the old entry 5 completes.
 * Step 3 must not make the new entry 5 count as durable, and it cannot: step 2 lowered
 * `#inFlightLast` to 4 for good, whatever stands at 5 later, even the very same entry again.
 *
 * The log begins behind its `base`: all up to it is in the state machine and gone from here. Of
 * what is gone, only the term at the base itself is known, so that the next entry can be checked.
 */
import { assert, present } from '../assert.ts'
import type { RecoveredLog } from './config.ts'
import type { Entry, EntryId, TermRun } from './types.ts'

/** Bytes that an entry is counted with beyond its data, so that empty ones are not free. */
export const entryOverheadBytes = 64

/** What an entry counts against the caps. */
export function entryBytes(entry: Entry): number {
  return entry.data.length + entryOverheadBytes
}

/** Before the first entry. */
export const beforeFirst: EntryId = { term: 0, index: 0 }

/** Bounds of a batch of entries. The first entry always fits, else nothing would ever move. */
export interface BatchBounds {
  readonly entriesMax: number
  readonly bytesMax: number
}

/** The log; see the head of the file. */
export class Log {
  readonly #bytesMax: number
  #base: EntryId
  /** Invariant: `firstIndex` and `term` both strictly ascend; the first run starts at base + 1. */
  #runs: TermRun[]
  /** `#entries[#head]` has index `#firstInMemory`; slots below `#head` are released. */
  #entries: (Entry | undefined)[]
  #head = 0
  #firstInMemory: number
  #lastIndex: number
  #bytes = 0
  #unstableBytes = 0
  /** Invariant: `durableIndex ≤ handedOut ≤ lastIndex`. */
  #durableIndex: number
  #handedOut: number
  /** Upper bound of what the persist under way will have made durable; undefined: none is. */
  #inFlightLast: number | undefined

  constructor(recovered: RecoveredLog, bytesMax: number) {
    checkRuns(recovered)
    this.#bytesMax = bytesMax
    this.#base = recovered.base
    this.#runs = [...recovered.termRuns]
    this.#lastIndex = recovered.lastIndex
    this.#durableIndex = recovered.lastIndex
    this.#handedOut = recovered.lastIndex
    this.#firstInMemory = recovered.lastIndex - recovered.tail.length + 1
    assert(this.#firstInMemory > this.#base.index, 'the tail is not longer than the log')
    this.#entries = [...recovered.tail]
    for (const [offset, entry] of recovered.tail.entries()) {
      assert(entry.index === this.#firstInMemory + offset, 'the tail is contiguous')
      assert(entry.term === this.termAt(entry.index), 'the tail has the terms of its runs')
      this.#bytes += entryBytes(entry)
    }
    this.#evict()
  }

  /** The log begins behind this entry; index 0: nothing is gone. */
  get base(): EntryId {
    return this.#base
  }

  get lastIndex(): number {
    return this.#lastIndex
  }

  get lastId(): EntryId {
    return { term: this.#runs.at(-1)?.term ?? this.#base.term, index: this.#lastIndex }
  }

  /** Everything up to here is on disk as it stands here. */
  get durableIndex(): number {
    return this.#durableIndex
  }

  /** The oldest entry in memory; `lastIndex + 1` if there is none. */
  get firstInMemory(): number {
    return this.#firstInMemory
  }

  /** Bytes of the entries in memory. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bytes of the entries that are not durable yet. */
  get unstableBytes(): number {
    return this.#unstableBytes
  }

  /** Whether entries wait to be handed out to a persist. */
  get hasUnpersisted(): boolean {
    return this.#handedOut < this.#lastIndex
  }

  /**
   * The term of any entry, and of the base; undefined below that, where it is not known any more,
   * and beyond the end. Index 0, before the first entry, has term 0. Needs no entry in memory.
   */
  termAt(index: number): number | undefined {
    assert(Number.isSafeInteger(index) && index >= 0, 'an index is a natural number')
    if (index === this.#base.index) return this.#base.term
    if (index < this.#base.index || index > this.#lastIndex) return undefined
    const run = this.#runs[this.#lastRun((candidate) => candidate.firstIndex <= index)]
    return present(run, 'every entry is in a run').term
  }

  /** Whether this log has that entry; then both logs agree up to it (paper, section 5.3). */
  matches(id: EntryId): boolean {
    return this.termAt(id.index) === id.term
  }

  /** Whether a log that ends with `last` is at least as complete (paper, section 5.4.1). */
  isUpToDate(last: EntryId): boolean {
    const own = this.lastId
    return last.term > own.term || (last.term === own.term && last.index >= own.index)
  }

  /**
   * The newest entry at or below `bound.index` whose term is at most `bound.term`: where two logs
   * that disagree may agree. Both sides use it, so that each round trip skips a whole term. Where
   * that would be behind the base, index 0 stands for it: it is not known.
   */
  newestAtOrBelow(bound: EntryId): EntryId {
    const at = this.#lastRun((run) => run.firstIndex <= bound.index && run.term <= bound.term)
    const run = this.#runs[at]
    if (run === undefined) {
      const { term, index } = this.#base
      return index <= bound.index && term <= bound.term ? this.#base : beforeFirst
    }
    const end = (this.#runs[at + 1]?.firstIndex ?? this.#lastIndex + 1) - 1
    const index = Math.min(end, bound.index)
    assert(index >= run.firstIndex, 'a run has entries')
    return { term: run.term, index }
  }

  /** Adds entries at the end. */
  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      assert(entry.index === this.#lastIndex + 1, 'entries are appended without a gap')
      const { term } = entry
      const run = this.#runs.at(-1)
      assert(term >= (run?.term ?? this.#base.term), 'terms in a log never fall')
      if (term !== run?.term) this.#runs.push({ term, firstIndex: entry.index })
      this.#entries.push(entry)
      this.#lastIndex = entry.index
      const bytes = entryBytes(entry)
      this.#bytes += bytes
      this.#unstableBytes += bytes
    }
    this.#evict()
  }

  /** Drops the entries from `index` on. The caller knows that none of them is committed. */
  truncateFrom(index: number): void {
    assert(index > this.#base.index && index <= this.#lastIndex, 'what is cut is there')
    const kept = this.#head + Math.max(0, index - this.#firstInMemory)
    for (const entry of this.#entries.slice(kept)) {
      const { index: dropped } = present(entry, 'slots from the head on are filled')
      const bytes = entryBytes(present(entry, 'slots from the head on are filled'))
      this.#bytes -= bytes
      if (dropped > this.#durableIndex) this.#unstableBytes -= bytes
    }
    this.#entries.length = kept
    this.#firstInMemory = Math.min(this.#firstInMemory, index)
    while ((this.#runs.at(-1)?.firstIndex ?? 0) >= index) this.#runs.pop()
    this.#lastIndex = index - 1
    this.#durableIndex = Math.min(this.#durableIndex, this.#lastIndex)
    this.#handedOut = Math.min(this.#handedOut, this.#lastIndex)
    if (this.#inFlightLast !== undefined) {
      this.#inFlightLast = Math.min(this.#inFlightLast, this.#lastIndex)
    }
    assert(this.#bytes >= 0 && this.#unstableBytes >= 0, 'counts of bytes are not negative')
  }

  /** The log on disk begins behind `base` now. What is gone there is let go of here. */
  compact(base: EntryId): void {
    assert(base.index >= this.#base.index, 'the base never falls')
    assert(base.index <= this.#durableIndex, 'only what was durable is gone from the disk')
    assert(this.matches(base), 'the base is an entry of this log')
    const at = this.#lastRun((run) => run.firstIndex <= base.index)
    const kept = this.#runs.slice(at + 1)
    const partial = this.#runs[at]
    const firstKept = base.index + 1
    const isSplit = firstKept <= this.#lastIndex && kept[0]?.firstIndex !== firstKept
    if (isSplit) {
      const { term } = present(partial, 'every entry is in a run')
      kept.unshift({ term, firstIndex: firstKept })
    }
    this.#runs = kept
    this.#base = base
    while (this.#firstInMemory <= base.index) this.#release()
    this.#squeeze()
    checkRuns({ base, termRuns: this.#runs, lastIndex: this.#lastIndex })
  }

  /** Starts a persist: all that was not handed out before. At most one is under way. */
  takeUnpersisted(): readonly Entry[] {
    assert(this.#inFlightLast === undefined, 'one persist at a time')
    const entries = this.hasUnpersisted
      ? this.slice(this.#handedOut + 1, this.#lastIndex, {
          entriesMax: Infinity,
          bytesMax: Infinity,
        })
      : []
    this.#handedOut = this.#lastIndex
    this.#inFlightLast = this.#lastIndex
    return entries
  }

  /** The persist under way is complete. */
  persisted(): void {
    const last = present(this.#inFlightLast, 'a persist is under way')
    assert(last <= this.#handedOut, 'what becomes durable was handed out')
    this.#inFlightLast = undefined
    for (let index = this.#durableIndex + 1; index <= last; index++) {
      this.#unstableBytes -= entryBytes(this.#at(index))
    }
    this.#durableIndex = Math.max(this.#durableIndex, last)
    assert(this.#unstableBytes >= 0, 'counts of bytes are not negative')
    this.#evict()
  }

  /** Whether the entry is in memory. */
  has(index: number): boolean {
    return index >= this.#firstInMemory && index <= this.#lastIndex
  }

  /** Entries from memory, `from..to` or as many as the bounds allow, one at least. */
  slice(from: number, to: number, bounds: BatchBounds): readonly Entry[] {
    assert(this.has(from), 'a slice starts in memory')
    assert(to <= this.#lastIndex && from <= to, 'a slice ends within the log')
    const entries: Entry[] = []
    let bytes = 0
    for (let index = from; index <= to; index++) {
      const entry = this.#at(index)
      bytes += entryBytes(entry)
      if (entries.length > 0 && bytes > bounds.bytesMax) break
      entries.push(entry)
      if (entries.length >= bounds.entriesMax) break
    }
    return entries
  }

  #at(index: number): Entry {
    const entry = this.#entries[this.#head + index - this.#firstInMemory]
    const found = present(entry, 'an entry in memory is there')
    assert(found.index === index, 'entries stand at their index')
    return found
  }

  /** Position of the last run that `holds`, -1 if none; `holds` must be true, then false. */
  #lastRun(holds: (run: TermRun) => boolean): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(present(this.#runs[middle], 'the middle is within'))) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** Lets go of the oldest entries above the cap. Only durable ones: no other copy exists. */
  #evict(): void {
    while (this.#bytes > this.#bytesMax && this.#firstInMemory <= this.#durableIndex) {
      this.#release()
    }
    this.#squeeze()
  }

  /** Lets go of the oldest entry in memory. */
  #release(): void {
    this.#bytes -= entryBytes(this.#at(this.#firstInMemory))
    this.#entries[this.#head] = undefined
    this.#head++
    this.#firstInMemory++
  }

  /** Moving the rest down only once half is released keeps the cost per entry constant. */
  #squeeze(): void {
    if (this.#head > 64 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }
}

function checkRuns({ base, termRuns, lastIndex }: Omit<RecoveredLog, 'tail'>): void {
  assert((base.index === 0) === (base.term === 0), 'a base is an entry, or nothing')
  assert(base.index <= lastIndex, 'the base is within the log')
  const [first] = termRuns
  assert(first === undefined || first.term >= base.term, 'terms in a log never fall')
  assert(
    (first?.firstIndex ?? lastIndex + 1) === base.index + 1,
    'the runs cover the log from its base on',
  )
  let previous: TermRun = { term: 0, firstIndex: 0 }
  for (const run of termRuns) {
    assert(run.term > previous.term, 'terms of runs ascend')
    assert(run.firstIndex > previous.firstIndex, 'starts of runs ascend')
    previous = run
  }
  assert(previous.firstIndex <= lastIndex, 'the last run has an entry')
}
