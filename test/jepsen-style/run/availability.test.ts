// Goal: the figures of availability are what the history says. Method: histories made by hand.
import { describe, expect, test } from 'vitest'
import type { HistoryEvent } from '../../../jepsen-style/history/index.ts'
import type { FaultSpan } from '../../../jepsen-style/report/run-record.ts'
import { availabilityOf, quantile } from '../../../jepsen-style/run/availability.ts'

type Call = readonly [from: number, type: 'ok' | 'fail' | 'info' | 'none', error?: string]

/** Calls of one process each, of 10 ms. */
function historyOf(calls: readonly Call[]): HistoryEvent[] {
  const events = calls.flatMap(([time, type, error], process): Omit<HistoryEvent, 'i'>[] => [
    { process, type: 'invoke', f: 'read', time },
    ...(type === 'none'
      ? []
      : [{ process, type, f: 'read', time: time + 10, ...(error !== undefined && { error }) }]),
  ])
  return events.sort((a, b) => (a.time ?? 0) - (b.time ?? 0)).map((event, i) => ({ i, ...event }))
}

const span = (fault: number, begin: number, heal?: number, firstSuccessMs?: number): FaultSpan => ({
  fault,
  nemesis: 'kill',
  detail: 'n1',
  begin,
  ...(heal !== undefined && { heal }),
  ...(firstSuccessMs !== undefined && { firstSuccessMs }),
})

describe('availability', () => {
  test('counts calls by how they ended; one without an end is unknown', () => {
    const history = historyOf([
      [0, 'ok'],
      [5, 'fail'],
      [6, 'info'],
      [7, 'none'],
    ])
    const { availability } = availabilityOf({ history, spans: [], checks: [] })
    expect(availability).toMatchObject({ calls: 4, ok: 1, failed: 1, unknown: 2 })
  })

  test('what a fault ran into, or came within 5 s of one, is not calm', () => {
    const spans = [span(1, 1_000, 2_000), span(2, 1_500, 3_000)]
    const history = historyOf([
      [900, 'ok'],
      [999, 'info'],
      [1_000, 'fail'],
      [2_500, 'fail'],
      [7_999, 'fail'],
      [8_000, 'ok'],
      [9_000, 'fail'],
    ])
    const { availability, calmCalls } = availabilityOf({ history, spans, checks: [] })
    expect(calmCalls).toBe(3)
    expect(availability.calmSuccessRate).toBeCloseTo(2 / 3)
  })

  test('after a fault that was never healed nothing is calm', () => {
    const history = historyOf([[100_000, 'fail']])
    const { availability, calmCalls } = availabilityOf({ history, spans: [span(1, 5)], checks: [] })
    expect([calmCalls, availability.calmSuccessRate]).toEqual([0, Number.NaN])
  })

  test('a condition that did not hold is an answer', () => {
    const history = historyOf([
      [0, 'fail', 'QUORATE_CONFLICT'],
      [1, 'fail', 'QUORATE_OVERLOADED'],
    ])
    const { availability } = availabilityOf({ history, spans: [], checks: [] })
    expect(availability.calmSuccessRate).toBe(0.5)
  })

  test('so are a fenced token, and what the workload itself made of an answer', () => {
    const failed = (error?: string): Call =>
      error === undefined ? [0, 'fail'] : [0, 'fail', error]
    const calmSuccessRate = (error?: string): number =>
      availabilityOf({ history: historyOf([failed(error)]), spans: [], checks: [] }).availability
        .calmSuccessRate
    expect(calmSuccessRate('QUORATE_TOKEN_CANCELLED')).toBe(1)
    expect(calmSuccessRate('TOO_LITTLE_MONEY')).toBe(1)
    expect(calmSuccessRate('QUORATE_NOT_LEADER')).toBe(0)
    expect(calmSuccessRate()).toBe(0)
  })

  test('times to the first success, and what the checks say of writes', () => {
    const spans = [span(1, 0, 1, 30), span(2, 0, 1, 10), span(3, 0, 1), span(4, 0, 1, 20)]
    const checks = [
      { name: 'a', verdict: 'ok', text: '', figures: { acknowledged: 5, lost: 0 } },
      { name: 'b', verdict: 'violation', text: '', figures: { acknowledged: 3, lost: 2 } },
      { name: 'c', verdict: 'ok', text: '' },
    ] as const
    const { availability, ...rest } = availabilityOf({ history: [], spans, checks })
    expect(availability.rto).toEqual({ p50: 20, p99: 30, max: 30 })
    expect(availability).toMatchObject({ acknowledged: 8, lost: 2 })
    expect(rest).toMatchObject({ recoveries: 3, unrecovered: 1, rtoP99OfAll: Infinity })
  })

  test('of nothing there are no figures', () => {
    const { availability } = availabilityOf({ history: [], spans: [span(1, 0, 1)], checks: [] })
    expect(availability.rto).toEqual({ p50: Number.NaN, p99: Number.NaN, max: Number.NaN })
    expect(availability.calmSuccessRate).toBeNaN()
  })
})

test('quantiles are values that are there', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i)
  expect([quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1)]).toEqual([
    50, 99, 100,
  ])
  expect(quantile([], 0.5)).toBeNaN()
})
