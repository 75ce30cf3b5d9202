/**
 * The bytes of the write-ahead log, format version 2.
 *
 * All numbers are little-endian. A "u64" holds at most 2^53 - 1. Checksums are CRC-32 (zlib's).
 * Every byte of a file is covered by a checksum or must be zero, so that any flipped bit is seen.
 *
 * **Files.** `groups/<group>/wal/<number>.wal`, the number in ten decimal digits, counted from 1,
 * without gaps: the oldest ones go when the log is compacted (`front.ts`). A segment has its full
 * length, as holes that read as zeros, before it gets its name; it is never grown, shortened or used
 * again. A file that is not as long as its header says is damaged: a crash cannot do that, so a
 * truncated file is never taken for the end of the log.
 *
 * **Segment**: one header sector, then flushes one behind the other, each beginning at a multiple
 * of 512, then zeros up to the end of the file. Since no two flushes share a sector, writing one
 * cannot tear another.
 *
 * Segment header, 512 bytes. The first 12 bytes and the checksum's reach are the same in all
 * versions, past and future: a reader first checks the sum, then asks for the version.
 *
 *     offset size
 *          0    8  magic "QUORAWAL"
 *          8    4  checksum of bytes 12 to 511; it is also the segment's *seed*, see below
 *         12    4  format version
 *         16    4  group id
 *         20    4  zero
 *         24    8  segment number
 *         32    8  length of this file in bytes, a multiple of 512
 *         40    8  number of the segment's first flush
 *         48    4  checksum of the flush before that; 0 before the first
 *         52    4  zero
 *         56   16  cluster id
 *         72   16  incarnation of the node
 *         88    8  base: index of the last entry before this segment; 0: none
 *         96    8  base: its term
 *        104    8  hard state before this segment: current term
 *        112    8  hard state: commit index
 *        120    1  1: the log begins here, whatever segments are before it (a reset); else 0
 *        121    1  hard state: length of the name that follows; 0: nobody got the vote
 *        122    6  zero
 *        128   64  hard state: who got the vote (UTF-8), filled up with zeros
 *        192  320  zero
 *
 * Version 1 has zeros from byte 88 on: nothing but the very first segment of such a log can be one
 * that the log begins with.
 *
 * **Flush**: what one write and one fdatasync made durable. Flushes are numbered 1, 2, 3, … through
 * all segments, each names the checksum of the one before, and each is begun only when the one
 * before is durable: a valid flush n+1 proves that n was. Length: a multiple of 512.
 *
 *          0    4  magic "QFL1"
 *          4    4  checksum of bytes 8 to 63, started from the segment's seed
 *          8    8  flush number
 *         16    4  length of the whole flush in bytes
 *         20    4  length of its records in bytes
 *         24    4  number of records
 *         28    4  number of its 512-byte sectors that were written with at most one bit set
 *         32    4  checksum of the flush before (that flush's bytes 4 to 7); 0 for flush 1
 *         36    4  checksum over the records' checksums, in order, started from 0
 *         40    8  where in the file this flush begins
 *         48    8  segment number
 *         56    8  zero
 *         64    …  records
 *          …    …  zeros
 *      -16    8  flush number again
 *       -8    4  checksum of that number and of the place of these 16 bytes in the file (8 bytes
 *                each), started from the seed
 *       -4    4  end mark "QEND"
 *
 * **Record**, a multiple of 8 bytes:
 *
 *          0    4  checksum of everything behind it, padding excluded, started from the seed
 *          4    4  length of the data in bytes
 *          8    1  kind: 1 entry, 2 hard state, 3 seal
 *          9    1  kind of the entry: 1 no-op, 2 commands, 3 config; 0 in other records
 *         10    6  zero
 *         16    8  entry: index        hard state: current term    seal: the next segment's number
 *         24    8  entry: term         hard state: commit index    seal: zero
 *         32    …  entry: data         hard state: who got the vote (UTF-8; empty: nobody)
 *          …    …  zeros up to a multiple of 8
 *
 * An entry whose index is not above the last one's replaces everything from that index on. A hard
 * state comes first in its flush. A *seal* is alone in its flush, one sector long, and the last
 * flush of its segment. It is written only when the next segment exists durably, so that a sealed
 * segment without successor shows that a file is missing, and a successor that holds flushes shows
 * that the seal must be there.
 *
 * Checksums start from the seed, the checksum of a header that names cluster, incarnation and
 * segment, so that bytes of another log, or of another segment, do not check here.
 *
 * **A torn flush** is one that power took in the middle of its write. It is recognised by what is
 * missing: its last byte is zero, or more of its sectors are all zero than its header counts. The
 * count is there because a value may well be 4 KiB of zeros: without it a single flipped bit in an
 * acknowledged flush that holds such a value would pass for a torn write, and be cut. A sector with
 * one bit set is counted too, since that very bit may be the one that flips. Behind a place where a
 * flush is missing, neither the header nor the end of a later one may be found: each is a witness
 * of its own that the missing flush was durable.
 */
import { crc32 } from 'node:zlib'
import { assert } from '../assert.ts'
import { corruptError, QuorateError } from '../errors.ts'
import { getUint53, sectorBytes, setUint53, viewOf } from './bytes.ts'

