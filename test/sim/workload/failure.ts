/** A rejected call as an outcome; a rejection that breaks what the SDK promises is a `Violation`. */
import { isErrorCode, QuorateError } from '../../../src/errors.ts'
import type { ErrorCode } from '../../../src/errors.ts'
import { Violation } from '../world/observer.ts'
import type { Outcome, Request, SeenRow } from './history.ts'

/** What a scan saw before it failed. */
export interface Partial {
  readonly rows: readonly SeenRow[]
  readonly readRevision: number | undefined
}

/**
 * Codes that no fault excuses: the caller's mistakes, which these callers do not make, and what
 * only a bug in the SDK or in a node brings forth.
 */
const neverCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'QUORATE_USAGE',
  'QUORATE_TOO_LARGE',
  'QUORATE_SESSION_WINDOW',
  'QUORATE_SESSION_FORGOTTEN',
  'QUORATE_SEQUENCE_REUSED',
  'QUORATE_WRONG_CLUSTER',
  'QUORATE_WRONG_NODE',
  'QUORATE_PROTOCOL',
  'QUORATE_INTERNAL',
])

/** The outcome of a call that was rejected with this. */
export function failedOutcome(error: unknown, request: Request, partial?: Partial): Outcome {
  const known = checkError(error)
  const { code, outcome, attempts, details } = known
  const writes = isWrite(request)
  if (neverCodes.has(code)) throw broken(`a ${request.kind} ended with ${code}`, known)
  if (!writes && outcome !== 'not-applied') {
    throw broken(`a ${request.kind}, which changes nothing, ended as ${outcome}`, known)
  }
  if (attempts === 0 && outcome !== 'not-applied') {
    throw broken(`a ${request.kind} that was never sent ended as ${outcome}`, known)
  }
  checkToken(known, request)
  const { operation, revision } = details
  const seen = partial?.readRevision
  return {
    type: 'failed',
    code,
    outcome,
    attempts,
    ...(operation === undefined ? {} : { operation }),
    ...(revision === undefined ? {} : { revision }),
    ...(partial === undefined || seen === undefined || partial.rows.length === 0
      ? {}
      : { partial: { rows: partial.rows, readRevision: seen } }),
  }
}

/** A rejection of the SDK, which is always a `QuorateError` with a code and an outcome. */
export function checkError(error: unknown): QuorateError {
  // A check that was told of something within the call.
  if (error instanceof Violation) throw error
  if (!(error instanceof QuorateError)) throw broken('rejected with no QuorateError', error)
  if (!isErrorCode(error.code)) throw broken(`rejected with the code ${String(error.code)}`, error)
  if (error.outcome !== 'not-applied' && error.outcome !== 'unknown') {
    throw broken(`rejected with the outcome ${String(error.outcome)}`, error)
  }
  if (!Number.isSafeInteger(error.attempts) || error.attempts < 0) {
    throw broken(`rejected after ${error.attempts} attempts`, error)
  }
  return error
}

/** Something that the SDK must never do. */
export function broken(what: string, cause?: unknown): Violation {
  const text = cause instanceof Error ? `${what}: ${cause.message}` : what
  return new Violation('client', text, 'crash', cause)
}

/** Whether the cluster may be changed by it. */
function isWrite(request: Request): boolean {
  if (request.kind === 'verdict') return request.fence
  return request.kind !== 'get' && request.kind !== 'scan'
}

/** Errors carry the call's token, so that `verdict` can settle what they left open. */
function checkToken(error: QuorateError, request: Request): void {
  const token = 'token' in request && isWrite(request) ? request.token : undefined
  const carried = error.token === undefined ? undefined : Buffer.from(error.token).toString('utf8')
  if (carried !== token) {
    throw broken(
      `an error carries the token ${carried ?? 'none'} and not ${token ?? 'none'}`,
      error,
    )
  }
}
