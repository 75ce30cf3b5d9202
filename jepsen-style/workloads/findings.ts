/** What a check finds as it goes, and the result that comes of it. */
import type { Operation } from '../history/index.ts'
import type { CheckResult } from './workload.ts'

/** So many of the violations are told in words; the others are counted. */
const toldMax = 3
/** So many lines of the history are named for the report's drawing. */
const linesMax = 200

/** Collects violations; the first ones are kept. */
export class Findings {
  readonly #name: string
  readonly #told: string[] = []
  readonly #lines = new Set<number>()
  #count = 0
  #key: string | undefined

  /** @param name of the check, as in `CheckResult` */
  constructor(name: string) {
    this.#name = name
  }

  /** How many violations there were so far. */
  get count(): number {
    return this.#count
  }

  /** Something is wrong; `operations` are those that show it. */
  violation(text: string, operations: readonly (Operation | undefined)[]): void {
    this.#count++
    if (this.#told.length >= toldMax) return
    this.#told.push(text)
    for (const operation of operations) {
      if (operation === undefined || this.#lines.size >= linesMax) continue
      this.#key ??= operation.key
      this.#lines.add(operation.invokeLine)
      if (operation.completionLine !== undefined) this.#lines.add(operation.completionLine)
    }
  }

  /**
   * The result. Where `figures.acknowledged` is 0 there was nothing that could have been lost or
   * doubled, and that is no pass.
   *
   * @param passed what was checked, if all is well
   * @param open why it cannot be known that all is well; undefined: it can
   */
  result(passed: string, figures: Readonly<Record<string, number>>, open?: string): CheckResult {
    const name = this.#name
    if (this.#count > 0) {
      const rest = this.#count - this.#told.length
      const more = rest === 0 ? [] : [`And ${rest} more.`]
      const text = [...this.#told, ...more].join(' ')
      const events = [...this.#lines].sort((a, b) => a - b)
      const key = this.#key === undefined ? {} : { key: this.#key }
      return { name, verdict: 'violation', text, figures, events, ...key }
    }
    const nothing = figures['acknowledged'] === 0 ? 'Nothing was acknowledged.' : undefined
    const unsure = open ?? nothing
    if (unsure !== undefined) return { name, verdict: 'unknown', text: unsure, figures }
    return { name, verdict: 'ok', text: passed, figures }
  }
}

/** `1 write`, `2 writes`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Where an operation stands in the history, for people. */
export function at(operation: Operation): string {
  return `line ${operation.completionLine ?? operation.invokeLine}`
}
