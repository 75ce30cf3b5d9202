/**
 * Goal: figures are shown in the unit that fits and never better than they are.
 * Method: tables of values, with the edges where the unit changes.
 */
import { expect, test } from 'vitest'
import { brief, clock, count, cut, duration, share } from '../../../jepsen-style/report/format.ts'
import { decades, logarithmic, roundTicks, timeTicks } from '../../../jepsen-style/report/scale.ts'

test.each([
  [0, '0 ms'],
  [0.4234, '0.42 ms'],
  [38, '38.0 ms'],
  [999.4, '999 ms'],
  [1240, '1.24 s'],
  [185_000, '3 min 05 s'],
  [3_600_000 * 2.5, '2 h 30 min'],
  [Number.NaN, '–'],
])('%d ms is %s', (ms, text) => {
  expect(duration(ms)).toBe(text)
})

test.each([
  [1, '100 %'],
  [0.9999999, '99.999 %'],
  [0.5, '50 %'],
  [0.000001, '< 0.001 %'],
  [0, '0 %'],
  [Number.NaN, '–'],
])('a share of %d is %s, never rounded up', (value, text) => {
  expect(share(value)).toBe(text)
})

test.each([
  [48210, '48,210'],
  [1234567.891, '1,234,567.89'],
  [-1200, '-1,200'],
])('%d is %s', (value, text) => {
  expect(count(value)).toBe(text)
})

test('values are cut, and a large one is not spelled out for it', () => {
  expect(brief([3, 4], 40)).toBe('[3,4]')
  expect(brief(null, 40)).toBe('nil')
  expect(brief(undefined, 40)).toBe('')
  expect(brief('x'.repeat(100), 10)).toBe(`${'x'.repeat(9)}…`)
  expect(brief(Array.from({ length: 5000 }), 40)).toBe('[5000 values]')
  expect(cut('ab', 1)).toBe('…')
})

test('a time of day keeps its zone', () => {
  expect(clock('2026-01-31T12:00:03.120Z')).toBe('2026-01-31 12:00:03 UTC')
  expect(clock('yesterday')).toBe('yesterday')
})

test('axes have round labels', () => {
  expect(roundTicks(930, 4)).toEqual([0, 500])
  expect(roundTicks(0.3, 3)).toEqual([0, 0.1, 0.2, 0.3])
  expect(timeTicks(60_000, 10)).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000])
  expect(decades(1.5, 320)).toEqual([1, 10, 100, 1000])
  expect(decades(5, 5)).toEqual([1, 10])
})

test('a logarithmic axis keeps what lies outside at its ends', () => {
  const y = logarithmic(1, 100, 0, 10)

  expect([y(1), y(10), y(100), y(0), y(1e9)]).toEqual([0, 5, 10, 0, 10])
})
