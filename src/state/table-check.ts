/**
 * Checks a LevelDB table file, every byte of it. LevelDB itself looks at a block's checksum only
 * if it is told to, and its Node binding never tells it: one flipped bit is a wrong value without
 * an error (measured). So every table is checked here before a database is opened.
 *
 * A table, as LevelDB's `doc/table_format.md` describes it: data blocks, a filter block, a block
 * that names the filter, an index block that names the data blocks, and a footer of 48 bytes that
 * names those two and ends in a magic number. Each block is followed by its type (0: as it stands,
 * 1: compressed) and a masked CRC-32C over both. The blocks must cover the file without a gap, so
 * that no byte goes unchecked.
 */
import { crc32c, unmask } from './crc32c.ts'
import type { Crc32c } from './crc32c.ts'
import { LevelReader, u32At } from './level-bytes.ts'
import { corruptError } from '../errors.ts'

const footerBytes = 48
const trailerBytes = 5
/** The low and high half of 0xdb4775248b80fb57. */
const magicLow = 0x8b80fb57
const magicHigh = 0xdb477524

interface BlockHandle {
  readonly offset: number
  readonly size: number
}

interface BlockEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** First and last key of a table, in LevelDB's own form: with sequence number and type. */
export interface TableBounds {
  readonly smallest: Uint8Array
  readonly largest: Uint8Array
}

/** A table with its name, and with what computes its checksums. */
interface Table {
  readonly file: string
  readonly bytes: Uint8Array
  readonly checksum: Crc32c
}

/** Throws `QUORATE_CORRUPT` unless the file is whole. */
export function checkTable(
  file: string,
  bytes: Uint8Array,
  checksum: Crc32c = crc32c,
): TableBounds {
  const table = { file, bytes, checksum }
  if (bytes.length < footerBytes) throw corruptError(file, 0, 'it is too short for a table')
  const footerAt = bytes.length - footerBytes
  const low = u32At(bytes, bytes.length - 8)
  const high = u32At(bytes, bytes.length - 4)
  if (low !== magicLow || high !== magicHigh) {
    throw corruptError(file, bytes.length - 8, 'it does not end as a table does')
  }
  const footer = new LevelReader(file, bytes, { start: footerAt, end: bytes.length - 8 })
  const metaIndex = readHandle(footer)
  const index = readHandle(footer)
  // The rest of the footer is padding, which no checksum covers.
  while (!footer.atEnd) if (footer.raw(1)[0] !== 0) throw footer.bad('its padding is not zero')

  const data = [...blockEntries(file, checkedBlock(table, index))].map(({ value }) =>
    readHandle(new LevelReader(file, value, { start: 0, end: value.length, base: index.offset })),
  )
  const meta = [...blockEntries(file, checkedBlock(table, metaIndex))].map(({ value }) =>
    readHandle(
      new LevelReader(file, value, { start: 0, end: value.length, base: metaIndex.offset }),
    ),
  )
  for (const handle of [...data, ...meta]) checkedBlock(table, handle)
  checkCoverage(file, [...data, ...meta, metaIndex, index], footerAt)

  const smallest = firstKey(table, data.at(0))
  const largest = lastKey(table, data.at(-1))
  return { smallest, largest }
}

function readHandle(reader: LevelReader): BlockHandle {
  return { offset: reader.varint(), size: reader.varint() }
}

/** The block's contents, once its checksum holds. */
function checkedBlock({ file, bytes, checksum }: Table, handle: BlockHandle): LevelReader {
  const { offset, size } = handle
  const end = offset + size
  if (end + trailerBytes > bytes.length) throw corruptError(file, offset, 'a block is cut short')
  const stored = unmask(u32At(bytes, end + 1))
  if (checksum(bytes, offset, end + 1) !== stored) {
    throw corruptError(file, offset, `a block of ${size} bytes fails its checksum`)
  }
  if (bytes[end] !== 0) throw corruptError(file, end, 'a block is compressed, as none is here')
  return new LevelReader(file, bytes, { start: offset, end })
}

/** Entries of an index or data block: each key stands on what it shares with the one before. */
function* blockEntries(file: string, block: LevelReader): Generator<BlockEntry> {
  const { bytes, offset: start, end } = block
  const restarts = end - start >= 4 ? u32At(bytes, end - 4) : 0
  const entriesEnd = end - 4 - 4 * restarts
  if (restarts < 1 || entriesEnd < start) throw corruptError(file, start, 'a block has no entries')
  const reader = new LevelReader(file, bytes, { start, end: entriesEnd })
  let key = new Uint8Array(0)
  while (!reader.atEnd) {
    const shared = reader.varint()
    const own = reader.varint()
    const valueLength = reader.varint()
    if (shared > key.length) throw reader.bad('a key shares more than there is')
    const next = new Uint8Array(shared + Math.min(own, end - start))
    next.set(key.subarray(0, shared))
    next.set(reader.raw(own), shared)
    key = next
    yield { key, value: reader.raw(valueLength) }
  }
}

function checkCoverage(file: string, handles: readonly BlockHandle[], footerAt: number): void {
  const sorted = [...handles].sort((a, b) => a.offset - b.offset)
  let at = 0
  for (const { offset, size } of sorted) {
    if (offset !== at) throw corruptError(file, at, 'no block stands here')
    at = offset + size + trailerBytes
  }
  if (at !== footerAt) throw corruptError(file, at, 'no block stands here')
}

function firstKey(table: Table, handle: BlockHandle | undefined): Uint8Array {
  const { file } = table
  if (handle === undefined) throw corruptError(file, 0, 'a table has no rows')
  for (const { key } of blockEntries(file, checkedBlock(table, handle))) return key
  throw corruptError(file, handle.offset, 'a block has no entries')
}

function lastKey(table: Table, handle: BlockHandle | undefined): Uint8Array {
  const { file } = table
  let last: Uint8Array | undefined
  if (handle !== undefined) {
    for (const { key } of blockEntries(file, checkedBlock(table, handle))) last = key
  }
  if (last === undefined) throw corruptError(file, handle?.offset ?? 0, 'a block has no entries')
  return last
}
