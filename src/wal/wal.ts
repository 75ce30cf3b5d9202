/** The write-ahead log of one Raft group: entries and hard state, flush by flush. */
import { assert, present } from '../assert.ts'
import { silentLogger, type Logger } from '../logger.ts'
import type { Disk } from '../ports.ts'
import type { Entry, HardState, TermRun } from '../raft/index.ts'
import { roundUp, sectorBytes } from './bytes.ts'
import { Poison, storageError } from './failure.ts'
import { encodeFlush, flushBytesFor, sealFlushBytes, type FlushPlace } from './flush.ts'
import { flushHeaderBytes, segmentHeaderBytes, type LogIdentity } from './format.ts'
import type { LiveLog } from './live-log.ts'
import { readEntries } from './read-entries.ts'
import { recordBytesFor, recordBytesOf, type WalRecord } from './records.ts'
import { recoverLog, type RecoveredLog, type SegmentInfo, type TornFlush } from './recovery.ts'
import {
  createSegment,
  segmentBytesDefault,
  segmentBytesMin,
  type OpenSegment,
} from './segment-files.ts'
import type { Chain } from './scan-segment.ts'

/** What a log needs to be opened or made. */
export interface WalOptions {
  readonly disk: Disk
  readonly directory: string
  readonly identity: LogIdentity
  /** Length of new segments, a multiple of 512. Default: 64 MiB. */
  readonly segmentBytes?: number | undefined
  /** How many bytes of the newest entries `open` hands over. Default: 64 MiB. */
  readonly tailBytesMax?: number | undefined
  readonly logger?: Logger | undefined
}

/** What a log held when it was opened. */
export interface Recovered {
  /** The last one written; its commit index is never above `lastIndex`. */
  readonly hardState: HardState
  readonly termRuns: readonly TermRun[]
  readonly lastIndex: number
  /** The newest entries, without gaps, as many as fit; the older ones are read when needed. */
  readonly tail: readonly Entry[]
  /** The number of the last flush. */
  readonly lastFlush: number
  /** Where the log ends. */
  readonly end: { readonly file: string; readonly offset: number }
  /** An incomplete last flush, which was cut. */
  readonly tornFlush: TornFlush | undefined
}

/** What one flush makes durable. */
export interface WalBatch {
  readonly hardState?: HardState | undefined
  /** Contiguous; the first one replaces everything from its index on. */
  readonly entries: readonly Entry[]
  /** False: nothing in here is needed after a crash, and it may wait for the next flush. */
  readonly mustSync: boolean
}

const tailBytesDefault = 64 * 1024 * 1024
/** A larger buffer serves one flush and is let go. */
const scratchBytesMax = 4 * 1024 * 1024

/** An open log. One flush at a time; reads may run beside it. */
export class Wal {
  readonly #options: WalOptions
  readonly #segmentBytes: number
  readonly #live: LiveLog
  readonly #segments: SegmentInfo[]
  readonly #chain: Chain
  readonly #poison = new Poison()
  #current: OpenSegment
  #end: number
  #bytesBefore: number
  #flushing: Promise<void> | undefined
  /** A hard state with a newer commit index alone, which goes out with the next flush. */
  #waiting: HardState | undefined
  #scratch = new Uint8Array(64 * 1024)
  #closed = false

  private constructor(options: WalOptions, log: RecoveredLog) {
    this.#options = options
    this.#segmentBytes = checkedSegmentBytes(options)
    this.#live = log.live
    this.#segments = log.segments
    this.#chain = log.chain
    this.#current = log.current
    const last = present(log.segments.at(-1), 'a log has a segment')
    this.#end = last.end
    this.#bytesBefore = 0
    for (const segment of log.segments.slice(0, -1)) this.#bytesBefore += segment.end
  }

  /** Makes an empty log in a directory that exists and holds none. */
  static async create(options: WalOptions): Promise<void> {
    const { disk, directory, identity } = options
    const fileBytes = checkedSegmentBytes(options)
    const header = { segmentNumber: 1, fileBytes, firstFlush: 1, previousChecksum: 0 }
    try {
      const segment = await createSegment({ disk, directory, identity, header })
      await segment.file.close()
    } catch (error) {
      throw storageError(`the log in ${directory} could not be made`, error)
    }
  }

  /** Reads a log back and makes it ready for its next flush. Damage is refused. */
  static async open(options: WalOptions): Promise<{ wal: Wal; recovered: Recovered }> {
    checkedSegmentBytes(options)
    const logger = options.logger ?? silentLogger
    const tailBytesMax = options.tailBytesMax ?? tailBytesDefault
    let log: RecoveredLog
    try {
      log = await recoverLog({ ...options, logger, tailBytesMax })
    } catch (error) {
      throw storageError(`the log in ${options.directory} could not be read back`, error)
    }
    if (log.torn !== undefined) {
      const { file, offset, bytes } = log.torn
      logger.warn('cut an incomplete last flush, which was never acknowledged', {
        file,
        offset,
        bytes,
      })
    }
    const { hardState, index } = log.live
    const recovered: Recovered = {
      // The hint may run ahead of a leader's own log, and of a log that lost its torn flush.
      hardState: { ...hardState, commitIndex: Math.min(hardState.commitIndex, index.lastIndex) },
      termRuns: index.termRuns(),
      lastIndex: index.lastIndex,
      tail: log.tail.entries(),
      lastFlush: log.chain.nextFlush - 1,
      end: {
        file: log.current.path,
        offset: present(log.segments.at(-1), 'a log has a segment').end,
      },
      tornFlush: log.torn,
    }
    return { wal: new Wal(options, log), recovered }
  }

