/** What a replica needs of a client. The SDK's `Client` is one; so is a few lines of test. */
import type { ErrorCode, QuorateError } from '../errors.ts'

/** The part of the SDK's `put` that collectors use. */
export interface RecordWriter {
  put(
    key: string,
    value: Uint8Array,
    options: RecordPutOptions,
  ): Promise<{ readonly verdict: 'applied' | 'duplicate' | 'mismatch'; readonly revision: number }>
  close(): Promise<void>
}

/** How a record is put: with a token and its time, or once. */
export interface RecordPutOptions {
  readonly token?: string
  readonly tokenTime?: number
  readonly once?: boolean
  readonly timeout: number
  readonly signal: AbortSignal
}

/** What a failed put means for its record. */
export type Fate = 'retry' | 'reject' | 'fatal'

/** The record itself is at fault: no call with it can ever succeed. */
const rejecting: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'QUORATE_USAGE',
  'QUORATE_TOO_LARGE',
  'QUORATE_CONFLICT',
  'QUORATE_TOKEN_EXPIRED',
  'QUORATE_TOKEN_AHEAD',
  'QUORATE_TOKEN_CANCELLED',
])

/** The call's session is at fault, and a new call gets a new place in one. */
const sessionTrouble: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'QUORATE_SESSION_EXPIRED',
  'QUORATE_SESSION_AHEAD',
  'QUORATE_SESSION_WINDOW',
  'QUORATE_SEQUENCE_REUSED',
])

/**
 * Decides by code and outcome alone. An unknown outcome is always retried, because a record has a
 * token or is put once, so that the retry cannot have a second effect. What is neither worth a
 * retry nor the record's fault (a closed client, another cluster) would befall every record alike,
 * and ends the run.
 */
export function fateOf(error: QuorateError): Fate {
  if (error.outcome === 'unknown' || error.retryable) return 'retry'
  if (rejecting.has(error.code)) return 'reject'
  return sessionTrouble.has(error.code) ? 'retry' : 'fatal'
}
