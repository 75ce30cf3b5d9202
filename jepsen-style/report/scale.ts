/** Axes: from figures to positions, and the round figures at which an axis is labelled. */

/** A position for a figure. */
export type Scale = (value: number) => number

/** Maps `from`…`to` evenly to the positions `low`…`high`; a span of nothing lies at `low`. */
export function linear(from: number, to: number, low: number, high: number): Scale {
  const span = to - from
  return (value) => (span <= 0 ? low : low + ((value - from) / span) * (high - low))
}

/** Maps `from`…`to` (both above 0) to `low`…`high` by their logarithms. */
export function logarithmic(from: number, to: number, low: number, high: number): Scale {
  const inner = linear(Math.log10(from), Math.log10(to), low, high)
  return (value) => inner(Math.log10(Math.min(to, Math.max(from, value))))
}

/** Round figures from 0 up to `max`, about `wanted` of them. */
export function roundTicks(max: number, wanted: number): readonly number[] {
  if (!(max > 0)) return [0]
  const rough = max / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
  const ticks: number[] = []
  for (let index = 0; index * step <= max * (1 + 1e-9); index += 1) {
    ticks.push(Number((index * step).toPrecision(12)))
  }
  return ticks
}

/** Steps of time that people count in, ms. */
const timeSteps = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000,
  300_000, 600_000, 900_000, 1_800_000, 3_600_000,
]

/** Round moments from 0 up to `max` ms, about `wanted` of them. */
export function timeTicks(max: number, wanted: number): readonly number[] {
  if (!(max > 0)) return [0]
  const step = timeSteps.find((candidate) => max / candidate <= wanted)
  if (step === undefined) return roundTicks(max, wanted)
  const ticks: number[] = []
  for (let at = 0; at <= max; at += step) ticks.push(at)
  return ticks
}

/** The powers of ten that enclose `min`…`max`; at least one decade, eight at most. */
export function decades(min: number, max: number): readonly number[] {
  const low = Math.floor(Math.log10(min))
  const high = Math.min(low + 8, Math.max(low + 1, Math.ceil(Math.log10(max))))
  return Array.from({ length: high - low + 1 }, (_, index) => Number(`1e${String(low + index)}`))
}
