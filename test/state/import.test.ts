/**
 * Goal: an import takes in what was sent and nothing else, and what it leaves behind when it is
 * broken off, or when the power goes, is never taken for a state. A restore changes the numbers
 * that have to change, and nothing else.
 *
 * Method: frames with bits flipped, left out, twice, in another order, cut, of another snapshot;
 * frames whose own checksum was made to hold again; imports that end at each frame, and crashes
 * that keep any prefix of their batches.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { defaultSettings } from '../../src/command/index.ts'
import { SnapshotReader } from '../../src/state/index.ts'
import {
  configurationKey,
  encodeSettings,
  keyspaces,
  minuteKey,
  rowKey,
  seal,
  sealData,
  settingsKey,
} from '../../src/state/layout.ts'
import {
  decodeFrame,
  encodeCounts,
  encodeFrame,
  encodeHeader,
  frameHeadBytes,
  frameKinds,
  SnapshotDigest,
} from '../../src/state/snapshot-format.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { isQuorate } from './errors.ts'
import {
  b,
  del,
  Driver,
  exportFrames,
  importFrames,
  openMachine,
  put,
  sessionName,
  token,
} from './support.ts'

const time = 1_700_000_000_000

/** Frames of a small state with a row of every kind but a history. */
async function smallFrames(): Promise<Uint8Array[]> {
  const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
  driver.config(b('members'))
  for (const key of ['a', 'b', 'c']) driver.write(put(key, key), token(`t${key}`, time))
  driver.write(del('c'))
  return await exportFrames(driver.machine)
}

/** Frames of a state that fills several, with rows of every size. */
async function manyFrames(): Promise<Uint8Array[]> {
  const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
  for (let i = 0; i < 9; i++) {
    driver.write(put(`k${i}`, String(i).repeat(100_000 * (1 + (i % 3)))))
    await driver.machine.drained()
  }
  return await exportFrames(driver.machine)
}

/** Reads frames without a database; how it ended. */
function reading(frames: readonly Uint8Array[], expected?: { term: number; index: number }) {
  const reader = new SnapshotReader({ name: 'it', expected })
  let at = 0
  try {
    for (const frame of frames) {
      for (const { key } of reader.read(frame, at)) expect(key.length).toBeGreaterThan(0)
      at += frame.length
    }
    return reader.summary === undefined ? 'unfinished' : 'whole'
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
    return error
  }
}

function expectRefused(frames: readonly Uint8Array[], code: ErrorCode = 'QUORATE_CORRUPT'): void {
  const outcome = reading(frames)
  expect(isQuorate(outcome, code)).toBe(true)
  if (outcome instanceof QuorateError) expect(outcome.details.file).toBe('it')
}

function flipped(frame: Uint8Array, bit: number): Uint8Array {
  const out = Uint8Array.from(frame)
  out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return out
}

/** The frame with another payload, and a checksum that holds. */
function remade(frame: Uint8Array, change: (payload: Uint8Array) => Uint8Array): Uint8Array {
  const decoded = decodeFrame(frame)
  if (typeof decoded === 'string') throw new Error(decoded)
  return encodeFrame(decoded.kind, decoded.number, change(Uint8Array.from(decoded.payload)))
}

type Row = readonly [key: Uint8Array, row: Uint8Array]

/** The rows of a snapshot. */
function rowsOf(frames: readonly Uint8Array[]): Row[] {
  const reader = new SnapshotReader({ name: 'it' })
  return frames.flatMap((frame) =>
    [...reader.read(frame, 0)].map(({ key, row }): Row => [key, row]),
  )
}

/** A row as the stream has it. */
function streamed([key, row]: Row): Uint8Array {
  const head = Buffer.alloc(6)
  head.writeUInt16BE(key.length)
  head.writeUInt32BE(row.length, 2)
  return Buffer.concat([head, key, row])
}

