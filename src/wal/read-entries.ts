/** Reading entries back from a log that is in use: from a checkpoint on, frame by frame. */
import { assert, present } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { Disk, DiskFile } from '../ports.ts'
import type { Entry, TermRun } from '../raft/index.ts'
import { FileWindow } from './file-window.ts'
import { lengthsPlausible } from './flush.ts'
import {
  decodeFlushHeader,
  flushHeaderBytes,
  segmentHeaderBytes,
  type FlushHeader,
} from './format.ts'
import type { Checkpoint } from './log-index.ts'
import { decodeRecord, peekRecordBytes, recordHeaderBytes } from './records.ts'
import { segmentPath } from './segment-files.ts'
import type { SegmentInfo } from './segment-list.ts'

/** What is read, as the log stood when the reading began. */
export interface ReadPlan {
  readonly disk: Disk
  readonly directory: string
  /** The segments from the checkpoint's on; none is read beyond its `end`. */
  readonly segments: readonly SegmentInfo[]
  readonly start: Checkpoint
  /** First and last index, both included, both in the log. */
  readonly from: number
  readonly to: number
  /** Counted as `readOverheadBytes` says. */
  readonly bytesMax: number
  /** The terms of that range in the live log: an overwritten entry has another one. */
  readonly runs: readonly TermRun[]
}

const windowBytes = 256 * 1024

/**
 * Bytes that an entry counts beyond its data. As in the caps of the core, whose fetches end here:
 * without it a run of entries without data would be bounded by nothing.
 */
export const readOverheadBytes = 64

/**
 * The entries of the plan: at least one, and beyond that no more than `bytesMax` bytes of data,
 * each entry counted with `readOverheadBytes` more.
 *
 * An entry that was overwritten is passed over by its term. Should the live entry's term and index
 * be met in an older copy first, the copy is identical: (index, term) names one entry for ever
 * (paper, section 5.3, log matching).
 */
export async function readEntries(plan: ReadPlan): Promise<Entry[]> {
  const wanted = new Collector(plan)
  let chain: { next: number; checksum: number } | undefined
  for (const segment of plan.segments) {
    const path = segmentPath(plan.directory, segment.segmentNumber)
    const file = await plan.disk.open(path, 'read')
    try {
      chain = await readSegment({ plan, segment, path, file, wanted, chain })
    } finally {
      await file.close()
    }
    if (wanted.complete) return wanted.entries
  }
  const last = present(plan.segments.at(-1), 'a log has a segment')
  const path = segmentPath(plan.directory, last.segmentNumber)
  throw corruptError(path, last.end, `entry ${wanted.next} was written and is not there`)
}

/** Picks what was asked for out of the records that are met. */
class Collector {
  readonly entries: Entry[] = []
  next: number
  complete = false
  #bytes = 0
  #run = 0
  readonly #plan: ReadPlan

  constructor(plan: ReadPlan) {
    assert(plan.from <= plan.to, 'a range is not reversed')
    assert(plan.start.index <= plan.from, 'reading begins at or before what is wanted')
    this.#plan = plan
    this.next = plan.from
  }

  offer(entry: Entry): void {
    if (entry.index !== this.next || entry.term !== this.#termOfNext()) return
    this.#bytes += entry.data.length + readOverheadBytes
    if (this.entries.length > 0 && this.#bytes > this.#plan.bytesMax) {
      this.complete = true
      return
    }
    // A copy, because the view would keep the whole window alive.
    this.entries.push({ ...entry, data: entry.data.slice() })
    this.next += 1
    this.complete = this.next > this.#plan.to
  }

  #termOfNext(): number {
    const { runs } = this.#plan
    while ((runs[this.#run + 1]?.firstIndex ?? Infinity) <= this.next) this.#run += 1
    return present(runs[this.#run], 'the runs cover the range').term
  }
}

interface SegmentRead {
  readonly plan: ReadPlan
  readonly segment: SegmentInfo
  readonly path: string
  readonly file: DiskFile
  readonly wanted: Collector
  readonly chain: { next: number; checksum: number } | undefined
}

async function readSegment(
  read: SegmentRead,
): Promise<{ next: number; checksum: number } | undefined> {
  const { plan, segment, path, file, wanted } = read
  const window = new FileWindow({ file, path, fileBytes: segment.end, windowBytes })
  const first = segment.segmentNumber === plan.start.segmentNumber
  let offset = first ? plan.start.flushOffset : segmentHeaderBytes
  let recordOffset = first ? plan.start.recordOffset : offset + flushHeaderBytes
  let chain = read.chain
  while (offset < segment.end && !wanted.complete) {
    const header = await readHeader(window, segment, offset)
    const linked =
      chain === undefined ||
      (header.flushNumber === chain.next && header.previousChecksum === chain.checksum)
    if (!linked) throw corruptError(path, offset, 'the flush does not follow the one before it')
    await readRecords({ window, seed: segment.seed, header, recordOffset, wanted })
    chain = { next: header.flushNumber + 1, checksum: header.checksum }
    offset += header.flushBytes
    recordOffset = offset + flushHeaderBytes
  }
  return chain
}

async function readHeader(
  window: FileWindow,
  segment: SegmentInfo,
  offset: number,
): Promise<FlushHeader> {
  const bytes = await window.bytes(offset, flushHeaderBytes)
  const place = { segmentNumber: segment.segmentNumber, fileOffset: offset }
  const header = decodeFlushHeader(bytes, segment.seed, place)
  const fits =
    header !== undefined && lengthsPlausible(header) && offset + header.flushBytes <= segment.end
  if (!fits) throw corruptError(window.path, offset, 'the header of a flush does not check')
  return header
}

async function readRecords(read: {
  window: FileWindow
  seed: number
  header: FlushHeader
  recordOffset: number
  wanted: Collector
}): Promise<void> {
  const { window, seed, header, wanted } = read
  const end = header.fileOffset + flushHeaderBytes + header.recordBytes
  let offset = read.recordOffset
  assert(offset <= end, 'a checkpoint names a record of its flush')
  while (offset < end && !wanted.complete) {
    const left = end - offset
    const start = await window.bytes(offset, Math.min(recordHeaderBytes, left))
    const length = peekRecordBytes(start, 0)
    if (length === undefined || length > left) {
      throw corruptError(window.path, offset, 'the length of a record is out of range')
    }
    const decoded = decodeRecord(await window.bytes(offset, length), 0, seed)
    if ('problem' in decoded) throw corruptError(window.path, offset, decoded.problem)
    if (decoded.record.type === 'entry') wanted.offer(decoded.record.entry)
    offset += length
  }
}
