/**
 * Streams `history.jsonl` for the drawing. A run that was torn down may leave a last line cut in
 * half, and a report is wanted most of such a run: lines that can't be read are counted and left
 * out here, and the report says so. (The checks read the file strictly; they judge, this draws.)
 */
import { createReadStream } from 'node:fs'
import { nemesisProcess, type EventType, type HistoryEvent } from '../history/event.ts'

/** Characters of the longest line that is kept in memory. */
export const lineLengthMax = 4 * 1024 * 1024

/** What could not be read. */
export interface Unreadable {
  lines: number
  /** Number of the first such line in the file, from 1; 0: there is none. */
  first: number
}

const types: readonly EventType[] = ['invoke', 'ok', 'fail', 'info']

function finite(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** One line as an event; undefined where it isn't one. */
export function parseEvent(line: string): HistoryEvent | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // Half a line; counted by the caller.
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const fields: Readonly<Record<string, unknown>> = Object.fromEntries(Object.entries(value))
  const { i, process, f, key, time, revision, error } = fields
  const type = types.find((known) => known === fields['type'])
  if (!finite(i) || !Number.isInteger(i) || i < 0 || type === undefined) return undefined
  if (process !== nemesisProcess && !finite(process)) return undefined
  if (typeof f !== 'string') return undefined
  return {
    i,
    process,
    type,
    f,
    ...(fields['value'] === undefined ? {} : { value: fields['value'] }),
    ...(typeof key === 'string' ? { key } : {}),
    ...(finite(time) && time >= 0 ? { time } : {}),
    ...(finite(revision) ? { revision } : {}),
    ...(typeof error === 'string' ? { error } : {}),
  }
}

/** The lines of a text that comes in chunks; a line beyond the cap comes as undefined. */
async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string | undefined> {
  let rest = ''
  let tooLong = false
  for await (const chunk of chunks) {
    let begin = 0
    for (let end = chunk.indexOf('\n'); end !== -1; end = chunk.indexOf('\n', begin)) {
      yield tooLong ? undefined : rest + chunk.slice(begin, end)
      rest = ''
      tooLong = false
      begin = end + 1
    }
    if (tooLong) continue
    rest += chunk.slice(begin)
    if (rest.length > lineLengthMax) {
      rest = ''
      tooLong = true
    }
  }
  if (tooLong) yield undefined
  else if (rest !== '') yield rest
}

/**
 * The events of a file in their order. Rejects with the file system's error where it can't be
 * read; unreadable lines are counted into `unreadable`.
 */
export async function* readHistory(
  path: string,
  unreadable: Unreadable,
): AsyncGenerator<HistoryEvent> {
  let number = 0
  const chunks: AsyncIterable<string> = createReadStream(path, { encoding: 'utf8' })
  for await (const line of linesOf(chunks)) {
    number += 1
    if (line !== undefined && line.trim() === '') continue
    const event = line === undefined ? undefined : parseEvent(line)
    if (event === undefined) {
      unreadable.lines += 1
      if (unreadable.first === 0) unreadable.first = number
    } else {
      yield event
    }
  }
}
