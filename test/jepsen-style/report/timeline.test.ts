/**
 * Goal: the charts tell the truth about latency and throughput, within bounds whatever the history.
 * Method: feed calls with known figures, compare with a plain computation; feed far too many.
 */
import { describe, expect, test } from 'vitest'
import { Buckets, bucketsMax, slowestMax } from '../../../jepsen-style/report/buckets.ts'
import { openCallsMax, Pairing, type Call } from '../../../jepsen-style/report/calls.ts'
import { bandsOf, lanesMax, lanesOf } from '../../../jepsen-style/report/draw-faults.ts'
import { drawReport } from '../../../jepsen-style/report/index.ts'
import { historyOf, recordOf, staleRead, type Line } from './fixtures.ts'

function call(at: number, ms: number, outcome: 'ok' | 'fail' | 'info' = 'ok'): Call {
  const invoke = { i: 0, process: 1, type: 'invoke', f: 'read', time: at } as const
  const complete = { i: 1, process: 1, type: outcome, f: 'read', time: at + ms } as const
  return { process: 1, invoke, complete, outcome }
}

describe('buckets', () => {
  test('quantiles are right within 5 %', () => {
    const buckets = new Buckets()
    for (let ms = 1; ms <= 1000; ms += 1) buckets.add(call(10, ms))

    const [first] = buckets.series(0).buckets
    expect(first!.p50! / 500).toBeCloseTo(1, 1)
    expect(Math.abs(first!.p50! / 500 - 1)).toBeLessThan(0.05)
    expect(Math.abs(first!.p99! / 990 - 1)).toBeLessThan(0.05)
  })

  test('latency stands where a call began, throughput where it ended', () => {
    const buckets = new Buckets()
    buckets.add(call(10, 120))
    buckets.add(call(10, 20, 'fail'))
    buckets.add(call(60, 5, 'info'))

    const { buckets: all } = buckets.series(0)
    expect(all.map(({ p50 }) => p50 !== undefined)).toEqual([true, false, false])
    expect(all.map(({ ok }) => ok)).toEqual([0, 0, 1])
    expect(all.map(({ failed }) => failed)).toEqual([1, 0, 0])
    expect(all.map(({ unknown }) => unknown)).toEqual([0, 1, 0])
  })

  test('a run of any length has few buckets, and loses no call', () => {
    const buckets = new Buckets()
    const calls = 50_000
    for (let index = 0; index < calls; index += 1) buckets.add(call(index * 100, 2 + (index % 7)))

    const { buckets: all, widthMs } = buckets.series(0)
    expect(all.length).toBeLessThanOrEqual(bucketsMax)
    expect(all.length).toBeGreaterThan(bucketsMax / 2 - 1)
    expect(widthMs * all.length).toBeGreaterThanOrEqual(calls * 100)
    expect(all.reduce((sum, { ok }) => sum + ok, 0)).toBe(calls)
    expect(all.every(({ slowest }) => slowest.length <= slowestMax * 4)).toBe(true)
  })

  test('the slowest calls are kept, also when buckets are merged', () => {
    const buckets = new Buckets()
    for (let index = 0; index < 2000; index += 1) buckets.add(call(index, 1))
    buckets.add(call(777, 4321))
    buckets.add(call(500_000, 1))

    const points = buckets.series(0).buckets.flatMap(({ slowest }) => slowest)
    expect(points.find(({ ms }) => ms === 4321)).toMatchObject({ at: 777, outcome: 'ok' })
  })
})

