/**
 * The rules of Raft that a log must obey (paper, figures 2 and 3), whoever changes it: asserted
 * before anything is written, and checked again over everything that is read back at a start.
 */
import type { Entry, EntryId, HardState } from '../raft/index.ts'
import { assert } from '../assert.ts'
import { LogIndex, type RecordPlace } from './log-index.ts'
import { emptyStart, type LogStart } from './segment-header.ts'

/** Why `next` cannot follow `previous`; undefined: it can. */
export function hardStateProblem(
  previous: Pick<HardState, 'currentTerm' | 'votedFor'>,
  next: Pick<HardState, 'currentTerm' | 'votedFor'>,
): string | undefined {
  if (next.currentTerm < previous.currentTerm) return 'the current term goes back'
  if (next.currentTerm === 0 && next.votedFor !== undefined) return 'there are no votes in term 0'
  if (
    next.currentTerm === previous.currentTerm &&
    previous.votedFor !== undefined &&
    next.votedFor !== previous.votedFor
  ) {
    // Two votes in one term can elect two leaders (paper, section 5.2).
    return 'a vote is changed or taken back within its term'
  }
  return undefined
}

/** The log as it stands: terms, places and hard state, without the data of the entries. */
export class LiveLog {
  readonly index: LogIndex
  #hardState: HardState
  /** Entries up to here are known to be committed: nothing may ever overwrite them. */
  #committedFloor: number

  /** A log that stands as the header of its first segment says. */
  constructor(start: LogStart = emptyStart) {
    this.index = new LogIndex(start.base)
    this.#hardState = start.hardState
    // Only what is committed, and in the state, is ever taken out of a log.
    this.#committedFloor = start.base.index
  }

  /** Entries up to here are known to be committed. */
  get committedFloor(): number {
    return this.#committedFloor
  }

  get hardState(): HardState {
    return this.#hardState
  }

  /** Why this cannot come next; undefined: it can. */
  problemWith(hardState: HardState): string | undefined {
    return hardStateProblem(this.#hardState, hardState)
  }

  setHardState(hardState: HardState): void {
    const problem = this.problemWith(hardState)
    assert(problem === undefined, `hard states follow each other: ${problem ?? ''}`)
    this.#hardState = hardState
  }

  /** Forgets the entries up to `base`, which are committed. Segment `segmentNumber` comes first. */
  compact(base: EntryId, segmentNumber: number): void {
    this.index.compact(base, segmentNumber)
    this.#committedFloor = Math.max(this.#committedFloor, base.index)
  }

  /**
   * To be called after a whole flush. Not before: one flush may replace a conflicting tail and
   * say that the entries which it brings are committed, and the old tail is not what is meant.
   */
  settle(): void {
    // A leader may know of a commit before its own disk has the entry (thesis 10.2.1), so that the
    // commit index can be ahead of this log.
    const committed = Math.min(this.#hardState.commitIndex, this.index.lastIndex)
    this.#committedFloor = Math.max(this.#committedFloor, committed)
  }

  /**
   * Why this entry cannot be written next; undefined: it can. `previous` is the entry before it in
   * the same batch, where there is one; `currentTerm` that of the batch.
   */
  entryProblem(
    entry: Pick<Entry, 'index' | 'term'>,
    currentTerm: number,
    previous?: Pick<Entry, 'index' | 'term'>,
  ): string | undefined {
    const last = previous?.index ?? this.index.lastIndex
    if (entry.index < 1 || entry.index > last + 1) {
      return `entry ${entry.index} follows entry ${last}, which leaves a gap`
    }
    if (previous !== undefined && entry.index !== last + 1) {
      return `entry ${entry.index} follows entry ${last} in one flush`
    }
    if (entry.term > currentTerm) {
      return `entry ${entry.index} is of term ${entry.term}, ahead of the current term`
    }
    if (entry.index <= this.#committedFloor) {
      // Losing a committed entry is what Raft exists to prevent (paper, section 5.4).
      return `entry ${entry.index} would overwrite a committed entry`
    }
    const before = previous?.term ?? this.index.termAt(entry.index - 1)
    if (entry.term < before) return `the term of entry ${entry.index} is below the one before it`
    return undefined
  }

  /** Why a batch cannot be written next; undefined: it can. */
  batchProblem(batch: {
    readonly hardState?: HardState | undefined
    readonly entries: readonly Entry[]
  }): string | undefined {
    const { hardState, entries } = batch
    const problem = hardState === undefined ? undefined : this.problemWith(hardState)
    if (problem !== undefined) return `a hard state follows the last one: ${problem}`
    const { currentTerm } = hardState ?? this.#hardState
    let previous: Entry | undefined
    for (const entry of entries) {
      const wrong = this.entryProblem(entry, currentTerm, previous)
      if (wrong !== undefined) return `entries follow each other: ${wrong}`
      previous = entry
    }
    return undefined
  }

  /** Adds an entry that was found to be right, in place of all from its index on. */
  append(entry: Pick<Entry, 'index' | 'term'>, place: RecordPlace, bytes: number): void {
    assert(entry.index <= this.index.lastIndex + 1, 'there are no gaps in a log')
    assert(entry.index > this.#committedFloor, 'committed entries stay')
    if (entry.index <= this.index.lastIndex) this.index.truncateFrom(entry.index)
    this.index.append(entry, place, bytes)
  }
}
