/** Small helpers over bytes that the formats of this folder share. Little-endian throughout. */
import { assert } from '../assert.ts'

/** The unit that a disk writes whole or not at all; all torn-write reasoning rests on it. */
export const sectorBytes = 512

const zeroBlock = new Uint8Array(64 * 1024)

/** A view for reading and writing numbers, over the same memory. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Writes a whole number below 2^53 as 8 bytes. */
export function setUint53(view: DataView, offset: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, 'a 64-bit field holds 0 ≤ n < 2^53')
  view.setUint32(offset, value % 0x1_0000_0000, true)
  view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true)
}

/** Reads 8 bytes; undefined where the number is 2^53 or more, which nothing here ever writes. */
export function getUint53(view: DataView, offset: number): number | undefined {
  const high = view.getUint32(offset + 4, true)
  if (high >= 0x20_0000) return undefined
  return high * 0x1_0000_0000 + view.getUint32(offset, true)
}

/** The next multiple of `unit` that is not below `n`. */
export function roundUp(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit
}

function sameAsZeros(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, zeroBlock.subarray(0, bytes.length)) === 0
}

/** Whether every byte is zero. */
export function allZero(bytes: Uint8Array): boolean {
  // Real content nearly always shows itself in its first byte, so that the common answer is cheap.
  if (bytes.length > 0 && bytes[0] !== 0) return false
  for (let at = 0; at < bytes.length; at += zeroBlock.length) {
    if (!sameAsZeros(bytes.subarray(at, at + zeroBlock.length))) return false
  }
  return true
}

/** Where the first byte is that is not zero; -1 where there is none. */
export function firstNonZero(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; at += zeroBlock.length) {
    const part = bytes.subarray(at, at + zeroBlock.length)
    if (!sameAsZeros(part)) return at + part.findIndex((byte) => byte !== 0)
  }
  return -1
}

/** Where the last byte is that is not zero; -1 where there is none. */
export function lastNonZero(bytes: Uint8Array): number {
  for (let end = bytes.length; end > 0; end -= zeroBlock.length) {
    const start = Math.max(0, end - zeroBlock.length)
    const part = bytes.subarray(start, end)
    if (!sameAsZeros(part)) return start + part.findLastIndex((byte) => byte !== 0)
  }
  return -1
}

/** How many sectors a test holds for. The bytes begin at a sector's first byte. */
export function countSectors(bytes: Uint8Array, holds: (sector: Uint8Array) => boolean): number {
  assert(bytes.length % sectorBytes === 0, 'sectors are counted over whole sectors')
  let count = 0
  for (let at = 0; at < bytes.length; at += sectorBytes) {
    if (holds(bytes.subarray(at, at + sectorBytes))) count += 1
  }
  return count
}

/** Whether at most one bit is set: such bytes are a single flipped bit away from all zeros. */
export function nearlyZero(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0
  if (first !== 0) return (first & (first - 1)) === 0 && allZero(bytes.subarray(1))
  const at = firstNonZero(bytes)
  if (at === -1) return true
  const byte = bytes[at] ?? 0
  return (byte & (byte - 1)) === 0 && allZero(bytes.subarray(at + 1))
}

/** Whether a string is the lower-case hex of exactly `length` bytes. */
export function isHex(text: string, length: number): boolean {
  return text.length === length * 2 && /^[0-9a-f]+$/.test(text)
}

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** The bytes of a hex string, which was checked before. */
export function fromHex(text: string): Uint8Array {
  assert(text.length % 2 === 0 && /^[0-9a-f]*$/.test(text), 'hex was checked before')
  return new Uint8Array(Buffer.from(text, 'hex'))
}
