/** The small parts: chance, outcomes, keys, runs, records. */
import { describe, expect, test } from 'vitest'
import { QuorateError } from 'quorate'
import {
  candleBound,
  candleName,
  candleOf,
  candlesPerInterval,
  candleText,
} from '../../../jepsen-style/workloads/candles.ts'
import { SeededChance } from '../../../jepsen-style/workloads/chance.ts'
import { workloadOf, workloads } from '../../../jepsen-style/workloads/index.ts'
import { completionOf, failureOf } from '../../../jepsen-style/workloads/outcome.ts'
import { repeated } from '../../../jepsen-style/workloads/retry.ts'
import { Rotation } from '../../../jepsen-style/workloads/rotation.ts'
import { fromRuns, toRuns } from '../../../jepsen-style/workloads/runs.ts'
import { padded, Space, storedText, unpadded } from '../../../jepsen-style/workloads/space.ts'

describe('chance', () => {
  const drawn = (chance: SeededChance) => Array.from({ length: 50 }, () => chance.between(0, 1000))

  test('the same seed draws the same, another draws others', () => {
    expect(drawn(new SeededChance(7))).toEqual(drawn(new SeededChance(7)))
    expect(drawn(new SeededChance(7))).not.toEqual(drawn(new SeededChance(8)))
  })

  test('a fork depends on seed and name, not on what was drawn before', () => {
    const chance = new SeededChance(7)
    const before = drawn(chance.fork('a'))
    drawn(chance)
    expect(drawn(chance.fork('a'))).toEqual(before)
    expect(drawn(chance.fork('b'))).not.toEqual(before)
    expect(drawn(new SeededChance(8).fork('a'))).not.toEqual(before)
  })

  test('draws are spread over their range and stay within it', () => {
    const chance = new SeededChance(1)
    const counts = [0, 0, 0, 0, 0, 0, 0, 0]
    for (let i = 0; i < 8_000; i++) counts[chance.between(3, 11) - 3]! += 1
    expect(counts).toHaveLength(8)
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
    const picked = new Set(Array.from({ length: 100 }, () => chance.pick(['a', 'b', 'c'])))
    expect(picked).toEqual(new Set(['a', 'b', 'c']))
    expect(chance.pick([undefined])).toBeUndefined()
  })

  test('an empty range and an empty list are refused', () => {
    const chance = new SeededChance(1)
    expect(() => chance.between(3, 3)).toThrow(RangeError)
    expect(() => chance.pick([])).toThrow(RangeError)
  })
})

describe('outcomes', () => {
  test('what surely had no effect fails, what nobody knows stays open', () => {
    const conflict = new QuorateError('QUORATE_CONFLICT', '', { details: { revision: 4 } })
    expect(failureOf(conflict)).toEqual({ type: 'fail', error: 'QUORATE_CONFLICT', revision: 4 })
    const timeout = (outcome?: 'not-applied') =>
      new QuorateError('QUORATE_TIMEOUT', '', outcome && { outcome })
    expect(failureOf(timeout())).toEqual({ type: 'info', error: 'QUORATE_TIMEOUT' })
    expect(failureOf(timeout('not-applied'))).toEqual({ type: 'fail', error: 'QUORATE_TIMEOUT' })
  })

  test("a workload's own mistake is not taken for the cluster's", async () => {
    const mistake = new TypeError('mine')
    await expect(completionOf(() => Promise.reject(mistake))).rejects.toBe(mistake)
  })

  test('what may succeed later is tried again, so often and no more', async () => {
    let tries = 0
    const failing = (code: 'QUORATE_TIMEOUT' | 'QUORATE_USAGE') => () => {
      tries++
      return Promise.reject(new QuorateError(code, ''))
    }
    await expect(repeated(3, failing('QUORATE_TIMEOUT'))).rejects.toThrow(QuorateError)
    expect(tries).toBe(3)
    await expect(repeated(3, failing('QUORATE_USAGE'))).rejects.toThrow(QuorateError)
    expect(tries).toBe(4)
    expect(await repeated(3, () => Promise.resolve('ok'))).toBe('ok')
  })
})

describe('names and values', () => {
  test('padded numbers sort as numbers, and come back', () => {
    expect([padded(9), padded(10), padded(100)].toSorted()).toEqual([9, 10, 100].map(padded))
    expect(unpadded(padded(123))).toBe(123)
    expect(unpadded('12')).toBeUndefined()
    expect(unpadded('0000000x')).toBeUndefined()
  })

  test('a space knows its own keys', () => {
    const space = new Space('set')
    expect(space.nameOf(space.key('a'))).toBe('a')
    expect(space.nameOf('other/a')).toBeUndefined()
    expect(space.nameOf(7)).toBeUndefined()
    expect(storedText(Buffer.from('ä'))).toBe('ä')
  })

  test('a key is left after its calls, and every name is kept', () => {
    const keys = new Rotation('k', { active: 1, usesMax: 2 })
    const chance = new SeededChance(1)
    expect([1, 2, 3].map(() => keys.draw(chance))).toEqual(['k0', 'k0', 'k1'])
    expect(keys.names).toEqual(['k0', 'k1'])
  })

  test('runs hold what they were made of; what is none is refused', () => {
    const numbers = [0, 1, 2, 5, 7, 8, 8]
    expect(toRuns(numbers)).toEqual([
      [0, 2],
      [5, 5],
      [7, 8],
      [8, 8],
    ])
    expect(fromRuns(toRuns(numbers))).toEqual(numbers)
    expect(toRuns([])).toEqual([])
    for (const wrong of [7, [7], [[1]], [[2, 1]], [[1, 2, 3]], [['1', 2]], [[0, 1e15]]]) {
      expect(fromRuns(wrong)).toBeUndefined()
    }
  })

  test('records have their names, their order, and versions that differ', () => {
    for (const record of [0, 1, 4, 5, 123]) {
      expect(candleOf(candleName(record))).toBe(record)
      expect(candleText(record, 0)).not.toBe(candleText(record, 1))
      expect(candleText(record, 0)).toBe(candleText(record, 0))
      expect(JSON.parse(candleText(record, 1))).toMatchObject({ type: 'candle' })
    }
    expect(candleOf('candle/00000000/GOLD')).toBeUndefined()
    const next = candleBound(candlesPerInterval)
    for (let record = 0; record < candlesPerInterval; record++) {
      expect(candleName(record) < next).toBe(true)
      expect(candleName(record + candlesPerInterval) > next).toBe(true)
    }
  })

  test('workloads are found by name, and each says what it is about', () => {
    for (const workload of workloads) {
      expect(workloadOf(workload.name)).toBe(workload)
      expect(workload.about).not.toContain('\n')
    }
    expect(workloadOf('none')).toBeUndefined()
  })
})
