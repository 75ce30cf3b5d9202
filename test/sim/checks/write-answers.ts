/** Whether the answer to a write is one that the log gave to a copy of it. */
import { unreachable } from '../../../src/assert.ts'
import { Violation } from '../world/observer.ts'
import type { Call, Outcome } from '../workload/history.ts'
import { isSameVerdict, nameOf, shownAnswer, verdictOf } from './answers.ts'
import type { ReplayedCommand } from './replay.ts'
import { hex } from './replay.ts'

/** Codes that the state machine alone gives: some copy in the log must have been told so. */
const fromTheLog: ReadonlySet<string> = new Set([
  'QUORATE_CONFLICT',
  'QUORATE_MISMATCH',
  'QUORATE_TOKEN_EXPIRED',
  'QUORATE_TOKEN_AHEAD',
  'QUORATE_TOKEN_CANCELLED',
  'QUORATE_TOKENS_FULL',
  'QUORATE_SESSION_EXPIRED',
  'QUORATE_SESSION_AHEAD',
  'QUORATE_SESSIONS_FULL',
])

/** Throws unless what the call was told is what one of its copies was told by the rules. */
export function judgeWrite(call: Call, outcome: Outcome, copies: readonly ReplayedCommand[]): void {
  if (outcome.type === 'read') return
  if (outcome.type === 'failed' && !fromTheLog.has(outcome.code)) return
  if (copies.some((copy) => isTold(outcome, copy))) return
  const { request } = call
  // A read of a token is judged by its place.
  if (request.kind === 'verdict' && !request.fence) return
  const found = copies.map((copy) => `${shownAnswer(copy.answer)} (index ${copy.index})`)
  throw new Violation(
    'S9',
    `${nameOf(call)} was told ${shown(outcome)}; ` +
      `in the log: ${found.length === 0 ? 'no copy of it' : found.join(', ')}`,
  )
}

function isTold(outcome: Exclude<Outcome, { type: 'read' }>, copy: ReplayedCommand): boolean {
  const { answer } = copy
  switch (outcome.type) {
    case 'done':
      return answer.status === 'done'
    case 'token':
      return answer.status === 'fenced' && isSameVerdict(answer.verdict, verdictOf(outcome))
    case 'written': {
      if (answer.status !== outcome.verdict || answer.revision !== outcome.revision) return false
      if (answer.status === 'mismatch') return hex(answer.payloadHash) === outcome.payloadHash
      // A delete says whether there was a row; for another kind of write nobody asks.
      return outcome.existed === undefined || outcome.existed === (answer.existed === true)
    }
    case 'failed':
      return isToldAsFailure(outcome, copy)
    default:
      return unreachable(outcome)
  }
}

function isToldAsFailure(
  { code, operation, revision }: Extract<Outcome, { type: 'failed' }>,
  { answer }: ReplayedCommand,
): boolean {
  switch (answer.status) {
    case 'conflict':
      return (
        code === 'QUORATE_CONFLICT' &&
        (operation ?? answer.operation) === answer.operation &&
        (revision ?? answer.revision) === answer.revision
      )
    case 'mismatch':
      return code === 'QUORATE_MISMATCH' && (revision ?? answer.revision) === answer.revision
    case 'refused':
      return answer.code === code
    case 'applied':
    case 'duplicate':
    case 'fenced':
    case 'done':
      return false
    default:
      return unreachable(answer)
  }
}

function shown(outcome: Outcome): string {
  switch (outcome.type) {
    case 'written':
      return `${outcome.verdict} at revision ${outcome.revision}`
    case 'failed':
      return `${outcome.code} ${outcome.revision ?? ''}`.trim()
    case 'token':
      return `${outcome.state} at revision ${outcome.revision ?? '-'}`
    case 'read':
    case 'done':
      return outcome.type
    default:
      return unreachable(outcome)
  }
}
