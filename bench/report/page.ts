/** A whole report of a bench: one file that needs nothing else, drawn from `bench.json` alone. */
import { createHash } from 'node:crypto'
import { clock, count } from '../../jepsen-style/report/format.ts'
import { markup, Markup, nothing, type Content } from '../../jepsen-style/report/html.ts'
import { percentile, spread } from '../measure/statistics.ts'
import { drawBars, drawStacks, type BarGroup, type Stack } from './bars.ts'
import { drawGaps, drawGrowth, drawLatencies } from './lines.ts'
import { figure, legend, micros, section, sideLegend, sideWords, style } from './look.ts'
import { drawTables } from './page-tables.ts'
import {
  clientName,
  cpuPerOperation,
  recordsPerSecond,
  type BenchRecord,
  type Finding,
  type Measured,
  type Round,
  type ScenarioRecord,
} from './record.ts'

type Load = ScenarioRecord & { readonly finding: Extract<Finding, { kind: 'load' }> }

/** Draws it; the same record gives the same text. */
export function drawPage(record: BenchRecord): string {
  const loads = record.scenarios.filter(
    (scenario): scenario is Load => scenario.finding.kind === 'load',
  )
  const body = markup`${headline(record, loads)} ${goalsSection(record)} ${throughput(loads)}
    ${latencies(loads)} ${cpu(loads)} ${failOver(record)} ${growth(record)} ${drawTables(record)}
    ${whatRan(record)}`
  return frame(record, body)
}

function headline(record: BenchRecord, loads: readonly Load[]): Markup {
  const peer = record.sides.find(({ side }) => side === 'etcd')
  const met = record.goals.filter((goal) => goal.met === true).length
  const judged = record.goals.filter((goal) => goal.met !== undefined).length
  const title = peer === undefined ? 'Quorate under load' : `Quorate beside ${peer.version}`
  const figures = ['put-256', 'get-256', 'put-many-100'].flatMap((name) => {
    const load = loads.find((scenario) => scenario.name === name)
    return load === undefined ? [] : [keyFigure(load)]
  })
  return markup`<header class="headline measured"><div class="verdict"><div>
      <p class="eyebrow">${record.short ? 'A short run: too short to judge by' : `Medians of ${plural(record.rounds, 'round')} of ${String(record.secondsPerRound)} s`}</p>
      <h1>${title}</h1>
      <p class="lede">Three nodes and the client on one machine with ${plural(record.machine.cores, 'core')}. ${judged === 0 ? '' : `${met} of ${plural(judged, 'goal')} that could be judged ${met === 1 ? 'was' : 'were'} met.`}</p>
    </div></div>
    <dl class="key-figures">${figures}</dl></header>`
}

function keyFigure({ title, finding }: Load): Markup {
  const of = (side: Measured): number =>
    spread((finding.sides.find((found) => found.side === side)?.rounds ?? []).map(recordsPerSecond))
      .median
  const ours = of('quorate')
  const theirs = of('etcd')
  const beside = Number.isFinite(theirs)
    ? `${figure(ours / theirs)} × etcd’s ${count(Math.round(theirs))}`
    : 'records a second'
  return markup`<div><dt>${title}</dt><dd>${count(Math.round(ours))}<span>${beside}</span></dd></div>`
}

function goalsSection({ goals }: BenchRecord): Markup {
  if (goals.length === 0) return nothing
  const rows = goals.map(({ scenario, goal, measured, met }) => {
    const [kind, words] =
      met === undefined ? ['open', 'open'] : met ? ['met', 'met'] : ['missed', 'missed']
    return markup`<tr><td class="name">${scenario}</td><td>${goal}</td><td>${measured}</td><td class="${kind}">${words}</td></tr>`
  })
  return section(
    'goals',
    'Goals',
    markup`<div class="scroll"><table><thead><tr><th>Scenario</th><th>Goal</th><th>Measured</th><th></th></tr></thead><tbody>${rows}</tbody></table></div>`,
    'Ratios of medians in this one run; a machine that does other things meanwhile moves both sides.',
  )
}

