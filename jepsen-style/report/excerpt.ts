/**
 * The calls around a violation, picked out of the stream. The record says which lines matter
 * before the history is read, so one pass is enough: calls that own such a line are kept for
 * sure, and of those nearby (of the same key, where one is named) the nearest.
 */
import type { CheckResult } from '../workloads/workload.ts'
import type { Call } from './calls.ts'

/** Calls named by the check that are drawn. */
export const namedMax = 80
/** Calls around them that are drawn. */
export const aroundMax = 24
/** Lines before the first and after the last named one within which a call counts as around. */
const marginLines = 30

/** Calls at the end of the longest order that are shown with their place in it. */
export const orderedMax = 12

/** A call of the excerpt. */
export interface DrawnCall {
  readonly call: Call
  /** Whether the check named it. */
  readonly named: boolean
  /** Its place in the longest order that there is, from 1, and the state after it. */
  readonly place?: { readonly number: number; readonly state: string }
  /** Why it can't come next, where the longest order ends. */
  readonly stuck?: string
}

/** What there is to draw of a violation. */
export interface Excerpt {
  readonly check: CheckResult
  /** By the line of their invocation. */
  readonly calls: readonly DrawnCall[]
  /** The line at which the violation shows: no order fits all that came up to it. */
  readonly stuckAt: number
  /** Calls that belong here and were left out because there are too many. */
  readonly leftOut: number
}

/** The violation that shows first; undefined where there is none with lines to draw. */
export function firstViolation(checks: readonly CheckResult[]): CheckResult | undefined {
  let first: CheckResult | undefined
  let firstLine = Infinity
  for (const check of checks) {
    const line = check.verdict === 'violation' ? stuckLine(check) : undefined
    if (line !== undefined && line < firstLine) {
      first = check
      firstLine = line
    }
  }
  return first
}

/** Where a violation shows: as its explanation says, else the last line that it named. */
function stuckLine({ events = [], explanation }: CheckResult): number | undefined {
  // Not Math.max(...lines): a list may be longer than a call can have arguments.
  const last = events.reduce((latest, line) => Math.max(latest, line), -1)
  return explanation?.line ?? (last === -1 ? undefined : last)
}

interface Told {
  readonly place?: { readonly number: number; readonly state: string }
  readonly stuck?: string
}

/** What the explanation tells of single calls, by the line of their invocation. */
function toldOf({ explanation }: CheckResult): ReadonlyMap<number, Told> {
  const [order] = explanation?.orders ?? []
  const told = new Map<number, Told>()
  if (order === undefined) return told
  const from = Math.max(0, order.lines.length - orderedMax)
  for (const [index, line] of order.lines.entries()) {
    if (index < from) continue
    told.set(line, { place: { number: index + 1, state: order.states[index] ?? '' } })
  }
  for (const { line, why } of order.stuck.slice(0, orderedMax)) told.set(line, { stuck: why })
  return told
}

/** Collects the calls around one violation. */
export class ExcerptCollector {
  readonly #check: CheckResult
  readonly #told: ReadonlyMap<number, Told>
  readonly #lines: ReadonlySet<number>
  readonly #from: number
  readonly #stuckAt: number
  #named: Call[] = []
  #around: Call[] = []
  #leftOut = 0

  constructor(check: CheckResult) {
    this.#check = check
    this.#told = toldOf(check)
    this.#stuckAt = stuckLine(check) ?? 0
    this.#lines = new Set([...(check.events ?? []), ...this.#told.keys(), this.#stuckAt])
    const first = [...this.#lines].reduce((least, line) => Math.min(least, line), this.#stuckAt)
    this.#from = first - marginLines
  }

  /** Looks at a call that is over, or that will never be. */
  add(call: Call): void {
    const { invoke, complete } = call
    if (this.#lines.has(invoke.i) || (complete !== undefined && this.#lines.has(complete.i))) {
      this.#named.push(call)
      this.#named = this.#nearest(this.#named, namedMax)
      return
    }
    const { key } = this.#check
    if (key !== undefined && invoke.key !== undefined && invoke.key !== key) return
    const end = complete?.i ?? Infinity
    if (end < this.#from || invoke.i > this.#stuckAt + marginLines) return
    this.#around.push(call)
    this.#around = this.#nearest(this.#around, aroundMax)
  }

  /** What was collected; undefined where the history holds none of the named lines. */
  excerpt(): Excerpt | undefined {
    const named = this.#settle(this.#named, namedMax)
    const around = this.#settle(this.#around, aroundMax)
    if (named.length === 0) return undefined
    const calls = [
      ...named.map((call) => ({ call, named: true, ...this.#told.get(call.invoke.i) })),
      ...around.map((call) => ({ call, named: false })),
    ].toSorted((a, b) => a.call.invoke.i - b.call.invoke.i)
    return { check: this.#check, calls, stuckAt: this.#stuckAt, leftOut: this.#leftOut }
  }

  /** Lets a list grow to twice its cap before it is sorted and cut, so that adding stays cheap. */
  #nearest(calls: Call[], max: number): Call[] {
    return calls.length < max * 2 ? calls : this.#settle(calls, max)
  }

  #settle(calls: Call[], max: number): Call[] {
    if (calls.length <= max) return calls
    const kept = calls.toSorted((a, b) => this.#distance(a) - this.#distance(b)).slice(0, max)
    this.#leftOut += calls.length - kept.length
    return kept
  }

  /** How many lines lie between a call and the point where no order fits. */
  #distance(call: Call): number {
    const begin = call.invoke.i
    // An open call reaches up to the point from anywhere; what counts is when it was made.
    const end = call.complete?.i ?? begin
    if (begin > this.#stuckAt) return begin - this.#stuckAt
    return end < this.#stuckAt ? this.#stuckAt - end : 0
  }
}
