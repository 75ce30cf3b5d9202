/**
 * The configurations that the search has been in: which operations had their place, and the state
 * (Lowe 2017, "Testing for linearizability", §4, after Wing and Gong). One that was left without
 * success need not be entered again.
 *
 * It says more than equality: with the same ended operations placed and the same state, fewer open
 * ones used are at least as good, since what is not used can still be. So a configuration is also
 * given up where one was seen that used a subset. A hash only chooses where to look; sets are always
 * compared bit by bit, because a false hit would make a false alarm.
 *
 * Of the ended operations only a window is stored: what lies before is placed, what lies behind is
 * not. So an entry is as large as the number of calls at once, not as the history.
 */

/** Told where memory is at its cap. */
export class CacheFull extends Error {
  override readonly name = 'CacheFull'
}

/** A configuration as the search has it. */
export interface Configuration {
  readonly state: number
  readonly hash: number
  readonly tag: number
  /** Bits of the ended operations; all before word `from` are set, all from word `to` on are not. */
  readonly ended: Int32Array
  readonly from: number
  readonly to: number
  /** Bits of the open operations that were used. */
  readonly open: Int32Array
}

/** Integers of an entry before its words: next of its bucket, hash, tag, state, from, to. */
const headLength = 6
/** More of one bucket are not looked at: it then costs double work, and never a wrong verdict. */
const bucketLooksMax = 1_000
const bucketsAtFirst = 1 << 8
const integersAtFirst = 1 << 12

/** The set of them. */
export class SeenConfigurations {
  readonly #bytesMax: number
  readonly #openWords: number
  #buckets = new Int32Array(bucketsAtFirst).fill(-1)
  /** Entries, one after the other. */
  #pool = new Int32Array(integersAtFirst)
  #used = 0
  #count = 0

  /** `openWords`: the length of `open` in all configurations. */
  constructor(bytesMax: number, openWords: number) {
    this.#bytesMax = bytesMax
    this.#openWords = openWords
  }

  /** Of memory that it holds. */
  get bytes(): number {
    return this.#buckets.byteLength + this.#pool.byteLength
  }

  /**
   * Whether this configuration, or one at least as good, was seen; if not, it is from now on.
   * Throws `CacheFull` at the cap.
   */
  seen(given: Configuration): boolean {
    if (this.#find(given)) return true
    this.#add(given)
    return false
  }

  #find(given: Configuration): boolean {
    let entry = this.#buckets[this.#bucketOf(given.hash, given.state)] ?? -1
    for (let looks = 0; entry !== -1 && looks < bucketLooksMax; looks++) {
      if (this.#covers(entry, given)) return true
      entry = this.#pool[entry] ?? -1
    }
    return false
  }

  #covers(entry: number, { tag, state, ended, from, to, open }: Configuration): boolean {
    const pool = this.#pool
    if (pool[entry + 2] !== tag || pool[entry + 3] !== state) return false
    if (pool[entry + 4] !== from || pool[entry + 5] !== to) return false
    let at = entry + headLength
    for (let word = from; word < to; word++) if (pool[at++] !== ended[word]) return false
    for (const word of open) {
      const stored = pool[at++] ?? 0
      if ((stored & ~word) !== 0) return false
    }
    return true
  }

  #add({ hash, tag, state, ended, from, to, open }: Configuration): void {
    const length = headLength + Math.max(0, to - from) + this.#openWords
    if (this.#used + length > this.#pool.length) this.#growPool(length)
    if (this.#count >= this.#buckets.length) this.#growBuckets()
    const pool = this.#pool
    const bucket = this.#bucketOf(hash, state)
    let at = this.#used
    pool[at++] = this.#buckets[bucket] ?? -1
    pool[at++] = hash
    pool[at++] = tag
    pool[at++] = state
    pool[at++] = from
    pool[at++] = to
    for (let word = from; word < to; word++) pool[at++] = ended[word] ?? 0
    for (const word of open) pool[at++] = word
    this.#buckets[bucket] = this.#used
    this.#used = at
    this.#count++
  }

  #bucketOf(hash: number, state: number): number {
    return (hash ^ Math.imul(state, 0x9e3779b1)) & (this.#buckets.length - 1)
  }

  #growPool(length: number): void {
    const size = Math.max(this.#pool.length * 2, this.#used + length)
    this.#reserve(size * Int32Array.BYTES_PER_ELEMENT)
    const pool = new Int32Array(size)
    pool.set(this.#pool)
    this.#pool = pool
  }

  #growBuckets(): void {
    const size = this.#buckets.length * 2
    this.#reserve(size * Int32Array.BYTES_PER_ELEMENT)
    this.#buckets = new Int32Array(size).fill(-1)
    const pool = this.#pool
    for (let entry = 0; entry < this.#used;) {
      const bucket = this.#bucketOf(pool[entry + 1] ?? 0, pool[entry + 3] ?? 0)
      pool[entry] = this.#buckets[bucket] ?? -1
      this.#buckets[bucket] = entry
      const words = Math.max(0, (pool[entry + 5] ?? 0) - (pool[entry + 4] ?? 0))
      entry += headLength + words + this.#openWords
    }
  }

  /** While it is copied, both the old and the new are there: so both count. */
  #reserve(bytes: number): void {
    if (this.bytes + bytes > this.#bytesMax) throw new CacheFull()
  }
}
