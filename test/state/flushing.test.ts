/**
 * Goal: one atomic batch holds the effects and how far they go; grouping is each node's own affair;
 * reads, scans and digests see one state; memory is capped; and any failure of the database, or
 * any row that isn't what was written, stops everything.
 *
 * Method: the database in memory, with gates that hold a flush at a chosen place, tampered rows,
 * failing writes, and two machines that are fed alike and flush differently.
 */
import { describe, expect, test } from 'vitest'
import { encodeCommand, encodeEntry } from '../../src/command/index.ts'
import type { Command, Operation } from '../../src/command/index.ts'
import type { Entry } from '../../src/raft/types.ts'
import { minuteKey, seal } from '../../src/state/layout.ts'
import { expectGolden } from '../suites/golden-bytes.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { isQuorate } from './errors.ts'
import { b, del, Driver, openMachine, put, text, token, write } from './support.ts'

const time = 1_700_000_000_000
const all = { reverse: false, limit: Infinity, keysOnly: false }
const mark = (name: string): Command => ({ kind: 'mark', id: b(name) })

/** A database whose steps wait until it is opened. */
function gated(): { disk: MemoryDatabase; open: () => void; shut: () => void } {
  let release = (): void => {}
  let gate: Promise<void> = Promise.resolve()
  return {
    disk: new MemoryDatabase({ pause: () => gate }),
    open: () => release(),
    shut: () => {
      gate = new Promise((resolve) => {
        release = resolve
      })
    },
  }
}

describe('one batch', () => {
  test('holds effects, tokens, sessions, settings, counts and the applied row', async () => {
    const disk = new MemoryDatabase()
    const driver = new Driver(await openMachine(await disk.open()), time)
    driver.write(put('k', 'v'), token('t', time))
    driver.write(put('l', 'v'))
    driver.write(del('l'))
    await driver.machine.flush()

    expect(disk.volatileBatches).toBe(1)
    const kinds = [...disk.rows().keys()].map((key) => key.slice(0, 2)).sort()
    expect(kinds).toEqual(['00', '01', '02', '10', '20', '30', '40'])
  })

  test('is as of its own last entry, though entries are applied while it is written', async () => {
    const { disk, open, shut } = gated()
    const driver = new Driver(await openMachine(await disk.open()), time)
    const call = { session: driver.session, sequence: 1, firstOutstanding: 1 }
    const write = (sequence: number): Command => ({
      kind: 'write',
      call: { ...call, sequence },
      identity: token(`t${sequence}`, time),
      operation: put('k', `v${sequence}`),
    })
    driver.one(write(1))
    shut()
    const flushed = driver.machine.flush()
    driver.one(write(2))
    driver.one(write(3))
    expect(text(driver.machine.reader.get(b('k'))!.value)).toBe('v3')
    open()
    await flushed
    disk.crash(1)

    const machine = await openMachine(await disk.open())
    expect(machine.appliedIndex).toBe(1)
    expect(text(machine.reader.get(b('k'))!.value)).toBe('v1')
    // Had the session's row come from later, its calls would pass for decided, and be lost.
    driver.replay(machine)
    expect(machine.revision).toBe(3)
    expect(text(machine.reader.get(b('k'))!.value)).toBe('v3')
    expect(machine.effectsDigest).toBe(driver.machine.effectsDigest)
  })

  test('entries without commands move the applied row too', async () => {
    const disk = new MemoryDatabase()
    const machine = await openMachine(await disk.open())
    const empty = new Uint8Array(0)
    const answers = machine.apply([
      { index: 1, term: 1, kind: 'noop', data: empty },
      { index: 2, term: 1, kind: 'config', data: b('members') },
      { index: 3, term: 4, kind: 'noop', data: empty },
    ])
    expect(answers.map((each) => each.answers)).toEqual([[], [], []])
    await machine.close()

    const again = await openMachine(await disk.open())
    expect([again.appliedIndex, again.appliedTerm]).toEqual([3, 4])
    expect(again.effectsDigest).toBe(machine.effectsDigest)
  })
})

