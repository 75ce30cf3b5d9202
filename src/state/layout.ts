/**
 * The rows of the state, byte by byte. Big-endian.
 *
 *     key          value
 *     00           applied     index(u64) term(u64) revision(u64) clusterTime(u48)
 *                              tokenHorizon(u48) sessionHorizon(u48) tokens(u64) effects(32)
 *     01           settings    clusterVersion(u64) tokenRetentionMs(u64) sessionExpiryMs(u64)
 *                              tokensMax(u64) sessionsMax(u64)
 *     02 minute    live tokens whose base lies in that minute: count(u64); minute is u48
 *     04           configuration  index(u64) and the bytes of the config entry applied there
 *     05           history     id(16): only in a state that was restored
 *     10 key       a record    revision(u64) value
 *     20 token     recorded    1 base(u48) revision(u64) existed(u8) payloadHash(16)
 *                  cancelled   2 base(u48)
 *     30 session   see session-row.ts
 *     40 revision(u64) operation(u16)   a tombstone: the key that was deleted
 *
 * 03 stays free: the database's barrier tries its writing with it.
 *
 * Every value is sealed: format(u8 = 1) checksum(u32) and then what the table shows. The checksum
 * is a CRC-32 over the row's key and what follows, because LevelDB hands out a table's damaged
 * bytes, or another row's, without an error (measured: one flipped bit, one wrong value).
 */
import { crc32 } from 'node:zlib'
import { assert } from '../assert.ts'
import {
  ByteReader,
  ByteWriter,
  payloadHashBytes,
  sessionBytes,
  settingInRange,
} from '../command/index.ts'
import type { Row, Settings } from '../command/index.ts'
import { corruptError } from '../errors.ts'
import { crc32Of } from './crc32.ts'

/** First bytes of keys. */
export const keyspaces = {
  applied: 0x00,
  settings: 0x01,
  tokenMinutes: 0x02,
  configuration: 0x04,
  history: 0x05,
  data: 0x10,
  tokens: 0x20,
  sessions: 0x30,
  tombstones: 0x40,
} as const

const rowFormat = 1
/** Bytes before what a row says: its format and its checksum. */
export const sealBytes = 5
/** Bytes of a record's row before the value. */
export const dataHeaderBytes = sealBytes + 8
/** Bytes of an effects digest. */
export const effectsBytes = 32
/** Bytes of the id of a history. */
export const historyBytes = 16

/** What stands in the `applied` row: how far the state is, in every sense. */
export interface AppliedRow {
  readonly index: number
  readonly term: number
  readonly revision: number
  readonly clusterTime: number
  /** Tokens whose base is before it are forgotten. Monotone, whatever becomes of the settings. */
  readonly tokenHorizon: number
  /** Sessions whose base is before it are expired. Monotone as well. */
  readonly sessionHorizon: number
  /** Live tokens as counted for the cap: the sum over the minutes' rows. */
  readonly tokens: number
  /** The chain over all entries; see `effects.ts`. */
  readonly effects: Uint8Array
}

/** The newest configuration applied: the index of its entry, and the entry's bytes. */
export interface ConfigurationRow {
  readonly index: number
  readonly data: Uint8Array
}

/** What a token has done. `base`: from when on its retention counts. */
export type TokenRow =
  | {
      readonly kind: 'recorded'
      readonly base: number
      readonly revision: number
      /** Of a delete: whether there was a row. A duplicate repeats it. */
      readonly existed: boolean | undefined
      readonly payloadHash: Uint8Array
    }
  | { readonly kind: 'cancelled'; readonly base: number }

/** Before anything was applied. */
export const emptyApplied: AppliedRow = {
  index: 0,
  term: 0,
  revision: 0,
  clusterTime: 0,
  tokenHorizon: 0,
  sessionHorizon: 0,
  tokens: 0,
  effects: new Uint8Array(effectsBytes),
}

/** The keys of the rows of which there is one each. */
export const appliedKey: Uint8Array = Uint8Array.of(keyspaces.applied)
export const settingsKey: Uint8Array = Uint8Array.of(keyspaces.settings)
export const configurationKey: Uint8Array = Uint8Array.of(keyspaces.configuration)
export const historyKey: Uint8Array = Uint8Array.of(keyspaces.history)

/** A key within a keyspace. */
export function rowKey(keyspace: number, key: Uint8Array): Uint8Array {
  // From the pool: typed arrays of their own cost more than everything else about a small key.
  const out = Buffer.allocUnsafe(1 + key.length)
  out[0] = keyspace
  out.set(key, 1)
  return out
}

