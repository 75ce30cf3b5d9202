// Goal: the plan of faults is a function of the seed, and fair. Method: draw a hundred faults and
// look at them.
import { describe, expect, test } from 'vitest'
import { lastsMsMax, lastsMsMin, paceOf, planFaults } from '../../../jepsen-style/run/plan.ts'
import type { PlannedFault } from '../../../jepsen-style/run/plan.ts'
import { SeededChance } from '../../../jepsen-style/workloads/chance.ts'

const nemeses = ['kill', 'pause', 'delay']

function drawn(seed: number, count = 99): PlannedFault[] {
  const plan = planFaults({ nemeses, everyMs: 1_000 }, new SeededChance(seed))
  return Array.from({ length: count }, () => plan.next().value)
}

describe('a plan', () => {
  test('is the same for the same seed, and another one for another', () => {
    expect(drawn(7)).toEqual(drawn(7))
    expect(drawn(7)).not.toEqual(drawn(8))
  })

  test('deals each kind once before any comes again', () => {
    const plan = drawn(3).map(({ nemesis }) => nemesis)
    for (let i = 0; i < plan.length; i += 3) {
      expect(plan.slice(i, i + 3).sort()).toEqual([...nemeses].sort())
    }
    const orders = new Set(
      Array.from({ length: 33 }, (_, i) => plan.slice(3 * i, 3 * i + 3).join()),
    )
    expect(orders.size).toBe(6)
  })

  test('numbers faults from 1, and keeps pauses and lengths within their bounds', () => {
    const plan = drawn(5)
    expect(plan.map(({ number }) => number)).toEqual(plan.map((_, i) => i + 1))
    for (const { pauseMs, lastsMs } of plan) {
      expect(pauseMs).toBeGreaterThanOrEqual(500)
      expect(pauseMs).toBeLessThanOrEqual(1_500)
      expect(lastsMs).toBeGreaterThanOrEqual(lastsMsMin)
      expect(lastsMs).toBeLessThan(lastsMsMax)
    }
    expect(new Set(plan.map(({ pauseMs }) => pauseMs)).size).toBeGreaterThan(50)
  })

  test.each([
    [60, 4],
    [15, 4],
    [8, 2],
    [5, 2],
  ])('of %d s gets round to each of %d kinds', (seconds, kinds) => {
    const { everyMs, lastsMsMax: longest } = paceOf(seconds, kinds, undefined)
    const last = kinds * everyMs * 1.5 + (kinds - 1) * longest
    expect(last + lastsMsMin).toBeLessThanOrEqual(seconds * 1000)
  })

  test('has the usual pace where there is time, and keeps to a pause that was asked for', () => {
    expect(paceOf(600, 4, undefined)).toEqual({ everyMs: 3_000, lastsMsMax })
    expect(paceOf(60, 0, undefined)).toEqual({ everyMs: 3_000, lastsMsMax })
    expect(paceOf(10, 2, 100)).toEqual({ everyMs: 100, lastsMsMax: 3_880 })
    expect(paceOf(1, 4, 3_000)).toEqual({ everyMs: 3_000, lastsMsMax: lastsMsMin })
  })

  test('of no kinds is a mistake', () => {
    const plan = planFaults({ nemeses: [], everyMs: 1_000 }, new SeededChance(1))
    expect(() => plan.next()).toThrow('at least one kind')
  })
})
