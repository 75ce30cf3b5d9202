/** `quorate wal inspect`. */
import { basename } from 'node:path'
import { Command } from 'commander'
import type { LogItem } from '../../wal/index.ts'
import { unreachable } from '../../assert.ts'
import { addExamples, beginRun } from '../command.ts'
import { exitCodes, type Cli } from '../io.ts'
import type { Output } from '../output.ts'
import { byteSize, grouped, renderTable, type Column } from '../table.ts'
import type { SegmentSummary } from '../wal-summary.ts'

interface InspectOptions {
  readonly records?: boolean
}

/** Declares it. */
export function walInspectCommand(cli: Cli): Command {
  const command = new Command('inspect')
    .summary('show what is in a log')
    .description(
      'Shows the segments of a log with the entries in them, where it begins and ends, and the ' +
        'newest term, vote and commit index. With --records, or -o ndjson, every flush and ' +
        'every record. Damage ends it, and it exits with 7.',
    )
    .argument('<data-dir>', 'the data directory of a node')
    .option('--records', 'show every flush and every record')
    .action(async (path: string, options: InspectOptions) => {
      const run = beginRun(cli, command)
      const { out } = run
      const [{ damageOf, openLog, remarksOf, summaryText, walDocument }, { summarise }] =
        await Promise.all([import('../wal-log.ts'), import('../wal-summary.ts')])
      const log = await openLog(run, path)
      const summary = await summarise(log.items, async (item) => {
        if (out.format === 'ndjson') await out.json({ schema: 1, ...item })
        else if (!out.structured && options.records === true) await out.line(itemText(item))
      })
      const damage = damageOf(summary, log.inUse)
      if (damage !== undefined) cli.exitCode = exitCodes.violation
      if (out.format === 'ndjson') return
      if (out.structured) {
        await out.json(walDocument(log, summary))
        return
      }
      await printSegments(out, summary.segments)
      await out.note(summaryText(summary))
      const { votedFor, term } = summary
      await out.note(votedFor === undefined ? `no vote in term ${term}` : `voted for ${votedFor}`)
      for (const remark of remarksOf(summary, log.inUse)) await out.note(remark)
      if (damage !== undefined) throw damage
    })
  return addExamples(command, [
    ['a node of the local cluster', 'quorate wal inspect .quorate/n1'],
    [
      'the config entries',
      'quorate wal inspect .quorate/n1 -o ndjson | jq \'select(.kind=="config")\'',
    ],
  ])
}

const columns: readonly Column[] = [
  { title: 'SEGMENT' },
  { title: 'SIZE', align: 'right' },
  { title: 'FLUSHES', align: 'right' },
  { title: 'ENTRIES', align: 'right' },
  { title: 'FIRST', align: 'right' },
  { title: 'LAST', align: 'right' },
  { title: 'BASE', align: 'right' },
  { title: '' },
]

async function printSegments(out: Output, segments: readonly SegmentSummary[]): Promise<void> {
  const count = (value: number | undefined): string => (value === undefined ? '-' : grouped(value))
  const rows = segments.map((segment) => [
    out.paint('name', basename(segment.file)),
    byteSize(segment.bytes),
    grouped(segment.flushes),
    grouped(segment.entries),
    count(segment.firstIndex),
    count(segment.lastIndex),
    count(segment.baseIndex),
    segment.sealed ? 'sealed' : 'open',
  ])
  const lines = renderTable(columns, rows, (title) => out.paint('faint', title))
  for (const line of lines) await out.line(line)
}

function itemText(item: LogItem): string {
  switch (item.type) {
    case 'segment':
      return `${item.file}: segment ${item.segmentNumber}, ${item.bytes} bytes`
    case 'flush':
      return `  ${place(item)} flush ${item.flushNumber}, ${item.bytes} bytes`
    case 'record':
      return `    ${place(item)} ${recordText(item)}, ${item.bytes} bytes`
    case 'torn':
      return `  ${place(item)} torn, ${item.bytes} bytes`
    case 'leftover':
      return `${item.file}: no part of the log`
    case 'damage':
      return `  ${place(item)} damage: ${item.what}`
    default:
      return unreachable(item)
  }
}

function place({ offset }: { readonly offset: number }): string {
  return `${offset}`.padStart(10)
}

function recordText(record: Extract<LogItem, { type: 'record' }>): string {
  const { kind, index, term } = record
  switch (kind) {
    case 'seal':
      return `seal, segment ${index} follows`
    case 'hardState':
      return `hard state: term ${term}, vote ${record.votedFor ?? 'none'}, commit ${index}`
    case 'noop':
    case 'commands':
    case 'config':
      return `${kind} entry ${index}, term ${term}`
    default:
      return unreachable(kind)
  }
}