/** Scenarios that share an axis: calls of like cost. */
const groups: readonly (readonly [title: string, belongs: (name: string) => boolean])[] = [
  ['Reads a second, mixes included', (name) => /^(?:get|mix)/.test(name)],
  ['Records a second in bulk', (name) => /^(?:put-many|scan)/.test(name)],
  ['Writes a second', () => true],
]

function throughput(loads: readonly Load[]): Markup {
  if (loads.length === 0) return nothing
  let rest = loads.filter(({ finding }) => finding.rate === undefined)
  const charts = groups.map(([title, belongs]) => {
    const own = rest.filter(({ name }) => belongs(name))
    rest = rest.filter(({ name }) => !belongs(name))
    return { title, own }
  })
  const drawn = charts.toReversed().filter(({ own }) => own.length > 0)
  return section(
    'throughput',
    'Throughput',
    markup`${sideLegend(loads.flatMap(({ finding }) => finding.sides.map(({ side }) => side)))}
      ${drawn.map(
        ({ title, own }) =>
          markup`<h3 class="label">${title}</h3>${drawBars(
            title,
            own.map((load) => barGroup(load)),
          )}`,
      )}`,
    'Bars are medians, the thin line the range of the rounds. Open loops are left out: their rate is given.',
  )
}

function barGroup({ name, finding }: Load): BarGroup {
  const bars = finding.sides.map(({ side, rounds }) => ({
    side,
    value: spread(rounds.map(recordsPerSecond)),
  }))
  return { name, bars }
}

function latencies(loads: readonly Load[]): Markup {
  if (loads.length === 0) return nothing
  return section(
    'latency',
    'Latency',
    markup`${sideLegend(loads.flatMap(({ finding }) => finding.sides.map(({ side }) => side)))}
      <div class="panels">${loads.map(({ name, finding }) => drawLatencies(finding.rate === undefined ? name : `${name}, ${count(finding.rate)} a second`, finding.sides))}</div>`,
    'Every call of all rounds. To the right stand ever rarer, slower calls: at 99 % one in a hundred takes longer. In an open loop a call is timed from the moment at which it was due.',
  )
}

const partWords = [
  ['part-leader', 'leader'],
  ['part-follower-1', 'follower 1'],
  ['part-follower-2', 'follower 2'],
  ['part-client', 'client'],
] as const

function cpu(loads: readonly Load[]): Markup {
  const stacks = loads.flatMap(({ name, finding }) =>
    finding.sides.map(({ side, rounds }) => ({ name, side, parts: cpuParts(rounds) })),
  )
  const known = stacks.filter(({ parts }) => parts.length > 0)
  if (known.length === 0) return nothing
  return section(
    'cpu',
    'CPU time per operation',
    markup`${legend(partWords)}
      ${byMagnitude(known).map(
        ({ most, alike }) =>
          markup`<h3 class="label">Operations of up to ${count(Math.ceil(most))} µs</h3>
            ${drawStacks(`CPU time of operations of up to ${count(Math.ceil(most))} µs`, 'µs', alike)}`,
      )}`,
    'User and system time of each process over the measured time, divided by the operations of that time.',
  )
}

/** On one axis nothing is drawn that costs so many times as much as the cheapest there. */
const magnitude = 8

/** Scenarios of like cost together, the cheapest first, so that the dear ones do not flatten them. */
function byMagnitude(
  stacks: readonly Stack[],
): readonly { readonly most: number; readonly alike: readonly Stack[] }[] {
  const costs = new Map<string, number>()
  for (const stack of stacks) {
    const sum = stack.parts.reduce((total, { value }) => total + value, 0)
    costs.set(stack.name, Math.max(sum, costs.get(stack.name) ?? 0))
  }
  const groups: { least: number; most: number; names: Set<string> }[] = []
  for (const [name, cost] of [...costs].toSorted(([, a], [, b]) => a - b)) {
    const last = groups.at(-1)
    if (last === undefined || cost > magnitude * last.least) {
      groups.push({ least: cost, most: cost, names: new Set([name]) })
    } else {
      last.most = cost
      last.names.add(name)
    }
  }
  return groups.map(({ most, names }) => ({
    most,
    alike: stacks.filter(({ name }) => names.has(name)),
  }))
}

