/**
 * What is known in memory about a log on disk: its terms, and where to begin reading.
 *
 * A log may hold hundreds of millions of entries, so there is nothing per entry: a run per term,
 * and a checkpoint per 64 KiB of log in plain number arrays.
 */
import { assert, present } from '../assert.ts'
import type { TermRun } from '../raft/index.ts'

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

/** Grows at its end, and is cut from an index on when a new leader overwrites a tail. */
export class LogIndex {
  readonly #runs: TermRun[] = []
  #lastIndex = 0
  /** `fields` numbers per checkpoint: index, segment, flush offset, record offset. */
  #checkpoints = new Float64Array(64 * fields)
  #checkpointCount = 0
  #bytesSince = spacingBytes

  /** Index of the last entry; 0 in an empty log. */
  get lastIndex(): number {
    return this.#lastIndex
  }

  /** Term of the last entry; 0 in an empty log. */
  get lastTerm(): number {
    return this.#runs.at(-1)?.term ?? 0
  }

  /** The terms of all entries. A copy. */
  termRuns(): TermRun[] {
    return [...this.#runs]
  }

  /** The term of an entry that exists. */
  termAt(index: number): number {
    assert(index >= 1, 'the log begins at index 1')
    assert(index <= this.#lastIndex, 'only the terms of existing entries are known')
    return present(this.#runs[this.#runAt(index)], 'every entry is in a run').term
  }

  /** The runs that overlap `from` to `to`, both included. */
  runsBetween(from: number, to: number): readonly TermRun[] {
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
    if (id.term > this.lastTerm) this.#runs.push({ term: id.term, firstIndex: id.index })
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
    assert(index >= 1, 'the log begins at index 1')
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
    assert(index >= 1 && index <= this.#lastIndex, 'only existing entries are looked for')
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
