/**
 * One line of a history: bytes from a file in, a checked event out, and back. Everything that is
 * not as `event.ts` says is refused with its place, because a checker that guesses what a line
 * meant would judge another history than the one that was recorded.
 */
import { nemesisProcess, type EventType, type HistoryEvent } from './event.ts'
import { HistoryError, type Place } from './history-error.ts'

const types: readonly EventType[] = ['invoke', 'ok', 'fail', 'info']

/** Reads a line. `place.line` stands in for an `i` that is missing. */
export function parseLine(text: string, place: Place): HistoryEvent {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw new HistoryError(`not JSON (${error instanceof Error ? error.message : ''})`, place)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw new HistoryError('not an event: a line holds one JSON object', place)
  }
  // A checked copy: fields that this format does not know are left behind.
  const fields: Readonly<Record<string, unknown>> = { ...parsed }
  const event: HistoryEvent = {
    i: wholeNumber(fields, 'i', place) ?? place.line - 1,
    process: processOf(fields, place),
    type: typeOf(fields, place),
    f: nameOf(fields, place),
    ...('value' in fields && { value: fields['value'] }),
    ...optional('key', textOf(fields, 'key', place)),
    ...optional('time', time(fields, place)),
    ...optional('revision', wholeNumber(fields, 'revision', place)),
    ...optional('error', textOf(fields, 'error', place)),
  }
  if (event.i !== place.line - 1) strays.set(event, place.line)
  return event
}

/** The lines of events whose `i` does not tell it: lines were cut or added since it was written. */
const strays = new WeakMap<HistoryEvent, number>()

/** The line of its file in which an event stands, from 1, as errors name it. */
export function lineOf(event: HistoryEvent): number {
  return strays.get(event) ?? event.i + 1
}

/** Writes a line, without its end. */
export function formatLine(event: HistoryEvent): string {
  return JSON.stringify(event)
}

type Fields = Readonly<Record<string, unknown>>

function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [key in Name]?: Value } {
  const found: { [key in Name]?: Value } = {}
  if (value !== undefined) found[name] = value
  return found
}

function processOf(fields: Fields, place: Place): HistoryEvent['process'] {
  const process = fields['process']
  if (process === nemesisProcess) return nemesisProcess
  if (typeof process === 'number' && Number.isSafeInteger(process) && process >= 0) return process
  throw new HistoryError(
    `process must be a whole number or "${nemesisProcess}", not ${shown(process)}`,
    place,
  )
}

function typeOf(fields: Fields, place: Place): EventType {
  const type = types.find((known) => known === fields['type'])
  if (type !== undefined) return type
  throw new HistoryError(
    `type must be one of ${types.join(', ')}, not ${shown(fields['type'])}`,
    place,
  )
}

function nameOf(fields: Fields, place: Place): string {
  const f = textOf(fields, 'f', place)
  if (f !== undefined && f !== '') return f
  throw new HistoryError('f is missing: the name of what was called', place)
}

function textOf(fields: Fields, name: string, place: Place): string | undefined {
  const text = fields[name]
  // Other writers give null for what is not there.
  if (text === undefined || text === null) return undefined
  if (typeof text === 'string') return text
  throw new HistoryError(`${name} must be a text, not ${shown(text)}`, place)
}

function time(fields: Fields, place: Place): number | undefined {
  const ms = fields['time']
  if (ms === undefined || ms === null) return undefined
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms
  throw new HistoryError(`time must be a number, not ${shown(ms)}`, place)
}

function wholeNumber(fields: Fields, name: string, place: Place): number | undefined {
  const count = fields[name]
  if (count === undefined || count === null) return undefined
  if (typeof count === 'number' && Number.isSafeInteger(count) && count >= 0) return count
  throw new HistoryError(`${name} must be a whole number from 0 on, not ${shown(count)}`, place)
}

const shownCharactersMax = 40

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing'
  return text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}…`
}
