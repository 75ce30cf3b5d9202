/** Answers of the state machine: whether two are the same, and in words. */
import { unreachable } from '../../../src/assert.ts'
import type { Answer, TokenVerdict } from '../../../src/command/index.ts'
import type { Call, Outcome } from '../workload/history.ts'

/** Whether a caller is told the same. */
export function isSameAnswer(a: Answer, b: Answer): boolean {
  if (a === b) return true
  switch (a.status) {
    case 'applied':
    case 'duplicate':
      return b.status === a.status && b.revision === a.revision && b.existed === a.existed
    case 'mismatch':
      return (
        b.status === 'mismatch' &&
        b.revision === a.revision &&
        Buffer.compare(b.payloadHash, a.payloadHash) === 0
      )
    case 'conflict':
      return b.status === 'conflict' && b.operation === a.operation && b.revision === a.revision
    case 'fenced':
      return b.status === 'fenced' && isSameVerdict(a.verdict, b.verdict)
    case 'done':
      return b.status === 'done'
    case 'refused':
      return b.status === 'refused' && b.code === a.code && b.decided === a.decided
    default:
      return unreachable(a)
  }
}

/** Whether the same is known of a token. */
export function isSameVerdict(a: TokenVerdict, b: TokenVerdict): boolean {
  switch (a.status) {
    case 'recorded':
      return (
        b.status === 'recorded' &&
        b.revision === a.revision &&
        Buffer.compare(b.payloadHash, a.payloadHash) === 0
      )
    case 'absent':
      return b.status === 'absent' && b.horizon === a.horizon && b.fenced === a.fenced
    case 'expired':
      return b.status === 'expired' && b.horizon === a.horizon
    default:
      return unreachable(a)
  }
}

/** An answer in a few words, for messages. */
export function shownAnswer(answer: Answer | undefined): string {
  if (answer === undefined) return 'nothing'
  switch (answer.status) {
    case 'applied':
    case 'duplicate':
    case 'mismatch':
      return `${answer.status} at revision ${answer.revision}`
    case 'conflict':
      return `conflict of change ${answer.operation} with revision ${answer.revision}`
    case 'fenced':
      return `fenced: ${answer.verdict.status}`
    case 'done':
      return 'done'
    case 'refused':
      return `${answer.code}${answer.decided ? '' : ', not decided'}`
    default:
      return unreachable(answer)
  }
}

/** What a caller was told of a token, in the words of the state machine. */
export function verdictOf(outcome: Extract<Outcome, { readonly type: 'token' }>): TokenVerdict {
  const { state, revision = 0, horizon = 0, fenced = false, payloadHash = '' } = outcome
  switch (state) {
    case 'recorded':
      return { status: state, revision, payloadHash: Buffer.from(payloadHash, 'hex') }
    case 'absent':
      return { status: state, horizon, fenced }
    case 'expired':
      return { status: state, horizon }
    default:
      return unreachable(state)
  }
}

/** A call in words. */
export function nameOf({ id, client, request }: Call): string {
  return `call ${id} (${request.kind} by ${client})`
}
