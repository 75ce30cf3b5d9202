/** How much time, memory and work a search may take. At a limit nobody knows: never a verdict. */

/** What ran out. */
export type Exhausted = 'time' | 'memory' | 'steps' | 'aborted'

/** The limits of one search, or of several one after the other. */
export interface Limits {
  /** When it ends, in ms of `performance.now()`; Infinity: never. */
  readonly deadline: number
  /** Bytes of what it remembers. */
  readonly memoryBytesMax: number
  /** Operations that it tries; Infinity: as many as it takes. */
  readonly stepsMax: number
  readonly signal?: AbortSignal | undefined
}

/** The clock is read so often: a step takes well under a microsecond. */
const stepsBetweenLooks = 4_096

/** Counts the steps of one search against its limits. */
export class Budget {
  steps = 0
  readonly #limits: Limits
  #stepsMax: number
  // The first step looks: whoever judges many small groups sees at each that it is over.
  #nextLook = 1

  constructor(limits: Limits) {
    this.#limits = limits
    this.#stepsMax = limits.stepsMax
  }

  /** Grants so many steps from now on, whatever is left. */
  grant(steps: number): void {
    this.#stepsMax = this.steps + steps
  }

  /** Counts one; tells what ran out. */
  spend(): Exhausted | undefined {
    this.steps++
    if (this.steps < this.#nextLook) return undefined
    this.#nextLook += stepsBetweenLooks
    return this.#look()
  }

  #look(): Exhausted | undefined {
    const { signal, deadline } = this.#limits
    if (signal?.aborted === true) return 'aborted'
    if (this.steps >= this.#stepsMax) return 'steps'
    return performance.now() >= deadline ? 'time' : undefined
  }
}
