/**
 * A seeded `Random` for simulations, tests and seeded data: xoshiro128** by Blackman and Vigna
 * ("Scrambled linear pseudorandom number generators", 2018), with its 128-bit state filled by
 * splitmix32. Not for secrets.
 */
import type { Random } from './ports.ts'

/** The same seed gives the same draws, on every platform. */
export class SeededRandom implements Random {
  readonly #state: Uint32Array

  constructor(seed: number) {
    this.#state = new Uint32Array(4)
    let z = seed >>> 0
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0
      let x = z
      x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
      x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
      this.#state[i] = (x ^ (x >>> 16)) >>> 0
    }
  }

  uint32(): number {
    const s = this.#state
    const s1 = s[1] ?? 0
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0
    const t = s1 << 9
    s[2] = (s[2] ?? 0) ^ (s[0] ?? 0)
    s[3] = (s[3] ?? 0) ^ s1
    s[1] = s1 ^ (s[2] ?? 0)
    s[0] = (s[0] ?? 0) ^ (s[3] ?? 0)
    s[2] = (s[2] ?? 0) ^ t
    s[3] = rotateLeft(s[3] ?? 0, 11)
    return result
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length)
    for (let i = 0; i < length; i++) out[i] = this.uint32() >>> 24
    return out
  }

  /** A generator of its own, drawn from this one: components do not shift each other's draws. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32())
  }
}

function rotateLeft(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k))
}

/** A whole number, `min ≤ n < max`. The bias (under 2^-20 for spans up to 4096) does not matter. */
export function randomBetween(random: Random, min: number, max: number): number {
  return min + (random.uint32() % Math.max(1, max - min))
}

/** A fraction, `0 ≤ f < 1`. */
export function randomFraction(random: Random): number {
  return random.uint32() / 0x1_0000_0000
}
