// Goal: the checker says what trying every order says. Method: small histories from seeds, played
// against real objects and then mutated, are judged by the brute-force oracle and by the checker;
// both must agree on every one, and both verdicts must occur often.
import { describe, expect, test } from 'vitest'
import { checkByRevision } from '../../../jepsen-style/check/by-revision.ts'
import { judge } from '../../../jepsen-style/check/judge.ts'
import type { Model } from '../../../jepsen-style/check/model.ts'
import { casRegister, kvAppend, quorate } from '../../../jepsen-style/check/models/index.ts'
import { partition } from '../../../jepsen-style/check/partition.ts'
import type { HistoryEvent, Operation } from '../../../jepsen-style/history/index.ts'
import { registerHasOrder, storeKeyHasOrder, textsHaveOrder } from './brute-force.ts'
import { Dice, mutate, paired, play, register, store, texts, type Subject } from './histories.ts'

const limits = {
  deadline: Number.POSITIVE_INFINITY,
  memoryBytesMax: 2 ** 26,
  stepsMax: Number.POSITIVE_INFINITY,
}

function hasOrder(model: Model<unknown>, operations: readonly Operation[]): boolean {
  return partition(model, operations).every((group) => {
    const { verdict } = judge(model, group, limits)
    expect(verdict).not.toBe('unknown')
    return verdict === 'linearizable'
  })
}

interface Course {
  readonly seeds: number
  readonly calls: number
  readonly processes: number
  readonly model: Model<unknown>
  readonly subject: () => Subject
  readonly oracle: (operations: readonly Operation[]) => boolean
}

/** Judges mutated histories both ways; counts the verdicts. */
function compare(course: Course): { right: number; wrong: number } {
  const counts = { right: 0, wrong: 0 }
  for (let seed = 1; seed <= course.seeds; seed++) {
    const dice = new Dice(seed)
    const { calls, processes } = course
    let events: HistoryEvent[] = play(dice, course.subject(), { calls, processes })
    for (let times = dice.roll(5); times > 0; times--) events = mutate(dice, events)
    const operations = paired(events)
    const expected = course.oracle(operations)
    const found = hasOrder(course.model, operations)
    if (found !== expected) expect({ seed, found, events }).toEqual({ seed, found: expected })
    counts[expected ? 'right' : 'wrong']++
  }
  return counts
}

describe('the checker agrees with brute force', () => {
  test('on registers', () => {
    const counts = compare({
      seeds: 6_000,
      calls: 6,
      processes: 3,
      model: casRegister,
      subject: () => register([undefined], 3),
      oracle: registerHasOrder,
    })

    expect(counts.right).toBeGreaterThan(2_000)
    expect(counts.wrong).toBeGreaterThan(500)
  })

  test('on registers with several keys, which it judges one by one', () => {
    const counts = compare({
      seeds: 2_000,
      calls: 6,
      processes: 3,
      model: casRegister,
      subject: () => register(['a', 'b'], 2),
      oracle: registerHasOrder,
    })

    expect(counts.right).toBeGreaterThan(700)
    expect(counts.wrong).toBeGreaterThan(150)
  })

  test('on texts that are appended to', () => {
    const counts = compare({
      seeds: 2_000,
      calls: 6,
      processes: 3,
      model: kvAppend,
      subject: texts,
      oracle: textsHaveOrder,
    })

    expect(counts.right).toBeGreaterThan(700)
    expect(counts.wrong).toBeGreaterThan(50)
  })

  test('on a key of the store', () => {
    const counts = compare({
      seeds: 6_000,
      calls: 6,
      processes: 3,
      model: quorate,
      subject: () => store(['k'], 2),
      oracle: storeKeyHasOrder,
    })

    expect(counts.right).toBeGreaterThan(2_000)
    expect(counts.wrong).toBeGreaterThan(1_000)
  })
})

describe('the search and the order of revisions', () => {
  test('never contradict each other on one key', () => {
    let [violations, proofs] = [0, 0]
    for (let seed = 1; seed <= 6_000; seed++) {
      const dice = new Dice(seed)
      const values = dice.chance(50) ? 2 : 1_000
      let events = play(dice, store(['k'], values), { calls: 10, processes: 4 })
      for (let times = dice.roll(5); times > 0; times--) events = mutate(dice, events)
      const operations = paired(events)
      const found = hasOrder(quorate, operations)
      const byRevision = checkByRevision(operations)
      if (byRevision.verdict === 'violation') {
        if (found) expect({ seed, events, byRevision }).toEqual('no order')
        violations++
      } else if (byRevision.verdict === 'ok' && byRevision.complete) {
        if (!found) expect({ seed, events, byRevision }).toEqual('an order')
        proofs++
      }
    }

    expect(violations).toBeGreaterThan(1_000)
    expect(proofs).toBeGreaterThan(1_000)
  })

  test('agree on what the store did on several keys', () => {
    for (let seed = 1; seed <= 500; seed++) {
      const dice = new Dice(seed)
      const events = play(dice, store(['a', 'b', 'c'], 1_000), { calls: 40, processes: 5 })
      const operations = paired(events)

      expect(hasOrder(quorate, operations), `seed ${seed}`).toBe(true)
      expect(checkByRevision(operations), `seed ${seed}`).toMatchObject({ verdict: 'ok' })
    }
  })
})