/** The newest format of segments that this code reads, and the one that it writes. */
export const walFormatVersion = 2
export const segmentHeaderBytes = sectorBytes
export const flushHeaderBytes = 64
export const flushTrailerBytes = 16
const endMark = 0x444e4551 // "QEND"

const flushMagic = 0x314c4651 // "QFL1"

/** Refuses what a newer Quorate wrote, and what none ever did. */
export function checkVersion(version: number, newest: number, file: string, offset: number): void {
  if (version === 0) throw corruptError(file, offset, 'format version 0 does not exist')
  if (version > newest) {
    throw new QuorateError(
      'QUORATE_FORMAT_TOO_NEW',
      `${file} has format version ${version} at byte ${offset}, this Quorate reads up to ` +
        `${newest}: start the newer version that wrote it`,
      { details: { file, offset } },
    )
  }
}

/** What the header of a flush says. `checksum` is its own: the next flush names it. */
export interface FlushHeader {
  readonly flushNumber: number
  readonly flushBytes: number
  readonly recordBytes: number
  readonly recordCount: number
  readonly zeroSectors: number
  readonly previousChecksum: number
  readonly recordsChecksum: number
  readonly fileOffset: number
  readonly segmentNumber: number
  readonly checksum: number
}

/** Writes header and end mark around records that are already in place; returns the checksum. */
export function sealFlushFrame(
  frame: Uint8Array,
  header: Omit<FlushHeader, 'checksum' | 'flushBytes'>,
  seed: number,
): number {
  assert(frame.length % sectorBytes === 0, 'a flush is made of whole sectors')
  assert(header.fileOffset % sectorBytes === 0, 'a flush begins at a sector')
  const view = viewOf(frame)
  view.setUint32(0, flushMagic, true)
  setUint53(view, 8, header.flushNumber)
  view.setUint32(16, frame.length, true)
  view.setUint32(20, header.recordBytes, true)
  view.setUint32(24, header.recordCount, true)
  view.setUint32(28, header.zeroSectors, true)
  view.setUint32(32, header.previousChecksum, true)
  view.setUint32(36, header.recordsChecksum, true)
  setUint53(view, 40, header.fileOffset)
  setUint53(view, 48, header.segmentNumber)
  setUint53(view, 56, 0)
  const checksum = crc32(frame.subarray(8, flushHeaderBytes), seed)
  view.setUint32(4, checksum, true)
  const trailerOffset = frame.length - flushTrailerBytes
  const trailer = encodeTrailer(header.flushNumber, header.fileOffset + trailerOffset, seed)
  frame.set(trailer, trailerOffset)
  return checksum
}

/** The end of a flush. It says by itself which flush ended here, if the header should be lost. */
export function encodeTrailer(flushNumber: number, fileOffset: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(flushTrailerBytes)
  const view = viewOf(bytes)
  setUint53(view, 0, flushNumber)
  setUint53(view, 8, fileOffset)
  const checksum = crc32(bytes, seed)
  view.setUint32(8, checksum, true)
  view.setUint32(12, endMark, true)
  return bytes
}

/** Number of the flush that ended with these bytes; undefined where none did. */
export function decodeTrailer(
  bytes: Uint8Array,
  fileOffset: number,
  seed: number,
): number | undefined {
  assert(bytes.length === flushTrailerBytes, 'the end of a flush is read whole')
  const view = viewOf(bytes)
  if (view.getUint32(12, true) !== endMark) return undefined
  const flushNumber = getUint53(view, 0)
  if (flushNumber === undefined) return undefined
  const expected = encodeTrailer(flushNumber, fileOffset, seed)
  return Buffer.compare(expected, bytes) === 0 ? flushNumber : undefined
}

/**
 * Reads a flush header; undefined where these 64 bytes are none that was written at this very
 * place of this segment. The place is part of it, so that a value which happens to hold a copy of
 * a log cannot pass for a part of ours.
 */
export function decodeFlushHeader(
  bytes: Uint8Array,
  seed: number,
  place: { readonly segmentNumber: number; readonly fileOffset: number },
): FlushHeader | undefined {
  assert(bytes.length >= flushHeaderBytes, 'a flush header is read whole')
  const view = viewOf(bytes)
  if (view.getUint32(0, true) !== flushMagic) return undefined
  const checksum = view.getUint32(4, true)
  if (crc32(bytes.subarray(8, flushHeaderBytes), seed) !== checksum) return undefined
  const flushNumber = getUint53(view, 8)
  const fileOffset = getUint53(view, 40)
  const segmentNumber = getUint53(view, 48)
  if (flushNumber === undefined || getUint53(view, 56) !== 0) return undefined
  if (fileOffset !== place.fileOffset || segmentNumber !== place.segmentNumber) return undefined
  return {
    flushNumber,
    fileOffset,
    segmentNumber,
    checksum,
    flushBytes: view.getUint32(16, true),
    recordBytes: view.getUint32(20, true),
    recordCount: view.getUint32(24, true),
    zeroSectors: view.getUint32(28, true),
    previousChecksum: view.getUint32(32, true),
    recordsChecksum: view.getUint32(36, true),
  }
}
