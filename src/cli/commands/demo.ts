/** `quorate demo`: what `npm start` runs. */
import { Command } from 'commander'
import type { DemoReport, Narrator } from '../../cluster/demo/index.ts'
import { beginRun } from '../command.ts'
import { exitCodes, type Cli } from '../io.ts'
import type { Output, Style } from '../output.ts'
import { grouped } from '../table.ts'

const toneStyles: Readonly<Record<string, Style>> = { good: 'good', bad: 'bad', title: 'strong' }

/** Declares it. */
export function demoCommand(cli: Cli): Command {
  const command = new Command('demo')
    .summary('watch a cluster lose nodes and no records (half a minute)')
    .description(
      'Starts three nodes and replicated collectors, kills the leader and a follower with ' +
        'kill -9 while records are written, brings them back, and counts at the end: every ' +
        'acknowledged record must be on every node, once. Needs nothing, leaves nothing behind.',
    )
    .action(async () => {
      const { out, io } = beginRun(cli, command)
      const { runDemo } = await import('../../cluster/demo/index.ts')
      const { monotonicTime } = await import('../../cluster/index.ts')
      await out.note(out.paintError('strong', 'Quorate: three nodes, two deaths, no record lost'))
      let report: DemoReport
      try {
        report = await runDemo(narratorOf(out, monotonicTime), io.signal)
      } finally {
        if (io.signal.aborted) await out.note('interrupted; nothing is left behind')
      }
      await printReport(out, report)
      cli.exitCode = report.ok ? exitCodes.ok : exitCodes.violation
    })
  return command
}

/** Lines with the time since the start; below them, at a terminal, one that changes. */
function narratorOf(out: Output, now: () => number): Narrator {
  const start = now()
  let ticking = false
  return {
    say: async (text, tone = 'plain') => {
      const time = `${((now() - start) / 1000).toFixed(1)} s`.padStart(8)
      const style = toneStyles[tone]
      const painted = style === undefined ? text : out.paintError(style, text)
      const clear = ticking ? '\r\u001b[K' : ''
      ticking = false
      await out.note(`${clear}${out.paintError('faint', time)}  ${painted}`)
    },
    ticker: (text) => {
      if (!out.stderrIsTty) return
      ticking = true
      const line = `          ${text}`.slice(0, out.errorColumns - 1)
      void out.noteRaw(`\r\u001b[K${out.paintError('faint', line)}`)
    },
  }
}

async function printReport(out: Output, report: DemoReport): Promise<void> {
  if (out.structured) {
    await out.json({ schema: 1, ...report })
    return
  }
  await out.line('')
  for (const [name, value, meaning] of rows(out, report)) {
    await out.line(
      `  ${name.padEnd(28)}${value}  ${meaning && out.paint('faint', meaning)}`.trimEnd(),
    )
  }
  await out.line('')
  await out.line(
    report.ok
      ? out.paint('good', 'Every acknowledged record is on every node, exactly once.')
      : out.paint('bad', 'A check failed: this is a bug in quorate. Keep what is printed above.'),
  )
  await out.line('')
  await out.line('Your turn:')
  await out.line('  npx quorate cluster up')
  await out.line('  npx quorate put hello world       (in another terminal)')
  await out.line('  npx quorate cluster kill leader   (and get it again: npx quorate get hello)')
}

function rows(out: Output, report: DemoReport): readonly (readonly [string, string, string])[] {
  const count = (value: number): string => grouped(value).padStart(10)
  const zero = (value: number): string => out.paint(value === 0 ? 'good' : 'bad', count(value))
  return [
    [
      'records offered',
      count(report.records),
      `${count(report.writes).trim()} writes by 3 replicas`,
    ],
    ['records stored', count(report.stored), `on each of ${report.nodes} nodes, value by value`],
    ['duplicates', count(report.duplicates), 'another replica had stored the same'],
    ['mismatches', count(report.mismatches), 'another replica had measured something else first'],
    ['lost', zero(report.lost), 'acknowledged and not there'],
    ['stored twice', zero(report.storedTwice), 'the revision grew by more than the records'],
    ['never acknowledged', zero(report.strange), 'there without an acknowledgement'],
    ...report.deaths.map((death): [string, string, string] => [
      `${death.role} ${death.node} killed`,
      `${(death.withoutWritesMs / 1000).toFixed(2)} s`.padStart(10),
      'without writes',
    ]),
    [
      'digests',
      out.paint(report.alike ? 'good' : 'bad', (report.alike ? 'alike' : 'DIFFER').padStart(10)),
      'of all nodes, at one index',
    ],
    ['time', `${report.seconds.toFixed(1)} s`.padStart(10), ''],
  ]
}
