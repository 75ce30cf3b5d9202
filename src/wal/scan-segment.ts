/**
 * Reading one segment back at a start: every byte of it, and the judgement on its end.
 *
 * Only the last flush of a log can be torn, since each begins when the one before is durable. A
 * torn flush was never acknowledged and is cut as a whole. Everything else that does not check is
 * damage, and cutting there would lose what was acknowledged (FAST'18, "Protocol-aware recovery":
 * most systems do just that). Where the two cannot be told apart, it is damage.
 */
import { assert } from '../assert.ts'
import { corruptError } from '../errors.ts'
import { allZero, firstNonZero, lastNonZero, roundUp, sectorBytes } from './bytes.ts'
import type { FileWindow } from './file-window.ts'
import {
  decodeFlush,
  isTorn,
  lengthsPlausible,
  sealFlushBytes,
  type PlacedRecord,
} from './flush.ts'
import {
  decodeFlushHeader,
  decodeTrailer,
  flushHeaderBytes,
  flushTrailerBytes,
  segmentHeaderBytes,
  type FlushHeader,
} from './format.ts'

/** Where the chain of flushes stands: the next one must be this number and name this checksum. */
export interface Chain {
  nextFlush: number
  previousChecksum: number
}

/** Part of a file. */
export interface Extent {
  readonly offset: number
  readonly bytes: number
}

/** What was found in a segment. */
export interface ScannedSegment {
  /** Where the flushes end: the next one goes here. */
  readonly end: number
  /** Its last good flush. */
  readonly lastFlush: Extent | undefined
  /** Set where the last flush is a seal: the number of the segment that follows. */
  readonly nextSegment: number | undefined
  /** What a torn flush left behind. */
  readonly torn: Extent | undefined
}

/** A flush of which every byte checks. */
export interface ScannedFlush {
  readonly header: FlushHeader
  readonly records: readonly PlacedRecord[]
}

/**
 * Reads a segment from its header to its end, advancing `chain` with each good flush, which is
 * handed over when that has happened. Throws `QUORATE_CORRUPT` at the first damage.
 */
export async function* scanSegment(options: {
  readonly window: FileWindow
  readonly seed: number
  readonly segmentNumber: number
  readonly chain: Chain
}): AsyncGenerator<ScannedFlush, ScannedSegment, undefined> {
  const { window, seed, segmentNumber, chain } = options
  let offset = segmentHeaderBytes
  let lastFlush: Extent | undefined
  while (offset < window.fileBytes) {
    assert(offset % sectorBytes === 0, 'flushes begin at sectors')
    const bytes = await window.bytes(offset, flushHeaderBytes)
    const header = decodeFlushHeader(bytes, seed, { segmentNumber, fileOffset: offset })
    if (header === undefined) {
      const torn = await judgeRest({
        window,
        seed,
        segmentNumber,
        offset,
        nextFlush: chain.nextFlush,
      })
      return { end: offset, lastFlush, nextSegment: undefined, torn }
    }
    checkChain(window, header, chain)
    const frame = await window.bytes(offset, header.flushBytes)
    const decoded = decodeFlush(frame, header, seed)
    if ('problem' in decoded) {
      if (!isTorn(frame, header)) {
        throw corruptError(window.path, decoded.fileOffset, decoded.problem)
      }
      // Behind a torn flush nothing was ever written; if something was, the flush had been durable.
      await requireZeros(window, offset + header.flushBytes, decoded)
      const torn = { offset, bytes: header.flushBytes }
      return { end: offset, lastFlush, nextSegment: undefined, torn }
    }
    chain.nextFlush += 1
    chain.previousChecksum = header.checksum
    lastFlush = { offset, bytes: header.flushBytes }
    offset += header.flushBytes
    yield { header, records: decoded.records }
    const nextSegment = sealOf(decoded.records)
    if (nextSegment !== undefined) {
      await requireZeros(window, offset, {
        problem: 'there is something behind the seal of the segment',
        fileOffset: offset,
      })
      return { end: offset, lastFlush, nextSegment, torn: undefined }
    }
  }
  return { end: offset, lastFlush, nextSegment: undefined, torn: undefined }
}

