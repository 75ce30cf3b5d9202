/**
 * Goal: a snapshot is the state after exactly one entry, all of it, and goes on elsewhere as if
 * nothing had happened; memory and steps are bounded however large it is.
 *
 * Method: random logs are cut at a random place; the state there goes through an export and an
 * import, and the rest of the log, with copies of earlier calls in it, is applied to both. Exports
 * are read while entries are applied. The bytes of a small one are golden.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCommand, encodeEntry } from '../../src/command/index.ts'
import type { Entry } from '../../src/raft/types.ts'
import { frameBytesMax } from '../../src/state/index.ts'
import type { StateMachine } from '../../src/state/index.ts'
import { expectGolden } from '../suites/golden-bytes.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { logs } from './arbitraries.ts'
import { isQuorate } from './errors.ts'
import { b, del, Driver, exportFrames, importFrames, openMachine, put, token } from './support.ts'

const time = 1_700_000_000_000
const bytes = (length: number, seed: number): string => String(seed % 10).repeat(length)

async function newDriver(disk = new MemoryDatabase()): Promise<Driver> {
  return new Driver(await openMachine(await disk.open(), { overlayFlushBytes: 4096 }), time)
}

/** A state of a few frames, the rows of which span them. */
async function largeState(disk = new MemoryDatabase()): Promise<Driver> {
  const driver = await newDriver(disk)
  for (let i = 0; i < 12; i++) {
    driver.write(put(`k${i}`, bytes(100_000, i)), token(`t${i}`, time))
    await driver.machine.drained()
  }
  driver.write(put('large', bytes(1_000_000, 1)))
  driver.config(b('members'))
  return driver
}

/** The digests of the state now, by a mark that is applied for it. */
async function digests(machine: StateMachine, name = 'digest'): Promise<unknown> {
  const data = encodeEntry(time, [encodeCommand({ kind: 'mark', id: b(name) })])
  const index = machine.appliedIndex + 1
  machine.apply([{ index, term: machine.appliedTerm, kind: 'commands', data }])
  return await machine.reader.digestAt(b(name))
}

/** A machine on what an import made of these frames. */
async function imported(frames: readonly Uint8Array[], disk = new MemoryDatabase()) {
  const into = await importFrames(await disk.open(), frames)
  const summary = await into.finish()
  disk.crash()
  return { machine: await openMachine(await disk.open()), disk, summary }
}

