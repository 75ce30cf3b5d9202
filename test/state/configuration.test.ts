/**
 * Goal: the state knows the newest configuration that was applied, at once and through every
 * crash; it knows what a crash can't take back; rot in rows is found by the scrubber; a database
 * that fails is told of.
 *
 * Method: config entries between others, crashes that keep any prefix of batches, tampered rows, a
 * wait that is counted instead of waited for.
 */
import { describe, expect, test } from 'vitest'
import { keyspaces } from '../../src/state/layout.ts'
import type { ScrubOptions, StateMachine } from '../../src/state/index.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { isQuorate } from './errors.ts'
import { b, Driver, openMachine, put, token } from './support.ts'

const time = 1_700_000_000_000

async function newDriver(disk = new MemoryDatabase()): Promise<Driver> {
  return new Driver(await openMachine(await disk.open()), time)
}

describe('the configuration', () => {
  test('is the newest one applied, at once, and a copy', async () => {
    const { machine } = await newDriver()
    expect(machine.configuration).toBeUndefined()
    const entry = { index: 1, term: 1, kind: 'config', data: b('one') } as const
    machine.apply([entry])
    entry.data.fill(0)
    expect(machine.configuration).toEqual({ index: 1, data: b('one') })
    machine.apply([
      { ...entry, index: 2, data: b('two') },
      { index: 3, term: 1, kind: 'noop', data: b('') },
    ])
    expect(machine.configuration).toEqual({ index: 2, data: b('two') })
  })

  test('stands in one batch with the applied row (`redisraft#48`)', async () => {
    for (let keep = 0; keep < 4; keep++) {
      const disk = new MemoryDatabase()
      const driver = await newDriver(disk)
      for (const name of ['one', 'two', 'three']) {
        driver.config(b(name))
        driver.write(put(name, 'v'))
        await driver.machine.flush()
      }
      disk.crash(keep)
      const machine = await openMachine(await disk.open())
      expect(machine.appliedIndex).toBe(2 * keep)
      const name = [undefined, 'one', 'two', 'three'][keep]
      const expected = name && { index: 2 * keep - 1, data: b(name) }
      expect(machine.configuration).toEqual(expected)
      driver.replay(machine)
      expect(machine.configuration).toEqual({ index: 5, data: b('three') })
    }
  })

  test('alone, without any command, is flushed too', async () => {
    const disk = new MemoryDatabase()
    const driver = await newDriver(disk)
    driver.config(b('members'))
    await driver.machine.close()
    const machine = await openMachine(await disk.open())
    expect(machine.configuration).toEqual({ index: 1, data: b('members') })
    expect(machine.settings).toEqual(driver.machine.settings)
  })

  test('that is damaged, or of an entry that was not applied, is refused', async () => {
    for (const change of ['flip', 'ahead'] as const) {
      const disk = new MemoryDatabase()
      const driver = await newDriver(disk)
      if (change === 'ahead') driver.write(put('a', 'v'))
      driver.config(b('members'))
      await driver.machine.close()
      if (change === 'flip') disk.tamper('04', (row) => row.with(row.length - 1, 0))
      else {
        const early = new MemoryDatabase()
        const behind = await newDriver(early)
        behind.write(put('a', 'v'))
        await behind.machine.close()
        disk.tamper('00', () => early.rows().get('00'))
      }
      const refusal: unknown = await openMachine(await disk.open()).catch((error: unknown) => error)
      expect(isQuorate(refusal, 'QUORATE_CORRUPT')).toBe(true)
    }
  })

  test('is part of the rows digest, so that nodes that disagree about members find out', async () => {
    const digest = async (data: string): Promise<unknown> => {
      const driver = await newDriver()
      driver.config(b(data))
      driver.one({ kind: 'mark', id: b('m') })
      const { rows } = (await driver.machine.reader.digestAt(b('m')))!
      return rows
    }
    expect(await digest('one')).toBe(await digest('one'))
    expect(await digest('one')).not.toBe(await digest('two'))
  })
})

