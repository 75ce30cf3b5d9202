/**
 * Goal: every value tells who may have written it, and one that nobody wrote is noticed.
 * Method: tags there and back; each way in which a stored value can be damaged.
 */
import { describe, expect, test } from 'vitest'
import { callTag, onceTag, originOf, readTag, storedValue, tokenOf, tokenTag } from './values.ts'

describe('tags', () => {
  test('tell their origin', () => {
    expect(originOf(callTag(12, 3, 20))).toEqual({ type: 'call', call: 12, change: 3 })
    expect(originOf(onceTag(4, 2, 40))).toEqual({ type: 'once', key: 'o/4', payload: 2 })
    const token = { type: 'token', token: tokenOf(7), payload: 1, change: 5 }
    expect(originOf(tokenTag(7, 1, 5, 30))).toEqual(token)
    expect(originOf('something else')).toBeUndefined()
    expect(originOf('v12.0')).toBeUndefined()
  })

  test('come back from what is stored', () => {
    for (const bytes of [0, 8, 64, 2_048, 32_768, 1_000_000]) {
      const tag = callTag(9, 0, bytes)
      expect(readTag(storedValue(tag))).toBe(tag)
    }
  })

  test('stand before about as many bytes as were asked for', () => {
    for (const bytes of [64, 2_048, 32_768]) {
      expect(Math.abs(storedValue(callTag(123, 1, bytes)).length - bytes)).toBeLessThan(8)
    }
  })
})

describe('a stored value that nobody wrote', () => {
  const stored = storedValue(callTag(5, 0, 200))
  const other = storedValue(callTag(6, 0, 200))
  test.each([
    ['cut', stored.slice(0, -1)],
    ['longer', `${stored}a`],
    ['another text', 'hello'],
    ['empty', ''],
    ['bytes', new Uint8Array(4)],
    ['a flipped character', `${stored.slice(0, 100)}#${stored.slice(101)}`],
    ['halves of two', stored.slice(0, 100) + other.slice(100)],
    ['the head of one before the rest of another', stored.slice(0, 12) + other.slice(12)],
  ])('%s', (_, damaged) => {
    expect(() => readTag(damaged)).toThrow(/client/)
  })
})
