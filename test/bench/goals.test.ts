/**
 * Goal: a goal is called met only where the figures say so, and open where they are missing.
 * Method: findings just on either side of each bound.
 */
import { describe, expect, test } from 'vitest'
import { judgeGoals } from '../../bench/goals.ts'
import type { Measured, Round, ScenarioRecord } from '../../bench/report/record.ts'
import { roundOf, roundsOf } from './fixture.ts'

function load(
  name: string,
  sides: Partial<Record<Measured, readonly [perSecond: number, more?: Partial<Round>]>>,
): ScenarioRecord {
  const measured = Object.entries(sides).map(([side, [perSecond, more = {}]]) => ({
    ...roundsOf(side as Measured, perSecond),
    rounds: [roundOf(perSecond, more)],
  }))
  return { name, title: name, finding: { kind: 'load', inFlight: 1, sides: measured } }
}

function judged(...scenarios: ScenarioRecord[]): Record<string, boolean | undefined> {
  return Object.fromEntries(
    judgeGoals(scenarios).map(({ scenario, goal, met }) => [`${scenario}: ${goal}`, met]),
  )
}

/** Whether all goals of a scenario were met. */
function met(name: string, ...scenarios: ScenarioRecord[]): boolean | undefined {
  const all = judgeGoals(scenarios).filter(({ scenario }) => scenario === name)
  expect(all.length).toBeGreaterThan(0)
  return all.some((goal) => goal.met === undefined) ? undefined : all.every((goal) => goal.met)
}

describe('a ratio to the peer', () => {
  const slow = { p99: 9_001 }
  test.each([
    ['put-64', 4],
    ['put-1000', 6],
    ['get-64', 6],
    ['get-256', 10],
  ] as const)('%s: %d times as many is enough, one less is not', (name, ratio) => {
    expect(met(name, load(name, { quorate: [1_000 * ratio], etcd: [1_000, slow] }))).toBe(true)
    expect(met(name, load(name, { quorate: [1_000 * ratio - 1], etcd: [1_000, slow] }))).toBe(false)
  })

  test('of puts needs a lower p99 as well', () => {
    expect(met('put-64', load('put-64', { quorate: [9_000], etcd: [1_000] }))).toBe(false)
  })

  test('is the median’s, so that one lucky round changes nothing', () => {
    const scenario = load('get-64', { quorate: [0], etcd: [1_000] })
    if (scenario.finding.kind !== 'load') throw new Error('a load')
    const sides = scenario.finding.sides.map((side) =>
      side.side === 'quorate'
        ? { ...side, rounds: [5_900, 5_950, 90_000].map((rate) => roundOf(rate)) }
        : side,
    )
    expect(met('get-64', { ...scenario, finding: { ...scenario.finding, sides } })).toBe(false)
  })

  test('stays open without the peer', () => {
    expect(met('put-64', load('put-64', { quorate: [9_000] }))).toBeUndefined()
    expect(met('put-256', load('put-256', { quorate: [9_000] }))).toBeUndefined()
  })
})

describe('a latency beside the peer’s', () => {
  test('put-1: the p50 may be as large', () => {
    const of = (ours: number): ScenarioRecord =>
      load('put-1', { quorate: [1, { p50: ours }], etcd: [1, { p50: 800 }] })
    expect(met('put-1', of(800))).toBe(true)
    expect(met('put-1', of(801))).toBe(false)
  })

  test('open-half: the p99 may be half as large', () => {
    const of = (ours: number): ScenarioRecord =>
      load('open-half', { quorate: [1, { p99: ours }], etcd: [1, { p99: 800 }] })
    expect(met('open-half', of(400))).toBe(true)
    expect(met('open-half', of(401))).toBe(false)
    const losing = { quorate: [1, { p99: 400, dropped: 1 }], etcd: [1, { p99: 800 }] } as const
    expect(met('open-half', load('open-half', losing))).toBe(false)
  })
})

test('a token may cost two fifths, measured against our own puts', () => {
  const of = (rate: number): ScenarioRecord[] => [
    load('put-256', { quorate: [10_000] }),
    load('put-token-256', { quorate: [rate] }),
  ]
  expect(met('put-token-256', ...of(6_000))).toBe(true)
  expect(met('put-token-256', ...of(5_999))).toBe(false)
})

test('putMany is measured in records against the peer’s best single puts', () => {
  const many = (records: number): ScenarioRecord =>
    load('put-many-100', { quorate: [1, { records: records * 5 }] })
  const peer = [
    load('put-1', { quorate: [1], etcd: [100] }),
    load('put-64', { quorate: [1], etcd: [900] }),
    load('put-256', { quorate: [1], etcd: [1_000] }),
    load('put-1000', { quorate: [1], etcd: [950] }),
  ]
  expect(met('put-many-100', ...peer, many(10_000))).toBe(true)
  expect(met('put-many-100', ...peer, many(9_990))).toBe(false)
  expect(met('put-many-100', many(9_990))).toBeUndefined()
  expect(met('put-many-100', ...peer.slice(0, 2), many(10_000))).toBeUndefined()
})

test('fail-over: half of the peer’s p50, and under 1.5 s at the worst', () => {
  const of = (ours: readonly number[]): ScenarioRecord => ({
    name: 'fail-over',
    title: '',
    finding: {
      kind: 'fail-over',
      sides: [
        { side: 'quorate', gapsMs: ours, open: 0 },
        { side: 'etcd', gapsMs: [1_000], open: 0 },
      ],
    },
  })
  expect(met('fail-over', of([500, 500, 1_499]))).toBe(true)
  expect(met('fail-over', of([500, 501, 502]))).toBe(false)
  expect(met('fail-over', of([100, 100, 1_500]))).toBe(false)
})

test('growth: seven tenths of the speed, and back in five seconds', () => {
  const of = (last: number, seconds: number): ScenarioRecord => ({
    name: 'growth',
    title: '',
    finding: {
      kind: 'growth',
      sides: [
        {
          side: 'quorate',
          steps: [
            { rows: 10, fillSeconds: 1, rounds: [roundOf(1_000)], restartSeconds: [1] },
            { rows: 20, fillSeconds: 1, rounds: [roundOf(last)], restartSeconds: [seconds] },
          ],
        },
      ],
    },
  })
  expect(Object.values(judged(of(700, 4.9)))).toEqual([true, true])
  expect(Object.values(judged(of(699, 5)))).toEqual([false, false])
})

test('memory is that of nodes, not of clients', () => {
  const usage = (node: number): Partial<Round> => ({
    usage: [
      { name: 'leader', cpuSeconds: 0, rssAnon: node },
      { name: 'client', cpuSeconds: 0, rssAnon: node * 100 },
    ],
  })
  const of = (ours: number): boolean | undefined =>
    judged(
      load('put-256', {
        quorate: [1, usage(ours)],
        etcd: [1, { usage: [{ name: 'leader', cpuSeconds: 0, rssAnon: 50 }] }],
      }),
    )['put-256: peak anonymous memory of a node at most etcd’s']
  expect(of(50)).toBe(true)
  expect(of(51)).toBe(false)
})

test('the product reaches half of the core', () => {
  const of = (ours: number): ScenarioRecord => load('core', { quorate: [ours], core: [1_000] })
  expect(met('core', of(500))).toBe(true)
  expect(met('core', of(499))).toBe(false)
})

test('only scenarios that ran have goals', () => {
  expect(judgeGoals([])).toEqual([])
})
