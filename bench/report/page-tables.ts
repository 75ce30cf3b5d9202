/** All figures of the page as tables: what the drawings show, and what they leave out. */
import { count } from '../../jepsen-style/report/format.ts'
import { markup, nothing, type Markup } from '../../jepsen-style/report/html.ts'
import { spread, type Spread } from '../measure/statistics.ts'
import { figure, micros, section, sideWords } from './look.ts'
import {
  clientName,
  peakMemory,
  perSecond,
  recordsPerSecond,
  type BenchRecord,
  type Measured,
  type Round,
} from './record.ts'

interface Row {
  readonly name: string
  readonly side: Measured
  readonly rounds: readonly Round[]
}

const heads = ['Scenario', 'Side', 'a second', 'records a second', 'p50', 'p90', 'p99', 'max', 'failed', 'node, peak', 'client, peak'] // prettier-ignore

/** The tables of loads and of restarts. */
export function drawTables({ scenarios }: BenchRecord): Markup {
  const rows = scenarios.flatMap(({ name, finding }): readonly Row[] => {
    if (finding.kind === 'load')
      return finding.sides.map(({ side, rounds }) => ({ name, side, rounds }))
    if (finding.kind !== 'growth') return []
    return finding.sides.flatMap(({ side, steps }) =>
      steps.map((step) => ({
        name: `${name}, ${count(step.rows)} rows`,
        side,
        rounds: step.rounds,
      })),
    )
  })
  const restarts = scenarios.flatMap(({ finding }) => {
    if (finding.kind === 'restart') {
      return finding.sides.map(({ side, seconds }) => ({
        side,
        rows: finding.rows,
        took: spread(seconds),
      }))
    }
    if (finding.kind !== 'growth') return []
    return finding.sides.flatMap(({ side, steps }) =>
      steps.map((step) => ({ side, rows: step.rows, took: spread(step.restartSeconds) })),
    )
  })
  return markup`${rows.length > 0 && section('figures', 'All figures', loadTable(rows), 'Medians of the rounds, in brackets the range. Memory is anonymous memory, the most of any process of the kind.')}
    ${restarts.length === 0 ? nothing : section('restart', 'Restart of a killed follower', restartTable(restarts), 'From the start of the process until it serves again.')}`
}

function loadTable(rows: readonly Row[]): Markup {
  return markup`<div class="scroll"><table><thead><tr>${heads.map((head, column) => markup`<th${column > 1 && markup` class="number"`}>${head}</th>`)}</tr></thead>
    <tbody>${rows.map(
      ({
        name,
        side,
        rounds,
      }) => markup`<tr><td class="name">${name}</td><td class="name">${sideWords[side]}</td>
        ${cells(rounds).map((cell) => markup`<td class="number">${cell}</td>`)}</tr>`,
    )}</tbody></table></div>`
}

function cells(rounds: readonly Round[]): readonly string[] {
  const of = (pick: (round: Round) => number): Spread => spread(rounds.map(pick))
  const lost = rounds.reduce((sum, { failed, dropped }) => sum + failed + dropped, 0)
  const memory = (which: (name: string) => boolean): string => {
    const bytes = peakMemory(rounds, which)
    return Number.isNaN(bytes) ? '–' : `${(bytes / 1_048_576).toFixed(0)} MiB`
  }
  return [
    ranged(of(perSecond)),
    count(Math.round(of(recordsPerSecond).median)),
    micros(of(({ p50 }) => p50).median),
    micros(of(({ p90 }) => p90).median),
    micros(of(({ p99 }) => p99).median),
    micros(Math.max(...rounds.map(({ max }) => max))),
    count(lost),
    memory((name) => name !== clientName),
    memory((name) => name === clientName),
  ]
}

function ranged({ median, min, max }: Spread): string {
  // Scans of many rows take long: a few a second need their fractions.
  const words = (value: number): string => (value < 100 ? figure(value) : count(Math.round(value)))
  return min === max ? words(median) : `${words(median)} [${words(min)}–${words(max)}]`
}

function restartTable(
  restarts: readonly { readonly side: Measured; readonly rows: number; readonly took: Spread }[],
): Markup {
  return markup`<table class="plain"><thead><tr><th>Side</th><th class="number">Rows</th><th class="number">Seconds</th></tr></thead>
    <tbody>${restarts.map(({ side, rows, took }) => markup`<tr><td>${sideWords[side]}</td><td class="number">${count(rows)}</td><td class="number">${ranged(took)}</td></tr>`)}</tbody></table>`
}
