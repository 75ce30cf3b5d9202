/** Availability as the clients saw it, computed from the history when the run is over. */
import { nemesisProcess, type HistoryEvent } from '../history/index.ts'
import type { Availability, FaultSpan } from '../report/run-record.ts'
import type { CheckResult } from '../workloads/workload.ts'

/** A call counts as calm only if no fault was about in its time, nor for this long before, ms. */
export const calmAfterMs = 5_000

/** Refusals that are answers: the cluster served, and what was asked for did not hold. */
const answers: ReadonlySet<string> = new Set([
  'QUORATE_CONFLICT',
  'QUORATE_MISMATCH',
  'QUORATE_TOKEN_CANCELLED',
])

/** Also an answer is what a workload refuses by itself, for example for too little money. */
function isAnswer(error: string | undefined): boolean {
  return error !== undefined && (answers.has(error) || !error.startsWith('QUORATE_'))
}

/** What the figures are computed from. */
export interface AvailabilityInput {
  readonly history: readonly HistoryEvent[]
  readonly spans: readonly FaultSpan[]
  readonly checks: readonly CheckResult[]
}

/** The figures, and what they rest on: a share or a time of nothing is NaN. */
export interface AvailabilityFigures {
  readonly availability: Availability
  readonly calmCalls: number
  /** Faults after which a call succeeded. */
  readonly recoveries: number
  /** Faults after which none had when the run ended. */
  readonly unrecovered: number
  /** `rto.p99` of all faults, where those that were not recovered from count as endless. */
  readonly rtoP99OfAll: number
}

/** Computes them. A call without an end counts as unknown. */
export function availabilityOf(input: AvailabilityInput): AvailabilityFigures {
  const { history, spans, checks } = input
  const calm = new Calm(spans)
  const open = new Map<number, number>()
  let calls = 0
  let ok = 0
  let failed = 0
  let calmCalls = 0
  let calmServed = 0
  for (const { process, type, time = 0, error } of history) {
    if (process === nemesisProcess) continue
    if (type === 'invoke') {
      calls++
      open.set(process, time)
      continue
    }
    if (type === 'ok') ok++
    if (type === 'fail') failed++
    const inCalm = calm.during(open.get(process) ?? time, time)
    if (inCalm) calmCalls++
    const served = type === 'ok' || (type === 'fail' && isAnswer(error))
    if (inCalm && served) calmServed++
    open.delete(process)
  }
  for (const began of open.values()) if (calm.during(began, Infinity)) calmCalls++
  const times = spans.flatMap(({ firstSuccessMs }) => firstSuccessMs ?? [])
  const all = spans.map(({ firstSuccessMs }) => firstSuccessMs ?? Infinity)
  const availability = {
    calls,
    ok,
    failed,
    unknown: calls - ok - failed,
    calmSuccessRate: calmCalls === 0 ? Number.NaN : calmServed / calmCalls,
    rto: { p50: quantile(times, 0.5), p99: quantile(times, 0.99), max: quantile(times, 1) },
    acknowledged: figure(checks, 'acknowledged'),
    lost: figure(checks, 'lost'),
  }
  return {
    availability,
    calmCalls,
    recoveries: times.length,
    unrecovered: spans.length - times.length,
    rtoP99OfAll: quantile(all, 0.99),
  }
}

/** The times in which no fault was about, nor in the seconds before. */
class Calm {
  /** Merged and in order: in each of them there is no calm. */
  readonly #restless: { readonly from: number; readonly to: number }[] = []

  constructor(spans: readonly FaultSpan[]) {
    for (const { begin, heal } of [...spans].sort((a, b) => a.begin - b.begin)) {
      const to = (heal ?? Infinity) + calmAfterMs
      const last = this.#restless.at(-1)
      if (last === undefined || begin > last.to) this.#restless.push({ from: begin, to })
      else if (to > last.to) this.#restless.splice(-1, 1, { from: last.from, to })
    }
  }

  /** Whether all of this time was calm: a call that a fault runs into is not. */
  during(from: number, to: number): boolean {
    // The last restless time that begins by then: those before it have ended before it began.
    let low = 0
    let high = this.#restless.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#restless[middle]?.from ?? Infinity) <= to) low = middle + 1
      else high = middle
    }
    const before = this.#restless[low - 1]
    return before === undefined || before.to <= from
  }
}

/** The smallest value that at least this share of the values does not exceed; NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

function figure(checks: readonly CheckResult[], name: string): number {
  return checks.reduce((sum, { figures }) => sum + (figures?.[name] ?? 0), 0)
}