describe('the durable index', () => {
  test('is what was found, then what stood at the last barrier', async () => {
    const disk = new MemoryDatabase()
    const driver = await newDriver(disk)
    expect(driver.machine.durableIndex).toBe(0)
    driver.write(put('a', 'v'))
    await driver.machine.flush()
    expect(driver.machine.durableIndex).toBe(0)
    await driver.machine.barrier()
    expect(driver.machine.durableIndex).toBe(1)
    driver.write(put('b', 'v'))
    expect(driver.machine.durableIndex).toBe(1)
    disk.crash()
    const machine = await openMachine(await disk.open())
    expect([machine.appliedIndex, machine.durableIndex]).toEqual([1, 1])
  })

  test('does not count what is written while the barrier is being made (the WAL would be cut too far)', async () => {
    let hold = Promise.resolve()
    const disk = new MemoryDatabase({ pause: () => Promise.resolve() })
    const database = await disk.open()
    let release = (): void => {}
    const machine = await openMachine({
      ...database,
      barrier: async () => {
        await database.barrier()
        await hold
      },
    })
    const driver = new Driver(machine, time)
    driver.write(put('a', 'v'))
    hold = new Promise((resolve) => {
      release = resolve
    })
    const barriers = [machine.barrier(), machine.barrier()]
    await machine.flush()
    await new Promise(setImmediate)
    driver.write(put('b', 'v'))
    await machine.flush()
    release()
    await Promise.all(barriers)
    expect(machine.durableIndex).toBe(1)
    disk.crash()
    expect((await openMachine(await disk.open())).appliedIndex).toBe(1)
  })

  test('stays where it was when the barrier fails, and the owner is told', async () => {
    const database = await new MemoryDatabase().open()
    const told: unknown[] = []
    const machine = await openMachine(
      { ...database, barrier: () => Promise.reject(new Error('EIO')) },
      { onFailure: (error) => told.push(error) },
    )
    const driver = new Driver(machine, time)
    driver.write(put('a', 'v'))
    const failure: unknown = await machine.barrier().catch((error: unknown) => error)
    expect(isQuorate(failure, 'QUORATE_STORAGE')).toBe(true)
    expect(told).toEqual([failure])
    expect(machine.durableIndex).toBe(0)
    expect(() => driver.write(put('b', 'v'))).toThrow('EIO')
    await machine.abandon()
  })
})

describe('the scrubber', () => {
  const rows = 50
  const rate = 1_000_000

  async function filled(disk: MemoryDatabase): Promise<StateMachine> {
    const driver = await newDriver(disk)
    for (let i = 0; i < rows; i++) {
      driver.write(put(`k${String(i).padStart(3, '0')}`, 'v'.repeat(5000)), token(`t${i}`, time))
    }
    driver.config(b('members'))
    await driver.machine.close()
    return await openMachine(await disk.open())
  }

  function counted(): { options: ScrubOptions; waited: () => number } {
    let waited = 0
    const wait = (ms: number): Promise<void> => {
      waited += ms
      return Promise.resolve()
    }
    return { options: { bytesPerSecond: rate, wait }, waited: () => waited }
  }

  test('reads every row, at the rate that it was given', async () => {
    const disk = new MemoryDatabase()
    const machine = await filled(disk)
    const { options, waited } = counted()
    const result = await machine.scrub(options)
    const all = disk.rows()
    const bytes = [...all].reduce((sum, [key, row]) => sum + key.length / 2 + row.length, 0)
    expect(result).toEqual({ rows: all.size, bytes })
    // All but the last stretch is waited for.
    expect(waited()).toBeGreaterThan(((bytes - 400_000) * 1000) / rate)
    expect(waited()).toBeLessThanOrEqual((bytes * 1000) / rate)
  })

  test('finds one flipped bit, in a row of any kind', async () => {
    const sound = new MemoryDatabase()
    await filled(sound)
    const chosen = new Map<number, string>()
    for (const key of sound.rows().keys()) chosen.set(parseInt(key.slice(0, 2), 16), key)
    expect([...chosen.keys()].length).toBeGreaterThanOrEqual(7)
    for (const [keyspace, key] of chosen) {
      const disk = new MemoryDatabase()
      const machine = await filled(disk)
      const database = await disk.open()
      // Behind the machine's back: rows are read only at the start, and by the scrubber.
      await machine.abandon()
      const whole = await openMachine(database)
      const row = sound.rows().get(key)!
      await database.db.put(Buffer.from(key, 'hex'), row.with(row.length - 1, row.at(-1)! ^ 1))
      const failure: unknown = await whole.scrub(counted().options).catch((error: unknown) => error)
      expect([keyspace, isQuorate(failure, 'QUORATE_CORRUPT')]).toEqual([keyspace, true])
    }
    expect(chosen.has(keyspaces.configuration)).toBe(true)
  })

  test('does one pass at a time, and stops with the machine', async () => {
    const machine = await filled(new MemoryDatabase())
    let release = (): void => {}
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    const wait = (): Promise<void> => gate
    const pass = machine.scrub({ bytesPerSecond: rate, wait }).catch((error: unknown) => error)
    const second: unknown = await machine.scrub(counted().options).catch((error: unknown) => error)
    expect(isQuorate(second, 'QUORATE_OVERLOADED')).toBe(true)
    await machine.close()
    release()
    expect(isQuorate(await pass, 'QUORATE_STOPPING')).toBe(true)
  })
})
