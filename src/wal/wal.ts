/** The write-ahead log of one Raft group: entries and hard state, flush by flush. */
import { assert } from '../assert.ts'
import { silentLogger } from '../logger.ts'
import type { Entry, EntryId, HardState } from '../raft/index.ts'
import { roundUp } from './bytes.ts'
import { Poison, storageError } from './failure.ts'
import { encodeFlush, flushBytesFor, sealFlushBytes, type FlushPlace } from './flush.ts'
import { flushHeaderBytes, segmentHeaderBytes } from './format.ts'
import { removeSegments } from './front.ts'
import { LiveLog } from './live-log.ts'
import { readEntries } from './read-entries.ts'
import { recordBytesFor, recordBytesOf, type WalRecord } from './records.ts'
import { recoverLog, type RecoveredLog } from './recovery.ts'
import { checkedSegmentBytes, createSegment, type OpenSegment } from './segment-files.ts'
import type { Chain } from './scan-segment.ts'
import { emptyStart, type LogStart } from './segment-header.ts'
import { SegmentList } from './segment-list.ts'
import type { Recovered, WalBatch, WalOptions } from './wal-types.ts'

const tailBytesDefault = 16 * 1024 * 1024
/** A larger buffer serves one flush and is let go. */
const scratchBytesMax = 4 * 1024 * 1024

/** An open log. One flush at a time; reads may run beside it. */
export class Wal {
  readonly #options: WalOptions
  readonly #segmentBytes: number
  readonly #chain: Chain
  readonly #poison = new Poison()
  #live: LiveLog
  #segments: SegmentList
  #current: OpenSegment
  /** Segments from before the front, which a compaction that was cut short left behind. */
  #passedOver: readonly number[]
  #compacting: Promise<EntryId> | undefined
  #flushing: Promise<void> | undefined
  /** A hard state with a newer commit index alone, which goes out with the next flush. */
  #waiting: HardState | undefined
  #scratch = new Uint8Array(64 * 1024)
  #closed = false

  private constructor(options: WalOptions, log: RecoveredLog) {
    this.#options = options
    this.#segmentBytes = checkedSegmentBytes(options)
    this.#live = log.replay.live
    this.#segments = log.replay.segments
    this.#chain = log.chain
    this.#current = log.current
    this.#passedOver = log.passedOver
  }

  /** Makes an empty log in a directory that exists and holds none. It may begin behind a base. */
  static async create(
    options: WalOptions & { readonly start?: LogStart; readonly firstFlush?: number },
  ): Promise<void> {
    const { disk, directory, identity, start = emptyStart, firstFlush = 1 } = options
    const fileBytes = checkedSegmentBytes(options)
    const first = { segmentNumber: 1, firstFlush, previousChecksum: 0 }
    const header = { ...first, fileBytes, start, reset: false }
    try {
      const segment = await createSegment({ disk, directory, identity, header })
      await segment.file.close()
    } catch (error) {
      throw storageError(`the log in ${directory} could not be made`, error)
    }
  }

  /**
   * Reads a log back and makes it ready for its next flush. Damage is refused. Before anything is
   * mended `accept` sees what was found, and may throw: then all stays as it is.
   */
  static async open(
    options: WalOptions,
    accept: (recovered: Recovered) => void = () => {},
  ): Promise<{ wal: Wal; recovered: Recovered }> {
    checkedSegmentBytes(options)
    const logger = options.logger ?? silentLogger
    const tailBytesMax = options.tailBytesMax ?? tailBytesDefault
    let log: RecoveredLog
    try {
      log = await recoverLog({ ...options, logger, tailBytesMax, accept })
    } catch (error) {
      throw storageError(`the log in ${options.directory} could not be read back`, error)
    }
    const { recovered } = log
    if (recovered.tornFlush !== undefined) {
      const { file, offset, bytes } = recovered.tornFlush
      logger.warn('cut an incomplete last flush, which was never acknowledged', {
        file,
        offset,
        bytes,
      })
    }
    return { wal: new Wal(options, log), recovered }
  }

