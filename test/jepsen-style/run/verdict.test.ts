// Goal: a run passes only if all of it did. Method: every way not to pass, alone and together.
import { describe, expect, test } from 'vitest'
import type { FaultSpan } from '../../../jepsen-style/report/run-record.ts'
import { availabilityOf, type AvailabilityFigures } from '../../../jepsen-style/run/availability.ts'
import { checkBounds, exitCodeOf, verdictOf } from '../../../jepsen-style/run/verdict.ts'
import type { VerdictInput } from '../../../jepsen-style/run/verdict.ts'
import type { CheckResult } from '../../../jepsen-style/workloads/workload.ts'

const seen: FaultSpan = { fault: 1, nemesis: 'kill', detail: 'n1', begin: 0, heal: 9, seen: 'gone' }
const unseen: FaultSpan = { fault: 2, nemesis: 'delay', detail: 'all', begin: 0, heal: 9 }
const check = (verdict: CheckResult['verdict']): CheckResult => ({
  name: 'totals',
  verdict,
  text: 'what was found',
})

const good: VerdictInput = {
  checks: [check('ok')],
  spans: [seen],
  required: ['kill'],
  kinds: ['kill'],
  passed: new Map(),
  problems: [],
  interrupted: false,
}

describe('the verdict', () => {
  test('is ok where nothing is wrong', () => {
    expect(verdictOf(good)).toEqual({ verdict: 'ok', reasons: [] })
  })

  test('a violation stands above everything', () => {
    const checks = [check('unknown'), check('violation')]
    const found = verdictOf({ ...good, checks, spans: [unseen], problems: ['no leader'] })
    expect(found.verdict).toBe('violation')
    expect(found.reasons).toContain('no leader')
  })

  test('what nobody knows is no pass', () => {
    const found = verdictOf({ ...good, checks: [check('ok'), check('unknown')] })
    expect(found).toEqual({
      verdict: 'unknown',
      reasons: ['totals is unknown: what was found'],
    })
  })

  test('a fault that was not seen fails the run', () => {
    const found = verdictOf({ ...good, spans: [seen, unseen] })
    expect(found).toEqual({
      verdict: 'failed',
      reasons: ['fault 2 (delay: all) was not seen'],
    })
  })

  test('a kind that was asked for and never came fails it, and says why', () => {
    const required = ['kill', 'pause', 'omission']
    const found = verdictOf({ ...good, required, passed: new Map([['omission', 3]]) })
    expect(found.verdict).toBe('failed')
    expect(found.reasons[0]).toContain('pause did not get its turn')
    expect(found.reasons[1]).toContain('omission never fitted: it was tried 3 times')
  })

  test('a run in which nothing was broken shows nothing', () => {
    const all = { ...good, required: [], kinds: ['kill', 'pause'] }
    expect(verdictOf(all).verdict).toBe('ok')
    expect(verdictOf({ ...all, spans: [] })).toMatchObject({ verdict: 'failed' })
    expect(verdictOf({ ...all, spans: [], kinds: [] })).toMatchObject({ verdict: 'ok' })
  })

  test('who interrupts a run knows that not everything has happened', () => {
    const found = verdictOf({ ...good, spans: [unseen], interrupted: true })
    expect(found.verdict).toBe('ok')
  })

  test('decides the exit code', () => {
    expect((['ok', 'violation', 'unknown', 'failed'] as const).map(exitCodeOf)).toEqual([
      0, 7, 6, 1,
    ])
  })
})

describe('bounds', () => {
  const figures: AvailabilityFigures = {
    availability: {
      calls: 10,
      ok: 9,
      failed: 1,
      unknown: 0,
      calmSuccessRate: 0.9,
      rto: { p50: 100, p99: 700, max: 800 },
      acknowledged: 5,
      lost: 0,
    },
    calmCalls: 10,
    recoveries: 4,
    unrecovered: 0,
    rtoP99OfAll: 700,
  }
  const judged = (bounds: Parameters<typeof checkBounds>[0], from = figures): string[] =>
    checkBounds(bounds, from).map(({ name, verdict }) => `${name} ${verdict}`)

  test('that are not given are not judged', () => {
    expect(checkBounds({}, figures)).toEqual([])
  })

  test('hold or do not', () => {
    expect(judged({ successRateMin: 0.9, rtoP99MaxMs: 700 })).toEqual([
      'success-rate ok',
      'recovery-time ok',
    ])
    expect(judged({ successRateMin: 0.91, rtoP99MaxMs: 699 })).toEqual([
      'success-rate violation',
      'recovery-time violation',
    ])
  })

  test('of nothing are unknown', () => {
    const nothing = { ...figures, calmCalls: 0, recoveries: 0, rtoP99OfAll: Number.NaN }
    expect(judged({ successRateMin: 0, rtoP99MaxMs: 9_999 }, nothing)).toEqual([
      'success-rate unknown',
      'recovery-time unknown',
    ])
  })

  test('of recovery hold for one fault in a hundred less, and not for more', () => {
    const spans = (recovered: number, others: number): readonly FaultSpan[] => [
      ...Array.from({ length: recovered }, () => ({ ...seen, firstSuccessMs: 50 })),
      ...Array.from({ length: others }, () => seen),
    ]
    const of = (recovered: number, others: number): string | undefined =>
      judged(
        { rtoP99MaxMs: 60 },
        availabilityOf({ history: [], spans: spans(recovered, others), checks: [] }),
      )[0]

    expect(of(1, 0)).toBe('recovery-time ok')
    expect(of(99, 1)).toBe('recovery-time ok')
    expect(of(1, 1)).toBe('recovery-time unknown')
    expect(of(0, 1)).toBe('recovery-time unknown')
  })
})
