/**
 * What the state machine decided, on the wire.
 *
 *     applied [0, revision, existed]     duplicate [1, revision, existed]
 *     mismatch [2, revision, hash]       conflict [3, operation, revision]
 *     fenced [4, verdict]                done [5]
 *     refused [6, code, decided]
 *
 * A verdict on a token: recorded [0, revision, hash], absent [1, horizon, fenced],
 * expired [2, horizon].
 */
import { unreachable } from '../assert.ts'
import { isErrorCode } from '../errors.ts'
import type { Answer, TokenVerdict } from '../command/index.ts'
import { bool, bytes, idCharsMax, list, optional, orNil, ordinal, text, uint } from './fields.ts'
import { badFrame, type Wire } from './msgpack.ts'

const payloadHashBytes = 16

/** How many fields an answer of each kind has. */
const answerFields: readonly number[] = [3, 3, 3, 3, 2, 1, 3]
const verdictFields: readonly number[] = [3, 3, 2]

export function answerToWire(answer: Answer): Wire {
  switch (answer.status) {
    case 'applied':
      return [0, answer.revision, orNil(answer.existed)]
    case 'duplicate':
      return [1, answer.revision, orNil(answer.existed)]
    case 'mismatch':
      return [2, answer.revision, answer.payloadHash]
    case 'conflict':
      return [3, answer.operation, answer.revision]
    case 'fenced':
      return [4, verdictToWire(answer.verdict)]
    case 'done':
      return [5]
    case 'refused':
      return [6, answer.code, answer.decided]
    default:
      return unreachable(answer)
  }
}

export function decodeAnswer(value: unknown): Answer {
  const [fields, kind] = variant(value, answerFields, 'an answer')
  const [, a, b] = fields
  switch (kind) {
    case 0:
      return { status: 'applied', revision: ordinal(a, 'revision'), ...existed(b) }
    case 1:
      return { status: 'duplicate', revision: ordinal(a, 'revision'), ...existed(b) }
    case 2:
      return { status: 'mismatch', revision: ordinal(a, 'revision'), payloadHash: hash(b) }
    case 3:
      return {
        status: 'conflict',
        operation: ordinal(a, 'operation'),
        revision: ordinal(b, 'revision'),
      }
    case 4:
      return { status: 'fenced', verdict: decodeVerdict(a) }
    case 5:
      return { status: 'done' }
    default: {
      const code = text(a, 'code', idCharsMax)
      const decided = bool(b, 'decided')
      return { status: 'refused', code: isErrorCode(code) ? code : 'QUORATE_INTERNAL', decided }
    }
  }
}

export function verdictToWire(verdict: TokenVerdict): Wire {
  switch (verdict.status) {
    case 'recorded':
      return [0, verdict.revision, verdict.payloadHash]
    case 'absent':
      return [1, verdict.horizon, verdict.fenced]
    case 'expired':
      return [2, verdict.horizon]
    default:
      return unreachable(verdict)
  }
}

export function decodeVerdict(value: unknown): TokenVerdict {
  const [fields, kind] = variant(value, verdictFields, 'a verdict')
  const [, a, b] = fields
  switch (kind) {
    case 0:
      return { status: 'recorded', revision: ordinal(a, 'revision'), payloadHash: hash(b) }
    case 1:
      return { status: 'absent', horizon: uint(a, 'horizon'), fenced: bool(b, 'fenced') }
    default:
      return { status: 'expired', horizon: uint(a, 'horizon') }
  }
}

/** The fields and the kind of a value whose first field tells which of several it is. */
function variant(
  value: unknown,
  lengths: readonly number[],
  what: string,
): readonly [readonly unknown[], number] {
  const fields = list(value, 8, what)
  const kind = uint(fields[0], `kind of ${what}`, lengths.length - 1)
  if (fields.length !== lengths[kind]) throw badFrame(`${what} has a wrong length`)
  return [fields, kind]
}

function existed(value: unknown): { existed?: boolean } {
  const given = optional(value, (field) => bool(field, 'existed'))
  return given === undefined ? {} : { existed: given }
}

function hash(value: unknown): Uint8Array {
  return bytes(value, 'payload hash', payloadHashBytes, payloadHashBytes)
}
