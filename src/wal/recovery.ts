/**
 * Opening a log: its segments are read from the first to the last, every byte is verified, and the
 * log ends up ready for its next flush. Damage is refused with file and offset.
 */
import { assert, present } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Disk, DiskFile } from '../ports.ts'
import { firstNonZero, sectorBytes } from './bytes.ts'
import { FileWindow } from './file-window.ts'
import {
  flushHeaderBytes,
  segmentHeaderBytes,
  type FlushHeader,
  type LogIdentity,
} from './format.ts'
import { encodeFlush, sealFlushBytes, type PlacedRecord } from './flush.ts'
import { LiveLog } from './live-log.ts'
import { recordBytesFor } from './records.ts'
import {
  couldBeSeal,
  scanSegment,
  type Chain,
  type Extent,
  type OnFlush,
  type ScannedSegment,
} from './scan-segment.ts'
import { openSegment, segmentPath, sortNames, type OpenSegment } from './segment-files.ts'
import { Tail } from './tail.ts'

/** What reading needs to know of a segment: its seed, and where its flushes end. */
export interface SegmentInfo {
  readonly segmentNumber: number
  readonly seed: number
  readonly end: number
}

/** A flush that power took in the middle: never acknowledged, cut, and reported here. */
export interface TornFlush {
  readonly file: string
  readonly offset: number
  readonly bytes: number
}

/** A log that was read back. */
export interface RecoveredLog {
  readonly live: LiveLog
  readonly tail: Tail
  readonly chain: Chain
  /** All segments, oldest first; the last one is `current`. */
  readonly segments: SegmentInfo[]
  readonly current: OpenSegment
  readonly torn: TornFlush | undefined
}

interface RecoveryOptions {
  readonly disk: Disk
  readonly directory: string
  readonly identity: LogIdentity
  readonly tailBytesMax: number
  readonly logger: Logger
}

const windowBytes = 1024 * 1024

/** Reads the log in `directory`. */
export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  const { disk, directory } = options
  const numbers = await tidyDirectory(options)
  const live = new LiveLog()
  const tail = new Tail(options.tailBytesMax)
  const chain: Chain = { nextFlush: 1, previousChecksum: 0 }
  const segments: SegmentInfo[] = []
  let lastFlush: ({ path: string } & Extent) | undefined
  let torn: TornFlush | undefined
  let sealed = true
  for (const segmentNumber of numbers) {
    if (!sealed) {
      await dropUnusedSuccessor(options, { segmentNumber, numbers, torn, segments, chain })
      break
    }
    const scanned = await readSegment(options, { segmentNumber, live, tail, chain })
    const path = segmentPath(directory, segmentNumber)
    segments.push({ segmentNumber, seed: scanned.seed, end: scanned.end })
    if (scanned.lastFlush !== undefined) lastFlush = { path, ...scanned.lastFlush }
    if (scanned.torn !== undefined) torn = { file: path, ...scanned.torn }
    sealed = scanned.nextSegment !== undefined
  }
  const last = present(segments.at(-1), 'a log has a segment')
  if (sealed) {
    const missing = segmentPath(directory, last.segmentNumber + 1)
    throw corruptError(missing, 0, 'the segment is missing, though the one before leads on to it')
  }
  if (torn !== undefined) await eraseTornFlush(disk, torn)
  if (lastFlush !== undefined) await rewriteFlush(disk, lastFlush)
  const current = await openSegment({
    ...options,
    segmentNumber: last.segmentNumber,
    mode: 'write',
  })
  return { live, tail, chain, segments, current, torn }
}

