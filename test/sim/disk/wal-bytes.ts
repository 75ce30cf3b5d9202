/**
 * A decoder of the log's bytes, written from `docs/storage-format.md` alone and not from `src/wal`:
 * two that agree are worth more than one that agrees with itself. It verifies what it takes, and
 * knows nothing of torn flushes or repair: bytes are a whole flush, or they are none.
 */
import { crc32 } from 'node:zlib'
import type { DurableEntry } from './durable-log.ts'
import { storedHash } from './entry-hash.ts'

/** Bytes before the first flush of a segment, and the least that a flush takes. */
export const sectorBytes = 512
const flushHeaderBytes = 64
const recordHeaderBytes = 32
const trailerBytes = 16
const segmentMagic = 'QUORAWAL'
const voteMagic = 'QUORVOTE'
const flushMagic = 0x314c4651
const endMark = 0x444e4551

/** What a segment's header sector says. */
export interface SegmentStart {
  readonly number: number
  readonly seed: number
  readonly firstFlush: number
  readonly previousChecksum: number
  /** The last entry before it, and term and vote before it; nothing in format version 1. */
  readonly base: { readonly index: number; readonly term: number }
  readonly hardState: LoggedHardState
  /** Whatever is before it, the log begins here. */
  readonly reset: boolean
}

/** A hard state as the log has it. */
export interface LoggedHardState {
  readonly currentTerm: number
  readonly votedFor: string | undefined
  readonly commitIndex: number
}

/** A whole flush, verified. */
export interface Flush {
  readonly bytes: number
  readonly checksum: number
  readonly hardState: LoggedHardState | undefined
  readonly entries: readonly DurableEntry[]
  /** The number of the segment that follows, where it is a seal. */
  readonly seal: number | undefined
}

/** Where a flush must stand to be the next one. */
export interface FlushPlace {
  readonly offset: number
  readonly number: number
  readonly segment: number
  readonly seed: number
  readonly previousChecksum: number
}

/** A vote slot. */
export interface VoteSlot {
  readonly sequence: number
  readonly term: number
  readonly votedFor: string | undefined
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A u64 that holds at most 2^53 - 1, or -1. */
function u53(bytes: Buffer, at: number): number {
  const high = bytes.readUInt32LE(at + 4)
  return high >= 0x20_0000 ? -1 : high * 0x1_0000_0000 + bytes.readUInt32LE(at)
}

/** The header of a segment; undefined where these 512 bytes are none. */
export function readSegmentStart(sector: Uint8Array): SegmentStart | undefined {
  if (sector.length !== sectorBytes) return undefined
  const bytes = bufferOf(sector)
  if (bytes.toString('latin1', 0, 8) !== segmentMagic) return undefined
  const seed = bytes.readUInt32LE(8)
  if (crc32(bytes.subarray(12)) !== seed) return undefined
  const name = bytes[121] ?? 0
  return {
    number: u53(bytes, 24),
    seed,
    firstFlush: u53(bytes, 40),
    previousChecksum: bytes.readUInt32LE(48),
    base: { index: u53(bytes, 88), term: u53(bytes, 96) },
    hardState: {
      currentTerm: u53(bytes, 104),
      votedFor: name === 0 ? undefined : bytes.toString('utf8', 128, 128 + name),
      commitIndex: u53(bytes, 112),
    },
    reset: bytes[120] === 1,
  }
}

/**
 * The flush that stands at a place, if it is the one that must come next, and whole. `read` gives
 * bytes of the segment; fewer only at its end.
 */
export function readFlush(
  read: (offset: number, length: number) => Uint8Array,
  place: FlushPlace,
): Flush | undefined {
  let bytes = bufferOf(read(place.offset, sectorBytes))
  if (bytes.length < sectorBytes || bytes.readUInt32LE(0) !== flushMagic) return undefined
  const checksum = bytes.readUInt32LE(4)
  if (crc32(bytes.subarray(8, flushHeaderBytes), place.seed) !== checksum) return undefined
  const length = bytes.readUInt32LE(16)
  const due =
    u53(bytes, 8) === place.number &&
    bytes.readUInt32LE(32) === place.previousChecksum &&
    u53(bytes, 40) === place.offset &&
    u53(bytes, 48) === place.segment
  const recordsEnd = flushHeaderBytes + bytes.readUInt32LE(20)
  if (!due || length % sectorBytes !== 0 || recordsEnd + trailerBytes > length) return undefined
  if (length > sectorBytes) bytes = bufferOf(read(place.offset, length))
  if (bytes.length !== length || !endsRightly(bytes, place)) return undefined
  const records = readRecords(bytes, recordsEnd, place.seed)
  return records === undefined ? undefined : { ...records, bytes: length, checksum }
}

function endsRightly(flush: Buffer, place: FlushPlace): boolean {
  const at = flush.length - trailerBytes
  const signed = Buffer.alloc(trailerBytes)
  flush.copy(signed, 0, at, at + 8)
  signed.writeUIntLE(place.offset + at, 8, 6)
  return (
    u53(flush, at) === place.number &&
    flush.readUInt32LE(at + 8) === crc32(signed, place.seed) &&
    flush.readUInt32LE(at + 12) === endMark
  )
}

function readRecords(
  flush: Buffer,
  recordsEnd: number,
  seed: number,
): Pick<Flush, 'hardState' | 'entries' | 'seal'> | undefined {
  const entries: DurableEntry[] = []
  let hardState: LoggedHardState | undefined
  let seal: number | undefined
  let count = 0
  let sums = 0
  let at = flushHeaderBytes
  while (at + recordHeaderBytes <= recordsEnd) {
    const end = at + recordHeaderBytes + flush.readUInt32LE(at + 4)
    if (end > recordsEnd) return undefined
    if (crc32(flush.subarray(at + 4, end), seed) !== flush.readUInt32LE(at)) return undefined
    sums = crc32(flush.subarray(at, at + 4), sums)
    count++
    const data = flush.subarray(at + recordHeaderBytes, end)
    const first = u53(flush, at + 16)
    const second = u53(flush, at + 24)
    const kind = flush[at + 8]
    if (kind === 1) {
      const hash = storedHash(flush[at + 9] ?? 0, data)
      entries.push({ index: first, term: second, hash })
    } else if (kind === 2) {
      const votedFor = data.length === 0 ? undefined : data.toString('utf8')
      hardState = { currentTerm: first, votedFor, commitIndex: second }
    } else if (kind === 3) seal = first
    else return undefined
    at = Math.ceil(end / 8) * 8
  }
  if (at !== recordsEnd || count !== flush.readUInt32LE(24)) return undefined
  return sums === flush.readUInt32LE(36) ? { hardState, entries, seal } : undefined
}

/** A slot of the vote file; undefined where it does not check. */
export function readVoteSlot(sector: Uint8Array): VoteSlot | undefined {
  if (sector.length !== sectorBytes) return undefined
  const bytes = bufferOf(sector)
  if (bytes.toString('latin1', 0, 8) !== voteMagic) return undefined
  if (crc32(bytes.subarray(12)) !== bytes.readUInt32LE(8)) return undefined
  const length = bytes[56] ?? 0
  return {
    sequence: u53(bytes, 16),
    term: u53(bytes, 24),
    votedFor: length === 0 ? undefined : bytes.toString('utf8', 60, 60 + length),
  }
}