/** The key of a minute's row of live tokens. */
export function minuteKey(minute: number): Uint8Array {
  const writer = ByteWriter.pooled(7)
  writer.u8(keyspaces.tokenMinutes)
  writer.u48(minute)
  return writer.done()
}

/** The key of a tombstone: in the order of revisions, and within a batch of its operations. */
export function tombstoneKey(revision: number, operation: number): Uint8Array {
  assert(revision >= 1, 'a delete that had an effect has a revision')
  const writer = ByteWriter.pooled(11)
  writer.u8(keyspaces.tombstones)
  writer.u64(revision)
  writer.u16(operation)
  return writer.done()
}

/** Seals what a row says. */
export function seal(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const row = Buffer.allocUnsafe(sealBytes + payload.length)
  row.set(payload, sealBytes)
  return sealWith(crc32Of(payload, crc32Of(key)), row)
}

/** The row of a record. Made by hand: there is one for nearly every write. */
export function sealData(key: Uint8Array, revision: number, value: Uint8Array): Uint8Array {
  assert(Number.isSafeInteger(revision) && revision >= 1, 'a record has a revision')
  const row = Buffer.allocUnsafe(dataHeaderBytes + value.length)
  row.writeUInt32BE(Math.floor(revision / 0x1_0000_0000), sealBytes)
  row.writeUInt32BE(revision % 0x1_0000_0000, sealBytes + 4)
  row.set(value, dataHeaderBytes)
  // In three parts, of which only the value goes to the library: no view of the row is needed.
  const before = crc32Of(row, crc32Of(key), sealBytes, dataHeaderBytes)
  return sealWith(crc32(value, before), row)
}

function sealWith(checksum: number, row: Buffer): Uint8Array {
  assert(row.length >= sealBytes, 'a row has room for its seal')
  row[0] = rowFormat
  row.writeUInt32BE(checksum, 1)
  return row
}

/**
 * What a sealed row says; a view. Throws `QUORATE_CORRUPT` if it isn't what was written. The
 * caller stops, or builds the state anew from the log: a wrong row is never worked around.
 */
export function unseal(location: string, key: Uint8Array, row: Uint8Array): Uint8Array {
  const problem = sealProblem(key, row)
  if (problem !== undefined) throw badRow(location, key, problem)
  return row.subarray(sealBytes)
}

/** Why a row isn't what was written; undefined: it is. */
export function sealProblem(key: Uint8Array, row: Uint8Array): string | undefined {
  if (row.length < sealBytes) return `it has ${row.length} bytes`
  if (row[0] !== rowFormat) return `its format is ${row[0]}`
  const stored =
    (((row[1] ?? 0) << 24) | ((row[2] ?? 0) << 16) | ((row[3] ?? 0) << 8) | (row[4] ?? 0)) >>> 0
  return crc32Of(row, crc32Of(key), sealBytes) === stored ? undefined : 'its checksum is wrong'
}

/** The error of a row that isn't what was written. LevelDB does not say where in its files. */
export function badRow(location: string, key: Uint8Array, what: string): Error {
  const keyspace = (key[0] ?? 0).toString(16).padStart(2, '0')
  return corruptError(location, 0, `a row of keyspace ${keyspace} is bad: ${what}`)
}

/** Reads a payload with a checksum that held: if it still makes no sense, the row is bad. */
export function parse<T>(
  location: string,
  key: Uint8Array,
  payload: Uint8Array,
  read: (reader: ByteReader) => T,
): T {
  const reader = new ByteReader(payload)
  try {
    const value = read(reader)
    reader.end()
    return value
  } catch (error) {
    throw badRow(location, key, error instanceof Error ? error.message : 'it cannot be read')
  }
}

/** A record from its payload. */
export function readData(payload: Uint8Array): Row {
  const header = dataHeaderBytes - sealBytes
  assert(payload.length >= header, 'a record has its header')
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const revision = view.getUint32(0) * 0x1_0000_0000 + view.getUint32(4)
  assert(Number.isSafeInteger(revision) && revision >= 1, 'a record has a revision')
  return { value: payload.subarray(header), revision }
}

/** The payload of the applied row. */
export function encodeApplied(applied: AppliedRow): Uint8Array {
  const writer = ByteWriter.pooled(3 * 8 + 3 * 6 + 8 + effectsBytes)
  writer.u64(applied.index)
  writer.u64(applied.term)
  writer.u64(applied.revision)
  writer.u48(applied.clusterTime)
  writer.u48(applied.tokenHorizon)
  writer.u48(applied.sessionHorizon)
  writer.u64(applied.tokens)
  writer.raw(applied.effects)
  return writer.done()
}

