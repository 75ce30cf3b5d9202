/** Lines: latency by percentile, throughput by rows stored, and the gaps of a fail-over as dots. */
import { count } from '../../jepsen-style/report/format.ts'
import { markup, nothing, type Markup } from '../../jepsen-style/report/html.ts'
import {
  decades,
  linear,
  logarithmic,
  roundTicks,
  type Scale,
} from '../../jepsen-style/report/scale.ts'
import { decodeHistogram } from '../load/latencies.ts'
import { spread } from '../measure/statistics.ts'
import { axisMicros, sideWords } from './look.ts'
import { perSecond, type GrowthStep, type Measured, type SideRounds } from './record.ts'

const panel = { width: 340, height: 210, left: 52, right: 330, top: 8, bottom: 182 } as const

/** Percentiles that are labelled; the axis is that of the calls that took longer. */
const labelled = [50, 90, 99, 99.9, 99.99] as const
const stepsPerDecade = 12

interface Point {
  readonly percentile: number
  readonly micros: number
}

/** Latency against percentile, one curve per side; the further right, the rarer the slow call. */
export function drawLatencies(name: string, sides: readonly SideRounds[]): Markup {
  const curves = sides
    .map(({ side, histogram }) => ({ side, points: pointsOf(histogram) }))
    .filter(({ points }) => points.length > 0)
  const values = curves.flatMap(({ points }) => points.map((point) => point.micros))
  if (values.length === 0) return nothing
  const ticks = decades(Math.min(...values), Math.max(...values))
  const low = ticks[0] ?? 1
  const high = ticks.at(-1) ?? 10
  const y = logarithmic(low, high, panel.bottom, panel.top)
  const farthest = Math.max(...curves.flatMap(({ points }) => points.map(rarity)))
  const x = linear(rarity({ percentile: 50 }), Math.max(2, farthest), panel.left, panel.right)
  const marks = labelled.filter((percentile) => rarity({ percentile }) <= Math.max(2, farthest))
  return markup`<figure><figcaption>${name}</figcaption>
    <svg class="chart" viewBox="0 0 ${panel.width} ${panel.height}" role="img" aria-label="Latency of ${name} by percentile">
      ${horizontal(ticks, y, axisMicros)}
      <g class="axis">${marks.map((percentile) => markup`<text x="${x(rarity({ percentile }))}" y="${panel.bottom + 17}" text-anchor="middle">${String(percentile)} %</text>`)}</g>
      ${curves.map(({ side, points }) =>
        curve(
          side,
          points.map((point) => [x(rarity(point)), y(point.micros)]),
        ),
      )}
    </svg></figure>`
}

/** How many calls there are for one that takes longer, as a power of ten: 99 % is 2. */
function rarity({ percentile }: { readonly percentile: number }): number {
  return -Math.log10(1 - percentile / 100)
}

/** From the median as far as there are at least a few calls beyond. */
function pointsOf(histogram: string): readonly Point[] {
  const latencies = decodeHistogram(histogram)
  const calls = latencies.totalCount
  if (calls < 4) return []
  const end = Math.min(5, Math.log10(calls))
  const begin = rarity({ percentile: 50 })
  const steps = Math.max(2, Math.ceil((end - begin) * stepsPerDecade))
  return Array.from({ length: steps + 1 }, (_, step) => {
    const percentile = 100 * (1 - 10 ** -(begin + ((end - begin) * step) / steps))
    return { percentile, micros: Math.max(1, latencies.getValueAtPercentile(percentile)) }
  })
}

