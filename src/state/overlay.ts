/**
 * What has been applied and is not in LevelDB yet. Replies do not wait for LevelDB, so every read
 * looks here first.
 */
import { assert } from '../assert.ts'
import { byteString, ByteWriter } from '../command/index.ts'
import type { Settings } from '../command/index.ts'
import {
  appliedKey,
  configurationKey,
  encodeApplied,
  encodeConfigurationRow,
  encodeSettings,
  encodeToken,
  keyspaces,
  minuteKey,
  rowKey,
  seal,
  sealData,
  settingsKey,
  tombstoneKey,
} from './layout.ts'
import type { AppliedRow, ConfigurationRow, TokenRow } from './layout.ts'
import { encodeSession } from './session-row.ts'
import type { SessionChanges } from './sessions.ts'

/** A record that was put, or, where there is no value, deleted. */
export interface DataChange {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
  readonly revision: number
}

interface TokenChange {
  readonly token: Uint8Array
  readonly row: TokenRow
}

interface Tombstone {
  readonly revision: number
  readonly operation: number
  readonly key: Uint8Array
}

/** Memory that a change takes besides its bytes, roughly. */
const changeOverheadBytes = 64

/** One generation of changes: the newest for each key. */
export class Overlay {
  readonly data = new Map<string, DataChange>()
  readonly tokens = new Map<string, TokenChange>()
  readonly tombstones: Tombstone[] = []
  settingsChanged = false
  configurationChanged = false
  /**
   * What it holds in memory, at most. A change that replaces another is added all the same: keys
   * and values are views into log entries, which stay in memory as long as one view does. For the
   * same reason an entry counts its own length at least: see `growTo`.
   */
  bytes = 0

  put(key: Uint8Array, value: Uint8Array, revision: number): void {
    assert(revision >= 1, 'a record has a revision')
    this.data.set(byteString(key), { key, value, revision })
    this.grow(key.length + value.length)
  }

  delete(key: Uint8Array, revision: number, operation: number): void {
    assert(revision >= 1, 'a delete that had an effect has a revision')
    this.data.set(byteString(key), { key, value: undefined, revision })
    this.tombstones.push({ revision, operation, key })
    this.grow(2 * key.length)
  }

  putToken(token: Uint8Array, row: TokenRow): void {
    this.tokens.set(byteString(token), { token, row })
    this.grow(token.length)
  }

  /** Counts at least so many bytes. */
  growTo(bytes: number): void {
    if (this.bytes < bytes) this.bytes = bytes
  }

  /** Counts a change of so many bytes. */
  grow(bytes: number): void {
    this.bytes += bytes + changeOverheadBytes
  }
}

/** A generation that takes no more changes, and all that is written with it. */
export interface Frozen {
  readonly overlay: Overlay
  /** The state's standing after the last entry of this generation: the batch makes it true. */
  readonly applied: AppliedRow
  /** Where they have changed. */
  readonly settings: Settings | undefined
  readonly configuration: ConfigurationRow | undefined
  readonly minutes: ReadonlyMap<number, number>
  /** How many tokens the horizon had outlived by then, since the start. */
  readonly outlivedTokens: number
  readonly sessions: SessionChanges
}

/** One row of a batch; without a value: a removal. */
export interface RowChange {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** All rows of a generation, made one by one, because making them is most of the work. */
export function* frozenRows(frozen: Frozen): Generator<RowChange> {
  for (const { key, value, revision } of frozen.overlay.data.values()) {
    const dataKey = rowKey(keyspaces.data, key)
    yield {
      key: dataKey,
      value: value === undefined ? undefined : sealData(dataKey, revision, value),
    }
  }
  for (const { token, row } of frozen.overlay.tokens.values()) {
    yield sealed(rowKey(keyspaces.tokens, token), encodeToken(row))
  }
  for (const { revision, operation, key } of frozen.overlay.tombstones) {
    yield sealed(tombstoneKey(revision, operation), key)
  }
  for (const [session, encoded] of frozen.sessions.changed) {
    // Not encoded yet: then it has not changed since it was frozen. A session that has may be
    // awaited by a later generation already, which must not be disturbed.
    const awaited = session.awaitedBy === frozen.sessions.changed
    assert(awaited === (encoded === undefined), 'a change encodes first')
    if (awaited) session.awaitedBy = undefined
    yield sealed(rowKey(keyspaces.sessions, session.name), encoded ?? encodeSession(session))
  }
  for (const name of frozen.sessions.removed) {
    yield { key: rowKey(keyspaces.sessions, name), value: undefined }
  }
  for (const [minute, count] of frozen.minutes) yield minuteRow(minute, count)
  if (frozen.settings !== undefined) yield sealed(settingsKey, encodeSettings(frozen.settings))
  if (frozen.configuration !== undefined) {
    yield sealed(configurationKey, encodeConfigurationRow(frozen.configuration))
  }
  yield sealed(appliedKey, encodeApplied(frozen.applied))
}

function minuteRow(minute: number, count: number): RowChange {
  const key = minuteKey(minute)
  if (count === 0) return { key, value: undefined }
  const writer = ByteWriter.pooled(8)
  writer.u64(count)
  return sealed(key, writer.done())
}

function sealed(key: Uint8Array, payload: Uint8Array): RowChange {
  return { key, value: seal(key, payload) }
}
