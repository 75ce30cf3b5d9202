/** Tells failures of the state apart: damage, which is repaired, and what is no failure at all. */
import { QuorateError } from '../errors.ts'

/** Causes looked through: a flush wraps LevelDB's error once. */
const causesMax = 3

/** Whether the rows are not what was written, in our words or in LevelDB's own. */
export function isDamage(error: unknown): boolean {
  let cause = error
  for (let depth = 0; depth < causesMax && cause instanceof Error; depth++) {
    const code: unknown = 'code' in cause ? cause.code : undefined
    if (code === 'QUORATE_CORRUPT' || code === 'LEVEL_CORRUPTION') return true
    cause = cause.cause
  }
  return false
}

/** Whether the disk, or the database on it, failed: what is there is not known to be wrong. */
export function isStorageFailure(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'QUORATE_STORAGE'
}

/** Whether the state is only busy: the same may be asked of it again. */
export function isOverloaded(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'QUORATE_OVERLOADED'
}

/** Whether the caller asked for what nobody may. */
export function isUsage(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'QUORATE_USAGE'
}

/**
 * Failures that the state tells of by itself. It is opened before there is a node to hear of them;
 * what comes too early is told when somebody listens.
 */
export class StateFailures {
  #listener: ((error: unknown) => void) | undefined
  #early: { readonly error: unknown } | undefined

  readonly tell = (error: unknown): void => {
    if (this.#listener !== undefined) this.#listener(error)
    else this.#early ??= { error }
  }

  listen(listener: (error: unknown) => void): void {
    this.#listener = listener
    if (this.#early !== undefined) listener(this.#early.error)
  }
}