function cpuParts(rounds: readonly Round[]): { name: string; value: number }[] {
  const parts = cpuPerOperation(rounds).map(({ name, micros: value }) => ({ name, value }))
  return parts
    .filter(({ value }) => Number.isFinite(value))
    .toSorted((a, b) => Number(a.name === clientName) - Number(b.name === clientName))
}

function failOver({ scenarios }: BenchRecord): Markup {
  const finding = scenarios.find((scenario) => scenario.finding.kind === 'fail-over')?.finding
  if (finding?.kind !== 'fail-over') return nothing
  const words = finding.sides
    .map(
      ({ side, gapsMs }) =>
        `${sideWords[side]}: p50 ${micros(1_000 * percentile(gapsMs, 0.5))}, p99 ${micros(1_000 * percentile(gapsMs, 0.99))} of ${plural(gapsMs.length, 'kill')}`,
    )
    .join('. ')
  return section(
    'fail-over',
    'Time without writes after the leader is killed',
    drawGaps(finding.sides),
    `${words}.`,
  )
}

function growth({ scenarios }: BenchRecord): Markup {
  const finding = scenarios.find((scenario) => scenario.finding.kind === 'growth')?.finding
  if (finding?.kind !== 'growth') return nothing
  return section('growth', 'Puts a second as the store grows', drawGrowth(finding.sides))
}

function whatRan({
  machine,
  sides,
  idle,
  command,
  startedAt,
  notes,
  seconds,
}: BenchRecord): Markup {
  const facts: readonly (readonly [string, Content])[] = [
    [
      'Machine',
      `${plural(machine.cores, 'core')}, ${machine.cpu}, ${String(Math.round(machine.memoryBytes / 1_073_741_824))} GiB`,
    ],
    ['System', `${machine.system}, data on ${machine.fileSystem}`],
    ['Node.js', machine.node],
    ['Started', `${clock(startedAt)}, took ${count(seconds)} s`],
    ...sides.map(({ side, version, settings, client }): readonly [string, Content] => [
      sideWords[side],
      `${version}; ${settings}${client === undefined ? '' : `; client ${client}`}`,
    ]),
    ...idle.map(({ side, usage }): readonly [string, Content] => [
      `${sideWords[side]} with nothing to do`,
      usage.length === 0
        ? 'not known'
        : usage.map(({ name, cpuShare }) => `${name} ${(100 * cpuShare).toFixed(1)} %`).join(', ') +
          ' of a core',
    ]),
  ]
  return section(
    'run',
    'What ran',
    markup`<dl class="facts">${facts.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <p class="label">Command</p><pre class="command"><code>${command}</code></pre>
      ${notes.length > 0 && markup`<ul class="left-out">${notes.map((note) => markup`<li>${note}</li>`)}</ul>`}`,
    'All clusters run all the time and take turns under load, so that what one costs idle is in the figures of the other.',
  )
}

function plural(value: number, one: string): string {
  return `${count(value)} ${one}${value === 1 ? '' : 's'}`
}

function frame(record: BenchRecord, body: Content): string {
  const digest = createHash('sha256').update(style).digest('base64')
  const policy = `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`
  const page = markup`<!doctype html>
    <html lang="en"><head><meta charset="utf-8">
    <meta http-equiv="Content-Security-Policy" content="${policy}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Quorate bench, ${clock(record.startedAt)}</title>
    <style>${new Markup(style)}</style></head>
    <body><div class="top"><b>Quorate</b> bench<span>${clock(record.startedAt)}</span></div>
    <main>${body}</main></body></html>`
  return `${page.text}\n`
}
