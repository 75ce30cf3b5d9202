/**
 * What is known in memory about a log on disk: its terms, and where to begin reading.
 *
 * A log may hold hundreds of millions of entries, so there is nothing per entry: a run per term,
 * and a checkpoint per 64 KiB of log in plain number arrays.
 */
import { assert, present } from '../assert.ts'
import type { EntryId, TermRun } from '../raft/index.ts'
import { flushHeaderBytes, segmentHeaderBytes } from './format.ts'

/** A record's place: which segment, where its flush begins in that file, and where it begins. */
export interface RecordPlace {
  readonly segmentNumber: number
  readonly flushOffset: number
  readonly recordOffset: number
}

/** A checkpoint: reading from here on meets every live entry from `index` on. */
export interface Checkpoint extends RecordPlace {
  readonly index: number
}

const spacingBytes = 64 * 1024
/** 256 GiB of log. Beyond, no checkpoints are added: reading gets slower, and stays right. */
const checkpointsMax = 4 * 1024 * 1024
const fields = 4

/**
 * Grows at its end, is cut from an index on when a new leader overwrites a tail, and loses its
 * oldest part when the log is compacted.
 */
export class LogIndex {
  #base: EntryId
  #runs: TermRun[] = []
  #lastIndex: number
  /** `fields` numbers per checkpoint: index, segment, flush offset, record offset. */
  #checkpoints = new Float64Array(64 * fields)
  #checkpointCount = 0
  #bytesSince = spacingBytes

  /** An empty log behind `base`. */
  constructor(base: EntryId = { index: 0, term: 0 }) {
    this.#base = base
    this.#lastIndex = base.index
  }

  /** The last entry that is gone; index 0: none is. */
  get base(): EntryId {
    return this.#base
  }

  /** Index of the last entry; that of the base in an empty log. */
  get lastIndex(): number {
    return this.#lastIndex
  }

  /** Term of the last entry; that of the base in an empty log. */
  get lastTerm(): number {
    return this.#runs.at(-1)?.term ?? this.#base.term
  }

