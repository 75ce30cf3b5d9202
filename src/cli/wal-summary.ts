/** What a log comes to: its items, as `inspectLog` tells them, folded into a few figures. */
import type { LogItem } from '../wal/index.ts'
import { unreachable } from '../assert.ts'

/** One segment. */
export interface SegmentSummary {
  readonly file: string
  readonly segmentNumber: number
  readonly bytes: number
  readonly sealed: boolean
  readonly baseIndex: number | undefined
  readonly flushes: number
  readonly entries: number
  /** Of its entries; undefined: it has none. */
  readonly firstIndex: number | undefined
  readonly lastIndex: number | undefined
}

/** The whole log. */
export interface WalSummary {
  readonly segments: readonly SegmentSummary[]
  readonly bytes: number
  /** The entry behind which the log begins; 0: it is whole. */
  readonly baseIndex: number
  /** The last entry; the base's index where there is none. */
  readonly lastIndex: number
  readonly lastTerm: number
  /** The newest hard state. */
  readonly term: number
  readonly votedFor: string | undefined
  /** Entries up to here are known to be committed: of those that are there. */
  readonly commitIndex: number
  /** A flush that a crash cut short, at the end. */
  readonly torn: Extract<LogItem, { type: 'torn' }> | undefined
  /** Files that are no part of the log. */
  readonly leftovers: readonly string[]
  /** The first damage; nothing is known of what comes behind it. */
  readonly damage: Extract<LogItem, { type: 'damage' }> | undefined
}

/** Folds items as they come; `each` gets every one of them first. */
export async function summarise(
  items: AsyncIterable<LogItem>,
  each: (item: LogItem) => Promise<void> = () => Promise.resolve(),
): Promise<WalSummary> {
  const tally = new Tally()
  for await (const item of items) {
    await each(item)
    tally.add(item)
  }
  return tally.summary()
}

type Changing<T> = { -readonly [name in keyof T]: T[name] }

/** Logs have millions of records: it is written over, not copied. */
class Tally {
  readonly #segments: Changing<SegmentSummary>[] = []
  readonly #leftovers: string[] = []
  #base = { index: 0, term: 0 }
  #last = { index: 0, term: 0 }
  #hardState: Pick<WalSummary, 'term' | 'votedFor' | 'commitIndex'> = {
    term: 0,
    votedFor: undefined,
    commitIndex: 0,
  }
  #torn: WalSummary['torn']
  #damage: WalSummary['damage']

  add(item: LogItem): void {
    switch (item.type) {
      case 'segment':
        this.#addSegment(item)
        return
      case 'flush': {
        const segment = this.#segments.at(-1)
        if (segment !== undefined) segment.flushes++
        return
      }
      case 'record':
        this.#addRecord(item)
        return
      case 'torn':
        this.#torn = item
        return
      case 'leftover':
        this.#leftovers.push(item.file)
        return
      case 'damage':
        this.#damage = item
        return
      default:
        unreachable(item)
    }
  }

  #addSegment(item: Extract<LogItem, { type: 'segment' }>): void {
    const { file, segmentNumber, base, bytes, sealed } = item
    // The first segment says where the log begins; those behind it say what is known already.
    if (this.#segments.length === 0 && base !== undefined) {
      this.#base = base
      this.#last = base
    }
    const counts = { flushes: 0, entries: 0, firstIndex: undefined, lastIndex: undefined }
    this.#segments.push({ file, segmentNumber, bytes, sealed, baseIndex: base?.index, ...counts })
  }

  #addRecord(record: Extract<LogItem, { type: 'record' }>): void {
    switch (record.kind) {
      case 'seal':
        return
      case 'hardState': {
        const { term, votedFor, index: commitIndex } = record
        this.#hardState = { term, votedFor, commitIndex }
        return
      }
      case 'noop':
      case 'commands':
      case 'config': {
        const { index, term } = record
        // An entry whose index is taken replaces everything from there on.
        this.#last = { index, term }
        const segment = this.#segments.at(-1)
        if (segment === undefined) return
        segment.entries++
        segment.firstIndex = Math.min(segment.firstIndex ?? index, index)
        segment.lastIndex = index
        return
      }
      default:
        unreachable(record)
    }
  }

  summary(): WalSummary {
    // The hint may run ahead of the log: a leader may know of a commit before its own disk has it.
    const committed = Math.min(this.#hardState.commitIndex, this.#last.index)
    return {
      segments: this.#segments,
      bytes: this.#segments.reduce((sum, { bytes }) => sum + bytes, 0),
      baseIndex: this.#base.index,
      lastIndex: this.#last.index,
      lastTerm: this.#last.term,
      ...this.#hardState,
      commitIndex: Math.max(this.#base.index, committed),
      torn: this.#torn,
      leftovers: this.#leftovers,
      damage: this.#damage,
    }
  }
}