describe('pairing', () => {
  test('an invocation on top of another leaves that one open', () => {
    const pairing = new Pairing()
    const [first, second] = historyOf([
      { process: 1, type: 'invoke', f: 'a' },
      { process: 1, type: 'invoke', f: 'b' },
    ])
    pairing.take(first!)

    expect(pairing.take(second!)).toEqual([{ process: 1, invoke: first, outcome: 'open' }])
    expect(pairing.end()).toEqual([{ process: 1, invoke: second, outcome: 'open' }])
  })

  test('a completion of nothing is passed over', () => {
    const [lonely] = historyOf([{ process: 1, type: 'ok', f: 'a' }])

    expect(new Pairing().take(lonely!)).toEqual([])
  })

  test('calls that are never answered are given up beyond a bound, the oldest first', () => {
    const pairing = new Pairing()
    const given: Call[] = []
    for (let i = 0; i < openCallsMax + 2; i += 1) {
      given.push(...pairing.take({ i, process: i, type: 'invoke', f: 'a' }))
    }

    expect(given.map(({ process }) => process)).toEqual([0, 1])
    expect(pairing.end()).toHaveLength(openCallsMax)
  })
})

describe('faults', () => {
  const fault = (number: number, nemesis: string, begin: number, heal: number) => ({
    fault: number,
    nemesis,
    detail: 'x',
    begin,
    heal,
    seen: 'y',
  })

  test('overlapping ones share a band, others have their own', () => {
    const faults = [fault(3, 'c', 50, 60), fault(1, 'a', 0, 20), fault(2, 'b', 10, 30)]

    expect(bandsOf(faults, 100)).toEqual([
      { begin: 0, end: 30, label: '#1–2' },
      { begin: 50, end: 60, label: '#3' },
    ])
  })

  test('each nemesis has a lane; too many share one', () => {
    const faults = Array.from({ length: 60 }, (_, n) => fault(n, `n${String(n)}`, n, n + 1))
    const lanes = lanesOf([...faults, fault(60, 'n0', 99, 100)])

    expect(lanes).toHaveLength(lanesMax + 1)
    expect(lanes[0]!.faults).toHaveLength(2)
    expect(lanes.at(-1)).toMatchObject({ name: 'others' })
    expect(lanes.reduce((sum, lane) => sum + lane.faults.length, 0)).toBe(61)
  })
})

describe('the chart', () => {
  test('tells failed, unknown and never answered calls apart by shape', async () => {
    const lines: Line[] = [
      { process: 1, type: 'invoke', f: 'a', time: 5 },
      { process: 1, type: 'fail', f: 'a', time: 9, error: 'QUORATE_NO_QUORUM' },
      { process: 2, type: 'invoke', f: 'b', time: 20 },
      { process: 2, type: 'info', f: 'b', time: 1020 },
      { process: 3, type: 'invoke', f: 'c', time: 30 },
    ]
    const page = await drawReport(recordOf(), historyOf(lines))

    expect(page).toMatch(
      /<path class="point fail tip"[^>]*><title>a by process 1[^<]*QUORATE_NO_QUORUM</,
    )
    expect(page).toMatch(
      /<path class="point unknown tip"[^>]*><title>b by process 2[^<]*unknown, 1.00 s</,
    )
    expect(page).toMatch(
      /<path class="point unknown tip"[^>]*><title>c by process 3[^<]*never answered/,
    )
  })

  test('has a lane per nemesis, a band per stretch of faults and a legend', async () => {
    const page = await drawReport(recordOf(), staleRead)

    const [timeline = ''] = /<svg class="chart timeline"[\s\S]*?<\/svg>/.exec(page) ?? []
    expect(timeline.match(/<g class="lane hue-\d"/g)).toHaveLength(2)
    expect(timeline.match(/<g class="fault tip"/g)).toHaveLength(2)
    expect(timeline).toContain('>#1</text>')
    expect(page).toContain('a fault was about')
  })

  test('a long history makes no larger report', async () => {
    function* calls(count: number) {
      for (let i = 0; i < count; i += 1) {
        const time = i * 3
        yield { i: i * 2, process: i % 50, type: 'invoke', f: 'read', time } as const
        const late = time + 1 + (i % 97)
        yield {
          i: i * 2 + 1,
          process: i % 50,
          type: i % 9 === 0 ? 'fail' : 'ok',
          f: 'read',
          time: late,
        } as const
      }
    }
    const long = await drawReport(recordOf(), calls(100_000))

    expect(long.length).toBeLessThan(600_000)
    expect(long).toContain('200,000 lines')
  })
})
