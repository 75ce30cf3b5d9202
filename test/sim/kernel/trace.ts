/**
 * What happened, as a hash and, where wanted, as lines. Two runs with the same hash had the same
 * events with the same figures, in the same order, at the same times.
 *
 * The hash is two 32-bit lanes of multiply and rotate (after MurmurHash3's mixing, by Appleby), in
 * integer arithmetic only: it is the same on every platform.
 */

/** What a line is made of. Texts that differ between versions of Node must not be among it. */
export type TraceField = string | number | boolean | undefined

const texts = new Map<string, number>()
const textsMax = 100_000

export class Trace {
  /** Called with each line; undefined: lines are not made. */
  readonly #print: ((line: string) => void) | undefined
  #a = 0x9e3779b9
  #b = 0x85ebca6b
  /** How many lines there were. */
  lines = 0

  constructor(print?: (line: string) => void) {
    this.#print = print
  }

  /** Notes an event. `at` is in ms of virtual time. */
  note(at: number, what: string, ...fields: readonly TraceField[]): void {
    this.lines++
    this.#mixNumber(at)
    this.#mix(hashText(what))
    for (const field of fields) {
      if (typeof field === 'number') this.#mixNumber(field)
      else if (typeof field === 'string') this.#mix(hashText(field))
      else this.#mix(field === undefined ? 2 : field ? 1 : 0)
    }
    if (this.#print === undefined) return
    const shown = fields.filter((field) => field !== undefined).map(String)
    this.#print(`${at.toFixed(3).padStart(11)} ${what} ${shown.join(' ')}`)
  }

  /** 16 hex digits. */
  get hash(): string {
    return hex(this.#a) + hex(this.#b)
  }

  #mixNumber(value: number): void {
    // A thousandth of a ms is finer than anything that is told apart; the high part keeps
    // revisions and indices beyond 2^32 apart.
    const scaled = Math.round(value * 1000)
    this.#mix(scaled >>> 0)
    this.#mix(Math.floor(scaled / 0x1_0000_0000) >>> 0)
  }

  #mix(word: number): void {
    let a = Math.imul(this.#a ^ word, 0xcc9e2d51)
    a = (a << 15) | (a >>> 17)
    let b = Math.imul(this.#b + word, 0x1b873593)
    b = (b << 13) | (b >>> 19)
    this.#a = (Math.imul(a, 5) + 0xe6546b64) | 0
    this.#b = (b ^ Math.imul(a, 0x85ebca6b)) | 0
  }
}

/** A 32-bit hash of a text: FNV-1a over its UTF-16 code units. */
export function hashText(text: string): number {
  const known = texts.get(text)
  if (known !== undefined) return known
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  hash >>>= 0
  if (texts.size < textsMax) texts.set(text, hash)
  return hash
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