  /** Bytes of log on disk. Segments are files with holes, so that their lengths say more. */
  get bytes(): number {
    return this.#bytesBefore + this.#end
  }

  /** Index of the last durable entry; 0 in an empty log. */
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
    this.#assertValid(batch)
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
    if (this.#end + bytes + sealFlushBytes > this.#current.header.fileBytes) {
      await this.#rotate(bytes)
    }
    const flushOffset = this.#end
    await this.#writeFlush(records, bytes)
    this.#waiting = undefined
    this.#apply(records, flushOffset)
  }

  #assertValid(batch: WalBatch): void {
    const currentTerm = batch.hardState?.currentTerm ?? this.#live.hardState.currentTerm
    if (batch.hardState !== undefined) {
      const problem = this.#live.problemWith(batch.hardState)
      assert(problem === undefined, `a hard state follows the last one: ${problem ?? ''}`)
    }
    let previous: Entry | undefined
    for (const entry of batch.entries) {
      const problem = this.#live.entryProblem(entry, currentTerm, previous)
      assert(problem === undefined, `entries follow each other: ${problem ?? ''}`)
      previous = entry
    }
  }

  async #writeFlush(records: readonly WalRecord[], bytes: number): Promise<void> {
    const { header, seed, file } = this.#current
    assert(this.#end + bytes <= header.fileBytes, 'a flush lies within its segment')
    assert(this.#end >= segmentHeaderBytes, 'the header of a segment is not overwritten')
    const place: FlushPlace = {
      ...this.#chain,
      flushNumber: this.#chain.nextFlush,
      segmentNumber: header.segmentNumber,
      fileOffset: this.#end,
      seed,
    }
    const frame = this.#frame(bytes)
    const checksum = encodeFlush(frame, records, place)
    await file.write([frame], this.#end)
    await file.sync()
    this.#chain.nextFlush += 1
    this.#chain.previousChecksum = checksum
    this.#end += bytes
    this.#segments[this.#segments.length - 1] = {
      segmentNumber: header.segmentNumber,
      seed,
      end: this.#end,
    }
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
    assert(this.#end + sealFlushBytes <= old.header.fileBytes, 'there is room for the seal')
    const records: WalRecord[] = [{ type: 'seal', nextSegment }]
    // The header of the new segment names the seal, which is not written yet: it is computed first.
    const previousChecksum = encodeFlush(new Uint8Array(sealFlushBytes), records, {
      ...this.#chain,
      flushNumber: this.#chain.nextFlush,
      segmentNumber: old.header.segmentNumber,
      fileOffset: this.#end,
      seed: old.seed,
    })
    const header = {
      segmentNumber: nextSegment,
      fileBytes: Math.max(this.#segmentBytes, segmentHeaderBytes + bytes + sealFlushBytes),
      firstFlush: this.#chain.nextFlush + 1,
      previousChecksum,
    }
    const created = await createSegment({ disk, directory, identity, header })
    try {
      await this.#writeFlush(records, sealFlushBytes)
    } catch (error) {
      await created.file.close()
      throw error
    }
    assert(this.#chain.previousChecksum === previousChecksum, 'the seal is the one that was named')
    this.#bytesBefore += this.#end
    this.#current = created
    this.#end = segmentHeaderBytes
    this.#segments.push({ segmentNumber: nextSegment, seed: created.seed, end: this.#end })
    await old.file.close()
  }

  /**
   * The live entries from index `from` to index `to`, both included, as far as they exist: at
   * least one if there is one, and then no more than `bytesMax` bytes, counted as by the core
   * (`readOverheadBytes`). What is read is verified. May run beside `append`: it reads the log as
   * it stood when it was called.
   */
  async read(from: number, to: number, bytesMax: number): Promise<Entry[]> {
    assert(!this.#closed, 'a closed log is not read')
    assert(from >= 1, 'the log begins at index 1')
    this.#poison.check()
    const { index } = this.#live
    const last = Math.min(to, index.lastIndex)
    if (from > last) return []
    const start = index.checkpointFor(from)
    const { disk, directory } = this.#options
    const runs = index.runsBetween(from, last)
    const segments = this.#segments.slice(start.segmentNumber - 1)
    try {
      return await readEntries({ disk, directory, segments, start, from, to: last, bytesMax, runs })
    } catch (error) {
      throw storageError(`the log in ${directory} could not be read`, error)
    }
  }

  /** Waits for a flush that is under way, and closes the files. May be called more than once. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // Its caller hears of a failure; closing has to go on all the same.
    await this.#flushing?.catch(() => {})
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

function checkedSegmentBytes(options: WalOptions): number {
  const segmentBytes = options.segmentBytes ?? segmentBytesDefault
  assert(segmentBytes >= segmentBytesMin, 'a segment has room for a flush and its seal')
  assert(segmentBytes % sectorBytes === 0, 'a segment is made of whole sectors')
  return segmentBytes
}
