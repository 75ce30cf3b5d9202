/** What becomes of an operating system's error on its way out of this folder. */
import { AssertionError } from '../assert.ts'
import { QuorateError } from '../errors.ts'

/**
 * A failed read, write or sync as `QUORATE_STORAGE`, with its cause; errors that already say what
 * they are stay as they are.
 */
export function storageError(what: string, cause: unknown): Error {
  if (cause instanceof QuorateError || cause instanceof AssertionError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new QuorateError('QUORATE_STORAGE', `${what}: ${reason}`, { cause })
}

/**
 * Remembers the first failure. After one, nobody knows what is on the disk: a second fsync may
 * succeed without having written what the first one lost (`fsyncgate`, 2018). So nothing is tried
 * again, and every later call gets the same error.
 */
export class Poison {
  #error: Error | undefined

  /** Throws if there was a failure. */
  check(): void {
    if (this.#error !== undefined) throw this.#error
  }

  /** Runs an operation whose failure ends everything. */
  async guard<T>(what: string, operation: () => Promise<T>): Promise<T> {
    this.check()
    try {
      return await operation()
    } catch (error) {
      this.#error ??= storageError(what, error)
      throw this.#error
    }
  }

  get poisoned(): boolean {
    return this.#error !== undefined
  }
}
