/**
 * How many live things there are, counted per minute of the time from which their life runs.
 *
 * A cap that decides what is refused must mean the same on every node, whatever has been cleaned
 * up where. So nothing is counted by looking at what is there. **The rule**: a thing with base `b`
 * counts until the horizon has reached the end of `b`'s minute, up to a minute longer than it can
 * be seen. It follows from base and horizon alone.
 */
import { assert } from '../assert.ts'

/** The grain of the count, ms. */
export const countGrainMs = 60_000

/** Whether something with this base no longer counts, and so may be removed for good. */
export function outlived(base: number, horizon: number): boolean {
  return minuteOf(base) < minuteOf(horizon)
}

/** The minute that a base counts in. */
export function minuteOf(base: number): number {
  return Math.floor(base / countGrainMs)
}

export class LiveCounts {
  readonly #counts = new Map<number, number>()
  /** Minutes changed since they were last taken; only where the counts are stored. */
  readonly #changed: Set<number> | undefined
  /** Invariant: no minute before it is in `#counts`. */
  #firstMinute = 0
  /** Invariant: the sum of `#counts`. */
  #total = 0
  #outlived = 0

  /** `stored`: somebody writes the minutes down, and takes what has changed. */
  constructor(stored: boolean) {
    this.#changed = stored ? new Set() : undefined
  }

  get total(): number {
    return this.#total
  }

  /** How many the horizon has outlived since the start; it only grows. */
  get outlived(): number {
    return this.#outlived
  }

  /** Adds `count`, which may be negative, at a base; what was outlived already counts nothing. */
  add(base: number, count: number): void {
    const minute = minuteOf(base)
    if (minute < this.#firstMinute || count === 0) return
    const sum = (this.#counts.get(minute) ?? 0) + count
    assert(sum >= 0, 'a minute never counts below zero')
    if (sum === 0) this.#counts.delete(minute)
    else this.#counts.set(minute, sum)
    this.#changed?.add(minute)
    this.#total += count
  }

  /** Takes in a minute as it was stored. */
  load(minute: number, count: number): void {
    assert(count > 0, 'a stored minute counts something')
    assert(!this.#counts.has(minute), 'a minute is stored once')
    this.#counts.set(minute, count)
    this.#total += count
  }

  /** Forgets what the horizon has outlived. */
  advance(horizon: number): void {
    const first = minuteOf(horizon)
    assert(first >= this.#firstMinute, 'the horizon never goes back')
    // After a long rest there are more minutes in between than there are counts.
    if (first - this.#firstMinute > this.#counts.size) {
      for (const minute of this.#counts.keys()) if (minute < first) this.#drop(minute)
    } else {
      for (let minute = this.#firstMinute; minute < first; minute++) this.#drop(minute)
    }
    this.#firstMinute = first
    assert(this.#total >= 0, 'a total is never below zero')
  }

  /** Minutes that changed since the last call, with their counts: 0, delete the row. */
  takeChanged(): ReadonlyMap<number, number> {
    assert(this.#changed !== undefined, 'only stored counts are taken')
    const changed = new Map<number, number>()
    for (const minute of this.#changed) changed.set(minute, this.#counts.get(minute) ?? 0)
    this.#changed.clear()
    return changed
  }

  #drop(minute: number): void {
    const count = this.#counts.get(minute)
    if (count === undefined) return
    this.#counts.delete(minute)
    this.#changed?.add(minute)
    this.#total -= count
    this.#outlived += count
  }
}
