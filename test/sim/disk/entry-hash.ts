/**
 * The hash by which entries are told apart, of those in memory as of those on a disk: CRC-32 over
 * the byte of the kind, as the header of a record has it (`docs/storage-format.md`), and the data.
 */
import { crc32 } from 'node:zlib'
import type { Entry, EntryKind } from '../../../src/raft/index.ts'

const kindCodes: Readonly<Record<EntryKind, number>> = { noop: 1, commands: 2, config: 3 }
/** CRC-32 of one byte, by the byte. */
const kindHashes: readonly number[] = [0, 1, 2, 3].map((code) => crc32(Uint8Array.of(code)))

/** Of an entry in memory. */
export function entryHash({ kind, data }: Pick<Entry, 'kind' | 'data'>): number {
  return storedHash(kindCodes[kind], data)
}

/** Of one on a disk, where its kind is a number; one of an unknown kind is hashed without it. */
export function storedHash(kindCode: number, data: Uint8Array): number {
  const seed = kindHashes[kindCode] ?? 0
  // Of an array without memory behind it, such as an empty text's, Node answers 0 instead.
  return data.length === 0 ? seed : crc32(data, seed)
}
