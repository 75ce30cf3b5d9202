/** LevelDB's letters: little-endian numbers and varints, read from bytes that may be damaged. */
import { corruptError } from '../errors.ts'

export class LevelReader {
  readonly file: string
  readonly bytes: Uint8Array
  readonly end: number
  /** Where `bytes` begins in the file: for messages. */
  readonly base: number
  offset: number

  constructor(
    file: string,
    bytes: Uint8Array,
    range: { start: number; end: number; base?: number },
  ) {
    this.file = file
    this.bytes = bytes
    this.offset = range.start
    this.end = range.end
    this.base = range.base ?? 0
  }

  get atEnd(): boolean {
    return this.offset >= this.end
  }

  bad(what: string): Error {
    return corruptError(this.file, this.base + this.offset, what)
  }

  u32(): number {
    const at = this.#take(4)
    return u32At(this.bytes, at)
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 10; i++) {
      const byte = this.bytes[this.#take(1)] ?? 0
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER) break
      if (byte < 0x80) return value
      scale *= 128
    }
    throw this.bad('a number is too long')
  }

  /** A view. */
  raw(length: number): Uint8Array {
    const at = this.#take(length)
    return this.bytes.subarray(at, at + length)
  }

  sized(): Uint8Array {
    return this.raw(this.varint())
  }

  #take(length: number): number {
    if (length > this.end - this.offset) throw this.bad('something is cut short')
    const at = this.offset
    this.offset += length
    return at
  }
}

/** A little-endian u32; bytes beyond the end read as zero. */
export function u32At(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) |
      ((bytes[at + 1] ?? 0) << 8) |
      ((bytes[at + 2] ?? 0) << 16) |
      ((bytes[at + 3] ?? 0) << 24)) >>>
    0
  )
}
