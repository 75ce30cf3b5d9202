/**
 * Keys and values to bytes and back, by name as in Level. What cannot be said exactly is refused
 * and never quietly replaced: a store that keeps decimals to the last digit must not lose a
 * character on the way in, or show one that is not there on the way out.
 */
import { isUtf8 } from 'node:buffer'
import { Packr } from 'msgpackr'
import { unreachable } from '../assert.ts'
import { QuorateError, usageError } from '../errors.ts'
import type { Encoding } from './types.ts'

const names: ReadonlySet<string> = new Set(['buffer', 'utf8', 'json', 'msgpack'])
const packr = new Packr({ useRecords: false })

/** The encoding to use; throws on a name that is none. */
export function checkEncoding(name: Encoding | undefined, fallback: Encoding): Encoding {
  if (name === undefined) return fallback
  if (!names.has(name)) {
    throw usageError(`there is no encoding ${JSON.stringify(name)}: buffer, utf8, json, msgpack`)
  }
  return name
}

/** The bytes of a key or value. `what` names it in errors. */
export function encode(data: unknown, encoding: Encoding, what: string): Uint8Array {
  switch (encoding) {
    case 'buffer':
    case 'utf8':
      if (typeof data === 'string') return utf8Bytes(data, what)
      if (data instanceof Uint8Array) return data
      throw usageError(
        `a ${what} with encoding ${encoding} is a string or a Uint8Array, not ${describe(data)}`,
      )
    case 'json':
      return jsonBytes(data, what)
    case 'msgpack':
      return msgpackBytes(data, what)
    default:
      return unreachable(encoding)
  }
}

/** What the bytes stand for. Bytes that the encoding cannot stand for are a usage error. */
export function decode(bytes: Uint8Array, encoding: Encoding, what: string): unknown {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (encoding) {
    case 'buffer':
      return buffer
    case 'utf8':
      return utf8Text(buffer, what)
    case 'json':
      return parsed(() => JSON.parse(utf8Text(buffer, what)) as unknown, encoding, what)
    case 'msgpack':
      return parsed(() => packr.unpack(buffer) as unknown, encoding, what)
    default:
      return unreachable(encoding)
  }
}

/** A token's bytes: a string in UTF-8, or bytes as they stand. */
export function encodeToken(token: string | Uint8Array): Uint8Array {
  return encode(token, 'buffer', 'token')
}

/**
 * Half of a surrogate pair has no UTF-8: the platform would write U+FFFD for each, and two
 * different keys would become one.
 */
function utf8Bytes(text: string, what: string): Uint8Array {
  if (!text.isWellFormed()) {
    throw usageError(`a ${what} holds half of a surrogate pair, which has no UTF-8`)
  }
  return Buffer.from(text, 'utf8')
}

function utf8Text(bytes: Buffer, what: string): string {
  if (!isUtf8(bytes)) {
    throw usageError(`a stored ${what} is not valid UTF-8: read it with ${what}Encoding 'buffer'`)
  }
  return bytes.toString('utf8')
}

function jsonBytes(data: unknown, what: string): Uint8Array {
  let text: string | undefined
  try {
    text = JSON.stringify(data)
  } catch (error) {
    throw new QuorateError('QUORATE_USAGE', `a ${what} has no JSON`, { cause: error })
  }
  if (text === undefined) throw usageError(`a ${what} has no JSON: it is ${describe(data)}`)
  return Buffer.from(text, 'utf8')
}

function msgpackBytes(data: unknown, what: string): Uint8Array {
  if (data === undefined) throw usageError(`a ${what} is undefined`)
  try {
    return packr.pack(data)
  } catch (error) {
    throw new QuorateError('QUORATE_USAGE', `a ${what} has no msgpack`, { cause: error })
  }
}

function parsed(parse: () => unknown, encoding: Encoding, what: string): unknown {
  try {
    return parse()
  } catch (error) {
    if (error instanceof QuorateError) throw error
    throw new QuorateError(
      'QUORATE_USAGE',
      `a stored ${what} is not ${encoding}: read it with ${what}Encoding 'buffer'`,
      { cause: error },
    )
  }
}

function describe(data: unknown): string {
  return data === null ? 'null' : typeof data
}