/** A snapshot of entry 5 with these rows, right in all but what they are. */
function assembled(rows: readonly Row[], tail: Uint8Array = b('')): Uint8Array[] {
  const stream = Buffer.concat([...rows.map(streamed), tail])
  const count = (keyspace: number): number => rows.filter(([key]) => key[0] === keyspace).length
  const header = encodeHeader({ term: 1, index: 5 })
  const counts = encodeCounts({
    rows: rows.length,
    bytes: stream.length,
    records: count(keyspaces.data),
    tokens: count(keyspaces.tokens),
    sessions: count(keyspaces.sessions),
  })
  const digest = new SnapshotDigest()
  for (const payload of [header, stream, counts]) digest.add(payload)
  return [
    encodeFrame(frameKinds.header, 0, header),
    encodeFrame(frameKinds.rows, 1, stream),
    encodeFrame(frameKinds.trailer, 2, Buffer.concat([counts, digest.done()])),
  ]
}

describe('frames', () => {
  test('as they were sent are whole', async () => {
    expect(reading(await smallFrames())).toBe('whole')
    expect(reading(await manyFrames())).toBe('whole')
  })

  test('with any bit flipped are refused, by the name of what they come from', async () => {
    const frames = await smallFrames()
    for (const [n, frame] of frames.entries()) {
      for (let bit = 0; bit < frame.length * 8; bit++) {
        expectRefused(frames.with(n, flipped(frame, bit)))
      }
    }
  })

  test('with any bit flipped under a checksum that holds are refused all the same', async () => {
    const frames = await smallFrames()
    for (const [n, frame] of frames.entries()) {
      for (let bit = 0; bit < (frame.length - frameHeadBytes) * 8; bit++) {
        const change = remade(frame, (payload) => flipped(payload, bit))
        const outcome = reading(frames.with(n, change))
        const isTooNew = n === 0 && isQuorate(outcome, 'QUORATE_FORMAT_TOO_NEW')
        // A row that says to be longer has not come to its end when the trailer comes.
        expect(isTooNew || isQuorate(outcome, 'QUORATE_CORRUPT')).toBe(true)
      }
    }
  })

  test('missing, twice, in another order, cut, longer, or after the last are refused', async () => {
    const frames = await manyFrames()
    for (const [n, frame] of frames.entries()) {
      const last = n === frames.length - 1
      if (last) expect(reading(frames.slice(0, -1))).toBe('unfinished')
      else expectRefused(frames.toSpliced(n, 1))
      expectRefused(frames.toSpliced(n, 0, frame))
      if (!last) expectRefused(frames.toSpliced(n, 2, frames[n + 1]!, frame))
      for (const length of [0, 3, frame.length - 1]) {
        expectRefused(frames.with(n, frame.subarray(0, length)))
      }
      expectRefused(frames.with(n, Buffer.concat([frame, Uint8Array.of(0)])))
    }
  })

  test('of another snapshot, or of a later format, are refused', async () => {
    const frames = await smallFrames()
    const expected = { term: 1, index: 5 }
    expect(reading(frames, expected)).toBe('whole')
    for (const other of [
      { term: 1, index: 6 },
      { term: 2, index: 5 },
    ]) {
      expect(isQuorate(reading(frames, other), 'QUORATE_CORRUPT')).toBe(true)
    }
    const newer = remade(frames[0]!, (payload) => {
      payload[11] = 2
      return payload
    })
    expectRefused(frames.with(0, newer), 'QUORATE_FORMAT_TOO_NEW')
    expectRefused(frames.with(1, encodeFrame(9, 1, Uint8Array.of(1))))
    expectRefused(frames.with(1, encodeFrame(frameKinds.rows, 1, Uint8Array.of())))
  })

  test('with a whole row left out, moved, or twice are refused', async () => {
    const frames = await smallFrames()
    const rows = rowsOf(frames).map(streamed)
    expect(rows.length).toBeGreaterThan(8)
    const refuse = (changed: readonly Uint8Array[]): void =>
      expectRefused(
        frames.with(
          1,
          remade(frames[1]!, () => Buffer.concat(changed)),
        ),
      )
    for (const [n, row] of rows.entries()) {
      refuse(rows.toSpliced(n, 1))
      refuse(rows.toSpliced(n, 0, row))
      if (n > 0) refuse(rows.toSpliced(n - 1, 2, row, rows[n - 1]!))
    }
  })

  test('of a state that was never written are refused, though all checksums hold', async () => {
    const frames = await smallFrames()
    const good = rowsOf(frames)
    const rowOf = (keyspace: number): number => good.findIndex(([key]) => key[0] === keyspace)
    const sealed = (key: Uint8Array, payload: Uint8Array): Row => [key, seal(key, payload)]
    expect(reading(assembled(good))).toBe('whole')
    for (const tail of ['a', 'half a row']) expectRefused(assembled(good, b(tail)))

    const number = (value: number): Uint8Array => {
      const out = Buffer.alloc(8)
      out.writeBigUInt64BE(BigInt(value))
      return out
    }
    const own = (keyspace: number): Uint8Array => good[rowOf(keyspace)]![0]
    const { tokenMinutes, configuration, data, tokens, sessions, tombstones, settings } = keyspaces
    const swaps: [number, Row][] = [
      [tokenMinutes, sealed(own(tokenMinutes), number(99))],
      // As many tokens, but of a minute that the horizon has outlived.
      [tokenMinutes, sealed(minuteKey(1), number(3))],
      [configuration, sealed(configurationKey, Buffer.concat([number(6), b('c')]))],
      [configuration, sealed(configurationKey, number(0))],
      [data, [own(data), sealData(own(data), 1000, b('v'))]],
      [tokens, sealed(own(tokens), Uint8Array.of(3))],
      [sessions, sealed(own(sessions), Uint8Array.of(2))],
      [sessions, sealed(rowKey(sessions, b('short')), good[rowOf(sessions)]![1].subarray(5))],
      [tombstones, sealed(own(tombstones), b(''))],
      [settings, sealed(settingsKey, new Uint8Array(40))],
    ]
    for (const [keyspace, row] of swaps) {
      expect(rowOf(keyspace)).toBeGreaterThan(-1)
      expectRefused(assembled(good.with(rowOf(keyspace), row)))
    }
    for (const keyspace of [keyspaces.applied, keyspaces.settings, keyspaces.tokenMinutes]) {
      expectRefused(assembled(good.toSpliced(rowOf(keyspace), 1)))
    }
    const more: [number, Row][] = [
      [1, sealed(Uint8Array.of(0, 1), good[0]![1].subarray(5))],
      [2, sealed(Uint8Array.of(1, 1), encodeSettings(defaultSettings))],
      [rowOf(tokenMinutes) + 1, sealed(minuteKey(2 ** 40), number(0))],
      [3, sealed(Uint8Array.of(3), b('probe'))],
      [5, sealed(Uint8Array.of(5), b('a history of another length'))],
      [good.length, sealed(Uint8Array.of(0x41), b('later'))],
      [0, [Uint8Array.of(), b('')]],
    ]
    for (const [at, row] of more) expectRefused(assembled(good.toSpliced(at, 0, row)))
  })

  test('cut anywhere else carry the same rows', async () => {
    const frames = await smallFrames()
    const decoded = decodeFrame(frames[1]!)
    if (typeof decoded === 'string') throw new Error(decoded)
    const { payload } = decoded
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: payload.length - 1 })), (cuts) => {
        const at = [0, ...cuts.sort((x, y) => x - y), payload.length]
        const pieces = at.slice(1).map((end, i) => payload.subarray(at[i], end))
        const trailer = decodeFrame(frames[2]!)
        if (typeof trailer === 'string') throw new Error(trailer)
        const cut = [
          frames[0]!,
          ...pieces.map((piece, i) => encodeFrame(frameKinds.rows, 1 + i, piece)),
          encodeFrame(frameKinds.trailer, 1 + pieces.length, trailer.payload),
        ]
        expect(reading(cut)).toBe('whole')
      }),
    )
  })
})

