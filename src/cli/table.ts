/** Plain tables: columns side by side, two blanks between them. */
import { stripVTControlCharacters } from 'node:util'

/** A column's heading and the side on which its cells stand. */
export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** The lines of a table, headings first. Cells may hold colours. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paintTitle: (title: string) => string = (title) => title,
): string[] {
  const widths = columns.map((column, i) =>
    Math.max(width(column.title), ...rows.map((row) => width(row[i] ?? ''))),
  )
  const line = (cells: readonly string[], paint: (text: string) => string): string =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? ''
        const padding = ' '.repeat(Math.max(0, (widths[i] ?? 0) - width(cell)))
        return column.align === 'right' ? padding + paint(cell) : paint(cell) + padding
      })
      .join('  ')
      .trimEnd()
  const titles = columns.map((column) => column.title)
  return [line(titles, paintTitle), ...rows.map((row) => line(row, (cell) => cell))]
}

/** How many characters a text takes; colours take none. */
export function width(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length
}

/** Text from a store may hold control characters that would drive the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const known: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
    const code = character.codePointAt(0) ?? 0
    return known[character] ?? `\\u{${code.toString(16)}}`
  })
}

/** The text, cut to `length` characters. */
export function shorten(text: string, length: number): string {
  const characters = Array.from(text)
  return characters.length <= length ? text : characters.slice(0, length - 1).join('') + '…'
}

/** 1234567 as 1,234,567, whatever the locale. */
export function grouped(count: number): string {
  return `${Math.round(count)}`.replaceAll(/\B(?=(\d{3})+$)/g, ',')
}

/** Bytes for people: 812 B, 3.4 MiB. */
export function byteSize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let size = bytes
  let unit = 0
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return unit === 0 ? `${size} B` : `${size.toFixed(1)} ${units[unit]}`
}
