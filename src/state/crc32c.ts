/**
 * CRC-32C (Castagnoli), which LevelDB seals its blocks and records with, eight bytes at a time.
 * Node has CRC-32 of the other polynomial only. Where all of a database goes through it, a library
 * that uses the processor's instruction takes its place, if there is one; see `Crc32c`.
 */

/** The checksum of `bytes[start, end)`. */
export type Crc32c = (bytes: Uint8Array, start: number, end: number) => number

const slices = makeSlices()

/** The table of single bytes, and seven more for bytes that lie further back. */
function makeSlices(): Int32Array[] {
  const first = new Int32Array(256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    first[byte] = crc
  }
  const all = [first]
  for (let slice = 1; slice < 8; slice++) {
    const before = all[slice - 1] ?? first
    all.push(before.map((crc) => (crc >>> 8) ^ (first[crc & 0xff] ?? 0)))
  }
  return all
}

/** The checksum of `bytes[start, end)`. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  // Named one by one: an index into an array of tables would cost more than the table look-up.
  const [t0, t1, t2, t3, t4, t5, t6, t7] = slices
  if (!t0 || !t1 || !t2 || !t3 || !t4 || !t5 || !t6 || !t7) return 0
  let crc = -1
  let i = start
  for (; i + 8 <= end; i += 8) {
    crc =
      (t7[((bytes[i] ?? 0) ^ crc) & 0xff] ?? 0) ^
      (t6[((bytes[i + 1] ?? 0) ^ (crc >>> 8)) & 0xff] ?? 0) ^
      (t5[((bytes[i + 2] ?? 0) ^ (crc >>> 16)) & 0xff] ?? 0) ^
      (t4[((bytes[i + 3] ?? 0) ^ (crc >>> 24)) & 0xff] ?? 0) ^
      (t3[bytes[i + 4] ?? 0] ?? 0) ^
      (t2[bytes[i + 5] ?? 0] ?? 0) ^
      (t1[bytes[i + 6] ?? 0] ?? 0) ^
      (t0[bytes[i + 7] ?? 0] ?? 0)
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ (t0[((bytes[i] ?? 0) ^ crc) & 0xff] ?? 0)
  return ~crc >>> 0
}

/** LevelDB's masking of a stored checksum, so that checksums of checksums stay good. */
export function unmask(stored: number): number {
  const rotated = (stored - 0xa282ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}