describe('a snapshot', () => {
  const entries = logs(30).chain((log) =>
    fc.record({
      log: fc.constant(log),
      cut: fc.integer({ min: 1, max: log.length }),
      config: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }),
    }),
  )

  test('is the whole state, and goes on like it, old calls and tokens included (thesis 6.3)', async () => {
    await fc.assert(
      fc.asyncProperty(entries, async ({ log, cut, config }) => {
        const all: Entry[] = log.map(({ stamp, commands }, i) => {
          const data = encodeEntry(stamp, commands.map(encodeCommand))
          return { index: i + 1, term: 1, kind: 'commands', data }
        })
        if (config !== undefined) all[cut - 1] = { ...all[cut - 1]!, kind: 'config', data: config }
        const disk = new MemoryDatabase()
        const original = await openMachine(await disk.open(), { overlayFlushBytes: 300 })
        original.apply(all.slice(0, cut))
        const frames = await exportFrames(original)
        const { machine, disk: copyDisk, summary } = await imported(frames)

        expect(summary.snapshot).toEqual({ term: 1, index: cut })
        expect(copyDisk.rows()).toEqual(disk.rows())
        expect(summary.rows).toBe(disk.rows().size)
        for (const name of ['appliedIndex', 'revision', 'clusterTime', 'effectsDigest'] as const) {
          expect(machine[name]).toBe(original[name])
        }
        expect(machine.settings).toEqual(original.settings)
        expect(machine.configuration).toEqual(original.configuration)
        expect(machine.durableIndex).toBe(cut)
        const { tokens, sessions } = original.status()
        expect(machine.status()).toMatchObject({ tokens, sessions })
        // The log from the beginning, too: every old call meets its answer, or its token.
        const rest = [...all.slice(cut), ...all].map((entry, i) => ({
          ...entry,
          index: cut + 1 + i,
        }))
        expect(machine.apply(rest)).toEqual(original.apply(rest))
        expect(await digests(machine)).toEqual(await digests(original))
        await machine.close()
        await original.close()
      }),
      { numRuns: 100 },
    )
  })

  test('makes a retried token a duplicate, and a retried call the first one (thesis 6.3)', async () => {
    const driver = await newDriver()
    const call = { session: driver.session, sequence: 1, firstOutstanding: 1 }
    const first = driver.one({
      kind: 'write',
      call,
      identity: token('record', time),
      operation: put('k', 'v'),
    })
    const { machine } = await imported(await exportFrames(driver.machine))
    const after = new Driver(machine, time)
    const again = { kind: 'write', call, identity: token('record', time) } as const
    expect(after.one({ ...again, operation: put('k', 'v') })).toEqual(first)
    const other = { ...call, sequence: 2 }
    const retried = { ...again, call: other, operation: put('k', 'v') }
    expect(after.one(retried)).toMatchObject({ status: 'duplicate', revision: 1 })
  })

  test('is of one index, though entries are applied while it is read (`etcd#13766`, `etcd#13973`)', async () => {
    const driver = await largeState()
    const { revision } = driver.machine
    const opened = await driver.machine.openExport()
    const upTo = driver.log.length
    expect(opened.snapshot).toEqual({ term: 1, index: upTo })
    expect(opened.revision).toBe(revision)
    const frames: Uint8Array[] = []
    for (let last = false; !last;) {
      driver.write(put(`k${frames.length}`, bytes(50_000, 3)), token(`n${frames.length}`, time))
      driver.write(del('large'))
      driver.write(put(`new ${frames.length}`, 'x'))
      await driver.machine.flush()
      const frame = await opened.frame(frames.length)
      frames.push(frame.bytes)
      last = frame.last
    }
    await opened.close()
    expect(frames.length).toBeGreaterThan(8)
    expect(driver.machine.appliedIndex).toBeGreaterThan(upTo + 20)

    const there = await newDriver()
    there.machine.apply(driver.log.slice(0, upTo))
    const { machine } = await imported(frames)
    expect(machine.revision).toBe(revision)
    expect(await digests(machine)).toEqual(await digests(there.machine))
    // And it goes on with what was applied meanwhile.
    const { machine: behind } = await imported(frames)
    behind.apply(driver.log.slice(upTo))
    expect(await digests(behind)).toEqual(await digests(driver.machine))
  })

  test('has the bytes that it always had', async () => {
    const driver = await newDriver()
    driver.write(put('key', 'value'), token('token', time))
    driver.write(put('gone', 'value'))
    driver.write(del('gone'))
    driver.config(b('members'))
    const frames = await exportFrames(driver.machine)
    const named = frames.map((frame, i): [string, Uint8Array] => [`frame ${i}`, frame])
    expectGolden(new URL('testdata/snapshot.txt', import.meta.url), new Map(named))
  })
})

