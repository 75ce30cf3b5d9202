/** Records, the contents of a flush; their bytes are described at the top of `format.ts`. */
import { crc32 } from 'node:zlib'
import { assert, unreachable } from '../assert.ts'
import type { Entry, EntryKind, HardState } from '../raft/index.ts'
import { allZero, getUint53, roundUp, setUint53, viewOf } from './bytes.ts'

export const recordHeaderBytes = 32

/** Longer data is refused: the node's own caps are far below, so it could only be a bug. */
export const recordDataBytesMax = 64 * 1024 * 1024

/** One record of the log. */
export type WalRecord =
  | { readonly type: 'entry'; readonly entry: Entry }
  | { readonly type: 'hardState'; readonly hardState: HardState }
  | { readonly type: 'seal'; readonly nextSegment: number }

const kindCodes = { entry: 1, hardState: 2, seal: 3 } as const
const entryKindCodes = { noop: 1, commands: 2, config: 3 } as const satisfies Record<
  EntryKind,
  number
>
const entryKinds: ReadonlyMap<number, EntryKind> = new Map([
  [1, 'noop'],
  [2, 'commands'],
  [3, 'config'],
])
const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const noBytes = new Uint8Array(0)

/** What a record with that much data takes in a flush. */
export function recordBytesFor(dataBytes: number): number {
  return roundUp(recordHeaderBytes + dataBytes, 8)
}

/** What a record takes in a flush. */
export function recordBytesOf(record: WalRecord): number {
  return recordBytesFor(dataOf(record).length)
}

function dataOf(record: WalRecord): Uint8Array {
  switch (record.type) {
    case 'entry':
      return record.entry.data
    case 'hardState':
      return record.hardState.votedFor === undefined
        ? noBytes
        : utf8.encode(record.hardState.votedFor)
    case 'seal':
      return noBytes
    default:
      return unreachable(record)
  }
}

/** Writes a record into a flush; returns where the next one goes, and the record's checksum. */
export function encodeRecord(
  record: WalRecord,
  frame: Uint8Array,
  offset: number,
  seed: number,
): { end: number; checksum: number } {
  const data = dataOf(record)
  // What would not be read back must not be written: the log could never be opened again.
  if (record.type === 'hardState') {
    assert(decodeVotedFor(data) === record.hardState.votedFor, 'a vote goes to a node')
  }
  assert(data.length <= recordDataBytesMax, 'the data of a record is at most 64 MiB')
  const end = offset + recordBytesFor(data.length)
  assert(end <= frame.length, 'a flush was made large enough for its records')
  const used = recordHeaderBytes + data.length
  const bytes = frame.subarray(offset, end)
  const view = viewOf(bytes)
  bytes.fill(0, 0, recordHeaderBytes)
  view.setUint32(4, data.length, true)
  view.setUint8(8, kindCodes[record.type])
  switch (record.type) {
    case 'entry':
      view.setUint8(9, entryKindCodes[record.entry.kind])
      setUint53(view, 16, record.entry.index)
      setUint53(view, 24, record.entry.term)
      break
    case 'hardState':
      setUint53(view, 16, record.hardState.currentTerm)
      setUint53(view, 24, record.hardState.commitIndex)
      break
    case 'seal':
      setUint53(view, 16, record.nextSegment)
      break
    default:
      unreachable(record)
  }
  bytes.set(data, recordHeaderBytes)
  bytes.fill(0, used)
  const checksum = crc32(bytes.subarray(4, used), seed)
  view.setUint32(0, checksum, true)
  return { end, checksum }
}

/** The outcome of decoding: a record, or what is wrong with the bytes. Data is a view on them. */
export type DecodedRecord =
  | { readonly record: WalRecord; readonly end: number; readonly checksum: number }
  | { readonly problem: string }

/** Length of the record whose header is at `offset`; undefined where it cannot be one. */
export function peekRecordBytes(frame: Uint8Array, offset: number): number | undefined {
  if (offset + recordHeaderBytes > frame.length) return undefined
  const dataBytes = viewOf(frame).getUint32(offset + 4, true)
  return dataBytes > recordDataBytesMax ? undefined : recordBytesFor(dataBytes)
}

/** Reads and verifies one record. `frame` ends where the records of the flush end, at the latest. */
export function decodeRecord(frame: Uint8Array, offset: number, seed: number): DecodedRecord {
  assert(offset % 8 === 0, 'records begin at multiples of 8')
  const length = peekRecordBytes(frame, offset)
  if (length === undefined || offset + length > frame.length) {
    return { problem: 'the length of a record is out of range' }
  }
  const bytes = frame.subarray(offset, offset + length)
  const view = viewOf(bytes)
  const used = recordHeaderBytes + view.getUint32(4, true)
  const checksum = view.getUint32(0, true)
  if (crc32(bytes.subarray(4, used), seed) !== checksum) {
    return { problem: 'the checksum of a record does not match' }
  }
  if (!allZero(bytes.subarray(used)) || !allZero(bytes.subarray(10, 16))) {
    return { problem: 'the padding of a record is not zero' }
  }
  const first = getUint53(view, 16)
  const second = getUint53(view, 24)
  if (first === undefined || second === undefined) {
    return { problem: 'a number of a record is out of range' }
  }
  const record = interpret(view, bytes.subarray(recordHeaderBytes, used), first, second)
  if (typeof record === 'string') return { problem: record }
  return { record, end: offset + length, checksum }
}

function interpret(
  view: DataView,
  data: Uint8Array,
  first: number,
  second: number,
): WalRecord | string {
  const kindOfEntry = view.getUint8(9)
  const kind = view.getUint8(8)
  if (kind === kindCodes.entry) {
    const entryKind = entryKinds.get(kindOfEntry)
    if (entryKind === undefined) return `entry ${first} is of an unknown kind, ${kindOfEntry}`
    if (first === 0 || second === 0) return 'an entry has index or term 0'
    return { type: 'entry', entry: { index: first, term: second, kind: entryKind, data } }
  }
  if (kindOfEntry !== 0) return 'a record that is no entry names a kind of entry'
  if (kind === kindCodes.hardState) {
    const votedFor = decodeVotedFor(data)
    if (votedFor === false) return 'the name of who got the vote is not valid'
    return { type: 'hardState', hardState: { currentTerm: first, votedFor, commitIndex: second } }
  }
  if (kind === kindCodes.seal) {
    if (second !== 0 || data.length !== 0) return 'a seal carries something'
    return { type: 'seal', nextSegment: first }
  }
  return `a record is of an unknown kind, ${kind}`
}

/** Who got the vote; undefined: nobody; false: the bytes are no node's name. */
export function decodeVotedFor(data: Uint8Array): string | undefined | false {
  if (data.length === 0) return undefined
  try {
    const name = strictUtf8.decode(data)
    return nodeIdPattern.test(name) ? name : false
  } catch (error) {
    // TextDecoder says by TypeError that the bytes are not UTF-8; anything else is our own bug.
    if (error instanceof TypeError) return false
    throw error
  }
}

/** What a node's name looks like. */
export const nodeIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
