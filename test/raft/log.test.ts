/**
 * Goal: the log keeps terms of all entries, the newest entries, and a durable index that never
 * vouches for what is not on disk.
 * Method: random operations on the log and on a plain model beside it, which writes its disk as a
 * node would; then single cases, valid and invalid.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Log, beforeFirst, entryBytes } from '../../src/raft/log.ts'
import type { Entry, EntryId } from '../../src/raft/index.ts'
import { entriesOfTerms, entry, termRuns } from './support/disk.ts'

function logOf(terms: readonly number[], bytesMax = 10_000, tailMax = Infinity): Log {
  const entries = entriesOfTerms(terms)
  const tail = tailMax === 0 ? [] : entries.slice(-tailMax)
  return new Log(
    { base: beforeFirst, termRuns: termRuns(entries), lastIndex: entries.length, tail },
    bytesMax,
  )
}

/** A log and a disk, as plain as can be. */
class Model {
  log: Entry[] = []
  disk: Entry[] = []
  inFlight: readonly Entry[] | undefined

  write(): void {
    for (const entry of this.inFlight ?? []) {
      this.disk.length = entry.index - 1
      this.disk.push(entry)
    }
    this.inFlight = undefined
  }

  /** How far the disk is what the log is now. */
  get agreed(): number {
    let index = 0
    while (index < this.log.length && this.disk[index] === this.log[index]) index++
    return index
  }
}

type Operation =
  | { readonly type: 'append'; readonly count: number; readonly newTerm: boolean }
  | { readonly type: 'truncate'; readonly back: number }
  | { readonly type: 'compact'; readonly back: number }
  | { readonly type: 'take' | 'persisted' }

const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({
    type: fc.constant('append' as const),
    count: fc.integer({ min: 1, max: 4 }),
    newTerm: fc.boolean(),
  }),
  fc.record({ type: fc.constantFrom('truncate' as const, 'compact' as const), back: fc.nat(4) }),
  fc.record({ type: fc.constantFrom('take' as const, 'persisted' as const) }),
)

/** The entry at an index, without its data; before the first one there is nothing. */
function idOf(entries: readonly Entry[], index: number): EntryId {
  return { term: entries[index - 1]?.term ?? 0, index }
}

function apply(log: Log, model: Model, step: Operation, counter: { term: number }): void {
  switch (step.type) {
    case 'append': {
      const last = model.log.at(-1)?.term ?? 1
      const term = step.newTerm ? ++counter.term : Math.max(last, 1)
      const from = model.log.length + 1
      const added = entriesOfTerms(
        Array.from({ length: step.count }, () => term),
        from,
      )
      log.append(added)
      model.log.push(...added)
      return
    }
    case 'truncate': {
      const index = model.log.length - step.back
      if (index <= log.base.index) return
      log.truncateFrom(index)
      model.log.length = index - 1
      // The next leader's entry follows at once, as on a follower.
      const added = [entry(index, ++counter.term)]
      log.append(added)
      model.log.push(...added)
      return
    }
    case 'compact': {
      const index = log.durableIndex - step.back
      if (index < log.base.index) return
      log.compact(idOf(model.log, index))
      return
    }
    case 'take':
      if (model.inFlight === undefined) model.inFlight = log.takeUnpersisted()
      return
    case 'persisted':
      if (model.inFlight === undefined) return
      model.write()
      log.persisted()
  }
}

