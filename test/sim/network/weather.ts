/**
 * How it is between machines: rules come and go with the faults that made them, and what holds for
 * a direction is what all rules together make of it.
 */

/** What a rule does to one direction between two machines. */
export interface Effect {
  /** `hold`: nothing passes, and all goes on from there once it is over, as TCP does; `drop`: lost. */
  readonly cut?: 'hold' | 'drop'
  /** Added to each frame's delay, ms; `jitterMs`: up to so much more, drawn anew for each. */
  readonly delayMs?: number
  readonly jitterMs?: number
  /** Shares of frames, 0 to 1. */
  readonly loss?: number
  readonly duplication?: number
  readonly reordering?: number
  /** Bytes per ms. */
  readonly bandwidth?: number
}

/** A rule, in force from `add` to `remove`. */
export type Rule = (from: string, to: string) => Effect | undefined

/** What holds for one direction. */
export interface Sky {
  readonly cut: 'hold' | 'drop' | undefined
  readonly delayMs: number
  readonly jitterMs: number
  readonly loss: number
  readonly duplication: number
  readonly reordering: number
  /** Infinity: without bound. */
  readonly bandwidth: number
}

/** How many rules may be in force at once. */
const rulesMax = 256

export class Weather {
  readonly #base: { readonly delayMs: number; readonly jitterMs: number }
  readonly #rules = new Set<Rule>()
  #known = new Map<string, Sky>()
  /** Called after each change. */
  onChange: () => void = () => {}

  constructor(base: { readonly delayMs: number; readonly jitterMs: number }) {
    this.#base = base
  }

  add(rule: Rule): void {
    if (this.#rules.size >= rulesMax) throw new Error('too many rules at once')
    this.#rules.add(rule)
    this.#changed()
  }

  remove(rule: Rule): void {
    if (this.#rules.delete(rule)) this.#changed()
  }

  /** A rule has changed its mind. */
  refresh(): void {
    this.#changed()
  }

  clear(): void {
    this.#rules.clear()
    this.#changed()
  }

  /** What holds from one machine to another. */
  between(from: string, to: string): Sky {
    const key = `${from}>${to}`
    let sky = this.#known.get(key)
    if (sky === undefined) {
      sky = this.#sum(from, to)
      this.#known.set(key, sky)
    }
    return sky
  }

  #sum(from: string, to: string): Sky {
    let cut: Sky['cut']
    let { delayMs, jitterMs } = this.#base
    let loss = 0
    let duplication = 0
    let reordering = 0
    let bandwidth = Infinity
    for (const rule of this.#rules) {
      const effect = rule(from, to)
      if (effect === undefined) continue
      if (effect.cut !== undefined && cut !== 'drop') cut = effect.cut
      delayMs += effect.delayMs ?? 0
      jitterMs += effect.jitterMs ?? 0
      loss = Math.max(loss, effect.loss ?? 0)
      duplication = Math.max(duplication, effect.duplication ?? 0)
      reordering = Math.max(reordering, effect.reordering ?? 0)
      bandwidth = Math.min(bandwidth, effect.bandwidth ?? Infinity)
    }
    return { cut, delayMs, jitterMs, loss, duplication, reordering, bandwidth }
  }

  #changed(): void {
    this.#known = new Map()
    this.onChange()
  }
}
