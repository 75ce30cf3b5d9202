/**
 * What a checker knows of the object whose history it judges: a state, and what a call does to it.
 * A model of your own makes the checker judge your own workload; `docs/chaos.md` has an example.
 */
import type { Operation } from '../history/index.ts'

/** What comes of an operation in a state: it cannot have ended like this here, or the next state. */
export type Step<State> = { readonly legal: false } | { readonly legal: true; readonly next: State }

/**
 * A sequential specification. Everything in it is pure, and depends on nothing of an operation but
 * `f`, `key`, `input`, `outcome`, `output`, `revision` and `error`: steps are remembered by these.
 */
export interface Model<State> {
  readonly name: string
  /** The state before the first operation, of each group of keys that is judged by itself. */
  readonly initial: State
  /**
   * Takes an operation in a state. One with outcome `info` must be legal in every state: nobody
   * was told anything, and where it would have had no effect it gives the state itself back.
   */
  step(state: State, operation: Operation): Step<State>
  /** A text that is the same for equal states, and different for different ones. */
  stateKey(state: State): string
  /** A state for people. */
  describe(state: State): string
  /**
   * Whether the operation says anything. What does not is left out: a call that surely had no
   * effect and of which nothing can be learned, a read that nobody was answered.
   */
  counts(operation: Operation): boolean
  /**
   * Whether it never has an effect, in any state in which it is legal: a read, a condition that
   * failed. It may narrow down what a state leaves open, so that later less is legal, never more.
   * The checker puts such an operation in as soon as it fits, and never tries it elsewhere.
   */
  reads(operation: Operation): boolean
  /**
   * A number that rises along every order that is legal, over all ended operations that have one:
   * then only the least of those that are left is tried. Default: none has one.
   */
  rank?(operation: Operation): number | undefined
  /**
   * The keys that it is about, one or more. Operations that share no key, not even by way of
   * others, are judged apart, each group from `initial`.
   */
  keys(operation: Operation): readonly string[]
  /** Why this cannot be an operation of the model; undefined: it can. */
  refuse(operation: Operation): string | undefined
  /**
   * Of the operations of one group, those that matter. May leave out open calls (`info`) whose
   * effect nobody can have seen: each one that stays can double the work. Default: all.
   */
  prune?(operations: readonly Operation[]): readonly Operation[]
  /**
   * This model for a search of an order of exactly these operations: it may hold a step to be
   * illegal after which one of them that has ended could never get its place. It spares the search
   * ways that lead nowhere; whatever order it finds is held against the model itself. Default: the
   * model itself.
   */
  narrow?(operations: readonly Operation[]): Model<State>
}

/** The key of a history that has no keys. */
export const noKey = ''

/** One key, or none: what `keys` is for most models. */
export function ownKey(operation: Operation): readonly string[] {
  return [operation.key ?? noKey]
}

/** The step of an operation that cannot have ended like this here. */
export const illegal = { legal: false } as const

/** The step into a state, which may be the same. */
export function legal<State>(next: State): Step<State> {
  return { legal: true, next }
}