describe('an import', () => {
  /** What a start would make of what is there. */
  async function found(disk: MemoryDatabase): Promise<number | 'not whole'> {
    try {
      const machine = await openMachine(await disk.open())
      const index = machine.appliedIndex
      await machine.abandon()
      return index
    } catch (error) {
      if (!isQuorate(error, 'QUORATE_CORRUPT')) throw error
      return 'not whole'
    }
  }

  test('that is broken off at any frame, and loses any batches, is never taken for a state', async () => {
    const frames = await manyFrames()
    for (let count = 0; count <= frames.length; count++) {
      for (const keep of [0, 1, 2, 5, 1000]) {
        const disk = new MemoryDatabase()
        const into = await importFrames(await disk.open(), frames.slice(0, count))
        await into.abort()
        await into.abort()
        disk.crash(keep)
        expect(['not whole', 0]).toContain(await found(disk))
      }
    }
  })

  test('is whole or not, wherever the power goes while it is finished', async () => {
    const frames = await manyFrames()
    for (let keep = 0; ; keep++) {
      const disk = new MemoryDatabase()
      const failing = { ...(await disk.open()), barrier: () => Promise.reject(new Error('EIO')) }
      const into = await importFrames(failing, frames)
      const failure: unknown = await into.finish().catch((error: unknown) => error)
      expect(isQuorate(failure, 'QUORATE_STORAGE')).toBe(true)
      const batches = disk.volatileBatches
      disk.crash(keep)
      const isWhole = (await found(disk)) === 9
      expect(isWhole).toBe(keep >= batches)
      if (isWhole) break
    }
  })

  test('goes into an empty database alone, and is over when it is over', async () => {
    const frames = await smallFrames()
    const disk = new MemoryDatabase()
    const database = await disk.open()
    await database.db.put(Uint8Array.of(1), Uint8Array.of(1))
    const refusal: unknown = await importFrames(database, frames).catch((error: unknown) => error)
    expect(isQuorate(refusal, 'QUORATE_USAGE')).toBe(true)
    expect(database.db.status).toBe('closed')

    const into = await importFrames(await new MemoryDatabase().open(), frames)
    await into.finish()
    const late: unknown = await into.write(frames[0]!).catch((error: unknown) => error)
    expect(isQuorate(late, 'QUORATE_STOPPING')).toBe(true)
  })

  test('says when it is done, and fails for good once a frame was wrong', async () => {
    const frames = await smallFrames()
    const into = await importFrames(await new MemoryDatabase().open(), [])
    expect(await into.write(frames[0]!)).toEqual({ done: false })
    expect(into.summary).toBeUndefined()
    const wrong: unknown = await into.write(frames[2]!).catch((error: unknown) => error)
    expect(isQuorate(wrong, 'QUORATE_CORRUPT')).toBe(true)
    expect(await into.write(frames[1]!).catch((error: unknown) => error)).toBe(wrong)
    await expect(into.finish()).rejects.toThrow('finished once')
    await into.abort()
  })
})

