/** A node's log lines for people. */
import type { Paint, Style } from './output.ts'
import { printable } from './table.ts'

const levelStyles: Readonly<Record<string, Style>> = {
  debug: 'faint',
  info: 'good',
  warn: 'warning',
  error: 'bad',
}

/** The time of a line; undefined where it is not one of ours. */
export function logTime(line: string): string | undefined {
  const time = parse(line)?.['time']
  return typeof time === 'string' ? time : undefined
}

/** `12:00:01.123 n1 info  became leader term=4`. Other lines stay as they are. */
export function describeLogLine(line: string, node: string, paint: Paint): string {
  const entry = parse(line)
  if (entry === undefined) return `${paint('name', node)} ${printable(line)}`
  const { time, level, message, ...fields } = entry
  const style = levelStyles[String(level)] ?? 'faint'
  const clock = typeof time === 'string' ? time.slice(11, 23) : ''
  const rest = Object.entries(fields)
    .map(([name, value]) => paint('faint', `${name}=${plain(value)}`))
    .join(' ')
  return [
    paint('faint', clock),
    paint('name', node),
    paint(style, String(level).padEnd(5)),
    printable(String(message)),
    rest,
  ]
    .filter((part) => part !== '')
    .join(' ')
}

function plain(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /^[^\s"]+$/.test(text) ? printable(text) : JSON.stringify(text)
}

function parse(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null || !('message' in value)) return undefined
    return { ...value }
  } catch {
    return undefined
  }
}
