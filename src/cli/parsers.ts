/** Argument values: text in, a checked value out, or a refusal that says what would be right. */
import { InvalidArgumentError } from 'commander'

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

/** `host:port`; an IPv6 host stands in brackets. `listen` allows port 0. */
export function isAddress(text: string, listen = false): boolean {
  const match = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text)
  const port = Number(match?.[1] ?? Number.NaN)
  return port >= (listen ? 0 : 1) && port <= 65_535
}

/** An address that others are to reach. */
export function parseAddress(text: string): string {
  if (!isAddress(text)) throw new InvalidArgumentError('An address is host:port.')
  return text
}

/** An address to listen on. */
export function parseListenAddress(text: string): string {
  if (!isAddress(text, true)) throw new InvalidArgumentError('An address is host:port.')
  return text
}

/** A list of endpoints, separated by commas. */
export function parseEndpoints(text: string): readonly string[] {
  const endpoints = text.split(',').map((endpoint) => endpoint.trim())
  const wrong = endpoints.find((endpoint) => !isAddress(endpoint))
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
    if (id === undefined || address === undefined || !isAddress(address)) {
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
