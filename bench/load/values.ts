/**
 * Keys and values of a load, from a seed. Values look random to a compressor, so that none of the
 * stores gains by compressing, and are made before the loop begins, so that making them costs the
 * measured time nothing.
 */

/** Distinct values that take turns; large ones are fewer. */
const valuesMost = 256
const valuesBytesMost = 16_777_216

/** Digits and letters: every byte printable, so that what was stored can be looked at. */
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** The next number from 0 up to 2^32. */
export type Numbers = () => number

/** A sequence that the seed decides: `mulberry32`, which is small and good enough to spread keys. */
export function numbersOf(seed: number): Numbers {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** Values of so many bytes each. */
export function valuesOf(seed: number, bytes: number): readonly Buffer[] {
  const next = numbersOf(seed)
  const count = Math.max(4, Math.min(valuesMost, Math.floor(valuesBytesMost / bytes)))
  return Array.from({ length: count }, () => {
    const value = Buffer.allocUnsafe(bytes)
    for (let at = 0; at < bytes; at++) value[at] = alphabet.charCodeAt(next() & 63)
    return value
  })
}

/** The name of a row: ten digits, so that names sort as their numbers do. */
export function keyOf(prefix: string, number: number): string {
  return prefix + String(number).padStart(10, '0')
}

/** Just past every name with the prefix. */
export function endOf(prefix: string): string {
  // Behind the prefix stand digits alone, and `:` follows on `9`.
  return `${prefix}:`
}
