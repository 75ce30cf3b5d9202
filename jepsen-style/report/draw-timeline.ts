/**
 * The picture of the whole run: latency, throughput and faults under one another on one axis of
 * time, so that the eye can go straight up from a fault to what it did.
 */
import { bandsOf, drawLanes, laneHeight, type Lane } from './draw-faults.ts'
import type { Bucket, Point, Series } from './buckets.ts'
import type { Outcome } from './calls.ts'
import { count, duration, moment, tickTime } from './format.ts'
import { markup, nothing, type Markup } from './html.ts'
import type { FaultSpan } from './run-record.ts'
import { decades, linear, logarithmic, roundTicks, timeTicks, type Scale } from './scale.ts'

const width = 1080
const left = 124
const right = width - 24
const latencyTop = 40
const latencyHeight = 220
const rateTop = latencyTop + latencyHeight + 52
const rateHeight = 120
const lanesTop = rateTop + rateHeight + 52

/** Draws the timeline; `series` holds at least one call that has a time. */
export function drawTimeline(
  series: Series,
  faults: readonly FaultSpan[],
  lanes: readonly Lane[],
): Markup {
  const end = Math.max(series.endMs, 1)
  const x = linear(0, end, left, right)
  const lanesBottom = lanesTop + Math.max(1, lanes.length) * laneHeight
  const ticks = timeTicks(end, 10)
  const bottom = lanes.length === 0 ? rateTop + rateHeight : lanesBottom
  const height = bottom + 28
  const bands = bandsOf(faults, end)
  return markup`<svg
    class="chart timeline"
    viewBox="0 0 ${width} ${height}"
    role="img"
    aria-labelledby="chart-title chart-text"
  >
    <title id="chart-title">Latency, throughput and faults over time</title>
    <desc id="chart-text">${describe(series, faults)}</desc>
    <g class="grid" aria-hidden="true">
      ${ticks.map(
        (tick) =>
          markup`<line x1="${x(tick)}" x2="${x(tick)}" y1="${latencyTop}" y2="${bottom}" />`,
      )}
    </g>
    <g class="bands" aria-hidden="true">
      ${bands.map(
        (band) =>
          markup`<rect
            x="${x(band.begin)}"
            y="${latencyTop}"
            height="${rateTop + rateHeight - latencyTop}"
            width="${Math.max(1, x(band.end) - x(band.begin))}"
          />`,
      )}
    </g>
    ${bandLabels(bands, x)} ${drawLatency(series, x)} ${drawRate(series, x)}
    ${lanes.length === 0 ? nothing : drawLanes(lanes, { x, left, right, top: lanesTop, end })}
    <g class="axis">
      ${ticks.map(
        (tick) =>
          markup`<text x="${x(tick)}" y="${bottom + 18}" text-anchor="middle"
            >${tickTime(tick)}</text>`,
      )}
    </g>
  </svg>`
}

function describe(series: Series, faults: readonly FaultSpan[]): string {
  const medians = series.buckets.flatMap((bucket) => (bucket.p50 === undefined ? [] : [bucket.p50]))
  const lowest = medians.reduce((low, value) => Math.min(low, value), Infinity)
  const highest = medians.reduce((high, value) => Math.max(high, value), 0)
  const span =
    medians.length === 0
      ? 'No call succeeded.'
      : `The median latency of successful calls lay between ${duration(lowest)} and ${duration(highest)}.`
  return `${span} ${count(faults.length)} faults in ${duration(series.endMs)}. The tables below give the same figures.`
}

/** Bands beyond which their numbers would only be a pattern; the lanes hold them all the same. */
const bandLabelsMax = 40

/** Above the bands: which faults they are, as far as there is room. */
function bandLabels(bands: ReturnType<typeof bandsOf>, x: Scale): Markup {
  if (bands.length > bandLabelsMax) return nothing
  let free = left
  const labels: Markup[] = []
  for (const band of bands) {
    const text = band.label
    const half = text.length * 3.2
    const middle = (x(band.begin) + x(band.end)) / 2
    if (middle - half < free) continue
    free = middle + half + 6
    labels.push(
      markup`<text x="${middle}" y="${latencyTop - 6}" text-anchor="middle">${text}</text>`,
    )
  }
  return markup`<g class="band-labels" aria-hidden="true">${labels}</g>`
}

function panelTitle(top: number, title: string, unit: string): Markup {
  return markup`<text class="panel" x="0" y="${top + 4}">${title}</text>
    <text class="unit" x="0" y="${top + 21}">${unit}</text>`
}

