/** Reading histories from files, line by line: a file may be larger than a string can be. */
import { createReadStream } from 'node:fs'
import { TextDecoder } from 'node:util'
import type { HistoryEvent } from './event.ts'
import { HistoryError } from './history-error.ts'
import { parseLine } from './line.ts'

/** A line holds a value of 1 MiB at most, escaped; more is another kind of file. */
export const lineBytesMax = 16 * 1024 * 1024
/**
 * What can be held and checked within the 4 GB that Node takes by default: some 600 bytes each. It
 * is an hour at 700 calls a second, and more than any run writes.
 */
export const eventsMax = 5_000_000

/**
 * Reads the events of a file. `name` is what errors call it (default: the path). Throws
 * `HistoryError` with file and line where a line is no event, and where the file cannot be read.
 */
export async function readHistory(path: string, name = path): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = []
  let line = 0
  for await (const text of linesOf(path, name)) {
    line++
    if (text.trim() === '') continue
    if (events.length === eventsMax) {
      throw new HistoryError(`more than ${eventsMax} events`, { file: name, line })
    }
    events.push(parseLine(text, { file: name, line }))
  }
  return events
}

async function* linesOf(path: string, name: string): AsyncGenerator<string> {
  // Fatal: a byte that is no UTF-8 would become another character, and two values one.
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  let line = 1
  for await (const chunk of chunksOf(path, name)) {
    const lines = (rest + decode(decoder, chunk, name, line)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
    line += lines.length
    if (rest.length > lineBytesMax) {
      throw new HistoryError(`longer than ${lineBytesMax} bytes`, { file: name, line })
    }
  }
  rest += decode(decoder, undefined, name, line)
  if (rest !== '') yield rest
}

function decode(
  decoder: TextDecoder,
  chunk: Uint8Array | undefined,
  name: string,
  line: number,
): string {
  try {
    return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
  } catch {
    throw new HistoryError('not UTF-8, here or soon after', { file: name, line })
  }
}

async function* chunksOf(path: string, name: string): AsyncGenerator<Uint8Array> {
  const stream: AsyncIterable<Uint8Array> = createReadStream(path, { highWaterMark: 256 * 1024 })
  const chunks = stream[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next = await read(chunks, name)
      if (next.done === true) return
      yield next.value
    }
  } finally {
    await chunks.return?.()
  }
}

async function read(
  chunks: AsyncIterator<Uint8Array>,
  name: string,
): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new HistoryError(`${name} cannot be read: ${why}`)
  }
}