describe('grouping', () => {
  test('two nodes that flush and group differently have equal digests', async () => {
    const digests = []
    for (const flushBytes of [1, 500, 10_000_000]) {
      const machine = await openMachine(await new MemoryDatabase().open(), {
        overlayFlushBytes: flushBytes,
        overlayBytesMax: 20_000_000,
      })
      const driver = new Driver(machine, time)
      for (let i = 0; i < 200; i++) {
        driver.time += 1000
        driver.write(put(`k${i % 17}`, `v${i}`), token(`t${i % 90}`, time))
        if (i % 5 === 0) driver.write(del(`k${i % 13}`))
        if (flushBytes === 500 && i % 3 === 0) await machine.flush()
      }
      driver.apply(mark('m'))
      digests.push(await machine.reader.digestAt(b('m')))
      await machine.close()
    }
    expect(digests[1]).toEqual(digests[0])
    expect(digests[2]).toEqual(digests[0])
  })

  test('a known log has the digests that it always had, on any machine and Node', async () => {
    const machine = await openMachine(await new MemoryDatabase().open())
    const driver = new Driver(machine, time)
    for (let i = 0; i < 50; i++) {
      driver.time += 60_000
      driver.write(put(`schlüssel-${i % 7}`, `wert ${i}`), token(`t${i % 20}`, time))
      driver.write(del(`schlüssel-${i % 5}`))
      driver.write(put('bedingt', 'x', i))
    }
    driver.one({ kind: 'fence', call: driver.call(), token: b('zaun'), time })
    driver.one({ kind: 'setting', call: driver.call(), name: 'tokensMax', value: 12 })
    driver.apply(mark('m'))
    const digests = await machine.reader.digestAt(b('m'))
    expectGolden(
      new URL('testdata/digests.txt', import.meta.url),
      new Map([
        ['effects', Buffer.from(digests?.effects ?? '', 'hex')],
        ['rows', Buffer.from(digests?.rows ?? '', 'hex')],
      ]),
    )
  })

  test('many entries at once are the same as one by one', async () => {
    const one = await openMachine(await new MemoryDatabase().open())
    const driver = new Driver(one, time)
    for (let i = 0; i < 20; i++) driver.write(put(`k${i}`, 'v'))
    const many = await openMachine(await new MemoryDatabase().open())
    many.apply(driver.log)
    expect(many.effectsDigest).toBe(one.effectsDigest)
  })
})

