/** `quorate chaos run` as people see it: what goes on, and what came of it. */
import type { ChaosProgress, ChaosRecord, ChaosResult } from './chaos-module.ts'
import type { Run } from './command.ts'
import type { Output, Paint, Style } from './output.ts'
import { grouped, printable, renderTable, shorten } from './table.ts'

/** Without a terminal a line is written this often, ms. */
const lineMs = 5_000

/** Tells about a run on stderr, while it goes on. */
export interface ChaosTeller {
  readonly begin: (begin: { readonly seed: number; readonly directory: string }) => void
  readonly tell: (progress: ChaosProgress) => void
  /** No more is told; what stands on the screen stays there. */
  readonly end: () => Promise<void>
}

/** At a terminal lines that are redrawn, else one line every few seconds and at each turn. */
export function chaosTeller(run: Run): ChaosTeller {
  const { out, io } = run
  const redraws = out.stderrIsTty && !out.structured && io.env['TERM'] !== 'dumb'
  let drawn = 0
  let phase = ''
  let toldAt = 0
  // One write after the other: each waits for the one before.
  let writing: Promise<void> = Promise.resolve()
  const write = (text: string): void => {
    writing = writing.then(() => out.noteRaw(text))
  }
  return {
    begin: ({ seed, directory }) => write(`seed ${seed}, into ${directory}\n`),
    tell: (progress) => {
      if (redraws) {
        const lines = liveLines(progress, out.paintError, out.errorColumns)
        const up = drawn === 0 ? '' : `\u001b[${drawn}A`
        drawn = lines.length
        write(`${up}\u001b[J${lines.join('\n')}\n`)
        return
      }
      const due = progress.elapsedMs - toldAt >= lineMs
      if (progress.phase === phase && !due) return
      phase = progress.phase
      toldAt = progress.elapsedMs
      write(`${statusLine(progress)}; ${faultsText(progress)}\n`)
    },
    end: () => writing,
  }
}

const phases: Readonly<Record<ChaosProgress['phase'], string>> = {
  starting: 'starting the nodes',
  running: 'running',
  healing: 'healing',
  reading: 'reading what is left',
  checking: 'checking',
}

/** Where the run stands, in one line. */
function statusLine({
  phase,
  elapsedMs,
  totalMs,
  calls,
  perSecond,
  leader,
}: ChaosProgress): string {
  const elapsed = Math.min(elapsedMs, totalMs)
  const seconds = `${(elapsed / 1000).toFixed(0)} of ${(totalMs / 1000).toFixed(0)} s`
  const counts = `${grouped(calls.ok)} ok, ${calls.failed} failed, ${calls.unknown} unknown`
  const lead = leader === undefined ? 'no leader known' : `${leader} leads`
  return `${phases[phase]}: ${seconds}; ${counts}; ${grouped(perSecond)}/s; ${lead}`
}

function faultsText({ faults, faultsBegun }: ChaosProgress): string {
  const about = faults.map(({ nemesis, detail }) => `${nemesis} (${detail})`).join(', ')
  return `${faultsBegun} faults so far${about === '' ? '' : `; now ${about}`}`
}

/** The lines that are redrawn; none is longer than the terminal is wide. */
function liveLines(progress: ChaosProgress, paint: Paint, columns: number): readonly string[] {
  const cut = (text: string): string => shorten(text, columns - 1)
  const { elapsedMs, totalMs, faults, faultsBegun } = progress
  const share = Math.min(1, elapsedMs / Math.max(1, totalMs))
  const filled = Math.round(share * barLength)
  const bar = '█'.repeat(filled) + '░'.repeat(barLength - filled)
  return [
    paint('strong', cut(statusLine(progress))),
    paint('faint', cut(`${bar}  ${faultsBegun} faults so far; Ctrl-C ends it in good order`)),
    ...faults.map(({ fault, nemesis, detail }) =>
      paint('warning', cut(`  ${fault} ${nemesis}: ${detail}`)),
    ),
  ]
}

const barLength = 30

const verdictStyles: Readonly<Record<ChaosRecord['verdict'], Style>> = {
  ok: 'good',
  violation: 'bad',
  unknown: 'warning',
  failed: 'bad',
}
const verdictTexts: Readonly<Record<ChaosRecord['verdict'], string>> = {
  ok: 'ok: every check passed, and every fault that began was seen',
  violation: 'VIOLATION: what clients were told cannot be true',
  unknown: 'unknown: a check could not tell, and that is no pass',
  failed: 'failed: the run itself did not go as it must',
}
const shownReasonsMax = 10

/** What came of a run. */
export async function printResult(out: Output, result: ChaosResult): Promise<void> {
  const { record, report } = result
  const checks = record.checks.map(({ name, verdict, text }) => [
    name,
    out.paint(verdictStyles[verdict], verdict),
    printable(text),
  ])
  const titles = [{ title: 'CHECK' }, { title: 'VERDICT' }, { title: 'WHAT WAS FOUND' }]
  for (const line of renderTable(titles, checks, (title) => out.paint('faint', title))) {
    await out.line(line)
  }
  await out.line('')
  for (const [name, value] of figuresOf(record)) await out.line(`  ${name.padEnd(26)}${value}`)
  await out.line('')
  const cut = record.interrupted ? ' (interrupted)' : ''
  await out.line(out.paint(verdictStyles[record.verdict], verdictTexts[record.verdict]) + cut)
  const shown = record.reasons.slice(0, shownReasonsMax)
  for (const reason of shown) await out.line(`  ${printable(reason)}`)
  const more = record.reasons.length - shown.length
  if (more > 0) await out.line(`  and ${more} more; the report has them`)
  for (const { nemesis, reason } of record.leftOut) {
    await out.line(out.paint('faint', `  left out: ${nemesis}: ${reason}`))
  }
  await out.line(`report: ${report}`)
  if (record.verdict !== 'ok') await out.line(`again:  ${record.command}`)
}

function figuresOf({ availability, faults }: ChaosRecord): readonly (readonly [string, string])[] {
  const { calls, ok, failed, unknown, calmSuccessRate, rto, acknowledged, lost } = availability
  const { p50, p99, max } = rto
  const ms = (value: number): string => `${grouped(value)} ms`
  const seen = faults.filter((fault) => fault.seen !== undefined).length
  return [
    ['calls', `${grouped(calls)}: ${grouped(ok)} ok, ${failed} failed, ${unknown} unknown`],
    [
      'success away from faults',
      // Of nothing there is no share, and no time.
      Number.isNaN(calmSuccessRate) ? noFigure : `${(calmSuccessRate * 100).toFixed(2)} %`,
    ],
    ['faults', `${faults.length}, seen ${seen}`],
    [
      'first success after',
      Number.isNaN(max) ? noFigure : `p50 ${ms(p50)}, p99 ${ms(p99)}, max ${ms(max)}`,
    ],
    ['writes acknowledged', `${grouped(acknowledged)}, lost ${grouped(lost)}`],
  ]
}

const noFigure = '–'
