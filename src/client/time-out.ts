/** What is told of a call whose time is up: what kept it from its answer, by the helpful code. */
import type { ErrorCode, QuorateError } from '../errors.ts'
import type { Call } from './call.ts'
import type { Router } from './router.ts'

/** Why there is no answer. */
export interface TimeOutReason {
  readonly code: ErrorCode
  readonly message: string
  readonly cause: QuorateError | undefined
}

/**
 * - `QUORATE_TIMEOUT`: a node has the call and has not answered, or it never got its turn.
 * - `QUORATE_NO_QUORUM`: nodes answer, and say that there is no leader, or no quorum behind it.
 * - `QUORATE_CONNECTION_LOST`: no node that could serve the call can be reached.
 * - `QUORATE_OVERLOADED`, `QUORATE_SCANS_FULL`, `QUORATE_DISK_FULL`: refused for want of room until
 *   the end; `QUORATE_MEMBERSHIP`, `QUORATE_TRANSFER`: for another reason that did not pass.
 */
export function timeOutReason(call: Call, router: Router, waitsForRoom: boolean): TimeOutReason {
  const last = call.lastRefusal
  if (call.phase === 'flight') {
    const times = call.attempts === 1 ? 'once' : `${call.attempts} times`
    return { code: 'QUORATE_TIMEOUT', message: `sent ${times}, no answer`, cause: last }
  }
  if (call.phase === 'window' || waitsForRoom) {
    const message = 'too much else was under way to send it'
    return { code: 'QUORATE_TIMEOUT', message, cause: last }
  }
  if (call.phase === 'backoff' && last !== undefined) {
    return { code: codeAfter(last.code), message: last.message, cause: last }
  }
  if (call.route.to === 'endpoint') {
    const { address, lastError } = call.route.endpoint
    const message = `no connection to ${address}`
    return { code: 'QUORATE_CONNECTION_LOST', message, cause: lastError }
  }
  const { code, message, cause } = router.noRoute()
  return { code, message, cause: last ?? cause }
}

const codesAfter: Readonly<Partial<Record<ErrorCode, ErrorCode>>> = {
  QUORATE_OVERLOADED: 'QUORATE_OVERLOADED',
  QUORATE_SCANS_FULL: 'QUORATE_SCANS_FULL',
  QUORATE_DISK_FULL: 'QUORATE_DISK_FULL',
  QUORATE_MEMBERSHIP: 'QUORATE_MEMBERSHIP',
  QUORATE_TRANSFER: 'QUORATE_TRANSFER',
  QUORATE_NOT_LEADER: 'QUORATE_NO_QUORUM',
  QUORATE_NO_QUORUM: 'QUORATE_NO_QUORUM',
  QUORATE_LEADERSHIP_LOST: 'QUORATE_NO_QUORUM',
}

/** The code of a call whose time ended while it waited out this refusal. */
function codeAfter(code: ErrorCode): ErrorCode {
  return codesAfter[code] ?? 'QUORATE_TIMEOUT'
}