describe('the log against a model', () => {
  test('durable is on disk, terms are right, memory is bounded', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (steps) => {
        const bytesMax = 4 * entryBytes(entry(1, 1))
        const log = new Log({ base: beforeFirst, termRuns: [], lastIndex: 0, tail: [] }, bytesMax)
        const model = new Model()
        const counter = { term: 1 }
        for (const step of steps) {
          apply(log, model, step, counter)

          expect(log.lastIndex).toBe(model.log.length)
          // Never too much; and nothing is forgotten once no write is under way.
          expect(log.durableIndex).toBeLessThanOrEqual(model.agreed)
          if (model.inFlight === undefined && !log.hasUnpersisted) {
            expect(log.durableIndex).toBe(model.log.length)
          }
          for (const { index, term } of model.log) {
            expect(log.termAt(index)).toBe(index < log.base.index ? undefined : term)
          }
          expect(log.lastId).toEqual(idOf(model.log, model.log.length))
          expect(log.firstInMemory).toBeGreaterThan(log.base.index)
          expect(log.termAt(model.log.length + 1)).toBeUndefined()
          const inMemory = model.log.slice(log.firstInMemory - 1)
          if (inMemory.length > 0) {
            const bounds = { entriesMax: Infinity, bytesMax: Infinity }
            expect(log.slice(log.firstInMemory, log.lastIndex, bounds)).toEqual(inMemory)
          }
          const unstable = model.log.slice(log.durableIndex)
          const bytes = (entries: readonly Entry[]) =>
            entries.reduce((sum, each) => sum + entryBytes(each), 0)
          expect(log.unstableBytes).toBe(bytes(unstable))
          expect(log.bytes).toBe(bytes(inMemory))
          expect(log.bytes).toBeLessThanOrEqual(Math.max(bytesMax, bytes(unstable)))
        }
      }),
      { numRuns: 400 },
    )
  })

  test('what is handed out brings a disk to the log, whatever was cut meanwhile', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (steps) => {
        const log = new Log({ base: beforeFirst, termRuns: [], lastIndex: 0, tail: [] }, 1_000_000)
        const model = new Model()
        const counter = { term: 1 }
        for (const step of steps) apply(log, model, step, counter)
        for (let n = 0; n < 2; n++) {
          apply(log, model, { type: 'persisted' }, counter)
          apply(log, model, { type: 'take' }, counter)
        }

        expect(model.inFlight).toEqual([])
        expect(model.disk).toEqual(model.log)
      }),
      { numRuns: 300 },
    )
  })
})

describe('finding where two logs agree', () => {
  const terms = fc
    .array(fc.integer({ min: 1, max: 6 }), { maxLength: 25 })
    .map((list) => list.sort((a, b) => a - b))

  test('the newest entry at or below a bound agrees with a scan', () => {
    fc.assert(
      fc.property(terms, fc.nat(30), fc.nat(7), (list, index, term) => {
        const log = logOf(list)
        let expected = { term: 0, index: 0 }
        for (const each of entriesOfTerms(list)) {
          if (each.index <= index && each.term <= term)
            expected = { term: each.term, index: each.index }
        }

        expect(log.newestAtOrBelow({ index, term })).toEqual(expected)
      }),
      { numRuns: 500 },
    )
  })

  test('behind the base nothing is known, and at the base its term is', () => {
    fc.assert(
      fc.property(terms, fc.nat(25), fc.nat(30), fc.nat(7), (list, cut, index, term) => {
        const whole = logOf(list)
        const log = logOf(list)
        const base = idOf(entriesOfTerms(list), Math.min(cut, list.length))
        log.compact(base)
        const expected = whole.newestAtOrBelow({ index, term })

        const found = log.newestAtOrBelow({ index, term })

        expect(found).toEqual(expected.index < base.index ? beforeFirst : expected)
        expect(log.isUpToDate({ index, term })).toBe(whole.isUpToDate({ index, term }))
        const again = new Log(
          {
            base,
            termRuns: termRuns(entriesOfTerms(list).slice(base.index)),
            lastIndex: list.length,
            tail: [],
          },
          1000,
        )
        expect(again.newestAtOrBelow({ index, term })).toEqual(found)
      }),
      { numRuns: 500 },
    )
  })

  test('takes at most one round trip for each term in the follower', () => {
    fc.assert(
      fc.property(terms, terms, fc.nat(25), (own, other, shared) => {
        // Logs that agree up to a point and differ in every entry behind it.
        const common = own.slice(0, shared)
        const from = common.at(-1) ?? 0
        const leaderTerms = [...common, ...own.slice(shared).map((term) => term * 2)]
        const followerTerms = [...common, ...other.filter((t) => t >= from).map((t) => t * 2 + 1)]
        const leader = logOf(leaderTerms)
        const follower = logOf(followerTerms.sort((a, b) => a - b))
        let prev = leader.lastId
        let trips = 0
        while (!follower.matches(prev)) {
          prev = leader.newestAtOrBelow(follower.newestAtOrBelow(prev))
          trips++
        }

        expect(trips).toBeLessThanOrEqual(new Set(followerTerms).size + 1)
      }),
      { numRuns: 500 },
    )
  })

  test('ten thousand conflicting entries of one term take one round trip', () => {
    const leader = logOf([1, ...Array.from({ length: 10_000 }, () => 3)], 1)
    const follower = logOf([1, ...Array.from({ length: 10_000 }, () => 2)], 1)

    const hint = follower.newestAtOrBelow(leader.lastId)

    expect(follower.matches(leader.newestAtOrBelow(hint))).toBe(true)
  })
})

