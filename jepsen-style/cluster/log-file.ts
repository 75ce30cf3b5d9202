/** The nodes' logs: written by their processes, read back as the proof of what happened to them. */
import { closeSync, existsSync, openSync, readSync, renameSync, statSync } from 'node:fs'

/** A log above this size is set aside when its node starts, and the one before it forgotten. */
export const logBytesMax: number = 64 * 1_048_576
/** Of what was added since a mark, the newest part of this size is read. */
const readBytesMax = 4 * 1_048_576

/** A line of a node's log, as far as the harness needs it. */
export interface LogLine {
  readonly level: string
  readonly message: string
  readonly code: string | undefined
  readonly file: string | undefined
  readonly offset: number | undefined
  /** The text of the error that it tells of. */
  readonly error: string | undefined
}

/** Opens a log to append to it. */
export function openLog(path: string): number {
  if (existsSync(path) && statSync(path).size > logBytesMax) renameSync(path, `${path}.1`)
  return openSync(path, 'a')
}

/** Where a log ends now: the position from which `logSince` reads. */
export function logEnd(path: string): number {
  return existsSync(path) ? statSync(path).size : 0
}

/** The lines that were added since; what is no line of a node's log is left out. */
export function logSince(path: string, position: number): LogLine[] {
  const size = logEnd(path)
  // A smaller file is another one: the log was set aside meanwhile.
  const begin = Math.max(size < position ? 0 : position, size - readBytesMax)
  if (size <= begin) return []
  const bytes = Buffer.alloc(size - begin)
  const file = openSync(path, 'r')
  try {
    const length = readSync(file, bytes, 0, bytes.length, begin)
    return parseLog(bytes.subarray(0, length).toString('utf8'))
  } finally {
    closeSync(file)
  }
}

/** The lines of a log; what is no line of a node's log is left out. */
export function parseLog(text: string): LogLine[] {
  return text
    .split('\n')
    .map(parseLine)
    .filter((line) => line !== undefined)
}

function parseLine(text: string): LogLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const fields = new Map<string, unknown>(Object.entries(value))
  const level = textOf(fields.get('level'))
  const message = textOf(fields.get('message'))
  if (level === undefined || message === undefined) return undefined
  const offset = fields.get('offset')
  return {
    level,
    message,
    code: textOf(fields.get('code')),
    file: textOf(fields.get('file')),
    offset: typeof offset === 'number' ? offset : undefined,
    error: textOf(fields.get('error')),
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
