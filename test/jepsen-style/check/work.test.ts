// Goal: the work of a check grows with the history and no faster, and what it tells of a violation
// is where it is. Method: generated histories; steps are counted, because time depends on the
// machine; the place of a violation is compared with what brute force says of each beginning.
import { describe, expect, test } from 'vitest'
import { checkHistory, type HistoryEvent } from '../../../jepsen-style/check/index.ts'
import { withoutUnobserved } from '../../../jepsen-style/check/models/unobserved.ts'
import { operationsOf, type Operation } from '../../../jepsen-style/history/index.ts'
import { registerHasOrder } from './brute-force.ts'
import { Dice, mutate, paired, play, register, store } from './histories.ts'

const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)

describe('a long history', () => {
  test('of the store takes a few steps a call, with one call in fifty unanswered', async () => {
    const history = { calls: 10_000, processes: 50, open: 2 }
    const events = play(new Dice(1), store(keys, 1_000_000), history)
    const found = await checkHistory(events, { threads: 1 })

    expect(found).toMatchObject({ model: 'quorate', verdict: 'linearizable', byRevision: true })
    expect(found.operations).toBeGreaterThan(9_000)
    expect(found.partitions).toBe(100)
    expect(found.steps).toBeLessThan(2 * found.operations)
  })

  test('of few values, where every second call is unanswered, comes to an end', async () => {
    const events = play(new Dice(2), register(['k'], 5), { calls: 400, processes: 5, open: 50 })
    const found = await checkHistory(events, { threads: 1 })

    expect(found.verdict).toBe('linearizable')
    expect(found.steps).toBeLessThan(100_000)
  })

  test('of open calls that each hide the next is gone through once', () => {
    const length = 500
    const events = Array.from({ length }, (_, i): HistoryEvent => {
      return { i, process: i, type: 'invoke', f: 'cas', value: [`v${i}`, `v${i + 1}`] }
    })
    let looks = 0
    const value = ({ input }: Operation, place: 0 | 1): string => {
      looks++
      return (input as readonly string[])[place]!
    }
    const left = withoutUnobserved(operationsOf(events), {
      effectOf: (operation) => value(operation, 1),
      observedBy: (operation) => [value(operation, 0)],
    })

    expect(left).toEqual([])
    expect(looks).toBeLessThanOrEqual(4 * length)
  })
})

test('of concurrent appends the reads tell the order: not all of them are tried', async () => {
  const many = Array.from({ length: 16 }, (_, i) => `${i};`)
  const appends = (type: 'invoke' | 'ok', first: number): HistoryEvent[] =>
    many.map((value, i) => ({ i: 0, process: first + i, type, f: 'append', key: 'k', value }))
  const read = (type: 'invoke' | 'ok', value: string): HistoryEvent => ({
    i: 0,
    process: 99,
    type,
    f: 'get',
    key: 'k',
    value,
  })
  const told = (text: string): HistoryEvent[] =>
    [...appends('invoke', 0), ...appends('ok', 0), read('invoke', ''), read('ok', text)].map(
      (event, i) => ({ ...event, i }),
    )
  const text = many.toReversed().join('')
  const limits = { threads: 1, timeMsMax: 5_000 }
  const right = await checkHistory(told(text), limits)
  const wrong = await checkHistory(told(text.replace('7;', '')), limits)

  expect([right.verdict, wrong.verdict]).toEqual(['linearizable', 'not'])
  expect(right.steps).toBeLessThan(100)
  expect(wrong.steps).toBeLessThan(100)
  // The line of the read: what stands in the way is no append.
  expect(wrong.explanation?.line).toBe(33)
})

test('no order fits from the line on that the explanation names, and not before', async () => {
  let explained = 0
  for (let seed = 1; seed <= 600; seed++) {
    const dice = new Dice(seed)
    const played = play(dice, register([undefined], 3), { calls: 6, processes: 3 })
    const events = mutate(dice, mutate(dice, played))
    const { verdict, explanation } = await checkHistory(events, {
      model: 'cas-register',
      threads: 1,
    })
    if (verdict !== 'not') continue
    const line = explanation?.line ?? -1

    expect(registerHasOrder(paired(events.slice(0, line + 1))), `seed ${seed}`).toBe(false)
    expect(registerHasOrder(paired(events.slice(0, line))), `seed ${seed}`).toBe(true)
    expect(explanation?.orders.length, `seed ${seed}`).toBeGreaterThan(0)
    explained++
  }

  expect(explained).toBeGreaterThan(40)
})