  /** Bytes of log on disk. Segments are files with holes, so that their lengths say more. */
  get bytes(): number {
    return this.#segments.bytes
  }

  /** The last entry that is gone; index 0: none is. */
  get base(): EntryId {
    return this.#live.index.base
  }

  /** Index of the last durable entry; that of the base where there is none. */
  get lastIndex(): number {
    return this.#live.index.lastIndex
  }

  /** Number of the last durable flush. */
  get lastFlush(): number {
    return this.#chain.nextFlush - 1
  }

  /**
   * Makes a batch durable: one flush, one fdatasync. Only one at a time, because a flush proves by
   * its existence that the one before was durable. After a failure every call fails.
   */
  async append(batch: WalBatch): Promise<void> {
    assert(!this.#closed, 'a closed log is not written to')
    assert(this.#flushing === undefined, 'a flush begins after the one before is durable')
    const what = `the log in ${this.#options.directory} could not be written`
    this.#flushing = this.#poison.guard(what, () => this.#append(batch))
    try {
      await this.#flushing
    } finally {
      this.#flushing = undefined
    }
  }

  async #append(batch: WalBatch): Promise<void> {
    const problem = this.#live.batchProblem(batch)
    assert(problem === undefined, problem ?? '')
    const known = this.#live.hardState
    const next = batch.hardState
    const mustSync =
      batch.mustSync ||
      batch.entries.length > 0 ||
      (next !== undefined &&
        (next.currentTerm !== known.currentTerm || next.votedFor !== known.votedFor))
    const newCommit = next !== undefined && next.commitIndex !== known.commitIndex
    if (next !== undefined && (mustSync || newCommit)) this.#waiting = next
    // Writing without syncing is no choice: the next flush would claim that this one is durable.
    if (!mustSync) return
    const hardState = this.#waiting
    const records: WalRecord[] = []
    if (hardState !== undefined) records.push({ type: 'hardState', hardState })
    for (const entry of batch.entries) records.push({ type: 'entry', entry })
    if (records.length === 0) return
    const bytes = flushBytesFor(records)
    if (this.#segments.last.end + bytes + sealFlushBytes > this.#fullAt(bytes)) {
      await this.#rotate(bytes)
    }
    const flushOffset = this.#segments.last.end
    await this.#writeFlush(records, bytes)
    this.#waiting = undefined
    this.#apply(records, flushOffset)
  }

  /**
   * A segment that was made longer than they are to be now is left early: only whole segments can
   * be dropped, and it would be kept until it is full. A flush that fills one by itself has it.
   */
  #fullAt(bytes: number): number {
    const needed = segmentHeaderBytes + bytes + sealFlushBytes
    return Math.min(this.#current.header.fileBytes, Math.max(this.#segmentBytes, needed))
  }

  async #writeFlush(records: readonly WalRecord[], bytes: number): Promise<void> {
    const { header, seed, file } = this.#current
    const { end } = this.#segments.last
    assert(end + bytes <= header.fileBytes, 'a flush lies within its segment')
    assert(end >= segmentHeaderBytes, 'the header of a segment is not overwritten')
    const place: FlushPlace = {
      previousChecksum: this.#chain.previousChecksum,
      flushNumber: this.#chain.nextFlush,
      segmentNumber: header.segmentNumber,
      fileOffset: end,
      seed,
    }
    const frame = this.#frame(bytes)
    const checksum = encodeFlush(frame, records, place)
    await file.write([frame], end)
    await file.sync()
    this.#chain.nextFlush += 1
    this.#chain.previousChecksum = checksum
    this.#segments.grow(end + bytes)
  }

