/**
 * Goal: the index in memory knows every term, and its checkpoints never lie behind what is sought.
 * Method: random appends and cuts against an array that holds a place for each entry.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AssertionError } from '../../src/assert.ts'
import { LogIndex } from '../../src/wal/log-index.ts'

const step = fc.record({
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(60) }),
  count: fc.integer({ min: 1, max: 30 }),
  bytes: fc.integer({ min: 32, max: 40_000 }),
  newTerm: fc.boolean(),
})

test('terms, runs and checkpoints agree with a plain array', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const index = new LogIndex()
      const model: { term: number; at: number }[] = []
      let at = 512
      let term = 1
      for (const { back, count, bytes, newTerm } of steps) {
        const cut = Math.max(0, model.length - back)
        if (cut < model.length) {
          index.truncateFrom(cut + 1)
          model.length = cut
        }
        if (newTerm || back > 0) term += 1
        for (let added = 0; added < count; added++) {
          model.push({ term, at })
          const place = { segmentNumber: 1, flushOffset: at, recordOffset: at }
          index.append({ index: model.length, term }, place, bytes)
          at += bytes
        }
      }

      expect(index.lastIndex).toBe(model.length)
      expect(index.lastTerm).toBe(model.at(-1)?.term ?? 0)
      const runs = index.termRuns()
      for (const [position, entry] of model.entries()) {
        expect(index.termAt(position + 1)).toBe(entry.term)
        const found = index.checkpointFor(position + 1)
        expect(found.index).toBeLessThanOrEqual(position + 1)
        expect(found.recordOffset).toBe(model[found.index - 1]?.at)
        // No further back than the spacing and one record, in bytes of live log.
        const between = model.slice(found.index - 1, position)
        expect(between.length * 32).toBeLessThanOrEqual(64 * 1024 + 40_000)
      }
      const starts = model.flatMap((entry, position) =>
        entry.term === model[position - 1]?.term
          ? []
          : [{ term: entry.term, firstIndex: position + 1 }],
      )
      expect(runs).toEqual(starts)
      if (model.length > 2) {
        const middle = Math.ceil(model.length / 2)
        const expected = runs.filter(
          (run, position) =>
            run.firstIndex <= model.length && (runs[position + 1]?.firstIndex ?? Infinity) > middle,
        )
        expect(index.runsBetween(middle, model.length)).toEqual(expected)
      }
    }),
    { numRuns: 200 },
  )
})

test('what is compacted is forgotten, and the rest is found as before', () => {
  const op = fc.record({
    count: fc.integer({ min: 1, max: 30 }),
    newTerm: fc.boolean(),
    back: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(20) }),
    compact: fc.double({ min: 0, max: 1, noNaN: true }),
    rotate: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(op, { maxLength: 20 }), (ops) => {
      const index = new LogIndex()
      const terms: number[] = []
      /** Index of the first entry that was written into each segment while it was the newest. */
      const segmentOf: number[] = []
      let [segment, term, base, at] = [1, 1, 0, 576]
      for (const { count, newTerm, back, compact, rotate } of ops) {
        const cut = Math.max(base, terms.length - back)
        if (cut < terms.length) {
          index.truncateFrom(cut + 1)
          terms.length = cut
        }
        if (newTerm || back > 0) term += 1
        if (rotate) [segment, at] = [segment + 1, 576]
        for (let added = 0; added < count; added++) {
          terms.push(term)
          segmentOf[terms.length] = segment
          const place = { segmentNumber: segment, flushOffset: 512, recordOffset: at }
          index.append({ index: terms.length, term }, place, 9_000)
          at += 9_000
        }
        // Up to the last entry that stands before some segment, as the log itself would do.
        const upTo = base + Math.floor((terms.length - base) * compact)
        const front = segmentOf[upTo + 1] ?? segment + 1
        if (upTo === base || segmentOf[upTo] === front) continue
        base = upTo
        index.compact({ index: base, term: terms[base - 1] ?? 0 }, front)

        expect(index.base).toEqual({ index: base, term: terms[base - 1] })
        expect(index.lastIndex).toBe(terms.length)
        expect(index.lastTerm).toBe(terms.at(-1))
        for (let position = base + 1; position <= terms.length; position++) {
          expect(index.termAt(position)).toBe(terms[position - 1])
          const found = index.checkpointFor(position)
          expect(found.index).toBeLessThanOrEqual(position)
          expect(found.index).toBeGreaterThan(base)
          expect(found.segmentNumber).toBeLessThanOrEqual(segmentOf[position] ?? 0)
          expect(found.segmentNumber).toBeGreaterThanOrEqual(front)
        }
        const [run] = index.termRuns()
        expect(run?.firstIndex).toBe(base < terms.length ? base + 1 : undefined)
      }
    }),
    { numRuns: 300 },
  )
})

test('a gap, a falling term, and what does not exist are asserted', () => {
  const index = new LogIndex()
  const place = { segmentNumber: 1, flushOffset: 512, recordOffset: 576 }
  index.append({ index: 1, term: 2 }, place, 40)
  expect(() => index.append({ index: 3, term: 2 }, place, 40)).toThrow(AssertionError)
  expect(() => index.append({ index: 2, term: 1 }, place, 40)).toThrow(AssertionError)
  expect(() => index.termAt(2)).toThrow(AssertionError)
  expect(() => index.checkpointFor(0)).toThrow(AssertionError)
  expect(() => index.truncateFrom(2)).toThrow(AssertionError)
})