/** Removes what an unfinished creation left, and returns the numbers of the segments. */
async function tidyDirectory(options: RecoveryOptions): Promise<readonly number[]> {
  const { disk, directory, logger } = options
  const names = await disk.list(directory)
  if (names === undefined) throw corruptError(directory, 0, 'the directory of the log is missing')
  const { segments, temporary } = sortNames(names)
  for (const [at, segmentNumber] of segments.entries()) {
    if (segmentNumber !== at + 1) {
      throw corruptError(segmentPath(directory, at + 1), 0, 'the segment is missing')
    }
  }
  if (segments.length === 0) {
    throw corruptError(segmentPath(directory, 1), 0, 'the segment is missing: the log is gone')
  }
  for (const name of temporary) {
    logger.info('removing a log segment that was never finished', { file: `${directory}/${name}` })
    await disk.remove(`${directory}/${name}`)
  }
  // A process that was killed may have left a name that is not durable yet. From here on the log
  // relies on it.
  await disk.syncDirectory(directory)
  return segments
}

async function readSegment(
  options: RecoveryOptions,
  state: { segmentNumber: number; live: LiveLog; tail: Tail; chain: Chain },
): Promise<ScannedSegment & { seed: number }> {
  const { segmentNumber, live, tail, chain } = state
  const { file, path, header, seed } = await openSegment({
    ...options,
    segmentNumber,
    mode: 'read',
  })
  try {
    if (header.firstFlush !== chain.nextFlush) {
      const what = `the segment begins with flush ${header.firstFlush}, not ${chain.nextFlush}`
      throw corruptError(path, 40, what)
    }
    if (header.previousChecksum !== chain.previousChecksum) {
      throw corruptError(path, 48, 'the segment follows another one than the one before it')
    }
    const window = new FileWindow({ file, path, fileBytes: header.fileBytes, windowBytes })
    const onFlush: OnFlush = (records, flush) => replay(records, flush, live, tail)
    const scanned = await scanSegment({ window, seed, segmentNumber, chain, onFlush })
    return { ...scanned, seed }
  } finally {
    await file.close()
  }
}

/** Applies a flush to the log in memory, by the rules that it was written by. */
function replay(
  records: readonly PlacedRecord[],
  flush: FlushHeader,
  live: LiveLog,
  tail: Tail,
): { problem: string; fileOffset: number } | undefined {
  let previous: { index: number; term: number } | undefined
  for (const { record, fileOffset } of records) {
    const bad = (problem: string): { problem: string; fileOffset: number } => ({
      problem,
      fileOffset,
    })
    if (record.type === 'seal') {
      if (records.length !== 1) return bad('a seal is not alone in its flush')
      if (record.nextSegment !== flush.segmentNumber + 1) return bad('a seal skips segments')
    } else if (record.type === 'hardState') {
      if (fileOffset !== records[0]?.fileOffset)
        return bad('a hard state is not first in its flush')
      const problem = live.problemWith(record.hardState)
      if (problem !== undefined) return bad(problem)
      live.setHardState(record.hardState)
    } else {
      const { entry } = record
      const problem = live.entryProblem(entry, live.hardState.currentTerm, previous)
      if (problem !== undefined) return bad(problem)
      const place = {
        segmentNumber: flush.segmentNumber,
        flushOffset: flush.fileOffset,
        recordOffset: fileOffset,
      }
      live.append(entry, place, recordBytesFor(entry.data.length))
      tail.append(entry)
      previous = entry
    }
  }
  live.settle()
  return undefined
}

/**
 * A segment without seal has a successor: the crash came after the successor was made and before
 * the seal was durable. Nothing can be in it. It goes, and is made again when it is needed, since
 * its header names the checksum of a seal that may now come later.
 */
