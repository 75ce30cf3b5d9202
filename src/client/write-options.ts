/** The options of writes, checked and put into the words of commands. */
import type { CallId, Command, Identity, KeyOperation, Operation } from '../command/index.ts'
import { usageError } from '../errors.ts'
import type { WritePlan } from './call.ts'
import type { ClusterTime } from './cluster-time.ts'
import { checkEncoding, encode, encodeToken } from './encoding.ts'
import type {
  BatchOperation,
  Encoding,
  EncodingOptions,
  PutOptions,
  PutRecord,
  WriteOptions,
} from './types.ts'

/** Encodings of keys and values. */
export interface Encodings {
  readonly key: Encoding
  readonly value: Encoding
}

/** The encodings of a call: its own, or those of the client. */
export function encodingsOf(options: EncodingOptions, defaults: Encodings): Encodings {
  return {
    key: checkEncoding(options.keyEncoding, defaults.key),
    value: checkEncoding(options.valueEncoding, defaults.value),
  }
}

/** Options that decide between calls. */
interface IdentityOptions {
  readonly token?: string | Uint8Array
  readonly tokenTime?: number
  readonly once?: boolean
  readonly ifRevision?: number
}

/** What decides between this call and others. The token's default time is fixed here, for good. */
export function identityOf(options: IdentityOptions, clusterTime: ClusterTime): Identity {
  const { token, tokenTime, once, ifRevision } = options
  if (once === true) {
    if (token !== undefined) throw usageError('`once` excludes `token`: the key is the identity')
    if (ifRevision !== undefined) throw usageError('`once` excludes `ifRevision`')
    if (tokenTime !== undefined) throw usageError('`tokenTime` belongs to a `token`')
    return { kind: 'once' }
  }
  if (token === undefined) {
    if (tokenTime !== undefined) throw usageError('`tokenTime` belongs to a `token`')
    return { kind: 'none' }
  }
  // A copy: errors carry it long after the caller may have used its buffer again.
  const bytes = new Uint8Array(encodeToken(token))
  return { kind: 'token', token: bytes, time: tokenTime ?? clusterTime.tokenTime() }
}

/** A put as an operation. */
export function putOperation(
  record: { readonly key: unknown; readonly value: unknown; readonly ifRevision?: number },
  encodings: Encodings,
): KeyOperation {
  return {
    kind: 'put',
    key: encode(record.key, encodings.key, 'key'),
    value: encode(record.value, encodings.value, 'value'),
    ifRevision: record.ifRevision,
  }
}

/** A delete as an operation. */
export function deleteOperation(
  key: unknown,
  ifRevision: number | undefined,
  encodings: Encodings,
): KeyOperation {
  return { kind: 'delete', key: encode(key, encodings.key, 'key'), ifRevision }
}

/** The operations of a batch. */
export function batchOperations(
  operations: readonly BatchOperation[],
  encodings: Encodings,
): readonly KeyOperation[] {
  if (!Array.isArray(operations)) throw usageError('a batch is a list of operations')
  return operations.map((each: BatchOperation) => {
    switch (each?.type) {
      case 'put':
        return putOperation(each, encodings)
      case 'delete':
        return deleteOperation(each.key, each.ifRevision, encodings)
      default:
        throw usageError("an operation of a batch has the type 'put' or 'delete'")
    }
  })
}

/** Whether a mismatch is thrown. */
export function throwsMismatch(options: Pick<WriteOptions, 'onMismatch'>): boolean {
  const { onMismatch } = options
  if (onMismatch === undefined || onMismatch === 'return') return false
  if (onMismatch === 'throw') return true
  throw usageError("`onMismatch` is 'return' or 'throw'")
}

/** Options that a call does not have, for callers whom no compiler told. */
export function refuseOptions(options: object, names: readonly string[], why: string): void {
  for (const name of names) {
    const value = (options as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined && value !== false) throw usageError(`\`${name}\`: ${why}`)
  }
}

/** Throws unless the state machine could hold such a token. */
export function checkToken(token: Uint8Array, time: number | undefined, bytesMax: number): void {
  if (token.length === 0 || token.length > bytesMax) {
    throw usageError(`a token has 1 to ${bytesMax} bytes`)
  }
  if (time !== undefined && (!Number.isSafeInteger(time) || time < 0)) {
    throw usageError('a token time is a whole number of milliseconds')
  }
}

/** A write on its way to its name. */
export function writePlan(name: string, operation: Operation, identity: Identity): WritePlan {
  const command = (call: CallId): Command => ({ kind: 'write', call, identity, operation })
  const { kind } = identity
  if (kind !== 'token') return { name, identity: kind, sequenced: true, command }
  return { name, identity: kind, sequenced: true, command, token: identity.token }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/**
 * A record's own options over those of the whole. Name by name, because a spread that is added to
 * costs some 5 µs, for each record.
 */
export function recordOptions(record: PutRecord, options: PutOptions): PutOptions {
  const own: Mutable<PutOptions> = {}
  if (options.timeout !== undefined) own.timeout = options.timeout
  if (options.signal !== undefined) own.signal = options.signal
  if (options.keyEncoding !== undefined) own.keyEncoding = options.keyEncoding
  if (options.valueEncoding !== undefined) own.valueEncoding = options.valueEncoding
  if (options.onMismatch !== undefined) own.onMismatch = options.onMismatch
  const { token, ifRevision, tokenTime = options.tokenTime, once = options.once } = record
  if (token !== undefined) own.token = token
  if (tokenTime !== undefined) own.tokenTime = tokenTime
  if (once !== undefined) own.once = once
  if (ifRevision !== undefined) own.ifRevision = ifRevision
  return own
}
