/** Argument values: text in, a checked value out, or a refusal that says what would be right. */
import { InvalidArgumentError } from 'commander'
import { isDialable } from '../address.ts'
import { logLevels, type LogLevel } from './json-logger.ts'

const unitMs: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
/** A hundred years: more is a slip of the keyboard. */
const durationMsMax = 100 * 366 * 86_400_000

/** A duration in ms: `500ms`, `5s`, `1.5m`, `2h`, `1d`; a bare number is milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|)$/.exec(text)
  const ms = Number(match?.[1]) * (unitMs[match?.[2] ?? ''] ?? Number.NaN)
  if (!(ms > 0 && ms <= durationMsMax)) {
    throw new InvalidArgumentError('A duration looks like 500ms, 5s, 1.5m, 2h or 1d.')
  }
  return Math.max(1, Math.round(ms))
}

/** The same, or 0: never. */
export function parseDurationOrNever(text: string): number {
  return text === '0' ? 0 : parseDuration(text)
}

const unitBytes: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** Bytes: `300MiB`, `1GiB`; the unit is always named, so that nobody has to guess which it is. */
export function parseSize(text: string): number {
  const match = /^(\d{1,16})(B|KiB|MiB|GiB|TiB)$/.exec(text)
  const bytes = Number(match?.[1]) * (unitBytes[match?.[2] ?? ''] ?? Number.NaN)
  if (!(bytes > 0 && Number.isSafeInteger(bytes))) {
    throw new InvalidArgumentError('A size looks like 512B, 64KiB, 300MiB or 1GiB.')
  }
  return bytes
}

/** A size, or 0 for none at all. */
export function parseSizeOrNone(text: string): number {
  return text === '0' ? 0 : parseSize(text)
}

/** A whole number from 0 on. */
export function parseCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(count)) {
    throw new InvalidArgumentError('It must be a whole number, 0 or more.')
  }
  return count
}

/** A whole number from 1 on. */
export function parsePositive(text: string): number {
  const count = parseCount(text)
  if (count === 0) throw new InvalidArgumentError('It must be at least 1.')
  return count
}

/** The highest priority of a member; what a member's entry in the log has room for. */
const priorityHighest = 255

/** A member's priority. */
export function parsePriority(text: string): number {
  const priority = parseCount(text)
  if (priority > priorityHighest) {
    throw new InvalidArgumentError(`A priority is a whole number from 0 to ${priorityHighest}.`)
  }
  return priority
}

/** A TCP port; 0 stands for any free one. */
export function parsePort(text: string): number {
  const port = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(port <= 65_535)) throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return port
}

/** A moment in ms since 1970: digits, or a date and time of ISO 8601. */
export function parseTime(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : isoTime(text)
  if (!Number.isSafeInteger(ms)) {
    throw new InvalidArgumentError(
      'A time is milliseconds since 1970, or like 2026-01-31T12:00:00Z.',
    )
  }
  return ms
}

/** Without a zone a time would mean another moment on another machine: so it must have one. */
function isoTime(text: string): number {
  return /^\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
}

/** `host:port` to listen on; an IPv6 host stands in brackets, and port 0 asks for a free one. */
function isListenAddress(text: string): boolean {
  const match = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text)
  return Number(match?.[1] ?? Number.NaN) <= 65_535
}

/** An address that others are to reach. */
export function parseAddress(text: string): string {
  if (!isDialable(text)) throw new InvalidArgumentError('An address is a host:port to dial.')
  return text
}

/** An address to listen on. */
export function parseListenAddress(text: string): string {
  if (!isListenAddress(text)) throw new InvalidArgumentError('An address is host:port.')
  return text
}

/** A list of endpoints, separated by commas. */
export function parseEndpoints(text: string): readonly string[] {
  const endpoints = text.split(',').map((endpoint) => endpoint.trim())
  const wrong = endpoints.find((endpoint) => !isDialable(endpoint))
  if (wrong !== undefined) {
    throw new InvalidArgumentError(
      `"${wrong}" is no endpoint; they look like 127.0.0.1:7101,127.0.0.1:7102.`,
    )
  }
  return [...new Set(endpoints)]
}

/** `id=host:port` pairs, separated by commas. */
export function parsePeers(text: string): Readonly<Record<string, string>> {
  const peers: Record<string, string> = {}
  for (const pair of text.split(',')) {
    const [, id, address] = /^\s*([A-Za-z0-9][\w.-]{0,63})=(\S+?)\s*$/.exec(pair) ?? []
    if (id === undefined || address === undefined || !isDialable(address)) {
      throw new InvalidArgumentError(
        `"${pair}" is no peer; they look like n1=10.0.0.1:7201,n2=10.0.0.2:7201.`,
      )
    }
    if (Object.hasOwn(peers, id)) throw new InvalidArgumentError(`${id} is named twice.`)
    peers[id] = address
  }
  return peers
}

/** A node's name: it is used in messages, log lines and directories. */
export function parseNodeId(text: string): string {
  if (!/^[A-Za-z0-9][\w.-]{0,63}$/.test(text)) {
    throw new InvalidArgumentError('A node id is up to 64 letters, digits, "_", "-" and ".".')
  }
  return text
}

/** A level of the log. */
export function parseLogLevel(text: string): LogLevel {
  const level = logLevels.find((candidate) => candidate === text)
  if (level === undefined) throw new InvalidArgumentError(`It is one of ${logLevels.join(', ')}.`)
  return level
}
