/**
 * The rows digest: a sum over all logical rows as LevelDB has them at one index. The effects
 * digest says whether nodes decided alike; this one, whether what they decided is still there.
 *
 *     rows := sum over rows of SHA-256( length(u16) key payload )[0..16], in four u32 lanes, each
 *             modulo 2^32
 *
 * `key` with its keyspace, `payload` without its seal. A sum does not care for order, so it could
 * be cut into parts. Logical rows are records, settings, the configuration, the history's id, live
 * tokens, unexpired sessions and tombstones. What is left out differs between nodes without being
 * a difference: rows of the dead go at each node's own time. The applied row and the counts say
 * nothing that isn't in the effects digest.
 */
import { hash } from 'node:crypto'
import { assert } from '../assert.ts'
import { keyspaceRange } from './database.ts'
import type { RowSnapshot, StateDatabase } from './database.ts'
import { keyspaces, parse, readToken, unseal } from './layout.ts'
import type { AppliedRow } from './layout.ts'
import { readSession } from './session-row.ts'
import { sessionBase } from './sessions.ts'

const rowsPerStep = 64

/** Reads all rows of a snapshot, in steps; undefined if it was stopped. Hex. */
export async function digestRows(
  database: StateDatabase,
  snapshot: RowSnapshot,
  applied: AppliedRow,
  stopped: () => boolean,
): Promise<string | undefined> {
  const sum = new Uint32Array(4)
  const { settings, configuration, history, data, tokens, sessions, tombstones } = keyspaces
  const logical = [settings, configuration, history, data, tokens, sessions, tombstones]
  for (const keyspace of logical) {
    const rows = database.db.iterator(keyspaceRange(keyspace, snapshot))
    try {
      for (;;) {
        if (stopped()) return undefined
        const chunk = await rows.nextv(rowsPerStep)
        if (chunk.length === 0) break
        for (const [key, row] of chunk) {
          const payload = unseal(database.location, key, row)
          if (isLogical(database.location, key, payload, applied)) addRow(sum, key, payload)
        }
        await database.pause()
      }
    } finally {
      await rows.close()
    }
  }
  return [...sum].map((lane) => lane.toString(16).padStart(8, '0')).join('')
}

function isLogical(
  location: string,
  key: Uint8Array,
  payload: Uint8Array,
  applied: AppliedRow,
): boolean {
  const keyspace = key[0]
  if (keyspace === keyspaces.tokens) {
    return parse(location, key, payload, readToken).base >= applied.tokenHorizon
  }
  if (keyspace !== keyspaces.sessions) return true
  const session = parse(location, key, payload, readSession)
  return sessionBase(key.subarray(1), session) >= applied.sessionHorizon
}

function addRow(sum: Uint32Array, key: Uint8Array, payload: Uint8Array): void {
  assert(key.length <= 0xffff, 'a key has a length in 16 bits')
  const bytes = Buffer.allocUnsafe(2 + key.length + payload.length)
  bytes.writeUInt16BE(key.length)
  bytes.set(key, 2)
  bytes.set(payload, 2 + key.length)
  const digest = hash('sha256', bytes, 'buffer')
  for (let lane = 0; lane < 4; lane++) {
    // Assignment to the lane is what takes the sum modulo 2^32.
    sum[lane] = (sum[lane] ?? 0) + digest.readUInt32BE(lane * 4)
  }
}
