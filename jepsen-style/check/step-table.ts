/**
 * A model in small numbers: states and kinds of operations get one each, and what a kind does to a
 * state is asked of the model once. The search then compares and looks up, and nothing more.
 */
import type { Operation } from '../history/index.ts'
import { canonical } from './canonical.ts'
import type { Model } from './model.ts'
import { CacheFull } from './seen-configurations.ts'

/** In place of a state: the operation cannot have ended like this here. */
export const illegalStep = -1

/** Half of what a Map can hold: beyond 2^24 entries it throws. */
const stepsMax = 2 ** 23

/** Rough bytes of an entry of a Map, for the cap on memory. */
const entryBytes = 48

/** The steps of one group of operations. */
export class StepTable {
  /** Of memory that it holds, roughly. */
  bytes = 0
  readonly #model: Model<unknown>
  readonly #states: unknown[] = []
  readonly #numbers = new Map<string, number>()
  /** An operation that stands for its kind. */
  readonly #kinds: Operation[] = []
  readonly #kindNumbers = new Map<string, number>()
  /** By state × number of kinds + kind. */
  readonly #steps = new Map<number, number>()
  #sealed = false

  constructor(model: Model<unknown>) {
    this.#model = model
    this.#intern(model.initial)
  }

  /** The state before everything. */
  get initial(): number {
    return 0
  }

  /** The number of an operation's kind. All must be known before the first step. */
  kindOf(operation: Operation): number {
    if (this.#sealed) throw new Error('a kind of operation came after the first step')
    const { f, key, input, outcome, output, revision, error } = operation
    // One by one: JSON holds no bare line end, and a list of them all would take twice as long.
    const parts = [f, outcome, revision, key, error, input, output]
    const text = parts.map((part) => canonical(part)).join('\n')
    const known = this.#kindNumbers.get(text)
    if (known !== undefined) return known
    const number = this.#kinds.length
    this.#kinds.push(operation)
    this.#kindNumbers.set(text, number)
    return number
  }

  /** The state after an operation of this kind, or `illegalStep`. */
  step(state: number, kind: number): number {
    this.#sealed = true
    const at = state * this.#kinds.length + kind
    const known = this.#steps.get(at)
    if (known !== undefined) return known
    const operation = this.#kinds[kind]
    if (operation === undefined) throw new Error(`no kind ${kind}`)
    if (this.#steps.size >= stepsMax) throw new CacheFull()
    const step = this.#model.step(this.#states[state], operation)
    const next = step.legal ? this.#intern(step.next) : illegalStep
    this.#steps.set(at, next)
    this.bytes += entryBytes
    return next
  }

  /** A state for people. */
  describe(state: number): string {
    return this.#model.describe(this.#states[state])
  }

  #intern(state: unknown): number {
    const text = this.#model.stateKey(state)
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    const number = this.#states.length
    this.#states.push(state)
    this.#numbers.set(text, number)
    this.bytes += entryBytes + 2 * text.length
    return number
  }
}
