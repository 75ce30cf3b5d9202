/**
 * The calls around a violation as bars, one lane per process: where two bars overlap the calls were
 * under way at once and may have taken effect in either order; where they don't, the order is given.
 */
import type { Call, Outcome } from './calls.ts'
import { bandsOf } from './draw-faults.ts'
import type { DrawnCall, Excerpt } from './excerpt.ts'
import { brief, cut, duration, moment } from './format.ts'
import { markup, nothing, type Markup } from './html.ts'
import type { FaultSpan } from './run-record.ts'
import { linear } from './scale.ts'

const widthMin = 1080
const widthMax = 2600
const left = 92
const top = 44
const laneHeight = 40
const barHeight = 14
/** What an event adds to the width: enough that the labels of neighbours seldom collide. */
const perEvent = 22
const characterWidth = 6.4
/** Share of the width that follows real time; the rest is shared out evenly among the events. */
const timeShare = 0.3

/** Where an event stands, left to right. */
interface Mark {
  readonly line: number
  readonly time: number | undefined
}

/** Positions of lines and of moments. */
interface Axis {
  readonly width: number
  readonly right: number
  readonly ordered: readonly Mark[]
  at(line: number): number
  /** Between the events before and after a moment; undefined where the history has no times. */
  when(time: number): number | undefined
}

/** Draws an excerpt. */
export function drawExcerpt(excerpt: Excerpt, faults: readonly FaultSpan[]): Markup {
  const axis = axisOf(excerpt)
  const processes = [...new Set(excerpt.calls.map(({ call }) => call.process))].toSorted(
    (a, b) => a - b,
  )
  const bottom = top + processes.length * laneHeight + 20
  const height = bottom + 30
  const stuck = axis.at(excerpt.stuckAt)
  return markup`<svg
    class="chart excerpt"
    viewBox="0 0 ${axis.width} ${height}"
    width="${axis.width}"
    height="${height}"
    role="img"
    aria-labelledby="excerpt-title excerpt-text"
  >
    <title id="excerpt-title">Calls around the violation, one lane per process</title>
    <desc id="excerpt-text">
      ${excerpt.calls.length} calls of ${processes.length} processes. The table below lists them in
      their order.
    </desc>
    <g class="bands">${faultBands(faults, axis, bottom)}</g>
    <g class="lanes">
      ${processes.map((process, index) => {
        const y = top + index * laneHeight
        const calls = excerpt.calls.filter(({ call }) => call.process === process)
        return markup`<line class="rule" x1="0" x2="${axis.width}" y1="${y}" y2="${y}" />
          ${calls.map((drawn, place) => drawCall(drawn, calls[place + 1], y, axis))}`
      })}
      <line class="rule" x1="0" x2="${axis.width}" y1="${bottom}" y2="${bottom}" />
    </g>
    <g class="stuck">
      <line x1="${stuck}" x2="${stuck}" y1="${top - 10}" y2="${bottom}" />
      <path d="M${stuck - 5} ${top - 16}h10l-5 7z" />
      ${stuckLabel(stuck, axis)}
    </g>
    <g class="axis">${timeLabels(axis, bottom)}</g>
    ${processes.map(
      (process, index) =>
        markup`<text class="lane-name" x="0" y="${top + (index + 1) * laneHeight - 13}">process ${process}</text>`,
    )}
  </svg>`
}

function stuckLabel(stuck: number, axis: Axis): Markup {
  const text = 'from here on no order fits'
  const half = (text.length * characterWidth) / 2
  const middle = Math.min(Math.max(stuck, half), axis.width - half)
  return markup`<text x="${middle}" y="${top - 22}" text-anchor="middle">${text}</text>`
}

function axisOf(excerpt: Excerpt): Axis {
  const marks = new Map<number, Mark>()
  for (const { call } of excerpt.calls) {
    for (const event of [call.invoke, call.complete]) {
      if (event !== undefined) marks.set(event.i, { line: event.i, time: event.time })
    }
  }
  const ordered = [...marks.values()].toSorted((a, b) => a.line - b.line)
  const width = Math.min(widthMax, Math.max(widthMin, left + ordered.length * perEvent + 60))
  const right = width - 48
  const first = ordered[0]?.time
  const last = ordered.at(-1)?.time
  const rank = linear(0, ordered.length - 1, left, right)
  const time =
    first === undefined || last === undefined || last <= first
      ? undefined
      : linear(first, last, left, right)
  const places = new Map<number, number>()
  let before = left
  for (const [index, mark] of ordered.entries()) {
    const even = rank(index)
    const place =
      time === undefined || mark.time === undefined
        ? even
        : even * (1 - timeShare) + time(mark.time) * timeShare
    // The order of the lines holds even where the times of a history contradict it.
    before = Math.max(before, place)
    places.set(mark.line, before)
  }
  const at = (line: number): number => places.get(line) ?? right
  const when = (moment: number): number | undefined => {
    const timed = ordered.filter((mark) => mark.time !== undefined)
    const after = timed.findIndex((mark) => (mark.time ?? 0) >= moment)
    const next = timed[after]
    const previous = after === -1 ? timed.at(-1) : timed[after - 1]
    if (previous === undefined) return next === undefined ? undefined : left
    if (next === undefined) return width
    return linear(previous.time ?? 0, next.time ?? 0, at(previous.line), at(next.line))(moment)
  }
  return { width, right, ordered, at, when }
}