  /** The terms of all entries behind the base. A copy. */
  termRuns(): TermRun[] {
    return [...this.#runs]
  }

  /** The term of an entry that exists, or of the base. */
  termAt(index: number): number {
    if (index === this.#base.index) return this.#base.term
    assert(index > this.#base.index, 'the log begins behind its base')
    assert(index <= this.#lastIndex, 'only the terms of existing entries are known')
    return present(this.#runs[this.#runAt(index)], 'every entry is in a run').term
  }

  /** The runs that overlap `from` to `to`, both included. */
  runsBetween(from: number, to: number): readonly TermRun[] {
    assert(from > this.#base.index, 'the log begins behind its base')
    assert(from <= to, 'a range is not reversed')
    assert(to <= this.#lastIndex, 'only the terms of existing entries are known')
    return this.#runs.slice(this.#runAt(from), this.#runAt(to) + 1)
  }

  #runAt(index: number): number {
    let low = 0
    let high = this.#runs.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      const run = present(this.#runs[middle], 'the middle of a range lies in it')
      if (run.firstIndex <= index) low = middle
      else high = middle - 1
    }
    return low
  }

  /** Adds the next entry, which took `bytes` bytes of log at `place`. */
  append(id: { readonly index: number; readonly term: number }, place: RecordPlace, bytes: number) {
    assert(id.index === this.#lastIndex + 1, 'entries are added without gaps')
    assert(id.term >= this.lastTerm, 'terms never decrease along a log')
    const first = this.#lastIndex === this.#base.index
    if (first || id.term > this.lastTerm) this.#runs.push({ term: id.term, firstIndex: id.index })
    this.#lastIndex = id.index
    if (this.#bytesSince >= spacingBytes && this.#checkpointCount < checkpointsMax) {
      this.#addCheckpoint(id.index, place)
      this.#bytesSince = 0
    }
    this.#bytesSince += bytes
  }

  #addCheckpoint(index: number, place: RecordPlace): void {
    const at = this.#checkpointCount * fields
    if (at === this.#checkpoints.length) {
      const larger = new Float64Array(at * 2)
      larger.set(this.#checkpoints)
      this.#checkpoints = larger
    }
    this.#checkpoints.set([index, place.segmentNumber, place.flushOffset, place.recordOffset], at)
    this.#checkpointCount += 1
  }

  /** Forgets the entries from `index` on. */
  truncateFrom(index: number): void {
    assert(index > this.#base.index, 'the log begins behind its base')
    assert(index <= this.#lastIndex, 'what is cut exists')
    this.#lastIndex = index - 1
    while ((this.#runs.at(-1)?.firstIndex ?? 0) >= index) this.#runs.pop()
    while (
      this.#checkpointCount > 0 &&
      this.#checkpointAt(this.#checkpointCount - 1).index >= index
    ) {
      this.#checkpointCount -= 1
    }
    // What comes next lies behind the dead entries; a checkpoint there spares reading them.
    this.#bytesSince = spacingBytes
  }

  /**
   * Forgets the entries up to `base`. What is left begins in segment `segmentNumber`, and in no
   * earlier one.
   */
  compact(base: EntryId, segmentNumber: number): void {
    assert(base.index >= this.#base.index, 'what is gone stays gone')
    assert(this.termAt(base.index) === base.term, 'the base is an entry of this log')
    this.#compactRuns(base.index + 1)
    this.#base = base
    let dropped = 0
    while (dropped < this.#checkpointCount && this.#checkpointAt(dropped).index <= base.index) {
      dropped += 1
    }
    const left = this.#checkpointCount - dropped
    const next = left === 0 ? undefined : this.#checkpointAt(dropped).index
    const larger = Math.max(64, 2 * (left + 1)) * fields
    const kept = this.#checkpoints.subarray(dropped * fields, this.#checkpointCount * fields)
    this.#checkpoints = new Float64Array(larger)
    this.#checkpointCount = 0
    if (this.#lastIndex === base.index) {
      // The next entry is the first one, which has to have a checkpoint.
      this.#bytesSince = spacingBytes
      return
    }
    if (next !== base.index + 1) {
      const flushOffset = segmentHeaderBytes
      const recordOffset = flushOffset + flushHeaderBytes
      this.#addCheckpoint(base.index + 1, { segmentNumber, flushOffset, recordOffset })
    }
    this.#checkpoints.set(kept, this.#checkpointCount * fields)
    this.#checkpointCount += left
  }

  #compactRuns(from: number): void {
    if (from > this.#lastIndex) {
      this.#runs = []
      return
    }
    const at = this.#runAt(from)
    const { term } = present(this.#runs[at], 'every entry is in a run')
    this.#runs = [{ term, firstIndex: from }, ...this.#runs.slice(at + 1)]
  }

  #checkpointAt(position: number): Checkpoint {
    assert(position >= 0 && position < this.#checkpointCount, 'the checkpoint exists')
    const at = position * fields
    const field = (offset: number): number =>
      present(this.#checkpoints[at + offset], 'a checkpoint has four numbers')
    return {
      index: field(0),
      segmentNumber: field(1),
      flushOffset: field(2),
      recordOffset: field(3),
    }
  }

  /** The last checkpoint whose entry is not behind `index`. */
  checkpointFor(index: number): Checkpoint {
    const exists = index > this.#base.index && index <= this.#lastIndex
    assert(exists, 'only existing entries are looked for')
    let low = 0
    let high = this.#checkpointCount - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.#checkpointAt(middle).index <= index) low = middle
      else high = middle - 1
    }
    const found = this.#checkpointAt(low)
    // Invariant: the first entry of a log always gets a checkpoint, and loses it only when it goes.
    assert(found.index <= index, 'a log that is not empty has a checkpoint at its first entry')
    return found
  }
}
