/**
 * Errors on the wire: [code, outcome, message, details]. They are told apart by code; a code that
 * this build does not know, from a newer one, becomes `QUORATE_INTERNAL` with the outcome sent.
 */
import { isErrorCode, QuorateError } from '../errors.ts'
import type { ErrorDetails, Outcome } from '../errors.ts'
import type { WireError } from './client-protocol.ts'
import {
  addressCharsMax,
  idCharsMax,
  messageCharsMax,
  oneOf,
  optional,
  orNil,
  shortText,
  text,
  tupleFrom,
  uint,
} from './fields.ts'
import type { Wire } from './msgpack.ts'

const outcomes: readonly Outcome[] = ['not-applied', 'unknown']
/** base64 of a key of at most 64 KiB. */
const lastKeyCharsMax = 90_000
const fileCharsMax = 4096

/** An error in the form in which it travels. */
export function toWireError(error: QuorateError): WireError {
  const { code, outcome, message, details } = error
  return { code, outcome, message, details }
}

/** The error that a node sent. */
export function fromWireError(error: WireError): QuorateError {
  const { code, outcome, message, details } = error
  return new QuorateError(code, message, { outcome, details })
}

export function wireErrorToWire(error: WireError): Wire {
  const { details } = error
  return [
    error.code,
    outcomes.indexOf(error.outcome),
    shortText(error.message),
    [
      orNil(details.leader),
      orNil(details.leaderAddress),
      orNil(details.retryAfter === undefined ? undefined : Math.ceil(details.retryAfter)),
      orNil(details.operation),
      orNil(details.revision),
      orNil(details.payloadHash),
      orNil(details.lastKey),
      orNil(details.file),
      orNil(details.offset),
      orNil(details.reason),
    ],
  ]
}

export function decodeWireError(value: unknown): WireError {
  const fields = tupleFrom(value, 4, 'an error')
  const code = text(fields[0], 'code', idCharsMax)
  return {
    code: isErrorCode(code) ? code : 'QUORATE_INTERNAL',
    outcome: oneOf(fields[1], outcomes, 'outcome'),
    message: text(fields[2], 'message', messageCharsMax),
    details: decodeDetails(fields[3]),
  }
}

function decodeDetails(value: unknown): ErrorDetails {
  const fields = tupleFrom(value, 10, 'details')
  const words = (at: number, max: number): string | undefined =>
    optional(fields[at], (field) => text(field, 'a detail', max))
  const number = (at: number): number | undefined =>
    optional(fields[at], (field) => uint(field, 'a detail'))
  return withoutUndefined({
    leader: words(0, idCharsMax),
    leaderAddress: words(1, addressCharsMax),
    retryAfter: number(2),
    operation: number(3),
    revision: number(4),
    payloadHash: words(5, idCharsMax),
    lastKey: words(6, lastKeyCharsMax),
    file: words(7, fileCharsMax),
    offset: number(8),
    reason: words(9, idCharsMax),
  })
}

type Given<T> = { readonly [K in keyof T]?: Exclude<T[K], undefined> }

/** Details are there or they are not: a key that holds undefined would print as a detail. */
function withoutUndefined<T extends object>(fields: T): Given<T> {
  const given: Given<T> = {}
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) Object.assign(given, { [name]: value })
  }
  return given
}
