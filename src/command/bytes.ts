/**
 * Fixed-width, big-endian numbers in byte arrays: the letters in which commands and rows are
 * written. Big-endian, so that keys which hold numbers sort by them.
 *
 * Widths are fixed rather than variable because every value must have exactly one encoding:
 * payload hashes and digests are taken over these bytes on every node.
 */
import { assert } from '../assert.ts'
import { QuorateError } from '../errors.ts'

/** The largest time that fits its six bytes, in ms: the year 10889. */
export const timeMax = 2 ** 48 - 1

/** The error of every decoder: these bytes were written by something else, or are damaged. */
export function malformed(what: string): QuorateError {
  // Whoever meets this has done nothing with the bytes yet.
  return new QuorateError('QUORATE_PROTOCOL', `malformed bytes: ${what}`, {
    outcome: 'not-applied',
  })
}

/** Writes fields one behind the other into an array that has exactly the room for them. */
export class ByteWriter {
  readonly bytes: Uint8Array
  #offset = 0

  /** A number of bytes, for an array of their own; or the array, of which every byte is written. */
  constructor(room: number | Uint8Array) {
    this.bytes = typeof room === 'number' ? new Uint8Array(room) : room
  }

  /**
   * Into memory that is shared with other small arrays, which is several times cheaper to have. For
   * bytes that soon go elsewhere: those that are kept would keep what lies around them too.
   */
  static pooled(length: number): ByteWriter {
    const { buffer, byteOffset } = Buffer.allocUnsafe(length)
    // All writers write to plain arrays: the engine makes one fast path of them, not two.
    return new ByteWriter(new Uint8Array(buffer, byteOffset, length))
  }

  u8(value: number): void {
    assert(value >= 0 && value <= 0xff, 'a u8 is in range')
    this.bytes[this.#offset++] = value
  }

  u16(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff, 'a u16 is in range')
    const bytes = this.bytes
    bytes[this.#offset++] = value >>> 8
    bytes[this.#offset++] = value
  }

  u32(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff, 'a u32 is in range')
    this.#u32(value)
  }

  /** Six bytes: times. */
  u48(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= timeMax, 'a time is in range')
    const high = Math.floor(value / 0x1_0000_0000)
    this.bytes[this.#offset++] = high >>> 8
    this.bytes[this.#offset++] = high
    this.#u32(value >>> 0)
  }

  /** Eight bytes that hold at most `Number.MAX_SAFE_INTEGER`: counts. */
  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a count is in range')
    this.#u32(Math.floor(value / 0x1_0000_0000))
    this.#u32(value >>> 0)
  }

  raw(bytes: Uint8Array): void {
    assert(this.#offset + bytes.length <= this.bytes.length, 'a field fits its array')
    this.bytes.set(bytes, this.#offset)
    this.#offset += bytes.length
  }

  /** The array, which must be full: a size that was computed wrongly must not go unnoticed. */
  done(): Uint8Array {
    assert(this.#offset === this.bytes.length, 'what was written has the length that was computed')
    return this.bytes
  }

  #u32(value: number): void {
    const bytes = this.bytes
    const offset = this.#offset
    bytes[offset] = value >>> 24
    bytes[offset + 1] = value >>> 16
    bytes[offset + 2] = value >>> 8
    bytes[offset + 3] = value
    this.#offset = offset + 4
  }
}

/** Reads what a `ByteWriter` wrote, from bytes that nobody has checked yet. Never copies. */
export class ByteReader {
  readonly bytes: Uint8Array
  #offset: number

  constructor(bytes: Uint8Array, offset = 0) {
    this.bytes = bytes
    this.#offset = offset
  }

  get offset(): number {
    return this.#offset
  }

  get remaining(): number {
    return this.bytes.length - this.#offset
  }

  u8(): number {
    const offset = this.#take(1)
    return this.bytes[offset] ?? 0
  }

  u16(): number {
    const offset = this.#take(2)
    return ((this.bytes[offset] ?? 0) << 8) | (this.bytes[offset + 1] ?? 0)
  }

  u32(): number {
    return this.#u32(this.#take(4))
  }

  u48(): number {
    return this.u16() * 0x1_0000_0000 + this.u32()
  }

  u64(): number {
    const offset = this.#take(8)
    const high = this.#u32(offset)
    if (high > 0x1f_ffff) throw malformed('a count is above what can be counted exactly')
    return high * 0x1_0000_0000 + this.#u32(offset + 4)
  }

  /** A view, not a copy. */
  raw(length: number): Uint8Array {
    const offset = this.#take(length)
    return this.bytes.subarray(offset, offset + length)
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.#offset !== this.bytes.length) {
      throw malformed(`${this.remaining} bytes too many at ${this.#offset}`)
    }
  }

  #take(length: number): number {
    const offset = this.#offset
    if (length > this.bytes.length - offset) throw malformed(`cut short at ${offset}`)
    this.#offset = offset + length
    return offset
  }

  #u32(offset: number): number {
    const bytes = this.bytes
    return (
      (((bytes[offset] ?? 0) << 24) |
        ((bytes[offset + 1] ?? 0) << 16) |
        ((bytes[offset + 2] ?? 0) << 8) |
        (bytes[offset + 3] ?? 0)) >>>
      0
    )
  }
}

/** Whether two arrays hold the same bytes. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  // Buffer.compare takes any Uint8Array and runs at memcmp's speed.
  return Buffer.compare(a, b) === 0
}

/**
 * The bytes as a string, as keys of a Map need them: Latin-1 gives each byte a character of its
 * own, so different bytes never give the same string.
 */
export function byteString(bytes: Uint8Array): string {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.toString('latin1')
}
