/** Telling errors apart in tests, by code. */
import { QuorateError } from '../../src/errors.ts'
import type { ErrorCode } from '../../src/errors.ts'

/** Whether something is a `QuorateError` with this code. */
export function isQuorate(error: unknown, code: ErrorCode): error is QuorateError {
  return error instanceof QuorateError && error.code === code
}
