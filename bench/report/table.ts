/** The figures as text, for a terminal and for a log. */
import { unreachable } from '../../src/assert.ts'
import { percentile, spread, type Spread } from '../measure/statistics.ts'
import {
  clientName,
  cpuPerOperation,
  peakMemory,
  perSecond,
  recordsPerSecond,
  type BenchRecord,
  type GrowthStep,
  type Round,
  type ScenarioRecord,
} from './record.ts'

const mebibyte = 1_048_576

/** Everything: the machine, each scenario with its sides, the goals, the notes. */
export function tableOf(record: BenchRecord): string {
  const { machine, sides, idle, scenarios, goals, notes } = record
  const lines = [
    `${machine.cores} cores (${machine.cpu}), ${machine.system}, ${machine.fileSystem}, Node ${machine.node}`,
    ...sides.map(
      ({ version, settings, client }) =>
        `${version}, three nodes, ${settings}${client === undefined ? '' : `; client: ${client}`}`,
    ),
    ...idle.map(({ side, usage }) => `idle ${side}: ${idleWords(usage)}`),
    `medians of ${record.rounds} rounds of ${record.secondsPerRound} s [lowest..highest]`,
    '',
    ...aligned([loadHead, ...scenarios.flatMap(loadRows)]),
    ...otherLines(scenarios),
  ]
  if (goals.length > 0) lines.push('', 'Goals', ...aligned(goals.map(goalRow)))
  if (notes.length > 0) lines.push('', ...notes)
  return `${lines.join('\n')}\n`
}

function idleWords(usage: readonly { name: string; cpuShare: number }[]): string {
  if (usage.length === 0) return 'not known'
  return usage
    .map(({ name, cpuShare }) => `${name} ${(100 * cpuShare).toFixed(1)} %`)
    .join(', ')
    .concat(' of a core')
}

const loadHead: readonly string[] = [
  'scenario', 'side', 'per second', 'records/s', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms',
  'failed', 'CPU µs per op: leader/followers/client', 'MiB: node/client',
] // prettier-ignore

function loadRows({ name, finding }: ScenarioRecord): readonly (readonly string[])[] {
  if (finding.kind === 'growth') {
    return finding.sides.flatMap(({ side, steps }) =>
      steps.map((step) => [`${name} ${whole(step.rows)}`, side, ...figures(step.rounds)]),
    )
  }
  if (finding.kind !== 'load') return []
  const rate = finding.rate === undefined ? '' : ` (${whole(finding.rate)}/s)`
  return finding.sides.map(({ side, rounds }) => [`${name}${rate}`, side, ...figures(rounds)])
}

function figures(rounds: readonly Round[]): readonly string[] {
  const of = (figure: (round: Round) => number): Spread => spread(rounds.map(figure))
  const lost = rounds.reduce((sum, { failed, dropped }) => sum + failed + dropped, 0)
  return [
    range(of(perSecond), rate),
    whole(of(recordsPerSecond).median),
    ...(['p50', 'p90', 'p99'] as const).map((which) => millis(of((round) => round[which]).median)),
    millis(Math.max(...rounds.map(({ max }) => max))),
    whole(lost),
    cpuWords(rounds),
    memoryWords(rounds),
  ]
}

function cpuWords(rounds: readonly Round[]): string {
  const each = cpuPerOperation(rounds)
  // Nothing known of any process, or no operation to divide by.
  if (!each.some(({ micros }) => Number.isFinite(micros))) return '–'
  const sum = (which: (name: string) => boolean): string =>
    each
      .filter(({ name }) => which(name))
      .reduce((total, { micros }) => total + micros, 0)
      .toFixed(1)
  const parts = [
    sum((name) => name === 'leader'),
    sum((name) => name.startsWith('follower')),
    sum((name) => name === clientName),
  ]
  return parts.join('/')
}

function memoryWords(rounds: readonly Round[]): string {
  const node = peakMemory(rounds, (name) => name !== clientName)
  const client = peakMemory(rounds, (name) => name === clientName)
  if (Number.isNaN(node)) return '–'
  return `${(node / mebibyte).toFixed(0)}/${(client / mebibyte).toFixed(0)}`
}

function otherLines(scenarios: readonly ScenarioRecord[]): readonly string[] {
  const rows = scenarios.flatMap(({ name, finding }): readonly (readonly string[])[] => {
    switch (finding.kind) {
      case 'load':
        return []
      case 'fail-over':
        return finding.sides.map(({ side, gapsMs, open }) => [
          name,
          side,
          `${gapsMs.length} kills, without writes p50 ${seconds(percentile(gapsMs, 0.5))}, p99 ${seconds(percentile(gapsMs, 0.99))}` +
            (open === 0 ? '' : `; ${open} were still open at the end of the look`),
        ])
      case 'restart':
        return finding.sides.map((found) => [
          name,
          found.side,
          `${whole(finding.rows)} rows: ${range(spread(found.seconds), (value) => value.toFixed(2))} s`,
        ])
      case 'growth':
        return finding.sides.flatMap(({ side, steps }) =>
          steps.map((step) => [name, side, growthWords(step)]),
        )
      default:
        return unreachable(finding)
    }
  })
  return rows.length === 0 ? [] : ['', ...aligned(rows)]
}

function growthWords({ rows, fillSeconds, restartSeconds }: GrowthStep): string {
  const restart = range(spread(restartSeconds), (value) => value.toFixed(2))
  return `${whole(rows)} rows: filled in ${fillSeconds.toFixed(0)} s, restart in ${restart} s`
}

function goalRow({
  scenario,
  goal,
  measured,
  met,
}: BenchRecord['goals'][number]): readonly string[] {
  return [met === undefined ? '?' : met ? 'met' : 'missed', scenario, goal, measured]
}

/** Columns as wide as their widest cell. */
function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  if (rows.length === 0) return []
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function range({ median, min, max }: Spread, words: (value: number) => string): string {
  return min === max ? words(median) : `${words(median)} [${words(min)}..${words(max)}]`
}

/** Of few a second the fractions count. */
function rate(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(2) : whole(value)
}

function whole(value: number): string {
  return Number.isFinite(value) ? Math.round(value).toLocaleString('en') : '–'
}

function millis(micros: number): string {
  return (micros / 1_000).toFixed(2)
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}
