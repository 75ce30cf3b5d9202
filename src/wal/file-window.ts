/** Reading a file front to back in small pieces, at the price of a few large reads. */
import { assert } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { DiskFile } from '../ports.ts'

/** Hands out pieces of a file from a buffer that moves along with the reader. */
export class FileWindow {
  readonly path: string
  readonly fileBytes: number
  readonly #file: DiskFile
  readonly #windowBytes: number
  #start = 0
  #bytes: Uint8Array = new Uint8Array(0)

  constructor(options: {
    readonly file: DiskFile
    readonly path: string
    readonly fileBytes: number
    readonly windowBytes: number
  }) {
    this.#file = options.file
    this.path = options.path
    this.fileBytes = options.fileBytes
    this.#windowBytes = options.windowBytes
  }

  /** The bytes at `offset`, as a view that stays valid. They must lie within the file. */
  async bytes(offset: number, length: number): Promise<Uint8Array> {
    assert(offset >= 0 && length >= 0, 'offsets and lengths are not negative')
    assert(offset + length <= this.fileBytes, 'only bytes of the file are asked for')
    const from = offset - this.#start
    if (from < 0 || from + length > this.#bytes.length) {
      await this.#load(offset, Math.max(length, this.#windowBytes))
      return this.#bytes.subarray(0, length)
    }
    return this.#bytes.subarray(from, from + length)
  }

  async #load(offset: number, length: number): Promise<void> {
    const wanted = Math.min(length, this.fileBytes - offset)
    const bytes = await this.#file.read(offset, wanted)
    if (bytes.length !== wanted) {
      throw corruptError(this.path, offset + bytes.length, 'the file ends early')
    }
    this.#start = offset
    this.#bytes = bytes
  }
}
