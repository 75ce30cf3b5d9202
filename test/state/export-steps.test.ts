/**
 * Goal: an export of however large rows never keeps the event loop for long: what one turn of it
 * reads, checks, copies and hashes is bounded in rows and in bytes.
 * Method: a real LevelDB with rows of all sizes, looked at from both sides: what each read of the
 * export gets, and in which turn each read and each frame comes. No time is taken.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AbstractIterator, AbstractIteratorOptions } from 'abstract-level'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RowDatabase, StateDatabase } from '../../src/state/database.ts'
import { openStateDatabase } from '../../src/system/state-database.ts'
import { Driver, openMachine, put } from './support.ts'

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'quorate-export-'))
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

const time = 1_700_000_000_000
const largest = 1_048_576

/** What happened in one turn. */
interface Turn {
  reads: number
  rows: number
  /** Of all rows but the last. */
  bytes: number
  lastBytes: number
  frames: number
}

const nothing: Turn = { reads: 0, rows: 0, bytes: 0, lastBytes: 0, frames: 0 }

type RowIterator = AbstractIterator<RowDatabase, Uint8Array, Uint8Array>

/** The database, with each turn of what reads it written down. A pause begins the next one. */
function watched(database: StateDatabase): { watched: StateDatabase; turns: Turn[] } {
  const turns: Turn[] = [{ ...nothing }]
  const iterator = (options: AbstractIteratorOptions<Uint8Array, Uint8Array>): RowIterator => {
    const real: RowIterator = database.db.iterator(options)
    const nextv = real.nextv.bind(real)
    real.nextv = async (size: number) => {
      const rows = await nextv(size)
      const turn = turns.at(-1)!
      turn.reads++
      turn.rows += rows.length
      const sizes = rows.map(([key, value]) => key.length + value.length)
      turn.bytes += sizes.slice(0, -1).reduce((sum, bytes) => sum + bytes, 0)
      turn.lastBytes += sizes.at(-1) ?? 0
      return rows
    }
    return real
  }
  const db = new Proxy(database.db, {
    get: (target, name) => {
      if (name === 'iterator') return iterator
      const found: unknown = Reflect.get(target, name, target)
      return typeof found === 'function' ? found.bind(target) : found
    },
  })
  const pause = async (): Promise<void> => {
    turns.push({ ...nothing })
    await database.pause()
  }
  return { watched: { ...database, db, pause }, turns }
}

test('a turn reads few rows, or one large one, or makes one frame', async () => {
  const { watched: database, turns } = watched(await openStateDatabase(join(root, 'state')))
  const machine = await openMachine(database, { overlayFlushBytes: 262_144 })
  const driver = new Driver(machine, time)
  const write = async (name: string, count: number, bytes: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      driver.write(put(`${name}-${i}`, name.repeat(bytes / name.length)))
      if (machine.overlayFull) await machine.drained()
    }
  }
  await write('a', 500, 100)
  await write('b', 8, largest)
  await write('c', 40, 100_000)
  await write('d', 200, 5_000)
  await machine.flush()

  const opened = await machine.openExport()
  turns.length = 0
  await database.pause()
  for (let n = 0; ; n++) {
    const { last } = await opened.frame(n)
    turns.at(-1)!.frames++
    if (last) break
  }
  await opened.close()
  await machine.close()

  const rows = turns.reduce((sum, turn) => sum + turn.rows, 0)
  expect(rows).toBeGreaterThanOrEqual(748)
  for (const turn of turns) {
    expect(turn.reads).toBeLessThanOrEqual(1)
    expect(turn.frames).toBeLessThanOrEqual(1)
    expect(turn.rows).toBeLessThanOrEqual(64)
    expect(turn.bytes).toBeLessThanOrEqual(16_384)
  }
  expect(Math.max(...turns.map((turn) => turn.lastBytes))).toBeGreaterThan(largest)
})
