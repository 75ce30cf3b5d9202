/**
 * Assertions: they state what must be true if the program is right, and stay on in production.
 *
 * A node whose own invariants fail must not answer another request, so a failure is thrown and
 * nobody catches it short of the process.
 */

/** Thrown by `assert`. Never an answer to bad input: that is a `QuorateError`. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws unless `condition` holds. `message` says what must hold, in the present tense. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** The value, which must be there. `message` says why it must. */
export function present<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionError(message)
  return value
}

/** For the default of an exhaustive switch: a new variant fails to compile here. */
export function unreachable(value: never): never {
  throw new AssertionError(`unexpected variant: ${JSON.stringify(value)}`)
}
