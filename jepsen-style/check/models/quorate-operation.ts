/**
 * The calls of the store's own model, parsed. Shared by nothing but that model and the check by
 * revision, which have no judgement in common: this only says what a line means.
 */
import type { Operation } from '../../history/index.ts'
import { canonical } from '../canonical.ts'

/** The value of a key without a row. */
export const absent = 'null'

/** A call, with values in canonical JSON. */
export type QuorateCall =
  | { readonly type: 'read'; readonly value: string }
  | { readonly type: 'write'; readonly value: string }
  /** `existed`: whether there was a row, if it was told. */
  | { readonly type: 'delete'; readonly existed: boolean | undefined }
  | { readonly type: 'casValue'; readonly from: string; readonly to: string }
  | { readonly type: 'casRevision'; readonly ifRevision: number; readonly to: string }

/** Parses; a text says why it cannot be a call of this model. */
export function quorateCall(operation: Operation): QuorateCall | string {
  const { f, input, output, outcome } = operation
  switch (f) {
    case 'read':
      return { type: 'read', value: canonical(output) }
    case 'write':
      return canonical(input) === absent
        ? 'a write of null cannot be told from a delete'
        : { type: 'write', value: canonical(input) }
    case 'delete':
      // What stands in an `info` is a note of the recorder, and nobody's answer.
      return {
        type: 'delete',
        existed: outcome === 'ok' && typeof output === 'boolean' ? output : undefined,
      }
    case 'cas':
      return casOf(input)
    default:
      return `quorate has read, write, cas and delete, not ${f}`
  }
}

function casOf(input: unknown): QuorateCall | string {
  if (Array.isArray(input) && input.length === 2) {
    const [from, to]: readonly unknown[] = input
    return { type: 'casValue', from: canonical(from), to: canonical(to) }
  }
  if (typeof input === 'object' && input !== null && 'ifRevision' in input && 'to' in input) {
    const { ifRevision, to } = input
    if (typeof ifRevision === 'number' && Number.isSafeInteger(ifRevision) && ifRevision >= 0) {
      return { type: 'casRevision', ifRevision, to: canonical(to) }
    }
  }
  return 'the value of a cas is [from, to] or {"ifRevision": n, "to": value}'
}

/**
 * Whether a `fail` is the store's answer that the condition did not hold, and not only that the
 * call had no effect for some other reason.
 */
export function isConflict({ f, outcome, error }: Operation): boolean {
  return outcome === 'fail' && f === 'cas' && (error === undefined || error === 'QUORATE_CONFLICT')
}
