/** Flushes: many records made durable by one write. Bytes: see the top of `format.ts`. */
import { crc32 } from 'node:zlib'
import { assert } from '../assert.ts'
import { allZero, countSectors, nearlyZero, roundUp, sectorBytes, viewOf } from './bytes.ts'
import {
  decodeTrailer,
  flushHeaderBytes,
  flushTrailerBytes,
  sealFlushFrame,
  type FlushHeader,
} from './format.ts'
import { decodeRecord, encodeRecord, recordBytesOf, type WalRecord } from './records.ts'

/** More in one flush is a bug of the caller, whose batches are far smaller. */
export const flushBytesMax = 512 * 1024 * 1024

/** What a seal takes: room for it is kept free at the end of every segment. */
export const sealFlushBytes = sectorBytes

/** Where a flush goes, and what it is chained to. */
export interface FlushPlace {
  readonly flushNumber: number
  readonly previousChecksum: number
  readonly segmentNumber: number
  readonly fileOffset: number
  readonly seed: number
}

/** Length in bytes of the flush that holds these records. */
export function flushBytesFor(records: readonly WalRecord[]): number {
  let recordBytes = 0
  for (const record of records) recordBytes += recordBytesOf(record)
  const bytes = roundUp(flushHeaderBytes + recordBytes + flushTrailerBytes, sectorBytes)
  assert(bytes <= flushBytesMax, 'a flush is at most 512 MiB')
  return bytes
}

/** Fills `frame`, which has just the right length, with a flush; returns its checksum. */
export function encodeFlush(
  frame: Uint8Array,
  records: readonly WalRecord[],
  place: FlushPlace,
): number {
  assert(records.length > 0, 'an empty flush is never written')
  assert(frame.length === flushBytesFor(records), 'the frame fits its records')
  const sums = new Uint8Array(records.length * 4)
  const sumsView = viewOf(sums)
  let offset = flushHeaderBytes
  for (const [at, record] of records.entries()) {
    const { end, checksum } = encodeRecord(record, frame, offset, place.seed)
    sumsView.setUint32(at * 4, checksum, true)
    offset = end
  }
  const trailer = frame.length - flushTrailerBytes
  assert(offset <= trailer, 'the records leave room for the end mark')
  frame.fill(0, offset, trailer)
  // Header and end mark are never zero, so that sectors are counted rightly before they are there,
  // as long as these bytes are not left over from a flush that used the buffer before.
  frame.fill(0xff, 0, flushHeaderBytes)
  frame.fill(0xff, trailer)
  return sealFlushFrame(
    frame,
    {
      flushNumber: place.flushNumber,
      recordBytes: offset - flushHeaderBytes,
      recordCount: records.length,
      zeroSectors: countSectors(frame, nearlyZero),
      previousChecksum: place.previousChecksum,
      recordsChecksum: crc32(sums),
      fileOffset: place.fileOffset,
      segmentNumber: place.segmentNumber,
    },
    place.seed,
  )
}

/** A record, and where in its file it is. */
export interface PlacedRecord {
  readonly record: WalRecord
  readonly fileOffset: number
}

/** A flush that checks, or the first thing that does not, and where in the file. */
export type DecodedFlush =
  | { readonly records: readonly PlacedRecord[] }
  | { readonly problem: string; readonly fileOffset: number }

/** Whether a flush header's lengths can be true; it checks, so that a no means a bug or rot. */
export function lengthsPlausible(header: FlushHeader): boolean {
  return (
    header.flushBytes <= flushBytesMax &&
    header.flushBytes ===
      roundUp(flushHeaderBytes + header.recordBytes + flushTrailerBytes, sectorBytes) &&
    header.recordBytes % 8 === 0 &&
    header.recordCount > 0
  )
}

/** Verifies every byte of a flush whose header was verified before. */
export function decodeFlush(frame: Uint8Array, header: FlushHeader, seed: number): DecodedFlush {
  assert(frame.length === header.flushBytes, 'a flush is verified whole')
  assert(lengthsPlausible(header), 'lengths are checked before the bytes are read')
  const bad = (problem: string, offset: number): DecodedFlush => ({
    problem,
    fileOffset: header.fileOffset + offset,
  })
  const recordsEnd = flushHeaderBytes + header.recordBytes
  const body = frame.subarray(0, recordsEnd)
  const records: PlacedRecord[] = []
  const sum = new Uint8Array(4)
  let recordsChecksum = 0
  let offset = flushHeaderBytes
  while (offset < recordsEnd) {
    const decoded = decodeRecord(body, offset, seed)
    if ('problem' in decoded) return bad(decoded.problem, offset)
    viewOf(sum).setUint32(0, decoded.checksum, true)
    recordsChecksum = crc32(sum, recordsChecksum)
    records.push({ record: decoded.record, fileOffset: header.fileOffset + offset })
    offset = decoded.end
  }
  const trailer = frame.length - flushTrailerBytes
  if (records.length !== header.recordCount || recordsChecksum !== header.recordsChecksum) {
    return bad('the records are not those that the flush was written with', flushHeaderBytes)
  }
  if (!allZero(frame.subarray(recordsEnd, trailer))) {
    return bad('the padding of a flush is not zero', recordsEnd)
  }
  const ended = decodeTrailer(frame.subarray(trailer), header.fileOffset + trailer, seed)
  if (ended !== header.flushNumber) return bad('the end mark of a flush does not match', trailer)
  return { records }
}

/**
 * Whether bytes are missing from a flush with a good header: what a power cut leaves, and rot does
 * not. Sectors may reach the disk in any order, so any of them can be the missing one; a device
 * that tears within a sector, front to back, leaves the last byte out, which is never zero.
 */
export function isTorn(frame: Uint8Array, header: FlushHeader): boolean {
  assert(frame.length === header.flushBytes, 'a flush is judged whole')
  const endMissing = frame.at(-1) === 0
  return endMissing || countSectors(frame, allZero) > header.zeroSectors
}