/** Faults that were about meanwhile, behind the lanes. */
function faultBands(faults: readonly FaultSpan[], axis: Axis, bottom: number): readonly Markup[] {
  const bands: Markup[] = []
  let free = left
  for (const band of bandsOf(faults, Infinity)) {
    const begin = axis.when(band.begin)
    const end = axis.when(band.end)
    if (begin === undefined || end === undefined || end - begin < 1) continue
    const text = `fault ${band.label}`
    const fits = begin >= free && begin + text.length * characterWidth < axis.width
    if (fits) free = begin + text.length * characterWidth + 8
    bands.push(markup`<rect x="${begin}" y="${top}" width="${end - begin}" height="${bottom - top}"/>
      ${fits ? markup`<text x="${begin + 4}" y="${bottom - 5}">${text}</text>` : nothing}`)
  }
  return bands
}

function timeLabels(axis: Axis, bottom: number): readonly Markup[] {
  const labels: Markup[] = []
  let free = left - 30
  for (const mark of axis.ordered) {
    const at = axis.at(mark.line)
    const text = mark.time === undefined ? `line ${String(mark.line)}` : moment(mark.time)
    const half = (text.length * characterWidth) / 2
    if (at - half < free || at + half > axis.width) continue
    free = at + half + 40
    labels.push(
      markup`<line x1="${at}" x2="${at}" y1="${bottom}" y2="${bottom + 5}" /><text
          x="${at}"
          y="${bottom + 20}"
          text-anchor="middle"
          >${text}</text>`,
    )
  }
  return labels
}

function drawCall(drawn: DrawnCall, next: DrawnCall | undefined, y: number, axis: Axis): Markup {
  const { call, place } = drawn
  const begin = axis.at(call.invoke.i)
  const open = call.outcome === 'info' || call.outcome === 'open'
  const end = open ? axis.width : axis.at(call.complete?.i ?? call.invoke.i)
  const wide = Math.max(4, end - begin)
  const room = (next === undefined ? axis.width : axis.at(next.call.invoke.i)) - begin - 4
  const label = cut(callLabel(call), Math.max(1, Math.floor(room / characterWidth)))
  const barTop = y + laneHeight - barHeight - 6
  const number = place === undefined ? undefined : String(place.number)
  const fits = number !== undefined && wide >= number.length * characterWidth + 6
  return markup`<g class="${classesOf(drawn)}"><title>${titleOf(drawn)}</title>
    <rect x="${begin}" y="${barTop}" width="${wide}" height="${barHeight}" rx="3"/>
    ${open && markup`<path class="open-end" d="M${axis.width - 9} ${barTop + 3}l5 4l-5 4"/>`}
    ${fits && markup`<text class="place" x="${begin + 5}" y="${barTop + 10.5}">${number}</text>`}
    <text x="${begin + 1}" y="${barTop - 4}">${label}</text>
  </g>`
}

function classesOf({ call, named, stuck }: DrawnCall): string {
  const outcome = call.outcome === 'open' ? 'info' : call.outcome
  return `call ${outcome} tip${named ? ' named' : ''}${stuck === undefined ? '' : ' misfit'}`
}

/** What a call asked for and got: `write 5`, `read → 5`, `cas [3,4] ✗`, `read → ?`. */
export function callLabel(call: Call): string {
  // Some histories give a call without arguments a null.
  const given = brief(call.invoke.value ?? undefined, 40)
  const asked = given === '' ? call.invoke.f : `${call.invoke.f} ${given}`
  const got = brief(call.complete?.value, 40)
  if (call.outcome === 'fail') return `${asked} ✗`
  if (call.outcome !== 'ok') return `${asked} → ?`
  const revision = call.complete?.revision
  const at = revision === undefined ? '' : ` @${String(revision)}`
  const repeated = got === '' || got === given
  return repeated ? `${asked}${at}` : `${asked} → ${got}${at}`
}

const outcomeTexts: Readonly<Record<Outcome, string>> = {
  ok: 'ok',
  fail: 'failed, no effect',
  info: 'unknown',
  open: 'never answered',
}

/** In words how a call ended. */
export function outcomeText(call: Call): string {
  const error = call.complete?.error
  return `${outcomeTexts[call.outcome]}${error === undefined ? '' : ` (${cut(error, 60)})`}`
}

function titleOf({ call, place, stuck }: DrawnCall): string {
  const { invoke, complete } = call
  const key = invoke.key === undefined ? '' : ` of ${cut(invoke.key, 60)}`
  const parts = [
    `process ${String(call.process)}: ${callLabel(call)}${key}`,
    outcomeText(call),
    complete === undefined
      ? `line ${String(invoke.i)}`
      : `lines ${String(invoke.i)} to ${String(complete.i)}`,
  ]
  if (invoke.time !== undefined) parts.push(`from ${moment(invoke.time)}${took(call)}`)
  if (place !== undefined) {
    parts.push(`number ${String(place.number)} of the longest order, then ${cut(place.state, 80)}`)
  }
  if (stuck !== undefined) parts.push(`can't come next: ${cut(stuck, 160)}`)
  return parts.join('; ')
}

function took({ invoke, complete }: Call): string {
  if (invoke.time === undefined || complete?.time === undefined) return ''
  return ` for ${duration(complete.time - invoke.time)}`
}
