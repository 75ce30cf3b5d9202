/** Reads, when a state is opened, what memory must hold of it; refuses what isn't whole. */
import { assert } from '../assert.ts'
import type { ByteReader, Settings } from '../command/index.ts'
import type { StateDatabase } from './database.ts'
import {
  appliedKey,
  badRow,
  configurationKey,
  emptyApplied,
  historyKey,
  isSessionKey,
  keyspaces,
  parse,
  readApplied,
  readConfigurationRow,
  readHistory,
  readSettings,
  settingsKey,
  unseal,
} from './layout.ts'
import type { AppliedRow, ConfigurationRow } from './layout.ts'
import { minuteOf } from './live-counts.ts'
import type { RowStore } from './row-store.ts'
import { readSession } from './session-row.ts'
import type { SessionTable } from './sessions.ts'

const rowsPerStep = 256

/** What was found, and what fills the parts that are made of it. */
export interface StoredRows {
  readonly applied: AppliedRow
  readonly settings: Settings | undefined
  readonly configuration: ConfigurationRow | undefined
  /** The id of a restored state's history. */
  readonly history: Uint8Array | undefined
  readonly loadInto: (store: RowStore, sessions: SessionTable) => Promise<void>
}

/** Finds where the state stands. */
export async function loadRows(database: StateDatabase): Promise<StoredRows> {
  const { db, location } = database
  const row = db.getSync(appliedKey)
  if (row === undefined) {
    // Every batch ends with the applied row: rows without one were not written by this code.
    const [first] = await db.keys({ limit: 1 }).all()
    if (first !== undefined) throw badRow(location, first, 'there is no applied row beside it')
    const nothing = { settings: undefined, configuration: undefined, history: undefined }
    return { applied: emptyApplied, ...nothing, loadInto: async () => {} }
  }
  const applied = parse(location, appliedKey, unseal(location, appliedKey, row), readApplied)
  const settings = single(database, settingsKey, readSettings)
  if (settings === undefined) throw badRow(location, settingsKey, 'it is missing')
  const configuration = single(database, configurationKey, readConfigurationRow)
  if (configuration !== undefined && configuration.index > applied.index) {
    throw badRow(location, configurationKey, `it is of entry ${configuration.index}`)
  }
  return {
    applied,
    settings,
    configuration,
    history: single(database, historyKey, readHistory),
    loadInto: async (store, sessions) => {
      await loadTokenMinutes(database, applied, store)
      await loadSessions(database, sessions)
    },
  }
}

/** A row of which there is at most one. */
function single<T>(
  { db, location }: StateDatabase,
  key: Uint8Array,
  read: (reader: ByteReader) => T,
): T | undefined {
  const row = db.getSync(key)
  return row === undefined ? undefined : parse(location, key, unseal(location, key, row), read)
}

async function loadTokenMinutes(
  database: StateDatabase,
  applied: AppliedRow,
  store: RowStore,
): Promise<void> {
  const { location } = database
  await eachRow(database, keyspaces.tokenMinutes, (key, payload) => {
    const minute = parse(location, key, key.subarray(1), (reader) => reader.u48())
    if (minute < minuteOf(applied.tokenHorizon)) {
      throw badRow(location, key, 'it counts tokens that are forgotten')
    }
    store.loadTokenMinute(minute, parse(location, key, payload, readCount))
  })
  if (store.tokens !== applied.tokens) {
    const found = `the minutes' sum is ${store.tokens}, it says ${applied.tokens}`
    throw badRow(location, appliedKey, found)
  }
}

async function loadSessions(database: StateDatabase, sessions: SessionTable): Promise<void> {
  const { location } = database
  await eachRow(database, keyspaces.sessions, (key, payload) => {
    if (!isSessionKey(key)) throw badRow(location, key, 'its key is no session')
    sessions.load(key.subarray(1), parse(location, key, payload, readSession))
  })
}

async function eachRow(
  database: StateDatabase,
  keyspace: number,
  handle: (key: Uint8Array, payload: Uint8Array) => void,
): Promise<void> {
  const range = { gte: Uint8Array.of(keyspace), lt: Uint8Array.of(keyspace + 1) }
  const rows = database.db.iterator(range)
  try {
    for (;;) {
      const chunk = await rows.nextv(rowsPerStep)
      if (chunk.length === 0) return
      for (const [key, row] of chunk) handle(key, unseal(database.location, key, row))
      await database.pause()
    }
  } finally {
    await rows.close()
  }
}

function readCount(reader: ByteReader): number {
  const count = reader.u64()
  assert(count >= 1, 'a stored minute counts something')
  return count
}