function drawLatency(series: Series, x: Scale): Markup {
  const points = series.buckets.flatMap((bucket) => standingOut(bucket, series.p99 ?? 0))
  const values = [
    // A call without an answer has no latency; it stands at the upper edge.
    ...points.filter((point) => point.outcome !== 'open').map((point) => point.ms),
    ...series.buckets.flatMap((bucket) => [bucket.p50 ?? [], bucket.p99 ?? []].flat()),
  ].filter((value) => value > 0)
  const ticks = decades(
    values.reduce((low, value) => Math.min(low, value), 1),
    values.reduce((high, value) => Math.max(high, value), 10),
  )
  const low = ticks[0] ?? 1
  const high = ticks.at(-1) ?? 10
  const y = logarithmic(low, high, latencyTop + latencyHeight, latencyTop)
  return markup`<g class="latency">
    ${panelTitle(latencyTop, 'Latency', 'logarithmic')}
    <g class="grid" aria-hidden="true">${ticks.map(
      (tick) => markup`<line x1="${left}" x2="${right}" y1="${y(tick)}" y2="${y(tick)}" />`,
    )}</g>
    <g class="axis">${ticks.map(
      (tick) =>
        markup`<text x="${left - 8}" y="${y(tick) + 4}" text-anchor="end"
            >${axisLatency(tick)}</text>`,
    )}</g>
    ${runs(series.buckets).map((run) => quantileRun(run, series.endMs, x, y))}
    ${points.map((point) => pointMark(point, x(point.at), point.outcome === 'open' ? latencyTop : y(point.ms)))}
  </g>`
}

function axisLatency(ms: number): string {
  return ms < 1000 ? `${String(ms)} ms` : `${count(ms / 1000)} s`
}

/** Neighbouring buckets with successes; where nothing succeeded, the line has a gap. */
function runs(buckets: readonly Bucket[]): readonly (readonly Bucket[])[] {
  const found: Bucket[][] = []
  let current: Bucket[] | undefined
  for (const bucket of buckets) {
    if (bucket.p50 === undefined) {
      current = undefined
    } else if (current === undefined) {
      current = [bucket]
      found.push(current)
    } else {
      current.push(bucket)
    }
  }
  return found
}

function quantileRun(run: readonly Bucket[], endMs: number, x: Scale, y: Scale): Markup {
  const path = (of: (bucket: Bucket) => number | undefined): string[] =>
    run.map((bucket) => `${pixel(x(middle(bucket, endMs)))},${pixel(y(of(bucket) ?? 0))}`)
  const upper = path((bucket) => bucket.p99)
  const lower = path((bucket) => bucket.p50)
  if (run.length === 1) {
    const [first] = run
    if (first === undefined) return nothing
    const at = x(middle(first, endMs))
    return markup`<line
        class="spread"
        x1="${at}"
        x2="${at}"
        y1="${y(first.p50 ?? 0)}"
        y2="${y(first.p99 ?? 0)}"
      />
      <circle class="p50-dot" cx="${at}" cy="${y(first.p50 ?? 0)}" r="2" />
      <circle class="p99-dot" cx="${at}" cy="${y(first.p99 ?? 0)}" r="2" />`
  }
  return markup`<polygon class="spread" points="${[...upper, ...lower.toReversed()].join(' ')}" />
    <polyline class="p99" points="${upper.join(' ')}" />
    <polyline class="p50" points="${lower.join(' ')}" />`
}

function middle(bucket: Bucket, endMs: number): number {
  return (bucket.begin + Math.min(bucket.end, Math.max(endMs, bucket.begin))) / 2
}

function pixel(value: number): string {
  return value.toFixed(1)
}

/**
 * Which calls are worth a point: all that did not succeed, and successes that were slow for their
 * time and for the run as a whole. Any more would be noise around the lines.
 */
function standingOut(bucket: Bucket, overall: number): readonly Point[] {
  const slow = Math.max((bucket.p99 ?? 0) * 1.1, overall)
  return bucket.slowest.filter((point) => point.outcome !== 'ok' || point.ms > slow)
}

const outcomeWords: Readonly<Record<Outcome, string>> = {
  ok: 'ok',
  fail: 'failed',
  info: 'unknown',
  open: 'never answered',
}

/** Each outcome has a shape of its own, so that colour is never alone in telling it. */
const shapes: Readonly<Record<Outcome, (x: number, y: number, tip: Markup) => Markup>> = {
  ok: (x, y, tip) =>
    markup`<circle class="point ok tip" cx="${x}" cy="${y}" r="2.2">${tip}</circle>`,
  fail: (x, y, tip) =>
    markup`<path class="point fail tip" d="M${x} ${y - 3.4}l3.4 5.8h-6.8z">${tip}</path>`,
  info: cross,
  open: cross,
}