async function dropUnusedSuccessor(
  options: RecoveryOptions,
  found: {
    segmentNumber: number
    numbers: readonly number[]
    torn: TornFlush | undefined
    segments: readonly SegmentInfo[]
    chain: Chain
  },
): Promise<void> {
  const { disk, directory, logger } = options
  const { segmentNumber, numbers, torn } = found
  const before = present(found.segments.at(-1), 'a successor has a predecessor')
  const unsealed = segmentPath(directory, before.segmentNumber)
  if (segmentNumber !== numbers.at(-1)) {
    throw corruptError(unsealed, before.end, 'the seal of the segment is missing')
  }
  // The flush before a seal is durable when the successor is made: only the seal can be torn.
  if (torn !== undefined && !couldBeSeal(torn)) {
    throw corruptError(torn.file, torn.offset, 'a flush is incomplete, and a segment follows')
  }
  const { file, path, header } = await openSegment({ ...options, segmentNumber, mode: 'read' })
  try {
    // The successor was made for the seal that comes next. If it was made for a later one, then the
    // log has lost its last flushes, which were durable.
    const seal = sealAt(before, found.chain)
    if (header.firstFlush !== seal.flushNumber + 1 || header.previousChecksum !== seal.checksum) {
      throw corruptError(unsealed, before.end, 'the last flush of the segment is missing')
    }
    const window = new FileWindow({ file, path, fileBytes: header.fileBytes, windowBytes })
    for (let at = segmentHeaderBytes; at < header.fileBytes; at += windowBytes) {
      const length = Math.min(windowBytes, header.fileBytes - at)
      if (firstNonZero(await window.bytes(at, length)) !== -1) {
        throw corruptError(
          unsealed,
          before.end,
          'the seal is missing, and the next segment is used',
        )
      }
    }
  } finally {
    await file.close()
  }
  logger.info('removing a log segment that was not used yet', { file: path })
  await disk.remove(path)
  await disk.syncDirectory(directory)
}

/** The seal that belongs where the log ends. */
function sealAt(segment: SegmentInfo, chain: Chain): { flushNumber: number; checksum: number } {
  const frame = new Uint8Array(sealFlushBytes)
  const checksum = encodeFlush(frame, [{ type: 'seal', nextSegment: segment.segmentNumber + 1 }], {
    flushNumber: chain.nextFlush,
    previousChecksum: chain.previousChecksum,
    segmentNumber: segment.segmentNumber,
    fileOffset: segment.end,
    seed: segment.seed,
  })
  return { flushNumber: chain.nextFlush, checksum }
}

/**
 * Overwrites a torn flush with zeros, so that a crash at any byte of it leaves a flush that is still
 * known as torn, and one that was written whole is never taken for it:
 *
 * 1. the last byte, which no whole flush has as zero: from here on the header shows that it is torn;
 * 2. everything behind the header, in whatever order the sectors go;
 * 3. the header: what is left of it has nothing behind it.
 */
async function eraseTornFlush(disk: Disk, torn: TornFlush): Promise<void> {
  const { file: path, offset, bytes } = torn
  assert(bytes >= sectorBytes, 'a torn flush has left a sector')
  await withFile(disk, path, async (file) => {
    await file.write([new Uint8Array(1)], offset + bytes - 1)
    await file.sync()
    for (let at = flushHeaderBytes; at < bytes; at += windowBytes) {
      await file.write([new Uint8Array(Math.min(windowBytes, bytes - at))], offset + at)
    }
    await file.sync()
    await file.write([new Uint8Array(flushHeaderBytes)], offset)
    await file.sync()
  })
}

/**
 * Writes the last flush once more, as it is, and syncs it.
 *
 * What a start reads may be in the operating system's cache alone: a process that was killed had
 * not synced yet, or an fsync failed and marked the pages clean (Rebello and others, ATC'20). A
 * node that builds on such a flush, and acknowledges it, loses it in the next power cut. Earlier
 * flushes are durable, since the last one was begun after them.
 */
async function rewriteFlush(disk: Disk, flush: { path: string } & Extent): Promise<void> {
  assert(flush.bytes > 0, 'a flush has bytes')
  await withFile(disk, flush.path, async (file) => {
    for (let at = 0; at < flush.bytes; at += windowBytes) {
      const length = Math.min(windowBytes, flush.bytes - at)
      const bytes = await file.read(flush.offset + at, length)
      if (bytes.length !== length) {
        throw corruptError(flush.path, flush.offset + at + bytes.length, 'the file ends early')
      }
      await file.write([bytes], flush.offset + at)
    }
    await file.sync()
  })
}

async function withFile(
  disk: Disk,
  path: string,
  work: (file: DiskFile) => Promise<void>,
): Promise<void> {
  const file = await disk.open(path, 'write')
  try {
    await work(file)
  } finally {
    await file.close()
  }
}
