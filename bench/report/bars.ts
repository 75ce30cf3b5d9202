/** Bars: throughput with its range, and CPU time per operation stacked by process. */
import { count } from '../../jepsen-style/report/format.ts'
import { markup, nothing, type Markup } from '../../jepsen-style/report/html.ts'
import { linear, roundTicks, type Scale } from '../../jepsen-style/report/scale.ts'
import type { Spread } from '../measure/statistics.ts'
import { figure, sideWords } from './look.ts'
import type { Measured } from './record.ts'

const width = 1_080
const left = 170
const right = width - 150
const barHeight = 15
const barGap = 3
const groupGap = 15
const top = 8

/** One scenario with a bar per side. */
export interface BarGroup {
  readonly name: string
  readonly bars: readonly { readonly side: Measured; readonly value: Spread }[]
}

/** Horizontal bars on a common axis; the line across the end of each is the range of its rounds. */
export function drawBars(title: string, groups: readonly BarGroup[]): Markup {
  const most = Math.max(...groups.flatMap(({ bars }) => bars.map(({ value }) => value.max)))
  const frame = frameOf(
    most,
    groups.map(({ bars }) => bars.length),
  )
  const body = groups.map((group, index) => {
    const y0 = frame.tops[index] ?? 0
    return markup`${nameAt(group.name, y0, group.bars.length)}
      ${group.bars.map(({ side, value }, at) => oneBar(side, value, y0 + at * (barHeight + barGap), frame.x, ratioWords(group, at)))}`
  })
  return drawn(title, frame, body, (tick) => count(tick))
}

function oneBar(side: Measured, value: Spread, y: number, x: Scale, ratio: string): Markup {
  const middle = y + barHeight / 2
  return markup`<g>
    <title>${sideWords[side]}: ${count(Math.round(value.median))} a second, rounds from ${count(Math.round(value.min))} to ${count(Math.round(value.max))}</title>
    <rect class="bar side-${side}" x="${left}" y="${y}" height="${barHeight}" width="${Math.max(1, x(value.median) - left)}" rx="2" />
    <line class="whisker" x1="${x(value.min)}" x2="${x(value.max)}" y1="${middle}" y2="${middle}" />
    <text class="value" x="${Math.max(x(value.max), x(value.median)) + 8}" y="${middle + 4}">${count(Math.round(value.median))}${ratio}</text>
  </g>`
}

/** How many times the last side's figure the first one is, beside the first. */
function ratioWords({ bars }: BarGroup, at: number): string {
  const [ours, theirs] = bars
  if (at !== 0 || ours === undefined || theirs === undefined) return ''
  if (!(theirs.value.median > 0)) return ''
  return ` · ${figure(ours.value.median / theirs.value.median)} ×`
}

/** One scenario and side with its parts. */
export interface Stack {
  readonly name: string
  readonly side: Measured
  readonly parts: readonly { readonly name: string; readonly value: number }[]
}

/** Bars of parts laid end to end, one after the other. */
export function drawStacks(title: string, unit: string, stacks: readonly Stack[]): Markup {
  const sum = (stack: Stack): number => stack.parts.reduce((total, { value }) => total + value, 0)
  const groups = [...new Set(stacks.map(({ name }) => name))].map((name) =>
    stacks.filter((stack) => stack.name === name),
  )
  const frame = frameOf(
    Math.max(...stacks.map(sum)),
    groups.map(({ length }) => length),
  )
  const body = groups.map((group, index) => {
    const y0 = frame.tops[index] ?? 0
    return markup`${nameAt(group[0]?.name ?? '', y0, group.length)}
      ${group.map((stack, at) => oneStack(stack, sum(stack), unit, y0 + at * (barHeight + barGap), frame.x))}`
  })
  return drawn(title, frame, body, (tick) => count(tick))
}

function oneStack({ side, parts }: Stack, sum: number, unit: string, y: number, x: Scale): Markup {
  let from = 0
  const pieces = parts.map(({ name, value }) => {
    const begin = x(from)
    from += value
    return markup`<rect class="bar part-${name.replaceAll(' ', '-')}" x="${begin}" y="${y}" height="${barHeight}" width="${Math.max(0, x(from) - begin)}"><title>${name}: ${figure(value)} ${unit}</title></rect>`
  })
  return markup`<g>${pieces}
    <text class="value" x="${x(sum) + 8}" y="${y + barHeight / 2 + 4}">${figure(sum)} ${unit} · ${sideWords[side]}</text>
  </g>`
}

interface Frame {
  readonly x: Scale
  readonly ticks: readonly number[]
  readonly tops: readonly number[]
  readonly bottom: number
}

/** Where everything goes: `sizes` are the numbers of bars of each group. */
function frameOf(most: number, sizes: readonly number[]): Frame {
  const ticks = roundTicks(most, 6)
  const end = Math.max(most, ticks.at(-1) ?? 0, Number.MIN_VALUE)
  const tops: number[] = []
  let y = top
  for (const size of sizes) {
    tops.push(y)
    y += size * (barHeight + barGap) + groupGap
  }
  return { x: linear(0, end, left, right), ticks, tops, bottom: y - groupGap + 6 }
}

function nameAt(name: string, y: number, bars: number): Markup {
  const middle = y + (bars * (barHeight + barGap) - barGap) / 2
  return markup`<text class="name" x="${left - 12}" y="${middle + 4}" text-anchor="end">${name}</text>`
}

function drawn(
  title: string,
  { x, ticks, bottom }: Frame,
  body: readonly Markup[],
  words: (tick: number) => string,
): Markup {
  if (body.length === 0) return nothing
  return markup`<div class="scroll whole"><svg class="chart" viewBox="0 0 ${width} ${bottom + 24}" role="img" aria-label="${title}">
    <g class="grid" aria-hidden="true">${ticks.map((tick) => markup`<line x1="${x(tick)}" x2="${x(tick)}" y1="${top - 4}" y2="${bottom}" />`)}</g>
    ${body}
    <g class="axis">${ticks.map((tick) => markup`<text x="${x(tick)}" y="${bottom + 17}" text-anchor="middle">${words(tick)}</text>`)}</g>
  </svg></div>`
}
