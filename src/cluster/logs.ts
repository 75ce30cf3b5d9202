/** The nodes' logs: their ends, and what comes after. */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { sleep } from './time.ts'

const pollMs = 200
const chunkBytesMax = 1_048_576
/** A longer line is handed out in parts: nobody reads it anyway. */
const lineBytesMax = 262_144

/** One file's lines, from a position on. */
class Tail {
  readonly #path: string
  #position: number
  #rest = ''

  constructor(path: string, position: number) {
    this.#path = path
    this.#position = position
  }

  /** The whole lines that were added since the last call. */
  read(): string[] {
    const size = sizeOf(this.#path)
    // A smaller file is another one: its node was started again and the log set aside.
    if (size < this.#position) this.#position = 0
    const length = Math.min(size - this.#position, chunkBytesMax)
    if (length <= 0) return []
    const bytes = readRange(this.#path, this.#position, length)
    this.#position += bytes.length
    const lines = (this.#rest + bytes.toString('utf8')).split('\n')
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > lineBytesMax) lines.push(this.#rest)
    if (this.#rest.length > lineBytesMax) this.#rest = ''
    return lines
  }
}

/** The last lines of a log, at most `count`; none where there is no file. */
export function lastLines(path: string, count: number): string[] {
  if (count <= 0) return []
  const size = sizeOf(path)
  const length = Math.min(size, chunkBytesMax)
  if (length === 0) return []
  const lines = readRange(path, size - length, length)
    .toString('utf8')
    .split('\n')
  if (lines.at(-1) === '') lines.pop()
  // The first of a file that was not read from its beginning is likely a part of one.
  if (length < size) lines.shift()
  return lines.slice(-count)
}

/** Hands over lines as they are written, until `signal` is aborted. */
export async function followLogs(
  paths: readonly string[],
  onLine: (index: number, line: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const tails = paths.map((path) => new Tail(path, sizeOf(path)))
  while (!signal.aborted) {
    let found = 0
    for (const [index, tail] of tails.entries()) {
      for (const line of tail.read()) {
        found++
        await onLine(index, line)
      }
    }
    if (found === 0) await sleep(pollMs, signal)
  }
}

function sizeOf(path: string): number {
  return existsSync(path) ? statSync(path).size : 0
}

function readRange(path: string, from: number, length: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const buffer = Buffer.alloc(length)
    return buffer.subarray(0, readSync(file, buffer, 0, length, from))
  } finally {
    closeSync(file)
  }
}