describe('a restore', () => {
  test('goes on a million further, under its own history, with everything else as it was', async () => {
    const frames = await smallFrames()
    const disk = new MemoryDatabase()
    const into = await importFrames(await disk.open(), frames)
    const { sha256, revision, clusterTime } = into.summary!
    const historyId = '0123456789abcdef0123456789abcdef'
    const step = 1_000_000
    const summary = await into.finish({
      indexStep: step,
      revisionStep: step,
      configuration: b('new members'),
      historyId,
    })
    expect(summary).toMatchObject({ revision: revision + step, clusterTime, sha256, historyId })
    expect(summary.snapshot).toEqual({ term: 1, index: 5 + step })
    disk.crash()

    const machine = await openMachine(await disk.open())
    const original = await openMachine(await new MemoryDatabase().open())
    expect(original.historyId).toBeUndefined()
    expect(machine.historyId).toBe(historyId)
    expect(machine.appliedIndex).toBe(5 + step)
    expect(machine.configuration).toEqual({ index: 5 + step, data: b('new members') })
    expect(machine.reader.get(b('a'))?.revision).toBe(1)
    const driver = new Driver(machine, time)
    // Of another session, so that it is the token that knows it.
    const retried = driver.one({
      kind: 'write',
      call: { session: sessionName(time, 7), sequence: 1, firstOutstanding: 1 },
      identity: token('ta', time),
      operation: put('a', 'a'),
    })
    expect(retried).toMatchObject({ status: 'duplicate', revision: 1 })
    const next = driver.one({
      kind: 'write',
      call: { session: driver.session, sequence: 6, firstOutstanding: 6 },
      identity: { kind: 'none' },
      operation: put('new', 'v'),
    })
    expect(next).toEqual({ status: 'applied', revision: revision + step + 1 })
    await machine.close()
    const again = await openMachine(await disk.open())
    expect(again.historyId).toBe(historyId)
    expect(again.revision).toBe(revision + step + 1)
    // A snapshot of it says so, too.
    const copy = await importFrames(await new MemoryDatabase().open(), await exportFrames(again))
    expect(copy.summary).toMatchObject({ historyId, revision: revision + step + 1 })
    await copy.abort()
  })
})
