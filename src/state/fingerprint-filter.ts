/**
 * A set of fingerprints that answers "surely absent" or "maybe": it saves a read of LevelDB, some
 * ten microseconds, for nearly every key that isn't there.
 *
 * The table is cut into segments that grow by themselves, because doubling one table of millions
 * of slots would hold up the event loop for as long as it takes to move them. A fingerprint is 32
 * bits, so with ten million of them one lookup in four hundred says "maybe" in vain. Nothing is
 * ever taken out: a filter that has filled with the dead is built anew.
 */
import { assert } from '../assert.ts'
import { crc32Of } from './crc32.ts'

const segmentBits = 8
const segmentCount = 1 << segmentBits
const segmentSlotsMin = 64

export class FingerprintFilter {
  /** Invariant: at most three quarters of a segment's slots are taken, so every probe ends. */
  readonly #segments: Uint32Array[] = []
  readonly #used = new Uint32Array(segmentCount)
  readonly #entriesMax: number
  #size = 0

  constructor(entriesMax: number) {
    assert(entriesMax >= 1, 'a filter has room')
    this.#entriesMax = entriesMax
    for (let i = 0; i < segmentCount; i++) this.#segments.push(new Uint32Array(segmentSlotsMin))
  }

  get size(): number {
    return this.#size
  }

  /** At its cap: from now on it says "maybe" to everything, and takes nothing in. */
  get full(): boolean {
    return this.#size >= this.#entriesMax
  }

  add(key: Uint8Array): void {
    if (this.full) return
    const fingerprint = fingerprintOf(key)
    const number = fingerprint >>> (32 - segmentBits)
    let segment = this.#segment(number)
    if (!insert(segment, fingerprint)) return
    this.#size++
    const used = (this.#used[number] ?? 0) + 1
    this.#used[number] = used
    if (used * 4 <= segment.length * 3) return
    const grown = new Uint32Array(segment.length * 2)
    for (const each of segment) if (each !== 0) insert(grown, each)
    segment = grown
    this.#segments[number] = segment
  }

  /** False: the key was never added. True: it may have been. */
  mayContain(key: Uint8Array): boolean {
    if (this.full) return true
    const fingerprint = fingerprintOf(key)
    const segment = this.#segment(fingerprint >>> (32 - segmentBits))
    const mask = segment.length - 1
    for (let slot = fingerprint & mask; ; slot = (slot + 1) & mask) {
      const found = segment[slot]
      if (found === fingerprint) return true
      if (found === 0) return false
    }
  }

  #segment(number: number): Uint32Array {
    const segment = this.#segments[number]
    assert(segment !== undefined, 'every segment is there')
    return segment
  }
}

/** False if it was there already. */
function insert(segment: Uint32Array, fingerprint: number): boolean {
  assert(fingerprint !== 0, 'zero marks a free slot')
  const mask = segment.length - 1
  for (let slot = fingerprint & mask; ; slot = (slot + 1) & mask) {
    const found = segment[slot]
    if (found === fingerprint) return false
    if (found !== 0) continue
    segment[slot] = fingerprint
    return true
  }
}

/**
 * CRC-32 with its bits stirred: keys that count up differ in few bits, and a CRC alone would leave
 * their fingerprints in a pattern. Never 0, which marks a free slot.
 */
function fingerprintOf(key: Uint8Array): number {
  let x = crc32Of(key)
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0 || 1
}
