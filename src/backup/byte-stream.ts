/** Reads counted bytes and lines from chunks that come as they come. Holds a chunk or two. */
import { assert } from '../assert.ts'
import { corruptError } from '../errors.ts'

export class ByteStream {
  readonly #name: string
  readonly #chunks: AsyncIterator<Uint8Array>
  #chunk: Uint8Array = new Uint8Array(0)
  #offset = 0

  /** `name`: of the file, for messages. */
  constructor(name: string, chunks: AsyncIterable<Uint8Array>) {
    this.#name = name
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  /** How many bytes were taken. */
  get offset(): number {
    return this.#offset
  }

  /** Exactly so many bytes. Throws `QUORATE_CORRUPT` where there are fewer. */
  async take(length: number): Promise<Uint8Array> {
    const out = Buffer.allocUnsafe(length)
    let filled = 0
    while (filled < length) {
      if (!(await this.#fill())) throw this.#cutShort()
      const part = this.#chunk.subarray(0, length - filled)
      out.set(part, filled)
      filled += part.length
      this.#drop(part.length)
    }
    return out
  }

  /** A line without its end. `bytesMax`: longer ones, and such without an end, are damage. */
  async line(bytesMax: number): Promise<string> {
    assert(bytesMax > 0, 'a line has room')
    const parts: Uint8Array[] = []
    let length = 0
    for (;;) {
      if (!(await this.#fill())) throw this.#cutShort()
      const end = this.#chunk.indexOf(0x0a)
      const part = this.#chunk.subarray(0, end === -1 ? this.#chunk.length : end)
      length += part.length
      if (length > bytesMax) throw corruptError(this.#name, this.#offset, 'a line is too long')
      parts.push(part)
      this.#drop(part.length + (end === -1 ? 0 : 1))
      if (end !== -1) return Buffer.concat(parts).toString('latin1')
    }
  }

  /** Whether nothing follows. */
  async atEnd(): Promise<boolean> {
    return !(await this.#fill())
  }

  /** Lets go of what the chunks come from. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  /** Whether there is at least one byte at hand. */
  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next()
      if (next.done === true) return false
      this.#chunk = next.value
    }
    return true
  }

  #drop(length: number): void {
    this.#chunk = this.#chunk.subarray(length)
    this.#offset += length
  }

  #cutShort(): Error {
    return corruptError(this.#name, this.#offset, 'it is cut short')
  }
}
