/**
 * CRC-32 of few bytes. It is the checksum of `node:zlib`, whose call alone takes longer than what
 * there is to do for a key or a number.
 */
import { crc32 } from 'node:zlib'

/** From here on the library is faster. */
const shortBytesMost = 48

const table = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** The checksum of `bytes[start, end)`, going on from `seed`, that of what stands before them. */
export function crc32Of(
  bytes: Uint8Array,
  seed = 0,
  start = 0,
  end: number = bytes.length,
): number {
  if (end - start > shortBytesMost) return crc32(bytes.subarray(start, end), seed)
  let crc = ~seed
  for (let i = start; i < end; i++) {
    crc = (crc >>> 8) ^ (table[((bytes[i] ?? 0) ^ crc) & 0xff] ?? 0)
  }
  return ~crc >>> 0
}
