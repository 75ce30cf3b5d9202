/** What a run comes to. A violation stands above all; what nobody knows is never a pass. */
import type { FaultSpan, RunRecord } from '../report/run-record.ts'
import type { CheckResult } from '../workloads/workload.ts'
import type { AvailabilityFigures } from './availability.ts'

/** What the verdict is made from. */
export interface VerdictInput {
  readonly checks: readonly CheckResult[]
  readonly spans: readonly FaultSpan[]
  /** Kinds of faults that were asked for by name and can be had here. */
  readonly required: readonly string[]
  /** All kinds that could have come, also those of `all`, which asks for none in particular. */
  readonly kinds: readonly string[]
  /** Of the kinds that never fitted: how often they were passed over. */
  readonly passed: ReadonlyMap<string, number>
  /** What went wrong with the run itself, one line each. */
  readonly problems: readonly string[]
  readonly interrupted: boolean
}

/** The verdict, and why it is not `ok`. */
export function verdictOf(input: VerdictInput): Pick<RunRecord, 'verdict' | 'reasons'> {
  const { checks } = input
  const violations = checks.filter(({ verdict }) => verdict === 'violation')
  const unknowns = checks.filter(({ verdict }) => verdict === 'unknown')
  const failures = [...input.problems, ...faultProblems(input)]
  const reasons = [
    ...violations.map(({ name, text }) => `${name}: ${text}`),
    ...failures,
    ...unknowns.map(({ name, text }) => `${name} is unknown: ${text}`),
  ]
  if (violations.length > 0) return { verdict: 'violation', reasons }
  if (failures.length > 0) return { verdict: 'failed', reasons }
  return { verdict: unknowns.length > 0 ? 'unknown' : 'ok', reasons }
}

/** A fault that was to happen and did not makes the run worthless, so it fails. */
function faultProblems(input: VerdictInput): readonly string[] {
  // Whoever ends a run early knows that not all of it has happened.
  if (input.interrupted) return []
  const { spans, required, kinds, passed } = input
  // Nothing was broken, so nothing was shown, also where no kind was asked for in particular.
  if (spans.length === 0 && required.length === 0 && kinds.length > 0) {
    return ['no fault began, of any kind: give it more time, or shorter pauses']
  }
  const unseen = spans
    .filter(({ seen }) => seen === undefined)
    .map(({ fault, nemesis, detail }) => `fault ${fault} (${nemesis}: ${detail}) was not seen`)
  const begun = new Set(spans.map(({ nemesis }) => nemesis))
  const missing = required
    .filter((name) => !begun.has(name))
    .map((name) => {
      const times = passed.get(name) ?? 0
      return times > 0
        ? `${name} never fitted: it was tried ${times} times`
        : `${name} did not get its turn: give the run more time, or shorter pauses`
    })
  return [...unseen, ...missing]
}

/** What the caller wants of availability; nothing is judged that is not given. */
export interface Bounds {
  /** Least share of the calls in calm that must succeed, 0 to 1. */
  readonly successRateMin?: number
  /** Most ms until the first success after a fault, of 99 in 100 faults. */
  readonly rtoP99MaxMs?: number
}

/** The checks of the bounds that were given. */
export function checkBounds(bounds: Bounds, figures: AvailabilityFigures): readonly CheckResult[] {
  const { successRateMin, rtoP99MaxMs } = bounds
  return [
    ...(successRateMin === undefined ? [] : [checkSuccessRate(successRateMin, figures)]),
    ...(rtoP99MaxMs === undefined ? [] : [checkRecovery(rtoP99MaxMs, figures)]),
  ]
}

function checkSuccessRate(least: number, figures: AvailabilityFigures): CheckResult {
  const name = 'success-rate'
  const { calmCalls, availability } = figures
  if (calmCalls === 0) {
    return { name, verdict: 'unknown', text: 'no call began while no fault was about' }
  }
  const rate = availability.calmSuccessRate
  const text =
    `${percent(rate)} of ${calmCalls} calls away from faults succeeded; ` +
    `at least ${percent(least)} is wanted`
  return { name, verdict: rate >= least ? 'ok' : 'violation', text }
}

function checkRecovery(mostMs: number, figures: AvailabilityFigures): CheckResult {
  const name = 'recovery-time'
  const { recoveries, unrecovered, rtoP99OfAll, availability } = figures
  const faults = recoveries + unrecovered
  if (faults === 0) return { name, verdict: 'unknown', text: 'there was no fault to recover from' }
  const { p99 } = availability.rto
  if (!(p99 > mostMs) && rtoP99OfAll > mostMs) {
    const text = `after ${unrecovered} of ${faults} faults no call had succeeded when the run ended`
    return { name, verdict: 'unknown', text }
  }
  const text =
    `after 99 % of ${recoveries} faults a call had succeeded within ${Math.round(p99)} ms; ` +
    `${mostMs} ms are allowed`
  return { name, verdict: p99 <= mostMs ? 'ok' : 'violation', text }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`
}

/** The exit code that a run comes to: 7 violation, 6 unknown, 1 failed, 0 ok. */
export function exitCodeOf(verdict: RunRecord['verdict']): number {
  switch (verdict) {
    case 'ok':
      return 0
    case 'violation':
      return 7
    case 'unknown':
      return 6
    case 'failed':
      return 1
    default:
      return verdict satisfies never
  }
}
