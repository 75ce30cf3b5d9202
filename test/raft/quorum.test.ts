/**
 * Goal: majorities are right for every size, even ones too.
 * Method: brute force over all subsets for groups of 1 to 9, and properties on random values.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  describeValues,
  describeVotes,
  isQuorum,
  jointOutcome,
  jointValue,
  majority,
  quorumValue,
  quorumsMeet,
  voteOutcome,
} from '../../src/raft/quorum.ts'

const sizes = [1, 2, 3, 4, 5, 6, 7, 8, 9]

function* subsets(size: number): Generator<number[]> {
  for (let bits = 0; bits < 1 << size; bits++) {
    yield Array.from({ length: size }, (_, n) => n).filter((n) => (bits & (1 << n)) !== 0)
  }
}

describe('majority', () => {
  test.each(sizes)('of %i: the least size of which any two groups share a member', (size) => {
    const needed = majority(size)

    // Two disjoint groups of that size do not fit; two of one less do.
    expect(needed * 2).toBeGreaterThan(size)
    expect((needed - 1) * 2).toBeLessThanOrEqual(size)
  })

  test('needs a member', () => {
    expect(() => majority(0)).toThrow('a quorum has members')
  })
})

describe('the value that a quorum has reached', () => {
  test.each(sizes)('agrees with brute force for %i members', (size) => {
    fc.assert(
      fc.property(fc.array(fc.nat(6), { minLength: size, maxLength: size }), (values) => {
        // The best that all members of some majority have reached.
        let best = 0
        for (const group of subsets(size)) {
          if (group.length * 2 <= size) continue
          best = Math.max(best, Math.min(...group.map((n) => values[n]!)))
        }

        expect(quorumValue(values)).toBe(best)
      }),
      { numRuns: 60 },
    )
  })

  test('does not depend on the order, and leaves its argument alone', () => {
    const values = [1, 9, 4, 7]

    expect(quorumValue(values)).toBe(4)
    expect(quorumValue(values.toReversed())).toBe(4)
    expect(values).toEqual([1, 9, 4, 7])
  })

  test('is drawn for people', () => {
    expect(describeValues([5, 3, 1])).toBe('5 3 1 -> 3 (2 of 3)')
    expect(describeValues([5, 3, 1, 0])).toBe('5 3 1 0 -> 1 (3 of 4)')
  })
})

describe('the outcome of a vote', () => {
  const vote = fc.option(fc.boolean(), { nil: undefined })

  test.each(sizes)('agrees with brute force for %i members', (size) => {
    fc.assert(
      fc.property(fc.array(vote, { minLength: size, maxLength: size }), (cast) => {
        const members = cast.map((_, n) => `n${n}`)
        const votes = new Map<string, boolean>()
        for (const [n, value] of cast.entries()) if (value !== undefined) votes.set(`n${n}`, value)
        const granted = cast.filter((value) => value === true).length
        const open = cast.filter((value) => value === undefined).length

        const outcome = voteOutcome(members, votes)

        if (granted * 2 > size) expect(outcome).toBe('won')
        else if ((granted + open) * 2 > size) expect(outcome).toBe('pending')
        else expect(outcome).toBe('lost')
      }),
      { numRuns: 60 },
    )
  })

  test('a late answer from outside does not count', () => {
    const votes = new Map([
      ['a', true],
      ['x', true],
    ])

    expect(voteOutcome(['a', 'b', 'c'], votes)).toBe('pending')
  })

  test('is drawn for people', () => {
    const votes = new Map([
      ['a', true],
      ['b', false],
    ])

    expect(describeVotes(['a', 'b', 'c'], votes)).toBe('a+ b- c? -> pending')
  })
})

describe('two sets of voters together', () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  const some = fc.subarray(names, { minLength: 1, maxLength: 5 })
  const either = fc.record({
    voters: some,
    votersOutgoing: fc.oneof(fc.constant<string[]>([]), some),
  })
  type Pair = { voters: string[]; votersOutgoing: string[] }

  /** By the definition: more than half of each. */
  function decides({ voters, votersOutgoing }: Pair, group: readonly string[]): boolean {
    return [voters, votersOutgoing].every((half) => {
      return half.length === 0 || 2 * half.filter((id) => group.includes(id)).length > half.length
    })
  }

  function* groups(): Generator<string[]> {
    for (const group of subsets(names.length)) yield group.map((n) => names[n]!)
  }

  test('a quorum is a majority of each, not of all together', () => {
    const pair = { voters: ['a', 'b', 'd'], votersOutgoing: ['a', 'b', 'c'] }

    expect(isQuorum(pair, (id) => 'acd'.includes(id))).toBe(true)
    // Three of four, but only one of the old three.
    expect(isQuorum(pair, (id) => 'ad'.includes(id))).toBe(false)
    expect(isQuorum(pair, (id) => 'bd'.includes(id))).toBe(false)
    expect(isQuorum(pair, (id) => 'ab'.includes(id))).toBe(true)
  })

  test('the value reached, the votes and the quorum agree with brute force', () => {
    fc.assert(
      fc.property(either, fc.array(fc.nat(5), { minLength: 6, maxLength: 6 }), (pair, values) => {
        const valueOf = (id: string): number => values[names.indexOf(id)]!
        let best = 0
        for (const group of groups()) {
          if (!decides(pair, group)) continue
          best = Math.max(best, Math.min(...group.map(valueOf)))
        }
        expect(jointValue(pair, valueOf)).toBe(best)

        // 0 and 1: no answer yet, 2 and 3: refused, 4 and 5: granted.
        const votes = new Map<string, boolean>()
        for (const id of names) if (valueOf(id) > 1) votes.set(id, valueOf(id) > 3)
        const granted = names.filter((id) => votes.get(id) === true)
        const possible = names.filter((id) => votes.get(id) !== false)
        const expected = decides(pair, granted)
          ? 'won'
          : decides(pair, possible)
            ? 'pending'
            : 'lost'
        expect(jointOutcome(pair, votes)).toBe(expected)
        expect(isQuorum(pair, (id) => granted.includes(id))).toBe(decides(pair, granted))
      }),
    )
  })

  test('quorums that are said to meet do meet', () => {
    fc.assert(
      fc.property(either, either, (one, other) => {
        const apart = [...groups()].some(
          (group) =>
            decides(one, group) &&
            decides(
              other,
              names.filter((id) => !group.includes(id)),
            ),
        )

        if (quorumsMeet(one, other)) expect(apart).toBe(false)
        // Of single sets it is known exactly.
        else if (one.votersOutgoing.length + other.votersOutgoing.length === 0) {
          expect(apart).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })
})