  /** A buffer for one flush. It is free again when the write has ended, which is awaited. */
  #frame(bytes: number): Uint8Array {
    if (bytes > scratchBytesMax) return new Uint8Array(bytes)
    if (this.#scratch.length < bytes) {
      this.#scratch = new Uint8Array(Math.min(scratchBytesMax, roundUp(bytes, 64 * 1024) * 2))
    }
    return this.#scratch.subarray(0, bytes)
  }

  #apply(records: readonly WalRecord[], flushOffset: number): void {
    const { segmentNumber } = this.#current.header
    let recordOffset = flushOffset + flushHeaderBytes
    for (const record of records) {
      if (record.type === 'hardState') this.#live.setHardState(record.hardState)
      if (record.type === 'entry') {
        const { index } = record.entry
        if (index <= this.#live.index.lastIndex) this.#segments.cross(index)
        const place = { segmentNumber, flushOffset, recordOffset }
        this.#live.append(record.entry, place, recordBytesFor(record.entry.data.length))
      }
      recordOffset += recordBytesOf(record)
    }
    this.#live.settle()
  }

  /**
   * Goes on in a new segment: 1. the new one is made, durably; 2. the old one is sealed, durably;
   * 3. the next flush goes into the new one. A crash between 1 and 2 leaves an unused file, which
   * the next start removes. After 2, the loss of the new file shows.
   */
  async #rotate(bytes: number): Promise<void> {
    const { disk, directory, identity } = this.#options
    const old = this.#current
    const nextSegment = old.header.segmentNumber + 1
    const { end } = this.#segments.last
    assert(end + sealFlushBytes <= old.header.fileBytes, 'there is room for the seal')
    const records: WalRecord[] = [{ type: 'seal', nextSegment }]
    // The header of the new segment names the seal, which is not written yet: it is computed first.
    const previousChecksum = encodeFlush(new Uint8Array(sealFlushBytes), records, {
      previousChecksum: this.#chain.previousChecksum,
      flushNumber: this.#chain.nextFlush,
      segmentNumber: old.header.segmentNumber,
      fileOffset: end,
      seed: old.seed,
    })
    const { index, hardState } = this.#live
    const base = { index: index.lastIndex, term: index.lastTerm }
    const header = {
      segmentNumber: nextSegment,
      fileBytes: Math.max(this.#segmentBytes, segmentHeaderBytes + bytes + sealFlushBytes),
      firstFlush: this.#chain.nextFlush + 1,
      previousChecksum,
      start: { base, hardState },
      reset: false,
    }
    const created = await createSegment({ disk, directory, identity, header })
    try {
      await this.#writeFlush(records, sealFlushBytes)
    } catch (error) {
      await created.file.close()
      throw error
    }
    assert(this.#chain.previousChecksum === previousChecksum, 'the seal is the one that was named')
    this.#current = created
    const { seed } = created
    this.#segments.push({ segmentNumber: nextSegment, seed, end: segmentHeaderBytes, base })
    await old.file.close()
  }

  /**
   * The live entries from index `from` to index `to`, both included, as far as they exist: at
   * least one if there is one, and then no more than `bytesMax` bytes, counted as by the core
   * (`readOverheadBytes`). None where `from` is at or below the base. What is read is verified. May
   * run beside `append` and `compact`: it reads the log as it stood when it was called, unless the
   * beginning of it goes meanwhile; then as it stands after that.
   */
  async read(from: number, to: number, bytesMax: number): Promise<Entry[]> {
    assert(!this.#closed, 'a closed log is not read')
    assert(from >= 1, 'the log begins at index 1')
    const { disk, directory } = this.#options
    for (;;) {
      this.#poison.check()
      const live = this.#live
      const { index } = live
      const last = Math.min(to, index.lastIndex)
      if (from <= index.base.index || from > last) return []
      const start = index.checkpointFor(from)
      const runs = index.runsBetween(from, last)
      const front = this.#segments.front.segmentNumber
      const segments = this.#segments.from(start.segmentNumber)
      const plan = { disk, directory, segments, start, from, to: last, bytesMax, runs }
      try {
        const entries = await readEntries(plan)
        if (live === this.#live) return entries
      } catch (error) {
        // A segment of the plan may be gone, which a later plan does without: the front only moves
        // on, so that this ends.
        if (this.#segments.front.segmentNumber > front && !this.#closed) continue
        throw storageError(`the log in ${directory} could not be read`, error)
      }
    }
  }

  /**
   * Drops the oldest segments, as far as they hold nothing above `upTo`; never the one that is
   * being written. What is up to there must be committed, and durable in the state: it is gone.
   * Returns the base after it, which is unchanged where nothing could go. May run beside `append`
   * and `read`. After a failure every call fails.
   */
  async compact(upTo: number): Promise<EntryId> {
    assert(!this.#closed, 'a closed log is not compacted')
    assert(this.#compacting === undefined, 'a log is compacted once at a time')
    assert(upTo <= this.lastIndex, 'what goes was durable in the log')
    const what = `the log in ${this.#options.directory} could not be compacted`
    this.#compacting = this.#poison.guard(what, () => this.#compact(upTo))
    try {
      return await this.#compacting
    } finally {
      this.#compacting = undefined
    }
  }

  async #compact(upTo: number): Promise<EntryId> {
    const { disk, directory } = this.#options
    if (upTo < this.base.index) return this.base
    const front = this.#segments.frontFor(upTo)
    const gone = [...this.#passedOver]
    this.#passedOver = []
    if (front !== undefined) {
      // In memory first: from here on nobody begins to read what goes.
      this.#live.compact(front.base, front.segmentNumber)
      gone.push(...this.#segments.dropBefore(front.segmentNumber))
    }
    await removeSegments(disk, directory, gone)
    return this.base
  }

  /**
   * Replaces the whole log by an empty one behind `base`, durably; term and vote stay. A crash leaves
   * the old log or the new one. To be called where the log lacks that entry, or ends with it.
   */
  async reset(base: EntryId): Promise<void> {
    assert(!this.#closed, 'a closed log is not reset')
    const idle = this.#flushing === undefined && this.#compacting === undefined
    assert(idle, 'nothing is written while a log is reset')
    const { index, committedFloor, hardState } = this.#live
    assert(base.index >= committedFloor, 'what is known to be committed stays')
    // A tail behind that very entry matches it (paper, section 5.3): it may have been acknowledged.
    const held = base.index <= index.lastIndex && index.termAt(base.index) === base.term
    assert(!held || base.index === index.lastIndex, 'a tail that fits a snapshot stays')
    const start = { base, hardState: { ...hardState, commitIndex: base.index } }
    const what = `the log in ${this.#options.directory} could not be reset`
    this.#flushing = this.#poison.guard(what, () => this.#reset(start))
    try {
      await this.#flushing
    } finally {
      this.#flushing = undefined
    }
  }

  /** The new segment's name is the moment: from then on nothing before it counts (`front.ts`). */
  async #reset(start: LogStart): Promise<void> {
    const { disk, directory, identity } = this.#options
    const { nextFlush, previousChecksum } = this.#chain
    const old = this.#current
    const header = {
      segmentNumber: old.header.segmentNumber + 1,
      fileBytes: this.#segmentBytes,
      firstFlush: nextFlush,
      previousChecksum,
      start,
      reset: true,
    }
    const created = await createSegment({ disk, directory, identity, header })
    const gone = [...this.#passedOver, ...this.#segments.all.map((each) => each.segmentNumber)]
    this.#current = created
    this.#live = new LiveLog(start)
    this.#waiting = undefined
    this.#passedOver = []
    this.#segments = new SegmentList()
    const { seed } = created
    const { segmentNumber } = header
    this.#segments.push({ segmentNumber, seed, end: segmentHeaderBytes, base: start.base })
    await old.file.close()
    await removeSegments(disk, directory, gone)
  }

  /** Waits for a flush that is under way, and closes the files. May be called more than once. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // Its caller hears of a failure; closing has to go on all the same.
    await this.#flushing?.catch(() => {})
    await this.#compacting?.catch(() => {})
    try {
      if (!this.#poison.poisoned && this.#waiting !== undefined) await this.#flushWaiting()
    } finally {
      await this.#current.file.close()
    }
  }

  /** A commit index that waited for company saves the next start some work. */
  async #flushWaiting(): Promise<void> {
    const what = `the log in ${this.#options.directory} could not be written`
    await this.#poison.guard(what, () =>
      this.#append({ hardState: this.#waiting, entries: [], mustSync: true }),
    )
  }
}
