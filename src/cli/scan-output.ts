/**
 * Records printed as they come: a scan may be larger than the memory, so nothing waits for its
 * end but the closing bracket.
 */
import { unreachable } from '../assert.ts'
import { describeBytes, keyField, valueField } from './json-shapes.ts'
import type { Output } from './output.ts'
import { printable, renderTable, shorten, type Column } from './table.ts'

/** One record to print; `value` is undefined where only keys were asked for. */
export interface ScanRow {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
  readonly revision: number
  readonly readRevision: number
}

/** Takes records one by one. */
export interface ScanPrinter {
  add(row: ScanRow): Promise<void>
  /** `revision`: that of the whole scan, which no record told where there was none. */
  end(revision: number): Promise<void>
}

/** Rows after which a table is printed, its columns as wide as these need. */
const tableRowsMax = 500
/** Bytes gathered before they are written: a write a record would cost more than the record. */
const gatherBytesMax = 65_536

/** The printer of the format asked for. */
export function scanPrinter(out: Output, keysOnly: boolean): ScanPrinter {
  switch (out.format) {
    case 'json':
      return jsonPrinter(out)
    case 'ndjson':
      return linePrinter(out, (row) => JSON.stringify(entryOf(row)) + '\n')
    case 'raw':
      return linePrinter(out, (row) => Buffer.concat([row.value ?? row.key, Buffer.from('\n')]))
    case 'table':
    case undefined:
      return tablePrinter(out, keysOnly)
    default:
      return unreachable(out.format)
  }
}

function entryOf(row: ScanRow): object {
  return {
    ...keyField(row.key),
    ...(row.value !== undefined && valueField(row.value)),
    revision: row.revision,
  }
}

function linePrinter(out: Output, render: (row: ScanRow) => string | Uint8Array): ScanPrinter {
  const gathered = new Gatherer(out)
  return {
    add: (row) => gathered.add(render(row)),
    end: () => gathered.flush(),
  }
}

/** One document: `{ schema, revision, entries }`; the revision is that of the whole scan. */
function jsonPrinter(out: Output): ScanPrinter {
  const gathered = new Gatherer(out)
  let rows = 0
  return {
    add: async (row) => {
      const before = rows === 0 ? `{"schema":1,"revision":${row.readRevision},"entries":[\n` : ',\n'
      rows++
      await gathered.add(before + JSON.stringify(entryOf(row)))
    },
    end: async (revision) => {
      const empty = { schema: 1, revision, entries: [] }
      await gathered.add(rows === 0 ? `${JSON.stringify(empty)}\n` : '\n]}\n')
      await gathered.flush()
    },
  }
}

function tablePrinter(out: Output, keysOnly: boolean): ScanPrinter {
  const columns: Column[] = [{ title: 'KEY' }, { title: 'REVISION', align: 'right' }]
  if (!keysOnly) columns.push({ title: 'VALUE' })
  let rows: string[][] = []
  let first = true
  const flush = async (): Promise<void> => {
    if (rows.length === 0) return
    const lines = renderTable(columns, rows, (title) => out.paint('faint', title))
    rows = []
    // The headings stand at the top only, so that other programs can skip one line.
    if (!first) lines.shift()
    first = false
    await out.write(lines.map((line) => `${clip(out, line)}\n`).join(''))
  }
  return {
    add: async (row) => {
      const cells = [printable(describeBytes(row.key)), `${row.revision}`]
      if (row.value !== undefined) cells.push(printable(describeBytes(row.value)))
      rows.push(cells)
      if (rows.length >= tableRowsMax) await flush()
    },
    end: async () => {
      await flush()
      if (first) await out.note('no records')
    },
  }
}

/** A terminal would fold long lines, and the table would fall apart. */
function clip(out: Output, line: string): string {
  return out.stdoutIsTty && !line.includes('\u001b') ? shorten(line, out.columns) : line
}

class Gatherer {
  readonly #out: Output
  #chunks: Uint8Array[] = []
  #bytes = 0

  constructor(out: Output) {
    this.#out = out
  }

  async add(chunk: string | Uint8Array): Promise<void> {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    this.#chunks.push(bytes)
    this.#bytes += bytes.length
    if (this.#bytes >= gatherBytesMax) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#bytes === 0) return
    const whole = Buffer.concat(this.#chunks, this.#bytes)
    this.#chunks = []
    this.#bytes = 0
    await this.#out.write(whole)
  }
}
