/**
 * Reads LevelDB's MANIFEST: which table files make up the database, how long each is, and which
 * keys it begins and ends with. LevelDB reads it too, but passes in silence over a page of zeros,
 * and does not ask whether a table is the one that was meant.
 *
 * The file is a log (LevelDB's `doc/log_format.md`): blocks of 32 KiB of records, each a masked
 * CRC-32C over type and payload (u32), a length (u16), a type (1 whole, 2 first, 3 middle, 4 last
 * part) and the payload. The payloads are version edits.
 *
 * A record that runs past the end of the file is what a power cut in the middle of a write
 * leaves, and ends the log, as it does for LevelDB. What is lost by it makes the database older,
 * never wrong; its owner compares the applied row with the last barrier.
 */
import { crc32c, unmask } from './crc32c.ts'
import { LevelReader, u32At } from './level-bytes.ts'
import { corruptError } from '../errors.ts'

const logBlockBytes = 32_768
const recordHeaderBytes = 7
const recordTypes = { full: 1, first: 2, middle: 3, last: 4 } as const

/** A table that the database is made of. */
export interface LiveTable {
  readonly number: number
  readonly bytes: number
  readonly smallest: Uint8Array
  readonly largest: Uint8Array
}

/** The live tables. Throws `QUORATE_CORRUPT` where the file isn't what LevelDB wrote. */
export function readManifest(file: string, bytes: Uint8Array): ReadonlyMap<number, LiveTable> {
  const tables = new Map<number, LiveTable>()
  let edits = 0
  for (const { payload, offset } of logRecords(file, bytes)) {
    edits++
    applyEdit(tables, file, payload, offset)
  }
  if (edits === 0) throw corruptError(file, 0, 'it holds no version of the database')
  return tables
}

function* logRecords(
  file: string,
  bytes: Uint8Array,
): Generator<{ payload: Uint8Array; offset: number }> {
  let parts: Uint8Array[] = []
  let began = 0
  let at = 0
  while (at + recordHeaderBytes <= bytes.length) {
    const left = logBlockBytes - (at % logBlockBytes)
    if (left < recordHeaderBytes) {
      // A header never stands across two blocks; the rest of the block is zeros.
      if (bytes.subarray(at, at + left).some((byte) => byte !== 0)) {
        throw corruptError(file, at, 'the end of a block is not empty')
      }
      at += left
      continue
    }
    const length = (bytes[at + 4] ?? 0) | ((bytes[at + 5] ?? 0) << 8)
    const type = bytes[at + 6] ?? 0
    const end = at + recordHeaderBytes + length
    if (recordHeaderBytes + length > left) throw corruptError(file, at, 'a record is too long')
    if (end > bytes.length) return
    if (crc32c(bytes, at + 6, end) !== unmask(u32At(bytes, at))) {
      throw corruptError(file, at, 'a record fails its checksum')
    }
    const begins = type === recordTypes.full || type === recordTypes.first
    if (begins !== (parts.length === 0) || type < 1 || type > recordTypes.last) {
      throw corruptError(file, at, `a record of type ${type} does not belong here`)
    }
    if (begins) began = at
    parts.push(bytes.subarray(at + recordHeaderBytes, end))
    at = end
    if (type !== recordTypes.full && type !== recordTypes.last) continue
    yield { payload: Buffer.concat(parts), offset: began }
    parts = []
  }
}

function applyEdit(
  tables: Map<number, LiveTable>,
  file: string,
  payload: Uint8Array,
  offset: number,
): void {
  const reader = new LevelReader(file, payload, { start: 0, end: payload.length, base: offset })
  const added: LiveTable[] = []
  while (!reader.atEnd) {
    const tag = reader.varint()
    switch (tag) {
      case 1: // The comparator's name.
        reader.sized()
        break
      case 2: // Numbers of the log, the next file, the last write, and the log before.
      case 3:
      case 4:
      case 9:
        reader.varint()
        break
      case 5: // Where a level's next compaction begins.
        reader.varint()
        reader.sized()
        break
      case 6: {
        reader.varint()
        tables.delete(reader.varint())
        break
      }
      case 7: {
        reader.varint()
        const number = reader.varint()
        const bytes = reader.varint()
        added.push({ number, bytes, smallest: reader.sized(), largest: reader.sized() })
        break
      }
      default:
        throw reader.bad(`an edit has the unknown tag ${tag}`)
    }
  }
  // A table that moves to another level is deleted and added by one edit, in this order.
  for (const table of added) tables.set(table.number, table)
}
