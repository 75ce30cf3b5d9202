/**
 * Reads the fields of a decoded frame, each with its type and its bounds. Whatever does not fit is
 * a `QUORATE_PROTOCOL` error; nothing is converted or guessed.
 */
import { badFrame, type Wire } from './msgpack.ts'

/** Terms, indices, rounds: so far below 2^53 that adding to one always stays exact. */
export const ordinalMax = 2 ** 52
/** Characters of an address, `[ipv6]:port` or a DNS name with its port. */
export const addressCharsMax = 300
/** Characters of an id: of a node, a cluster, an incarnation. */
export const idCharsMax = 128
/** Members of a cluster, as told to clients. */
export const membersMax = 64
/** Bytes of one frame of a snapshot: large enough to be few, small enough never to hold up others. */
export const snapshotFrameBytesMax = 262_144
/** The highest number of a frame of a snapshot: it has 32 bits. */
const snapshotFrameNumberMax = 4_294_967_295
/** Characters of a text for people. A sender cuts; a receiver refuses. */
export const messageCharsMax = 2000

const nodeIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** An array of exactly `length` fields. */
export function tuple(value: unknown, length: number, what: string): readonly unknown[] {
  const fields = list(value, length, what)
  if (fields.length !== length) throw badFrame(`${what} has ${fields.length} fields`)
  return fields
}

/**
 * An array of at least `length` fields. For the frames of a handshake: a later version may add to
 * them, and must still be understood well enough to be answered.
 */
export function tupleFrom(value: unknown, length: number, what: string): readonly unknown[] {
  const fields = list(value, 64, what)
  if (fields.length < length) throw badFrame(`${what} has ${fields.length} fields`)
  return fields
}

/** An array of at most `max` elements. */
export function list(value: unknown, max: number, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw badFrame(`${what} is not a list`)
  if (value.length > max) throw badFrame(`${what} is too long`)
  return value
}

/** A whole number, `min ≤ n ≤ max`. */
export function uint(value: unknown, what: string, max = Number.MAX_SAFE_INTEGER, min = 0): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    throw badFrame(`${what} is not a number in range`)
  }
  // A double may say -0, which would differ from the 0 that was meant.
  return value === 0 ? 0 : value
}

/** A term, index, round, revision: see `ordinalMax`. */
export function ordinal(value: unknown, what: string, min = 0): number {
  return uint(value, what, ordinalMax, min)
}

/** The place of a frame in its snapshot, from 0 on. */
export function snapshotFrameNumber(value: unknown): number {
  return uint(value, 'frame', snapshotFrameNumberMax)
}

/** The bytes of one frame of a snapshot. */
export function snapshotFrameBytes(value: unknown): Uint8Array {
  return bytes(value, 'a frame of a snapshot', snapshotFrameBytesMax, 1)
}

/** True or false. */
export function bool(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw badFrame(`${what} is not a boolean`)
  return value
}

/** Bytes, `min ≤ length ≤ max`. */
export function bytes(value: unknown, what: string, max: number, min = 0): Uint8Array {
  if (!(value instanceof Uint8Array)) throw badFrame(`${what} is not bytes`)
  if (value.length > max || value.length < min) throw badFrame(`${what} has a wrong length`)
  return value
}

/** A string of at most `max` characters. */
export function text(value: unknown, what: string, max: number): string {
  if (typeof value !== 'string') throw badFrame(`${what} is not a string`)
  if (value.length > max) throw badFrame(`${what} is too long`)
  return value
}

/** An id of a cluster or an incarnation: some visible ASCII. */
export function identifier(value: unknown, what: string): string {
  const id = text(value, what, idCharsMax)
  if (!/^[\x21-\x7e]+$/.test(id)) throw badFrame(`${what} is not an id`)
  return id
}

/** `digits` lower-case hex digits. */
export function hex(value: unknown, digits: number, what: string): string {
  if (typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value))
    return value
  throw badFrame(`${what} is not ${digits} hex digits`)
}

/** A member's name. */
export function nodeId(value: unknown, what: string): string {
  const id = text(value, what, idCharsMax)
  if (!nodeIdPattern.test(id)) throw badFrame(`${what} is not a node id`)
  return id
}

/** One of a fixed list, sent as its position. */
export function oneOf<T>(value: unknown, choices: readonly T[], what: string): T {
  const choice = choices[uint(value, what, choices.length - 1)]
  if (choice === undefined) throw badFrame(`${what} is unknown`)
  return choice
}

/** Nil is undefined; anything else is read. */
export function optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
  return value === null ? undefined : read(value)
}

/** Undefined is sent as nil. */
export function orNil(value: Wire | undefined): Wire {
  return value ?? null
}

/** A text for people, cut to what a receiver takes. */
export function shortText(value: string): string {
  return value.length > messageCharsMax ? value.slice(0, messageCharsMax) : value
}