describe('single cases', () => {
  test('up-to-date compares the last term first, then the length', () => {
    const log = logOf([1, 2, 2])

    expect(log.isUpToDate({ term: 2, index: 3 })).toBe(true)
    expect(log.isUpToDate({ term: 2, index: 2 })).toBe(false)
    expect(log.isUpToDate({ term: 3, index: 1 })).toBe(true)
    expect(log.isUpToDate({ term: 1, index: 9 })).toBe(false)
  })

  test('a slice keeps its bounds but is never empty', () => {
    const log = logOf([1, 1, 1, 1])

    expect(log.slice(1, 4, { entriesMax: 9, bytesMax: 1 })).toHaveLength(1)
    expect(log.slice(2, 4, { entriesMax: 2, bytesMax: 9999 })).toHaveLength(2)
    const two = 2 * entryBytes(entry(1, 1))
    expect(log.slice(1, 4, { entriesMax: 9, bytesMax: two })).toHaveLength(2)
  })

  test('terms are known for entries that are not in memory', () => {
    const log = logOf([1, 1, 2, 5], 10_000, 1)

    expect(log.has(3)).toBe(false)
    expect([1, 2, 3, 4].map((index) => log.termAt(index))).toEqual([1, 1, 2, 5])
  })

  test('gaps, falling terms and a second persist are programming errors', () => {
    const log = logOf([2])

    expect(() => log.append([entry(3, 2)])).toThrow('without a gap')
    expect(() => log.append([entry(2, 1)])).toThrow('terms in a log never fall')
    log.takeUnpersisted()
    expect(() => log.takeUnpersisted()).toThrow('one persist at a time')
  })

  test('a recovered log must make sense', () => {
    const recover = (runs: { term: number; firstIndex: number }[], lastIndex: number) =>
      new Log({ base: beforeFirst, termRuns: runs, lastIndex, tail: [] }, 1000)

    expect(() => recover([{ term: 1, firstIndex: 2 }], 3)).toThrow('cover the log')
    expect(() => recover([], 3)).toThrow('cover the log')
    expect(() => recover([{ term: 1, firstIndex: 1 }], 0)).toThrow('has an entry')
    const falling = [
      { term: 2, firstIndex: 1 },
      { term: 1, firstIndex: 2 },
    ]
    expect(() => recover(falling, 3)).toThrow('ascend')
    const tail = [entry(1, 7)]
    const runs = [{ term: 1, firstIndex: 1 }]
    expect(() => new Log({ base: beforeFirst, termRuns: runs, lastIndex: 1, tail }, 1000)).toThrow(
      'terms of its runs',
    )
  })
})
