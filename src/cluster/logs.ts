/** A node's log as it is read while it grows: its last lines, then what is added. */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { sleep } from './time.ts'

const pollMs = 200
const chunkBytesMax = 1_048_576
/** A longer line is handed out in parts: nobody reads it anyway. */
const lineBytesMax = 262_144
const lineEnd = 0x0a
const nothing: Uint8Array = new Uint8Array(0)

/**
 * Reads up to a position, which is the file's size at first. The last lines end there and what is
 * added begins there, so that no line is left out or comes twice, however long printing takes.
 */
export class LogTail {
  readonly #path: string
  #position: number
  /** A line that has no end yet. As bytes: it may end in the middle of a character. */
  #rest = nothing

  constructor(path: string) {
    this.#path = path
    this.#position = sizeOf(path)
  }

  /** The last whole lines before the position, at most `count`. Called once, before `added`. */
  last(count: number): string[] {
    const length = Math.min(this.#position, chunkBytesMax)
    if (length === 0) return []
    let bytes = readRange(this.#path, this.#position - length, length)
    // The first of a file that is not read from its beginning is likely a part of one.
    if (length < this.#position) bytes = afterFirstLine(bytes)
    const lines = this.#split(bytes)
    return count > 0 ? lines.slice(-count) : []
  }

  /** The line that has no end yet. It is not handed out again. */
  unfinished(): string[] {
    const rest = this.#rest
    this.#rest = nothing
    return rest.length === 0 ? [] : [textOf(rest)]
  }

  /** The whole lines that were added. */
  added(): string[] {
    const lines: string[] = []
    const size = sizeOf(this.#path)
    if (size < this.#position) {
      // A smaller file is another one: its node was started again and the log set aside.
      this.#position = 0
      lines.push(...this.unfinished())
    }
    const length = Math.min(size - this.#position, chunkBytesMax)
    if (length <= 0) return lines
    const bytes = readRange(this.#path, this.#position, length)
    this.#position += bytes.length
    lines.push(...this.#split(bytes))
    return lines
  }

  #split(bytes: Uint8Array): string[] {
    const joined = Buffer.concat([this.#rest, bytes])
    const end = joined.lastIndexOf(lineEnd)
    const lines = end === -1 ? [] : textOf(joined.subarray(0, end)).split('\n')
    this.#rest = joined.subarray(end + 1)
    if (this.#rest.length > lineBytesMax) {
      const cut = lastCharacterOf(this.#rest)
      lines.push(textOf(this.#rest.subarray(0, cut)))
      this.#rest = this.#rest.subarray(cut)
    }
    return lines
  }
}

/** Hands over lines as they are written, until `signal` is aborted. */
export async function followLogs(
  tails: readonly LogTail[],
  onLine: (index: number, line: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    let found = 0
    for (const [index, tail] of tails.entries()) {
      for (const line of tail.added()) {
        found++
        await onLine(index, line)
      }
    }
    if (found === 0) await sleep(pollMs, signal)
  }
}

function afterFirstLine(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(lineEnd)
  return end === -1 ? nothing : bytes.subarray(end + 1)
}

/** Where the last character begins, which may not be all there. */
function lastCharacterOf(bytes: Uint8Array): number {
  let at = bytes.length - 1
  // A character of UTF-8 has up to three bytes behind its first.
  for (let i = 0; i < 3 && ((bytes[at] ?? 0) & 0xc0) === 0x80; i++) at--
  return at
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function readRange(path: string, from: number, length: number): Uint8Array {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(length)
    return buffer.subarray(0, readSync(file, buffer, 0, length, from))
  } finally {
    closeSync(file)
  }
}