describe('reading', () => {
  test('a scan is pinned, in order, within its bounds, in pages', async () => {
    const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
    for (const key of ['b', 'd', 'a', 'c', 'e']) driver.write(put(key, key.toUpperCase()))
    const scan = await driver.machine.reader.openScan(all)
    driver.write(put('a', 'later'))
    driver.write(del('e'))
    await driver.machine.flush()

    const first = await scan.next(1_000_000, 2)
    const second = await scan.next(1, 100)
    const third = await scan.next(1_000_000, 100)
    expect(scan.revision).toBe(5)
    expect([first.rows.length, second.rows.length, third.rows.length]).toEqual([2, 1, 2])
    expect([first.done, second.done, third.done]).toEqual([false, false, true])
    const rows = [first, second, third].flatMap((page) => page.rows)
    expect(rows.map(({ key, value }) => text(key) + text(value))).toEqual([
      'aA',
      'bB',
      'cC',
      'dD',
      'eE',
    ])
    await scan.close()
    await scan.close()

    const keys = async (range: Partial<Record<'gt' | 'gte' | 'lt' | 'lte', string>>, rest = {}) => {
      const bounds = Object.fromEntries(Object.entries(range).map(([k, v]) => [k, b(v)]))
      const opened = await driver.machine.reader.openScan({ ...all, ...rest, ...bounds })
      const page = await opened.next(1_000_000, 100)
      await opened.close()
      return page.rows.map(({ key }) => text(key)).join('')
    }
    expect(await keys({})).toBe('abcd')
    expect(await keys({ gte: 'b', lt: 'd' })).toBe('bc')
    expect(await keys({ gt: 'b', lte: 'd' })).toBe('cd')
    expect(await keys({}, { reverse: true })).toBe('dcba')
    expect(await keys({ gt: 'a' }, { reverse: true, limit: 2 })).toBe('dc')
    expect(await keys({ gte: 'x' })).toBe('')
    expect(await keys({}, { limit: 0 })).toBe('')
    const opened = await driver.machine.reader.openScan({ ...all, keysOnly: true })
    const page = await opened.next(1_000_000, 1)
    expect(page.rows[0]).toMatchObject({ revision: 6 })
    expect(page.rows[0]!.value.length).toBe(0)
    await opened.close()
  })

  test('open scans are capped', async () => {
    const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
    const scans = await Promise.all(
      Array.from({ length: 128 }, () => driver.machine.reader.openScan(all)),
    )
    const over = await driver.machine.reader.openScan(all).catch((error: unknown) => error)
    expect(isQuorate(over, 'QUORATE_SCANS_FULL')).toBe(true)
    await scans[0]!.close()
    scans[0] = await driver.machine.reader.openScan(all)
    for (const scan of scans) await scan.close()
  })

  test('a digest is taken at its mark, though later entries come before it is written', async () => {
    const { disk, open, shut } = gated()
    const machine = await openMachine(await disk.open(), { overlayFlushBytes: 1 })
    const driver = new Driver(machine, time)
    driver.write(put('k', 'v'))
    await machine.flush()
    shut()
    driver.write(put('k', 'w'))
    driver.apply(mark('m'))
    const effects = machine.effectsDigest
    driver.write(put('k', 'x'))
    driver.apply(mark('busy'))
    open()

    const twin = new Driver(await openMachine(await new MemoryDatabase().open()), time)
    for (const entry of driver.log.slice(0, 3)) twin.machine.apply([entry])
    const digests = await machine.reader.digestAt(b('m'))
    expect(digests).toEqual(await twin.machine.reader.digestAt(b('m')))
    expect(digests).toMatchObject({ index: 3, effects })
    const busy = await machine.reader.digestAt(b('busy'))?.catch((error: unknown) => error)
    expect(isQuorate(busy, 'QUORATE_OVERLOADED')).toBe(true)
    expect(machine.reader.digestAt(b('never'))).toBeUndefined()
  })

  test('four marks are kept, and none that was passed in an earlier life', async () => {
    const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
    driver.machine.liveFrom = 1
    driver.apply(mark('replayed'))
    expect(await untaken(driver, 'replayed')).toBe(true)
    for (let i = 0; i < 5; i++) {
      driver.apply(mark(`m${i}`))
      await driver.machine.reader.digestAt(b(`m${i}`))
    }
    const known = [0, 1, 2, 3, 4].map((i) => driver.machine.reader.digestAt(b(`m${i}`)))
    expect(known.map((each) => each !== undefined)).toEqual([false, true, true, true, true])
  })

  test('a mark in the place of what was in the log at the start is a new one', async () => {
    const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
    driver.machine.liveFrom = 3
    driver.apply(mark('replayed'))
    // A leader of a later term put other entries in the place of what was not committed.
    driver.machine.appended(2)
    driver.apply(mark('new'))
    expect(await untaken(driver, 'replayed')).toBe(true)
    expect(await driver.machine.reader.digestAt(b('new'))).toMatchObject({ index: 2 })
  })

  test('marks that a node meets while it catches up do not keep it from the next one', async () => {
    const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
    const heard: string[] = []
    driver.machine.onMark = (id) => heard.push(Buffer.from(id).toString())
    driver.machine.committedBefore = Infinity
    driver.machine.appended(1)
    driver.apply(mark('old'))
    driver.machine.committedBefore = 2
    driver.apply(mark('older than the leader’s first word'))
    // In the same step: a digest of one of those would still be under way.
    driver.apply(mark('new'))

    expect(await untaken(driver, 'old')).toBe(true)
    expect(await untaken(driver, 'older than the leader’s first word')).toBe(true)
    expect(await driver.machine.reader.digestAt(b('new'))).toMatchObject({ index: 3 })
    expect(heard).toEqual(['new'])
  })
})