/** Operations a second against rows stored, with the range of the rounds. */
export function drawGrowth(
  sides: readonly { readonly side: Measured; readonly steps: readonly GrowthStep[] }[],
): Markup {
  const lines = sides.map(({ side, steps }) => ({
    side,
    points: steps.map((step) => ({ rows: step.rows, rate: spread(step.rounds.map(perSecond)) })),
  }))
  const all = lines.flatMap(({ points }) => points)
  if (all.length === 0) return nothing
  const rows = [...new Set(all.map((point) => point.rows))]
  const wide = { ...panel, width: 1_080, right: 1_050, height: 310, top: 28, bottom: 280, left: 70 }
  const ticks = roundTicks(Math.max(...all.map(({ rate }) => rate.max)), 5)
  const y = linear(
    0,
    Math.max(ticks.at(-1) ?? 1, ...all.map(({ rate }) => rate.max)),
    wide.bottom,
    wide.top,
  )
  const x = logarithmic(Math.min(...rows), Math.max(...rows), wide.left + 40, wide.right - 40)
  return markup`<div class="scroll whole"><svg class="chart" viewBox="0 0 ${wide.width} ${wide.height}" role="img" aria-label="Puts a second by rows stored">
    ${horizontal(ticks, y, count, wide)}
    <g class="axis">${rows.map((each) => markup`<text x="${x(each)}" y="${wide.bottom + 19}" text-anchor="middle">${count(each)} rows</text>`)}</g>
    ${lines.map(
      ({ side, points }) => markup`${curve(
        side,
        points.map((point) => [x(point.rows), y(point.rate.median)]),
      )}
        ${points.map(
          (
            point,
          ) => markup`<g><title>${sideWords[side]}, ${count(point.rows)} rows: ${count(Math.round(point.rate.median))} a second</title>
            <line class="whisker" x1="${x(point.rows)}" x2="${x(point.rows)}" y1="${y(point.rate.min)}" y2="${y(point.rate.max)}" />
            <circle class="dot side-${side}" cx="${x(point.rows)}" cy="${y(point.rate.median)}" r="4" />
            <text class="value" x="${x(point.rows) + 8}" y="${y(point.rate.median) - 9}">${count(Math.round(point.rate.median))}</text></g>`,
        )}`,
    )}
  </svg></div>`
}

/** Each kill as a dot on an axis of time, a row per side. */
export function drawGaps(
  sides: readonly { readonly side: Measured; readonly gapsMs: readonly number[] }[],
): Markup {
  const most = Math.max(1, ...sides.flatMap(({ gapsMs }) => gapsMs))
  const ticks = roundTicks(most, 8)
  const x = linear(0, Math.max(most, ticks.at(-1) ?? 0), 170, 1_050)
  const rowHeight = 46
  const bottom = sides.length * rowHeight + 6
  return markup`<div class="scroll whole"><svg class="chart" viewBox="0 0 1080 ${bottom + 26}" role="img" aria-label="Time without writes after each kill">
    <g class="grid" aria-hidden="true">${ticks.map((tick) => markup`<line x1="${x(tick)}" x2="${x(tick)}" y1="4" y2="${bottom}" />`)}</g>
    ${sides.map(({ side, gapsMs }, row) => {
      const middle = row * rowHeight + rowHeight / 2 + 4
      return markup`<text class="name" x="158" y="${middle + 4}" text-anchor="end">${sideWords[side]}</text>
        ${gapsMs.map((gap, at) => markup`<circle class="dot side-${side}" cx="${x(gap)}" cy="${middle + ((at * 7) % 19) - 9}" r="4.5"><title>kill ${at + 1}: ${count(Math.round(gap))} ms</title></circle>`)}`
    })}
    <g class="axis">${ticks.map((tick) => markup`<text x="${x(tick)}" y="${bottom + 18}" text-anchor="middle">${count(tick)} ms</text>`)}</g>
  </svg></div>`
}

function curve(side: Measured, points: readonly (readonly [number, number])[]): Markup {
  const text = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' ')
  // A fill from the side's class would close the line to an area.
  return markup`<polyline class="side-${side} curve" points="${text}" />`
}

function horizontal(
  ticks: readonly number[],
  y: Scale,
  words: (tick: number) => string,
  { left, right }: { readonly left: number; readonly right: number } = panel,
): Markup {
  return markup`<g class="grid" aria-hidden="true">${ticks.map((tick) => markup`<line x1="${left}" x2="${right}" y1="${y(tick)}" y2="${y(tick)}" />`)}</g>
    <g class="axis">${ticks.map((tick) => markup`<text x="${left - 7}" y="${y(tick) + 4}" text-anchor="end">${words(tick)}</text>`)}</g>`
}
