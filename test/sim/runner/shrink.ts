/**
 * Looks for a shorter way to the same failure: less time, then fewer faults, by delta debugging
 * (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002, `ddmin`).
 *
 * Attempts go out in batches of as many as there are workers, and of those that still fail the
 * first in the batch's order is taken: the outcome does not depend on who was done first.
 */
import type { LifetimeResult } from '../lifetime.ts'
import type { Live } from './campaign.ts'
import type { Request } from './job.ts'

/** A lifetime that fails. */
export interface Failing {
  readonly request: Request
  readonly result: LifetimeResult
}

/** How much may be spent on it. */
export interface ShrinkLimits {
  readonly attemptsMax: number
  /** Real ms after which no further attempt is begun. */
  readonly msMax: number
  /** Attempts at once. */
  readonly width: number
  /** Real time, ms. */
  readonly now: () => number
}

/** The shortest that was found, and how many attempts it took. */
export interface Shrunk extends Failing {
  readonly attempts: number
}

/** Bisects no finer than this. */
const secondsStep = 1

/** Shortens a failure. The result fails with the same check as the one given. */
export async function shrink(failing: Failing, live: Live, limits: ShrinkLimits): Promise<Shrunk> {
  const search = new Search(failing, live, limits)
  await search.time()
  await search.faults()
  await search.time()
  return { ...search.best, attempts: search.attempts }
}

class Search {
  best: Failing
  attempts = 0
  readonly #live: Live
  readonly #limits: ShrinkLimits
  readonly #end: number

  constructor(failing: Failing, live: Live, limits: ShrinkLimits) {
    this.best = failing
    this.#live = live
    this.#limits = limits
    this.#end = limits.now() + limits.msMax
  }

  /** Fewer seconds of faults, by bisection between what fails and what does not. */
  async time(): Promise<void> {
    const { request, result } = this.best
    let fails = request.seconds ?? 60
    let passes = 0
    // Most often nothing after the failure matters.
    const near = Math.ceil((result.failure?.at ?? 0) / 1000)
    if (near >= 1 && near < fails) {
      if (await this.#firstFailing([{ ...request, seconds: near }])) fails = near
      else passes = near
    }
    while (fails - passes > secondsStep && this.#affordable) {
      const seconds = Math.floor((fails + passes) / 2)
      if (await this.#firstFailing([{ ...request, seconds }])) fails = seconds
      else passes = seconds
    }
  }

  /** Fewer faults. */
  async faults(): Promise<void> {
    const { request, result } = this.best
    let kept = [...(request.keep ?? result.faultNumbers)]
    let parts = 2
    const none = [{ ...request, keep: [] }]
    if (kept.length === 0 || (await this.#firstFailing(none))) return
    while (kept.length >= 2 && this.#affordable) {
      const chunks = split(kept, parts)
      const rests = chunks.map((chunk) => kept.filter((number) => !chunk.includes(number)))
      const candidates = parts === 2 ? chunks : [...chunks, ...rests]
      const requests = candidates.map((keep) => ({ ...request, keep }))
      const found = await this.#firstFailing(requests)
      if (found !== undefined) {
        kept = found.keep
        parts = requests.indexOf(found) < chunks.length ? 2 : Math.max(2, parts - 1)
      } else if (parts >= kept.length) return
      else parts = Math.min(kept.length, 2 * parts)
    }
  }

  get #affordable(): boolean {
    return this.attempts < this.#limits.attemptsMax && this.#limits.now() < this.#end
  }

  /** The first of these that still fails in the same way; it becomes the best. */
  async #firstFailing<T extends Request>(requests: readonly T[]): Promise<T | undefined> {
    const { attemptsMax, width } = this.#limits
    for (let at = 0; at < requests.length && this.#affordable;) {
      const batch = requests.slice(at, at + Math.min(width, attemptsMax - this.attempts))
      at += batch.length
      this.attempts += batch.length
      const results = await Promise.all(batch.map((request) => this.#live(request)))
      for (const [i, result] of results.entries()) {
        const request = batch[i]
        if (request === undefined || !isSame(result, this.best.result)) continue
        this.best = { request, result }
        return request
      }
    }
    return undefined
  }
}

function isSame(a: LifetimeResult, b: LifetimeResult): boolean {
  const [one, other] = [a.failure, b.failure]
  return one !== undefined && one.kind === other?.kind && one.check === other.check
}

/** Even parts, none of them empty. */
function split(numbers: readonly number[], parts: number): number[][] {
  const chunks: number[][] = []
  for (let i = 0; i < parts; i++) {
    const from = Math.floor((i * numbers.length) / parts)
    const to = Math.floor(((i + 1) * numbers.length) / parts)
    if (to > from) chunks.push(numbers.slice(from, to))
  }
  return chunks
}