describe('an export', () => {
  test('gives the same bytes for a frame that was lost on its way', async () => {
    const driver = await largeState()
    const opened = await driver.machine.openExport()
    const frames: Uint8Array[] = []
    for (let last = false; !last;) {
      const n = frames.length
      const frame = await opened.frame(n)
      expect(frame.bytes.length).toBeLessThanOrEqual(frameBytesMax)
      frames.push(frame.bytes)
      last = frame.last
      for (let back = 0; back < Math.min(4, frames.length); back++) {
        const again = await opened.frame(n - back)
        expect(Buffer.compare(again.bytes, frames[n - back]!)).toBe(0)
      }
      for (const never of [n - 4, n + 2, -1, 0.5]) {
        const refusal: unknown = await opened.frame(never).catch((error: unknown) => error)
        expect(isQuorate(refusal, 'QUORATE_USAGE')).toBe(true)
      }
    }
    const beyond: unknown = await opened.frame(frames.length).catch((error: unknown) => error)
    expect(isQuorate(beyond, 'QUORATE_USAGE')).toBe(true)
    await opened.close()
    const { machine } = await imported(frames)
    expect(await digests(machine)).toEqual(await digests(driver.machine))
  })

  test('hands out frames that were asked for together, in order', async () => {
    const driver = await largeState()
    const [one, other] = [await driver.machine.openExport(), await driver.machine.openExport()]
    const together = await Promise.all([one.frame(0), one.frame(1), one.frame(2), one.frame(1)])
    const single = [await other.frame(0), await other.frame(1), await other.frame(2)]
    for (const [i, frame] of [...single, single[1]!].entries()) {
      expect(Buffer.compare(together[i]!.bytes, frame.bytes)).toBe(0)
    }
    await Promise.all([one.close(), other.close()])
  })

  test('is one of five, needs something applied, and ends with the machine', async () => {
    const empty = await newDriver()
    const nothing: unknown = await empty.machine.openExport().catch((error: unknown) => error)
    expect(isQuorate(nothing, 'QUORATE_OVERLOADED')).toBe(true)

    const driver = await largeState()
    const opened = await Promise.all([1, 2, 3, 4, 5].map(() => driver.machine.openExport()))
    const sixth: unknown = await driver.machine.openExport().catch((error: unknown) => error)
    expect(isQuorate(sixth, 'QUORATE_OVERLOADED')).toBe(true)
    await opened[0]!.close()
    await opened[0]!.close()
    const again = await driver.machine.openExport()
    await again.frame(0)
    const late: unknown = await opened[0]!.frame(0).catch((error: unknown) => error)
    expect(isQuorate(late, 'QUORATE_STOPPING')).toBe(true)

    const reading = again.frame(1).catch((error: unknown) => error)
    await driver.machine.close()
    await reading
    const over: unknown = await again.frame(2).catch((error: unknown) => error)
    expect(isQuorate(over, 'QUORATE_STOPPING')).toBe(true)
  })

  test('sends no row that is not what was written, nor one of no kind', async () => {
    for (const damaged of [true, false]) {
      const disk = new MemoryDatabase()
      const driver = await newDriver(disk)
      driver.write(put('a', 'v'))
      await driver.machine.close()
      const key = Buffer.concat([Uint8Array.of(0x10), b('a')]).toString('hex')
      if (damaged) disk.tamper(key, (row) => Uint8Array.from(row, (byte, i) => byte ^ +(i === 13)))
      const database = await disk.open()
      const machine = await openMachine(database)
      if (!damaged) await database.db.put(Uint8Array.of(0x77), Uint8Array.of(1))
      const opened = await machine.openExport()
      await opened.frame(0)
      const refusal: unknown = await opened.frame(1).catch((error: unknown) => error)
      expect(isQuorate(refusal, 'QUORATE_CORRUPT')).toBe(true)
      expect(await opened.frame(2).catch((error: unknown) => error)).toBe(refusal)
      await opened.close()
    }
  })

  test('and an import pause every few rows, however many there are (`camunda#6269`, `databend#10873`)', async () => {
    let pauses = 0
    const pause = (): Promise<void> => {
      pauses++
      return Promise.resolve()
    }
    const rows = 4000
    const disk = new MemoryDatabase({ pause })
    const driver = await newDriver(disk)
    const call = { session: driver.session, firstOutstanding: 1 }
    for (let i = 0; i < rows; i += 100) {
      const operations = Array.from({ length: 100 }, (_, n) => put(`k${i + n}`, 'v'))
      driver.one({
        kind: 'write',
        call: { ...call, sequence: 1 + i / 100 },
        identity: { kind: 'none' },
        operation: { kind: 'batch', operations },
      })
    }
    await driver.machine.flush()
    pauses = 0
    const frames = await exportFrames(driver.machine)
    expect(pauses).toBeGreaterThanOrEqual(rows / 64)
    const there = new MemoryDatabase({ pause })
    pauses = 0
    const into = await importFrames(await there.open(), frames)
    expect(pauses).toBeGreaterThanOrEqual(Math.floor(rows / 128))
    // Its batches stay small as well.
    expect(there.volatileBatches).toBeGreaterThanOrEqual(Math.floor(rows / 1024))
    await into.finish()
  })
})