/** Whether a mark was passed without its digests, so that whoever asks has to write another. */
async function untaken({ machine }: Driver, id: string): Promise<boolean> {
  const refused = await machine.reader.digestAt(b(id))?.catch((error: unknown) => error)
  return isQuorate(refused, 'QUORATE_OVERLOADED')
}

describe('caps', () => {
  test('at the overlay’s cap applying waits for the database', async () => {
    const { disk, open, shut } = gated()
    const machine = await openMachine(await disk.open(), {
      overlayFlushBytes: 1000,
      overlayBytesMax: 4000,
    })
    const driver = new Driver(machine, time)
    shut()
    while (!machine.overlayFull) driver.write(put('k', 'x'.repeat(500)))
    expect(machine.status().overlayBytes).toBeLessThan(5000)
    expect(() => driver.write(put('k', 'v'))).toThrow('overlay')
    driver.log.pop()
    const drained = machine.drained()
    open()
    await drained
    expect(machine.overlayFull).toBe(false)
    driver.write(put('k', 'v'))
    await machine.close()
  })

  test('an entry counts its own length at least, whatever it has changed', async () => {
    const { disk, shut } = gated()
    const machine = await openMachine(await disk.open())
    const driver = new Driver(machine, time)
    shut()
    const large = 'x'.repeat(20_000)
    const call = (operation: Operation): Command => write(driver.call(), operation)
    driver.write(put('there', 'v'))
    // Each answers `applied`, or stands beside what does, and so keeps the entry in memory.
    const entries = [
      [call(del(large))],
      [call({ kind: 'batch', operations: [put('k', 'v'), del(large)] })],
      [call(put('there', large, 77)), call(put('k', 'v'))],
      [call(put('k', large))],
    ]
    for (const commands of entries) {
      const before = machine.status().overlayBytes
      driver.apply(...commands)
      const { length } = driver.log.at(-1)!.data
      expect(length).toBeGreaterThan(20_000)
      expect(machine.status().overlayBytes - before).toBeGreaterThanOrEqual(length)
    }
  })

  test('deletes of what is not there come up to the cap too', async () => {
    const { disk, open, shut } = gated()
    const machine = await openMachine(await disk.open(), {
      overlayFlushBytes: 1_000_000,
      overlayBytesMax: 4_000_000,
    })
    const driver = new Driver(machine, time)
    shut()
    let kept = 0
    while (!machine.overlayFull && kept < 10_000_000) {
      const keys = Array.from({ length: 50 }, (_, i) => `${kept}-${i}`.padEnd(4_000, '.'))
      driver.write({ kind: 'batch', operations: keys.map((key) => del(key)) })
      kept += driver.log.at(-1)!.data.length
    }
    expect(kept).toBeLessThan(4_300_000)
    open()
    await machine.close()
  })
})

describe('failing', () => {
  test('a database that refuses a write stops everything, and nothing is tried again', async () => {
    const disk = new MemoryDatabase()
    const failures: unknown[] = []
    const machine = await openMachine(await disk.open(), {
      onFailure: (error) => failures.push(error),
    })
    const driver = new Driver(machine, time)
    driver.write(put('k', 'v'))
    disk.failWrites(new Error('no space'))
    const results = await Promise.allSettled([machine.flush(), machine.reader.openScan(all)])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(failures).toHaveLength(1)
    expect(isQuorate(failures[0], 'QUORATE_STORAGE')).toBe(true)
    expect(() => driver.write(put('k', 'v'))).toThrow()
    expect(() => machine.reader.get(b('k'))).toThrow()
    await expect(machine.barrier()).rejects.toThrow()
    await machine.close()
    expect(disk.rows().size).toBe(0)
  })

  test('a command that cannot be understood stops the node', async () => {
    for (const bytes of [Uint8Array.of(99), new Uint8Array(0)]) {
      const machine = await openMachine(await new MemoryDatabase().open())
      const entry: Entry = {
        index: 1,
        term: 1,
        kind: 'commands',
        data: encodeEntry(time, [bytes]),
      }
      expect(() => machine.apply([entry])).toThrow('malformed')
      expect(() => machine.apply([])).toThrow('malformed')
      await expect(machine.barrier()).rejects.toThrow('malformed')
      await machine.close()
    }
  })

  test('a cluster version that this build does not know stops the node', async () => {
    const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
    const command: Command = {
      kind: 'setting',
      call: driver.call(),
      name: 'clusterVersion',
      value: 2,
    }
    expect(() => driver.one(command)).toThrow('upgrade')
    expect(() => driver.machine.apply([])).toThrow('upgrade')
  })

  test('entries with a gap, twice, or of an older term are refused', async () => {
    const driver = new Driver(await openMachine(await new MemoryDatabase().open()), time)
    driver.write(put('k', 'v'))
    const data = encodeEntry(time, [encodeCommand(mark('m'))])
    for (const [index, term] of [
      [1, 1],
      [3, 1],
      [2, 0],
    ] as const) {
      const machine = await openMachine(await new MemoryDatabase().open())
      machine.apply(driver.log)
      expect(() => machine.apply([{ index, term, kind: 'commands', data }])).toThrow()
    }
  })
})

