/** The options of a scan as a range of encoded keys. */
import type { KeyRange } from '../command/index.ts'
import { QuorateError, usageError } from '../errors.ts'
import { encode } from './encoding.ts'
import type { Encoding, ScanOptions } from './types.ts'

/** What the state machine is asked for. */
export function scanRange(
  options: ScanOptions,
  keyEncoding: Encoding,
  keyBytesMax: number,
): KeyRange {
  const limit = options.limit ?? Infinity
  if (limit !== Infinity && (!Number.isSafeInteger(limit) || limit < 0)) {
    throw usageError('`limit` is a whole number from 0 on')
  }
  const bounds =
    options.prefix === undefined
      ? givenBounds(options, keyEncoding, keyBytesMax)
      : prefixBounds(options, keyEncoding, keyBytesMax)
  return {
    ...bounds,
    reverse: options.reverse === true,
    limit,
    keysOnly: options.keysOnly === true,
  }
}

interface Bounds {
  gte?: Uint8Array
  gt?: Uint8Array
  lte?: Uint8Array
  lt?: Uint8Array
}

function givenBounds(options: ScanOptions, encoding: Encoding, keyBytesMax: number): Bounds {
  if (options.gte !== undefined && options.gt !== undefined) {
    throw usageError('a scan begins at `gte` or after `gt`, not both')
  }
  if (options.lte !== undefined && options.lt !== undefined) {
    throw usageError('a scan ends with `lte` or before `lt`, not both')
  }
  const bounds: Bounds = {}
  for (const name of ['gte', 'gt', 'lte', 'lt'] as const) {
    const bound = options[name]
    if (bound !== undefined) bounds[name] = boundBytes(bound, encoding, name, keyBytesMax)
  }
  return bounds
}

function prefixBounds(options: ScanOptions, encoding: Encoding, keyBytesMax: number): Bounds {
  for (const name of ['gte', 'gt', 'lte', 'lt'] as const) {
    if (options[name] !== undefined) throw usageError(`\`prefix\` excludes \`${name}\``)
  }
  // The encoded form of a part is no prefix of the encoded form of the whole.
  if (encoding === 'json' || encoding === 'msgpack') {
    throw usageError(`\`prefix\` needs keyEncoding utf8 or buffer, not ${encoding}`)
  }
  const prefix = boundBytes(options.prefix, encoding, 'prefix', keyBytesMax)
  const end = successor(prefix)
  if (prefix.length === 0) return {}
  return end === undefined ? { gte: prefix } : { gte: prefix, lt: end }
}

function boundBytes(
  bound: unknown,
  encoding: Encoding,
  name: string,
  keyBytesMax: number,
): Uint8Array {
  // A copy: the request leaves later, and the caller's buffer may be used again by then.
  const bytes = new Uint8Array(encode(bound, encoding, 'key'))
  if (bytes.length > keyBytesMax) {
    throw new QuorateError(
      'QUORATE_TOO_LARGE',
      `\`${name}\` of ${bytes.length} bytes is longer than any key (${keyBytesMax})`,
    )
  }
  return bytes
}

/**
 * The least key above all keys that begin with the prefix: its last byte that is not 0xff, counted
 * up, with what follows cut off. Undefined where no key is above them: all bytes are 0xff.
 */
export function successor(prefix: Uint8Array): Uint8Array | undefined {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] ?? 0
    if (byte === 0xff) continue
    const end = prefix.slice(0, i + 1)
    end[i] = byte + 1
    return end
  }
  return undefined
}
