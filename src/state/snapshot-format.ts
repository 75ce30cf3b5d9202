/**
 * The bytes of a snapshot: all rows of the state at one applied index, as a stream that is cut
 * into numbered frames. It is what a follower is sent and what a snapshot file holds. Big-endian.
 *
 *     frame    := kind(u8) number(u32) checksum(u32) payload
 *     kind 1   header: magic(8 = "QUORSNAP") format(u32 = 1) index(u64) term(u64)
 *     kind 2   rows: a piece of the stream of rows, cut at any byte
 *     kind 3   trailer: rows(u64) bytes(u64) records(u64) tokens(u64) sessions(u64) digest(32)
 *     row      := key length(u16) value length(u32) key value
 *
 * Frame 0 is the header, the last one the trailer, and frames are numbered without a gap. The
 * checksum is a CRC-32 over kind, number and payload. Rows stand in the order of their keys, with
 * their seals, as they are in the database. `bytes` is the length of the stream of rows; the digest
 * is the SHA-256 over all payloads in order, up to itself.
 */
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { assert } from '../assert.ts'
import { ByteReader, ByteWriter } from '../command/index.ts'
import type { EntryId } from '../raft/index.ts'

/** The newest format of a snapshot that this build reads, and the one it writes. */
export const snapshotFormat = 1
/** A frame with its head: what a peer's bulk link carries as one piece. */
export const frameBytesMax = 262_144
/** Bytes of a frame before its payload. */
export const frameHeadBytes = 9
/** Bytes of a row before its key. */
export const rowHeadBytes = 6
/** Where the checksum stands in a frame. */
const checksumAt = 5
const digestBytes = 32

/** What a frame carries. */
export const frameKinds = { header: 1, rows: 2, trailer: 3 } as const

const magic = new TextEncoder().encode('QUORSNAP')

/** A frame taken apart. `payload` is a view. */
export interface DecodedFrame {
  readonly kind: number
  readonly number: number
  readonly payload: Uint8Array
}

/** What a snapshot holds, as its trailer counts it. */
export interface SnapshotCounts {
  readonly rows: number
  /** Length of the stream of rows. */
  readonly bytes: number
  readonly records: number
  /** Rows of tokens, forgotten ones that were not swept yet included. */
  readonly tokens: number
  /** Rows of sessions, closed and expired ones included. */
  readonly sessions: number
}

/** Puts a head before a payload. */
export function encodeFrame(kind: number, number: number, payload: Uint8Array): Uint8Array {
  assert(frameHeadBytes + payload.length <= frameBytesMax, 'a frame keeps to its size')
  const frame = Buffer.allocUnsafe(frameHeadBytes + payload.length)
  frame.writeUInt8(kind, 0)
  frame.writeUInt32BE(number, 1)
  frame.set(payload, frameHeadBytes)
  frame.writeUInt32BE(checksumOf(frame), checksumAt)
  return frame
}

/** Takes a frame apart; a text where its bytes are not those that were written. */
export function decodeFrame(frame: Uint8Array): DecodedFrame | string {
  if (frame.length < frameHeadBytes) return `a frame has ${frame.length} bytes`
  if (frame.length > frameBytesMax) return `a frame has ${frame.length} bytes, far too many`
  const reader = new ByteReader(frame)
  const kind = reader.u8()
  const number = reader.u32()
  if (reader.u32() !== checksumOf(frame)) return 'a frame fails its checksum'
  return { kind, number, payload: frame.subarray(frameHeadBytes) }
}

function checksumOf(frame: Uint8Array): number {
  return crc32(frame.subarray(frameHeadBytes), crc32(frame.subarray(0, checksumAt)))
}

/** The payload of frame 0. */
export function encodeHeader({ index, term }: EntryId): Uint8Array {
  const writer = new ByteWriter(magic.length + 4 + 8 + 8)
  writer.raw(magic)
  writer.u32(snapshotFormat)
  writer.u64(index)
  writer.u64(term)
  return writer.done()
}

/** What frame 0 says. Of a format that is too new, nothing else can be told. */
export type DecodedHeader =
  | { readonly kind: 'snapshot'; readonly snapshot: EntryId }
  | { readonly kind: 'too new'; readonly format: number }
  | { readonly kind: 'unknown' }

/** Reads the payload of frame 0. */
export function decodeHeader(payload: Uint8Array): DecodedHeader {
  if (payload.length < magic.length + 4) return { kind: 'unknown' }
  const reader = new ByteReader(payload)
  if (Buffer.compare(reader.raw(magic.length), magic) !== 0) return { kind: 'unknown' }
  const format = reader.u32()
  if (format > snapshotFormat) return { kind: 'too new', format }
  if (format !== snapshotFormat || reader.remaining !== 16) return { kind: 'unknown' }
  const [index, term] = [reader.raw(8), reader.raw(8)].map(wholeNumber)
  if (index === undefined || term === undefined || index < 1) return { kind: 'unknown' }
  return { kind: 'snapshot', snapshot: { term, index } }
}

/** A u64 that can be counted exactly. */
function wholeNumber(bytes: Uint8Array): number | undefined {
  const reader = new ByteReader(bytes)
  const number = reader.u32() * 0x1_0000_0000 + reader.u32()
  return Number.isSafeInteger(number) ? number : undefined
}

/** The payload of the last frame but for the digest. */
export function encodeCounts(counts: SnapshotCounts): Uint8Array {
  const writer = new ByteWriter(5 * 8)
  writer.u64(counts.rows)
  writer.u64(counts.bytes)
  writer.u64(counts.records)
  writer.u64(counts.tokens)
  writer.u64(counts.sessions)
  return writer.done()
}

/** The digest of a snapshot, while its payloads go by. */
export class SnapshotDigest {
  readonly #hash = createHash('sha256')

  add(payload: Uint8Array): void {
    this.#hash.update(payload)
  }

  /** Once. */
  done(): Uint8Array {
    const digest = this.#hash.digest()
    assert(digest.length === digestBytes, 'a digest has its length')
    return digest
  }
}
