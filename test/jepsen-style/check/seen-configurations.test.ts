// Goal: a configuration is only given up for one that is at least as good. Method: configurations
// that share their hash, so that only comparing them tells them apart.
import { describe, expect, test } from 'vitest'
import {
  CacheFull,
  SeenConfigurations,
  type Configuration,
} from '../../../jepsen-style/check/seen-configurations.ts'

const given: Configuration = {
  state: 0,
  hash: 7,
  tag: 9,
  ended: Int32Array.from([-1, 0b0110, 0]),
  from: 1,
  to: 2,
  open: Int32Array.from([0b0101]),
}

function seenAfter(first: Configuration, second: Configuration): boolean {
  const seen = new SeenConfigurations(2 ** 20, 1)
  expect(seen.seen(first)).toBe(false)
  return seen.seen(second)
}

describe('a configuration', () => {
  test('is seen the second time', () => {
    expect(seenAfter(given, { ...given })).toBe(true)
  })

  test('is seen if one was that had used less', () => {
    expect(seenAfter(given, { ...given, open: Int32Array.from([0b1101]) })).toBe(true)
    expect(seenAfter(given, { ...given, open: Int32Array.from([0b0001]) })).toBe(false)
    expect(seenAfter(given, { ...given, open: Int32Array.from([0b0110]) })).toBe(false)
  })

  test('is another in another state, with other operations, or at another place', () => {
    // State 256 falls into the same bucket as state 0.
    expect(seenAfter(given, { ...given, state: 256 })).toBe(false)
    expect(seenAfter(given, { ...given, ended: Int32Array.from([-1, 0b1010, 0]) })).toBe(false)
    expect(seenAfter(given, { ...given, ended: Int32Array.from([-1, 0b0110, 1]), to: 3 })).toBe(
      false,
    )
    expect(seenAfter(given, { ...given, tag: 10 })).toBe(false)
  })

  test('is found again among many, and none that was not there is', () => {
    const seen = new SeenConfigurations(2 ** 24, 1)
    const nth = (n: number): Configuration => ({
      ...given,
      hash: Math.imul(n, 0x9e3779b1),
      ended: Int32Array.from([-1, n, 0]),
    })
    for (let n = 0; n < 5_000; n++) expect(seen.seen(nth(n))).toBe(false)
    for (let n = 0; n < 5_000; n++) expect(seen.seen(nth(n))).toBe(true)
  })

  test('is refused where memory is at its cap', () => {
    const seen = new SeenConfigurations(50_000, 1)
    const fill = (): void => {
      for (let n = 0; n < 5_000; n++) seen.seen({ ...given, ended: Int32Array.from([-1, n, 0]) })
    }

    expect(fill).toThrow(CacheFull)
    expect(seen.bytes).toBeLessThanOrEqual(50_000)
  })
})