function cross(x: number, y: number, tip: Markup): Markup {
  return markup`<path class="point unknown tip" d="M${x - 2.8} ${y - 2.8}l5.6 5.6m0 -5.6l-5.6 5.6">${tip}</path>`
}

function pointMark(point: Point, x: number, y: number): Markup {
  const what = `${point.f} by process ${String(point.process)} at ${moment(point.at)}`
  const took = `${point.outcome === 'open' ? 'waited ' : ''}${duration(point.ms)}`
  const error = point.error === undefined ? '' : `, ${point.error}`
  const tip = markup`<title>${what}: ${outcomeWords[point.outcome]}, ${took}${error}</title>`
  return shapes[point.outcome](x, y, tip)
}

/** An invisible strip over the throughput that tells a bucket's figures. */
function hoverStrip(bucket: Bucket, series: Series, x: Scale): Markup {
  const lasted = seconds(bucket, series)
  const end = Math.min(bucket.end, series.endMs)
  const latency =
    bucket.p50 === undefined
      ? 'no call that began here succeeded'
      : `p50 ${duration(bucket.p50)}, p99 ${duration(bucket.p99 ?? Number.NaN)}`
  const rates = [
    `${perSecond(bucket.ok / lasted)} ok`,
    `${perSecond(bucket.failed / lasted)} failed`,
    `${perSecond(bucket.unknown / lasted)} unknown`,
  ].join(', ')
  const title = `${moment(bucket.begin)} to ${moment(end)}: ${latency}; a second ${rates}`
  const begin = x(Math.min(bucket.begin, series.endMs))
  const wide = Math.max(0, x(end) - begin)
  return markup`<rect class="strip tip" x="${begin}" y="${rateTop}" width="${wide}" height="${rateHeight}">
    <title>${title}</title></rect>`
}

function perSecond(rate: number): string {
  return count(rate >= 10 ? Math.round(rate) : Math.round(rate * 10) / 10)
}

function drawRate(series: Series, x: Scale): Markup {
  const most = series.buckets.reduce(
    (high, bucket) => Math.max(high, total(bucket) / seconds(bucket, series)),
    0,
  )
  const ticks = roundTicks(Math.max(most, 1), 4)
  const y = linear(0, Math.max(most, 1) * 1.05, rateTop + rateHeight, rateTop)
  return markup`<g class="rate">
    ${panelTitle(rateTop, 'Throughput', 'calls/s')}
    <g class="grid" aria-hidden="true">${ticks.map(
      (tick) => markup`<line x1="${left}" x2="${right}" y1="${y(tick)}" y2="${y(tick)}" />`,
    )}</g>
    <g class="axis">${ticks.map(
      (tick) =>
        markup`<text x="${left - 8}" y="${y(tick) + 4}" text-anchor="end">${count(tick)}</text>`,
    )}</g>
    ${area(series, 'unknown', { x, y }, total)}
    ${area(series, 'fail', { x, y }, (bucket) => bucket.ok + bucket.failed)}
    ${area(series, 'ok', { x, y }, (bucket) => bucket.ok)}
    ${series.buckets.map((bucket) => hoverStrip(bucket, series, x))}
  </g>`
}

function total(bucket: Bucket): number {
  return bucket.ok + bucket.failed + bucket.unknown
}

/** A stepped area from 0. The three are drawn behind one another, the total first: no seams. */
function area(
  series: Series,
  name: string,
  frame: { readonly x: Scale; readonly y: Scale },
  of: (bucket: Bucket) => number,
): Markup {
  const { x, y } = frame
  const steps = series.buckets.map((bucket) => {
    const end = Math.max(bucket.begin, Math.min(bucket.end, series.endMs))
    const level = y(of(bucket) / seconds(bucket, series))
    return `L${pixel(x(bucket.begin))} ${pixel(level)}H${pixel(x(end))}`
  })
  const base = pixel(y(0))
  return markup`<path
    class="area ${name}"
    d="${`M${pixel(left)} ${base}${steps.join('')}V${base}Z`}"
  />`
}

/**
 * How long a bucket lasted. The last one is cut off by the end of the run, and its rate would
 * dip without need; but a sliver of one must not make a peak out of a single call either.
 */
function seconds(bucket: Bucket, series: Series): number {
  const lasted = Math.min(bucket.end, series.endMs) - bucket.begin
  return Math.max(lasted, series.widthMs / 4) / 1000
}