export function readApplied(reader: ByteReader): AppliedRow {
  const applied = {
    index: reader.u64(),
    term: reader.u64(),
    revision: reader.u64(),
    clusterTime: reader.u48(),
    tokenHorizon: reader.u48(),
    sessionHorizon: reader.u48(),
    tokens: reader.u64(),
    effects: new Uint8Array(reader.raw(effectsBytes)),
  }
  assert(applied.tokenHorizon <= applied.clusterTime, 'the token horizon is in the past')
  assert(applied.sessionHorizon <= applied.clusterTime, 'the session horizon is in the past')
  return applied
}

/** The payload of the settings row. */
export function encodeSettings(settings: Settings): Uint8Array {
  const writer = ByteWriter.pooled(5 * 8)
  writer.u64(settings.clusterVersion)
  writer.u64(settings.tokenRetentionMs)
  writer.u64(settings.sessionExpiryMs)
  writer.u64(settings.tokensMax)
  writer.u64(settings.sessionsMax)
  return writer.done()
}

export function readSettings(reader: ByteReader): Settings {
  const settings: Settings = {
    clusterVersion: reader.u64(),
    tokenRetentionMs: reader.u64(),
    sessionExpiryMs: reader.u64(),
    tokensMax: reader.u64(),
    sessionsMax: reader.u64(),
  }
  assert(settingInRange('tokenRetentionMs', settings.tokenRetentionMs), 'retention is in range')
  assert(settingInRange('sessionExpiryMs', settings.sessionExpiryMs), 'expiry is in range')
  return settings
}

/** The payload of the configuration row. What the bytes mean is the consensus core's affair. */
export function encodeConfigurationRow({ index, data }: ConfigurationRow): Uint8Array {
  assert(index >= 1, 'a configuration in the state came by an entry')
  const writer = ByteWriter.pooled(8 + data.length)
  writer.u64(index)
  writer.raw(data)
  return writer.done()
}

/** A copy: it outlives the database's buffer. */
export function readConfigurationRow(reader: ByteReader): ConfigurationRow {
  const index = reader.u64()
  assert(index >= 1, 'a configuration in the state came by an entry')
  return { index, data: new Uint8Array(reader.raw(reader.remaining)) }
}

/** The id of a history, a copy. */
export function readHistory(reader: ByteReader): Uint8Array {
  return new Uint8Array(reader.raw(historyBytes))
}

const tokenRecorded = 1
const tokenCancelled = 2
const existedCodes = [undefined, false, true] as const

/** The payload of a token's row. */
export function encodeToken(row: TokenRow): Uint8Array {
  if (row.kind === 'cancelled') {
    const writer = ByteWriter.pooled(1 + 6)
    writer.u8(tokenCancelled)
    writer.u48(row.base)
    return writer.done()
  }
  assert(row.payloadHash.length === payloadHashBytes, 'a payload hash has its length')
  const writer = ByteWriter.pooled(1 + 6 + 8 + 1 + payloadHashBytes)
  writer.u8(tokenRecorded)
  writer.u48(row.base)
  writer.u64(row.revision)
  writer.u8(existedCodes.indexOf(row.existed))
  writer.raw(row.payloadHash)
  return writer.done()
}

export function readToken(reader: ByteReader): TokenRow {
  const kind = reader.u8()
  assert(kind === tokenRecorded || kind === tokenCancelled, 'a token row is of a known kind')
  const base = reader.u48()
  if (kind === tokenCancelled) return { kind: 'cancelled', base }
  const revision = reader.u64()
  const code = reader.u8()
  assert(code < existedCodes.length, 'existed is a known code')
  // A copy: views into the database's buffers would keep them alive in the overlay.
  const hash = new Uint8Array(reader.raw(payloadHashBytes))
  return { kind: 'recorded', base, revision, existed: existedCodes[code], payloadHash: hash }
}

/** The base that a token's row tells, on its word alone; undefined: it is too short for one. */
export function tokenBase(row: Uint8Array): number | undefined {
  const at = sealBytes + 1
  return row.length < at + 6 ? undefined : new ByteReader(row, at).u48()
}

/** Whether a key has the shape of a session's. */
export function isSessionKey(key: Uint8Array): boolean {
  return key.length === 1 + sessionBytes && key[0] === keyspaces.sessions
}
