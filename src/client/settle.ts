/** From the state machine's answers to what a caller gets: a result, or an error by its code. */
import type { Answer, TokenVerdict } from '../command/index.ts'
import type { ErrorCode } from '../errors.ts'
import { unreachable } from '../assert.ts'
import type { Call } from './call.ts'
import type { DeleteResult, TokenState, WriteResult } from './types.ts'

/** What a write that was decided resolves to; throws what it rejects with. */
export function writeResult(answer: Answer, call: Call, throwMismatch: boolean): WriteResult {
  switch (answer.status) {
    case 'applied':
    case 'duplicate':
      return { verdict: answer.status, revision: answer.revision }
    case 'mismatch': {
      const payloadHash = hex(answer.payloadHash)
      if (!throwMismatch) return { verdict: 'mismatch', revision: answer.revision, payloadHash }
      throw call.failure(
        'QUORATE_MISMATCH',
        `another payload was written first, at revision ${answer.revision}`,
        { decided: true, details: { revision: answer.revision, payloadHash } },
      )
    }
    case 'conflict':
      throw call.failure('QUORATE_CONFLICT', conflictText(answer), {
        decided: true,
        details: { operation: answer.operation, revision: answer.revision },
      })
    case 'refused':
      throw call.failure(answer.code, refusalText(answer.code), { decided: answer.decided })
    case 'fenced':
    case 'done':
      throw unexpected(call, answer.status)
    default:
      return unreachable(answer)
  }
}

/** As `writeResult`, with what only a delete knows. */
export function deleteResult(answer: Answer, call: Call, throwMismatch: boolean): DeleteResult {
  const result = writeResult(answer, call, throwMismatch)
  const existed =
    (answer.status === 'applied' || answer.status === 'duplicate') && answer.existed === true
  return { ...result, existed }
}

/** What a command that only is done, or refused, resolves to. */
export function doneResult(answer: Answer, call: Call): void {
  if (answer.status === 'done') return
  if (answer.status !== 'refused') throw unexpected(call, answer.status)
  throw call.failure(answer.code, refusalText(answer.code), { decided: answer.decided })
}

/** What a fence resolves to. */
export function fenceResult(answer: Answer, call: Call): TokenState {
  if (answer.status === 'fenced') return tokenState(answer.verdict)
  if (answer.status !== 'refused') throw unexpected(call, answer.status)
  throw call.failure(answer.code, refusalText(answer.code), { decided: answer.decided })
}

/** What is known of a token, in the words of the SDK. */
export function tokenState(verdict: TokenVerdict): TokenState {
  switch (verdict.status) {
    case 'recorded':
      return {
        status: 'recorded',
        verdict: 'applied',
        revision: verdict.revision,
        payloadHash: hex(verdict.payloadHash),
      }
    case 'absent':
      return { status: 'absent', horizon: verdict.horizon, fenced: verdict.fenced }
    case 'expired':
      return { status: 'expired', horizon: verdict.horizon }
    default:
      return unreachable(verdict)
  }
}

/** An answer of a kind that the request cannot have: the node does not speak our protocol. */
export function unexpected(call: Call, got: string): Error {
  // What the node did, if it did anything, is anybody's guess.
  call.doubt.raise()
  return call.failure('QUORATE_PROTOCOL', `the node answered with ${got}, which makes no sense`)
}

function conflictText(answer: { operation: number; revision: number }): string {
  const found = answer.revision === 0 ? 'no record' : `a record of revision ${answer.revision}`
  return `the condition of operation ${answer.operation} found ${found}`
}

const refusalTexts: Readonly<Partial<Record<ErrorCode, string>>> = {
  QUORATE_TOKEN_EXPIRED:
    'the token is older than the retention, so whether it was used is not known any more',
  QUORATE_TOKEN_AHEAD: 'the token time is more than 7 days ahead of the cluster',
  QUORATE_TOKEN_CANCELLED: 'the token was fenced',
  QUORATE_TOKENS_FULL: 'the cluster holds as many live tokens as it may',
  QUORATE_SESSIONS_FULL: 'the cluster holds as many sessions as it may',
}

function refusalText(code: ErrorCode): string {
  return refusalTexts[code] ?? `refused by the state machine with ${code}`
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
