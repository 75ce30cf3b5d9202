/** Faults on the axis of time: bands behind the charts, and one lane per nemesis below them. */
import { cut, duration, moment } from './format.ts'
import { markup, nothing, type Markup } from './html.ts'
import type { FaultSpan } from './run-record.ts'
import type { Scale } from './scale.ts'

/** Height of a lane. */
export const laneHeight = 24
/** Lanes that are drawn; the rest share one more. */
export const lanesMax = 40
/** Faults that are drawn; the table and the record hold the rest. */
export const faultsDrawnMax = 2000
/** Hues that tell lanes apart; after these they come round again. */
const hues = 8

/** A span of time during which one or several faults were about without a break. */
export interface Band {
  readonly begin: number
  readonly end: number
  /** The numbers of the faults: `3`, or `3–5`. */
  readonly label: string
}

/** The faults of one nemesis. */
export interface Lane {
  readonly name: string
  /** 0 to 7: which colour it has. */
  readonly hue: number
  readonly faults: readonly FaultSpan[]
}

/** Where lanes are drawn. */
export interface LaneFrame {
  readonly x: Scale
  readonly left: number
  readonly right: number
  readonly top: number
  /** The end of the run, ms: where a fault ends that was not healed. */
  readonly end: number
}

/** Joins spans that overlap: a wash that got darker with each fault would say nothing. */
export function bandsOf(faults: readonly FaultSpan[], end: number): readonly Band[] {
  const bands: { begin: number; end: number; first: number; last: number }[] = []
  for (const fault of faults.toSorted((a, b) => a.begin - b.begin)) {
    const until = Math.max(fault.begin, Math.min(fault.heal ?? end, end))
    const band = bands.at(-1)
    if (band !== undefined && fault.begin <= band.end) {
      band.end = Math.max(band.end, until)
      band.first = Math.min(band.first, fault.fault)
      band.last = Math.max(band.last, fault.fault)
    } else {
      bands.push({
        begin: Math.min(fault.begin, end),
        end: until,
        first: fault.fault,
        last: fault.fault,
      })
    }
  }
  return bands.map((band) => ({
    begin: band.begin,
    end: band.end,
    label:
      band.first === band.last
        ? `#${String(band.first)}`
        : `#${String(band.first)}–${String(band.last)}`,
  }))
}

/** One lane per nemesis, in the order in which they first struck. */
export function lanesOf(faults: readonly FaultSpan[]): readonly Lane[] {
  const byName = new Map<string, FaultSpan[]>()
  for (const fault of faults.slice(0, faultsDrawnMax)) {
    const name = byName.has(fault.nemesis) || byName.size < lanesMax ? fault.nemesis : 'others'
    const lane = byName.get(name)
    if (lane === undefined) byName.set(name, [fault])
    else lane.push(fault)
  }
  return [...byName].map(([name, members], index) => ({ name, hue: index % hues, faults: members }))
}

/** Draws lanes with their names in the margin. */
export function drawLanes(lanes: readonly Lane[], frame: LaneFrame): Markup {
  return markup`<g class="lanes">
    <text class="panel" x="0" y="${frame.top - 10}">Faults</text>
    ${lanes.map((lane, index) => drawLane(lane, frame.top + index * laneHeight, frame))}
  </g>`
}

function drawLane(lane: Lane, top: number, frame: LaneFrame): Markup {
  const middle = top + laneHeight / 2
  return markup`<g class="lane hue-${lane.hue}">
    <line class="rule" x1="0" x2="${frame.right}" y1="${top}" y2="${top}" />
    <text class="lane-name" x="0" y="${middle + 4}"
      >${cut(lane.name, 18)}<title>${lane.name}</title></text>
    ${lane.faults.map((fault) => drawFault(fault, top, frame))}
  </g>`
}

function drawFault(fault: FaultSpan, top: number, frame: LaneFrame): Markup {
  const begin = frame.x(Math.min(fault.begin, frame.end))
  const end = frame.x(Math.max(fault.begin, Math.min(fault.heal ?? frame.end, frame.end)))
  const wide = Math.max(3, end - begin)
  const label = String(fault.fault)
  const seen = fault.seen !== undefined
  return markup`<g class="fault tip${seen ? '' : ' unseen'}"
    ><title>${faultTitle(fault)}</title>
    <rect x="${begin}" y="${top + 4}" width="${wide}" height="${laneHeight - 8}" rx="3" />
    ${
      wide >= label.length * 7 + 6
        ? markup`<text x="${begin + 5}" y="${top + laneHeight / 2 + 3.5}">${label}</text>`
        : nothing
    }
  </g>`
}

/** All about a fault in one line. */
export function faultTitle(fault: FaultSpan): string {
  const span =
    fault.heal === undefined
      ? `from ${moment(fault.begin)}, not healed before the end`
      : `from ${moment(fault.begin)} for ${duration(fault.heal - fault.begin)}`
  const shown = fault.seen === undefined ? 'nothing showed that it worked' : `seen: ${fault.seen}`
  return `#${String(fault.fault)} ${fault.nemesis}: ${fault.detail}; ${span}; ${shown}`
}