describe('rows that are not what was written', () => {
  async function stored(): Promise<{ disk: MemoryDatabase; key: (start: string) => string }> {
    const disk = new MemoryDatabase()
    const driver = new Driver(await openMachine(await disk.open()), time)
    driver.write(put('k', 'v'), token('t', time))
    await driver.machine.close()
    return {
      disk,
      key: (start) => [...disk.rows().keys()].find((each) => each.startsWith(start))!,
    }
  }
  const flip = (row: Uint8Array): Uint8Array => {
    const copy = Uint8Array.from(row)
    copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1
    return copy
  }

  test.each(['00', '01', '02', '30'])('keyspace %s: the state does not open', async (keyspace) => {
    const { disk, key } = await stored()
    disk.tamper(key(keyspace), flip)
    const opened = await openMachine(await disk.open()).catch((error: unknown) => error)
    expect(isQuorate(opened, 'QUORATE_CORRUPT'), String(opened)).toBe(true)
  })

  test.each(['00', '01', '02'])(
    'keyspace %s missing: the state does not open',
    async (keyspace) => {
      const { disk, key } = await stored()
      disk.tamper(key(keyspace), () => undefined)
      const opened = await openMachine(await disk.open()).catch((error: unknown) => error)
      expect(isQuorate(opened, 'QUORATE_CORRUPT'), String(opened)).toBe(true)
    },
  )

  test('a minute whose tokens are forgotten: the state does not open', async () => {
    const { disk } = await stored()
    const { db } = await disk.open()
    const key = minuteKey(1)
    await db
      .batch()
      .put(key, seal(key, new Uint8Array(8).fill(1, 7)))
      .write()
    const opened = await openMachine(await disk.open()).catch((error: unknown) => error)
    expect(isQuorate(opened, 'QUORATE_CORRUPT'), String(opened)).toBe(true)
  })

  test('a record or token: whoever reads it is told, and never a wrong value', async () => {
    const { disk, key } = await stored()
    disk.tamper(key('10'), flip)
    disk.tamper(key('20'), flip)
    const machine = await openMachine(await disk.open())
    expect(() => machine.reader.get(b('k'))).toThrow('damaged')
    expect(() => machine.reader.token(b('t'))).toThrow('damaged')
    const scan = await machine.reader.openScan(all)
    await expect(scan.next(1000, 10)).rejects.toThrow('damaged')
    const driver = new Driver(machine, time + 1)
    expect(() => driver.write(put('k', 'w'), token('t', time))).toThrow('damaged')
  })

  test('rot in any logical row shows in the rows digest, or fails it', async () => {
    const { disk, key } = await stored()
    disk.tamper(key('10'), () => undefined)
    const machine = await openMachine(await disk.open())
    const driver = new Driver(machine, time + 1)
    driver.apply(mark('m'))
    const twin = await stored()
    const other = new Driver(await openMachine(await twin.disk.open()), time + 1)
    other.apply(mark('m'))
    const [damaged, whole] = await Promise.all([
      machine.reader.digestAt(b('m')),
      other.machine.reader.digestAt(b('m')),
    ])
    expect(damaged?.effects).toBe(whole?.effects)
    expect(damaged?.rows).not.toBe(whole?.rows)
  })
})