function sealOf(records: readonly PlacedRecord[]): number | undefined {
  const first = records[0]?.record
  return first?.type === 'seal' ? first.nextSegment : undefined
}

function checkChain(window: FileWindow, header: FlushHeader, chain: Chain): void {
  const at = header.fileOffset
  if (header.flushNumber !== chain.nextFlush) {
    const what = `flush ${header.flushNumber} stands where flush ${chain.nextFlush} belongs`
    throw corruptError(window.path, at, what)
  }
  if (header.previousChecksum !== chain.previousChecksum) {
    throw corruptError(window.path, at, 'the flush follows another flush than the one before it')
  }
  if (!lengthsPlausible(header) || at + header.flushBytes > window.fileBytes) {
    throw corruptError(window.path, at, 'the lengths in the header of a flush are out of range')
  }
}

const stepBytes = 1024 * 1024

async function requireZeros(
  window: FileWindow,
  from: number,
  reason: { readonly problem: string; readonly fileOffset: number },
): Promise<void> {
  for (let at = from; at < window.fileBytes; at += stepBytes) {
    const bytes = await window.bytes(at, Math.min(stepBytes, window.fileBytes - at))
    if (!allZero(bytes)) throw corruptError(window.path, reason.fileOffset, reason.problem)
  }
}

interface Rest {
  readonly window: FileWindow
  readonly seed: number
  readonly segmentNumber: number
  readonly offset: number
  readonly nextFlush: number
}

/**
 * There is no flush header at `offset`: is this the end of the log (undefined), a torn flush
 * (where it is), or damage (thrown)?
 */
async function judgeRest(rest: Rest): Promise<Extent | undefined> {
  const { window, offset } = rest
  const first = await window.bytes(offset, sectorBytes)
  const content = await contentOf(window, offset)
  if (content === undefined) return undefined
  const bytes = roundUp(content.last + 1 - offset, sectorBytes)
  // The header's own sector did not reach the disk, later ones did: sectors go in any order.
  if (allZero(first)) {
    await refuseLaterFlush(rest)
    return { offset, bytes }
  }
  // A device that tears within a sector, front to back, cut the header itself. A whole flush ends
  // with a mark that is not zero, so that a flush with a flipped bit in its header is not meant.
  if (content.last < offset + flushHeaderBytes) return { offset, bytes }
  throw corruptError(window.path, offset, 'the header of a flush does not check')
}

async function contentOf(
  window: FileWindow,
  from: number,
): Promise<{ first: number; last: number } | undefined> {
  let first = -1
  let last = -1
  for (let at = from; at < window.fileBytes; at += stepBytes) {
    const bytes = await window.bytes(at, Math.min(stepBytes, window.fileBytes - at))
    const firstHere = firstNonZero(bytes)
    if (firstHere === -1) continue
    if (first === -1) first = at + firstHere
    last = at + lastNonZero(bytes)
  }
  return first === -1 ? undefined : { first, last }
}

/**
 * A later flush proves that the one which is missing at `offset` was durable, and is damaged. Its
 * header or its end is proof enough: a damaged page may have taken the other one as well.
 */
async function refuseLaterFlush(rest: Rest): Promise<void> {
  const { window, seed, segmentNumber, offset, nextFlush } = rest
  for (let at = offset; at < window.fileBytes; at += sectorBytes) {
    const sector = await window.bytes(at, sectorBytes)
    const header = decodeFlushHeader(sector, seed, { segmentNumber, fileOffset: at })
    const end = sectorBytes - flushTrailerBytes
    const ended = decodeTrailer(sector.subarray(end), at + end, seed)
    const later = header?.flushNumber ?? ended ?? 0
    if (later > nextFlush) {
      const what = `flush ${nextFlush} is missing, though flush ${later} follows near byte ${at}`
      throw corruptError(window.path, offset, what)
    }
  }
}

/** Whether what a torn flush left could be a seal, which is a single sector. */
export function couldBeSeal(torn: Extent): boolean {
  return torn.bytes <= sealFlushBytes
}
