/**
 * Keys that are in use for a while and then never again: a history is judged key by key, and what
 * nobody knows the end of stays open for ever, so no key may gather too much of it.
 */
import type { Chance } from './workload.ts'

/** Hands out key names; so many at once, each so often. */
export class Rotation {
  readonly #prefix: string
  readonly #usesMax: number
  readonly #active: { name: string; uses: number }[] = []
  readonly #names: string[] = []

  /** @param options `active`: keys in use at once; `usesMax`: calls that a key gets */
  constructor(prefix: string, options: { readonly active: number; readonly usesMax: number }) {
    this.#prefix = prefix
    this.#usesMax = options.usesMax
    for (let i = 0; i < options.active; i++) this.#active.push(this.#fresh())
  }

  /** Every name so far. */
  get names(): readonly string[] {
    return this.#names
  }

  /** The key of the next call. */
  draw(chance: Chance): string {
    const place = chance.between(0, this.#active.length)
    let key = this.#active[place]
    if (key === undefined || key.uses >= this.#usesMax) {
      key = this.#fresh()
      this.#active[place] = key
    }
    key.uses++
    return key.name
  }

  #fresh(): { name: string; uses: number } {
    const name = `${this.#prefix}${this.#names.length}`
    this.#names.push(name)
    return { name, uses: 0 }
  }
}
