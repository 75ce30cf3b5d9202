/**
 * Seeded chance: all that a run draws comes from one number, so that its schedule and its calls can
 * be drawn again. Not for secrets.
 *
 * The generator is xoshiro128** by Blackman and Vigna ("Scrambled linear pseudorandom number
 * generators", 2018), its 128 bits of state filled by a splitmix generator on 32-bit words.
 */
import type { Chance } from './workload.ts'

const wordCount = 0x1_0000_0000

/** Chance that can give each part of a run a source of its own. */
export class SeededChance implements Chance {
  readonly #seed: number
  readonly #state: Uint32Array

  /** @param seed any number; its low 32 bits count */
  constructor(seed: number) {
    this.#seed = seed >>> 0
    this.#state = new Uint32Array(4)
    let word = this.#seed
    for (let i = 0; i < this.#state.length; i++) {
      word = (word + 0x9e3779b9) >>> 0
      this.#state[i] = mixed(word)
    }
  }

  between(min: number, max: number): number {
    if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || min >= max) {
      throw new RangeError(`there is no whole number from ${min} up to, but without, ${max}`)
    }
    return min + Math.floor(this.fraction() * (max - min))
  }

  fraction(): number {
    return this.#word() / wordCount
  }

  pick<T>(values: readonly T[]): T {
    for (const value of values.slice(this.between(0, values.length))) return value
    throw new RangeError('nothing to pick from')
  }

  /**
   * A source that depends on the seed and the name alone: what one part draws, or how often, shifts
   * nothing that another part draws.
   */
  fork(name: string): SeededChance {
    // FNV-1a by Fowler, Noll and Vo, started from the seed.
    let hash = mixed(this.#seed ^ 0x811c9dc5)
    for (let i = 0; i < name.length; i++) {
      hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0
    }
    return new SeededChance(mixed(hash))
  }

  #word(): number {
    const state = this.#state
    const [a = 0, b = 0, c = 0, d = 0] = state
    const drawn = Math.imul(rotatedLeft(Math.imul(b, 5), 7), 9) >>> 0
    const mixedC = c ^ a
    const mixedD = d ^ b
    state[0] = a ^ mixedD
    state[1] = b ^ mixedC
    state[2] = mixedC ^ (b << 9)
    state[3] = rotatedLeft(mixedD, 11)
    return drawn
  }
}

/** Spreads every bit over all others (the finish of MurmurHash3 by Appleby). */
function mixed(word: number): number {
  let x = word
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

function rotatedLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by))
}
