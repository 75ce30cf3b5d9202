/**
 * The set of operations that have their place so far: a bit each, and a hash that follows every
 * change in constant time (Zobrist 1970): the words of all members, xored.
 */

/** Bits from 0 on, with a hash of two 32-bit words. */
export class PlacedSet {
  readonly words: Int32Array
  /** Chooses the bucket. */
  hash = 0
  /** Tells two sets of a bucket apart, nearly always. */
  tag = 0
  readonly #hashes: Int32Array
  readonly #tags: Int32Array

  constructor(size: number) {
    this.words = new Int32Array(Math.ceil(size / 32))
    const random = splitMix32(seed)
    this.#hashes = Int32Array.from({ length: size }, random)
    this.#tags = Int32Array.from({ length: size }, random)
  }

  /** Puts a member in, or takes it out. */
  flip(member: number): void {
    const word = member >>> 5
    this.words[word] = (this.words[word] ?? 0) ^ (1 << (member & 31))
    this.hash ^= this.#hashes[member] ?? 0
    this.tag ^= this.#tags[member] ?? 0
  }
}

/** Fixed: a check takes the same course whenever it is repeated. */
const seed = 0x9e3779b9

/** SplitMix (Steele, Lea and Flood 2014) with 32 bits and the finisher of MurmurHash3. */
function splitMix32(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    return mixed ^ (mixed >>> 16)
  }
}
