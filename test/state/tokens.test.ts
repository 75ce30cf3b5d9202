/**
 * Goal: two calls with one token take effect at most once between them, for as long as the token
 * is remembered, and never again after that; a fence makes absence final.
 *
 * Method: scripted logs at the boundaries of time and count, through restarts; what is in the
 * database is looked at only where rows must go.
 */
import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { encodeOperation, payloadHash } from '../../src/command/index.ts'
import type { Answer, Command, Operation } from '../../src/command/index.ts'
import { outlived } from '../../src/state/live-counts.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import {
  b,
  del,
  Driver,
  once,
  openMachine,
  plain,
  put,
  sessionName,
  text,
  token,
  write,
} from './support.ts'

const time = 1_700_000_000_000
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

async function start(disk = new MemoryDatabase()): Promise<Driver> {
  return new Driver(await openMachine(await disk.open()), time)
}

const refused = (code: string): object => ({ status: 'refused', code, decided: true })
const hashOf = (operation: Operation): Uint8Array => payloadHash(encodeOperation(operation))
const setting = (
  driver: Driver,
  name: 'tokenRetentionMs' | 'tokensMax',
  value: number,
): Command => ({
  kind: 'setting',
  call: driver.call(),
  name,
  value,
})
const fence = (driver: Driver, name: string, at = time): Command => ({
  kind: 'fence',
  call: driver.call(),
  token: b(name),
  time: at,
})

describe('verdicts between calls', () => {
  test('the same payload is a duplicate, another one a mismatch that names the winner', async () => {
    const driver = await start()
    const winner = put('k', 'v')
    expect(driver.write(winner, token('t', time))).toEqual({ status: 'applied', revision: 1 })
    expect(driver.write(winner, token('t', time))).toEqual({ status: 'duplicate', revision: 1 })
    const mismatch = { status: 'mismatch', revision: 1, payloadHash: hashOf(winner) }
    for (const loser of [put('k', 'w'), put('l', 'v'), put('k', 'v', 0), del('k')]) {
      expect(driver.write(loser, token('t', time))).toEqual(mismatch)
    }
    expect(text(driver.machine.reader.get(b('k'))!.value)).toBe('v')
    expect(driver.machine.revision).toBe(1)
    expect(driver.machine.reader.token(b('t'))).toEqual({
      status: 'recorded',
      revision: 1,
      payloadHash: hashOf(winner),
    })
  })

  test('a duplicate of a delete says whether there was a row', async () => {
    const driver = await start()
    driver.write(put('k', 'v'))
    expect(driver.write(del('k'), token('t', time))).toMatchObject({ existed: true, revision: 2 })
    expect(driver.write(del('k'), token('t', time))).toEqual({
      status: 'duplicate',
      revision: 2,
      existed: true,
    })
    expect(driver.write(del('k'), token('u', time))).toEqual({
      status: 'applied',
      revision: 2,
      existed: false,
    })
    expect(driver.write(del('k'), token('u', time))).toMatchObject({ existed: false, revision: 2 })
  })

  test('a conflict does not use up a token', async () => {
    const driver = await start()
    expect(driver.write(put('k', 'v', 3), token('t', time))).toEqual({
      status: 'conflict',
      operation: 0,
      revision: 0,
    })
    expect(driver.machine.reader.token(b('t')).status).toBe('absent')
    expect(driver.write(put('k', 'v', 0), token('t', time)).status).toBe('applied')
  })

  test('a batch happens whole or not at all, under one token and one revision', async () => {
    const driver = await start()
    driver.write(put('a', '1'))
    const failing: Operation = {
      kind: 'batch',
      operations: [put('b', '1'), del('a'), put('c', '1', 5)],
    }
    expect(driver.write(failing, token('t', time))).toEqual({
      status: 'conflict',
      operation: 2,
      revision: 0,
    })
    expect(driver.machine.reader.get(b('b'))).toBeUndefined()
    const batch: Operation = { kind: 'batch', operations: [put('b', '1'), del('a', 1), del('x')] }
    expect(driver.write(batch, token('t', time))).toEqual({ status: 'applied', revision: 2 })
    expect(driver.write(batch, token('t', time))).toEqual({ status: 'duplicate', revision: 2 })
    expect(driver.machine.reader.get(b('a'))).toBeUndefined()
    expect(driver.machine.reader.get(b('b'))?.revision).toBe(2)
  })

  test('what changes nothing takes no revision', async () => {
    const driver = await start()
    expect(driver.write(del('k'))).toEqual({ status: 'applied', revision: 0, existed: false })
    const nothing: Operation = { kind: 'batch', operations: [del('a'), del('b')] }
    expect(driver.write(nothing)).toEqual({ status: 'applied', revision: 0 })
    expect(driver.machine.revision).toBe(0)
  })
})

describe('once', () => {
  test('the record is its own token, however it was written', async () => {
    const driver = await start()
    expect(driver.write(put('k', 'v'), once)).toEqual({ status: 'applied', revision: 1 })
    expect(driver.write(put('k', 'v'), once)).toEqual({ status: 'duplicate', revision: 1 })
    const mismatch = { status: 'mismatch', revision: 1, payloadHash: hashOf(put('k', 'v')) }
    expect(driver.write(put('k', 'w'), once)).toEqual(mismatch)
    driver.write(put('k', 'w'), plain)
    expect(driver.write(put('k', 'w'), once)).toEqual({ status: 'duplicate', revision: 2 })
    driver.write(del('k'))
    expect(driver.write(put('k', 'v'), once)).toEqual({ status: 'applied', revision: 4 })
  })

  test('lasts as long as the record, through flushes, restarts and any time', async () => {
    const disk = new MemoryDatabase()
    const driver = await start(disk)
    driver.write(put('k', 'v'), once)
    await driver.machine.close()
    driver.machine = await openMachine(await disk.open())
    driver.time += 900 * day
    const late = new Driver(driver.machine, driver.time)
    expect(late.write(put('k', 'v'), once)).toEqual({ status: 'duplicate', revision: 1 })
    expect(driver.machine.status().tokens).toBe(0)
  })
})

describe('retention', () => {
  test('of a fence outlasts every copy of the write, whatever time that was given', async () => {
    const driver = await start()
    const ahead = driver.time + 3 * 24 * hour
    // Whoever fences need not know the time that the writer chose.
    const fenced = driver.one({ kind: 'fence', call: driver.call(), token: b('t'), time })
    expect(fenced).toMatchObject({ verdict: { status: 'absent', fenced: true } })

    const copy = (): Answer => {
      const call = { session: sessionName(driver.time), sequence: 1, firstOutstanding: 1 }
      return driver.one(write(call, put('k', 'late'), token('t', ahead)))
    }
    driver.time += 24 * hour + 1
    expect(copy()).toMatchObject({ status: 'refused', code: 'QUORATE_TOKEN_CANCELLED' })
    driver.time = ahead + 24 * hour + 1
    expect(copy()).toMatchObject({ status: 'refused' })
    expect(driver.machine.revision).toBe(0)
  })

  test('ends exactly when the base is behind the horizon; then a copy is refused', async () => {
    const driver = await start()
    driver.write(put('k', 'v'), token('t', time - hour))
    driver.time = time + day
    // The base is the stamp of the write: the token's own time, an hour earlier, is gone already.
    const later = new Driver(driver.machine, driver.time)
    expect(later.write(put('k', 'v'), token('t', time - hour)).status).toBe('duplicate')
    later.time += 1
    expect(later.write(put('k', 'v'), token('t', time - hour))).toEqual(
      refused('QUORATE_TOKEN_EXPIRED'),
    )
    expect(later.write(put('k', 'v'), token('new', later.time - day)).status).toBe('applied')
    expect(later.write(put('k', 'v'), token('newer', later.time - day - 1))).toEqual(
      refused('QUORATE_TOKEN_EXPIRED'),
    )
  })

  test('a token from ahead is kept for as long as its own time lets a copy in', async () => {
    const driver = await start()
    const ahead = token('t', time + 7 * day)
    expect(driver.write(put('k', 'v'), ahead).status).toBe('applied')
    expect(driver.write(put('k', 'v'), token('u', time + 7 * day + 1))).toEqual(
      refused('QUORATE_TOKEN_AHEAD'),
    )
    for (const rest of [7 * day, 8 * day]) {
      const later = new Driver(driver.machine, time + rest)
      expect(later.write(put('k', 'v'), ahead)).toEqual({ status: 'duplicate', revision: 1 })
    }
    const last = new Driver(driver.machine, time + 8 * day + 1)
    expect(last.write(put('k', 'v'), ahead)).toEqual(refused('QUORATE_TOKEN_EXPIRED'))
  })

  test('a longer setting does not bring back what was forgotten', async () => {
    const driver = await start()
    driver.write(put('k', 'v'), token('t', time))
    driver.one(setting(driver, 'tokenRetentionMs', minute))
    driver.time += 2 * minute
    driver.write(put('other', 'v'))
    driver.one(setting(driver, 'tokenRetentionMs', day))

    expect(driver.machine.reader.token(b('t'), time)).toEqual({
      status: 'expired',
      horizon: time + minute,
    })
    expect(driver.write(put('k', 'v'), token('t', time))).toEqual(refused('QUORATE_TOKEN_EXPIRED'))
    expect(driver.machine.revision).toBe(2)
  })

  test('a shorter setting holds from the next command on', async () => {
    const driver = await start()
    driver.write(put('k', 'v'), token('t', time))
    driver.time += 3 * minute
    const [first, , second] = driver.apply(
      { kind: 'write', call: driver.call(), identity: token('t', time), operation: put('k', 'v') },
      setting(driver, 'tokenRetentionMs', minute),
      { kind: 'write', call: driver.call(), identity: token('t', time), operation: put('k', 'v') },
    )
    expect(first).toEqual({ status: 'duplicate', revision: 1 })
    expect(second).toEqual(refused('QUORATE_TOKEN_EXPIRED'))
  })

  test('rows of the forgotten go, those of the known stay, and the state is the same', async () => {
    const disk = new MemoryDatabase()
    const driver = await start(disk)
    for (let i = 0; i < 100; i++) driver.write(put('k', 'v'), token(`old-${i}`, time))
    await driver.machine.flush()
    driver.time += day + 2 * minute
    const later = new Driver(driver.machine, driver.time)
    const stored = (): number =>
      [...disk.rows().keys()].filter((key) => key.startsWith('20')).length
    expect(stored()).toBe(100)
    for (let i = 0; i < 5; i++) {
      later.write(put('k', 'v'), token(`new-${i}`, later.time))
      await later.machine.flush()
    }

    expect(stored()).toBe(5)
    expect(driver.machine.status().tokens).toBe(5)
    expect(later.write(put('k', 'v'), token('new-3', later.time)).status).toBe('duplicate')
  })

  test('no row is looked at while none can be dead', async () => {
    const database = await new MemoryDatabase().open()
    const driver = new Driver(await openMachine(database), time)
    const writeSome = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        driver.write(put('k', 'v'), token(`t-${driver.machine.appliedIndex}`, driver.time))
        await driver.machine.flush()
      }
    }
    await writeSome()
    const looks = vi.spyOn(database.db, 'iterator')
    await writeSome()
    expect(looks).not.toHaveBeenCalled()
    driver.time += day + minute
    driver.one(write({ ...driver.call(), session: sessionName(driver.time) }, put('k', 'v')))
    await driver.machine.flush()
    driver.one({ kind: 'mark', id: b('m') })
    await driver.machine.flush()
    expect(looks).toHaveBeenCalled()
  })

  test('every dead row goes, whenever it was written, died, or was left by an earlier life', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('put'), name: fc.nat(40) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait'), minutes: fc.nat(4) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush') }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const disk = new MemoryDatabase()
        const driver = await start(disk)
        driver.one(setting(driver, 'tokenRetentionMs', 2 * minute))
        const bases = new Map<string, number>()
        for (const each of steps) {
          if ('name' in each) {
            const name = `t-${each.name}`
            if (driver.write(put('k', 'v'), token(name, driver.time)).status === 'applied') {
              bases.set(name, driver.time)
            }
          }
          if ('minutes' in each) driver.time += each.minutes * minute
          if (each.kind === 'flush') await driver.machine.flush()
          if (each.kind === 'restart') {
            await driver.machine.close()
            driver.machine = await openMachine(await disk.open())
          }
        }
        // Nothing is written but for what makes a flush: nobody else dies, nobody comes.
        for (let i = 0; i < 4; i++) {
          driver.one({ kind: 'mark', id: b('m') })
          await driver.machine.flush()
        }
        const living = [...bases].filter(([, base]) => !outlived(base, driver.time - 2 * minute))
        const left = [...disk.rows().keys()].filter((key) => key.startsWith('20'))
        const keys = living.map(([name]) => `20${Buffer.from(name).toString('hex')}`)
        expect(left.toSorted()).toEqual(keys.toSorted())
      }),
      { numRuns: 200 },
    )
  })

  test('a crash never finds a row swept away that is known at the older index', async () => {
    const disk = new MemoryDatabase()
    const driver = await start(disk)
    driver.write(put('k', 'v'), token('t', time))
    await driver.machine.barrier()
    // A batch whose own horizon still knows the token is written when the horizon has moved on.
    driver.write(put('other', 'v'))
    const flushed = driver.machine.flush()
    const late = new Driver(driver.machine, time + 3 * day)
    late.write(put('other', 'v'))
    await flushed
    disk.crash(1)

    const machine = await openMachine(await disk.open())
    expect(machine.appliedIndex).toBe(2)
    const again = new Driver(machine, time + 1)
    expect(again.write(put('k', 'v'), token('t', time))).toEqual({
      status: 'duplicate',
      revision: 1,
    })
  })
})

describe('the cap of tokens', () => {
  test('refuses for good what it refuses, and counts by minutes', async () => {
    const driver = await start()
    driver.one(setting(driver, 'tokensMax', 2))
    driver.write(put('k', 'v'), token('a', time))
    driver.write(put('k', 'v'), token('b', time))
    const third: Command = {
      kind: 'write',
      call: { ...driver.call(), firstOutstanding: 1 },
      identity: token('c', time + 2 * day),
      operation: put('k', 'v'),
    }
    expect(driver.one(third)).toEqual(refused('QUORATE_TOKENS_FULL'))
    expect(driver.write(put('k', 'v'), token('a', time)).status).toBe('duplicate')
    expect(driver.one(fence(driver, 'd'))).toEqual(refused('QUORATE_TOKENS_FULL'))

    const early = new Driver(driver.machine, time + day + 1)
    expect(early.write(put('k', 'v'), token('c', early.time))).toEqual(
      refused('QUORATE_TOKENS_FULL'),
    )
    const later = new Driver(driver.machine, time + day + minute)
    expect(later.write(put('k', 'v'), token('c', later.time)).status).toBe('applied')
  })

  test('is free again within the very entry whose setting forgets', async () => {
    const driver = await start()
    driver.apply(setting(driver, 'tokensMax', 1))
    driver.write(put('k', 'v'), token('a', time))
    driver.time += 10 * minute
    const answers = driver.apply(
      {
        kind: 'write',
        call: driver.call(),
        identity: token('b', driver.time),
        operation: put('k', 'v'),
      },
      setting(driver, 'tokenRetentionMs', minute),
      {
        kind: 'write',
        call: driver.call(),
        identity: token('b', driver.time),
        operation: put('k', 'v'),
      },
    )
    expect(answers[0]).toEqual(refused('QUORATE_TOKENS_FULL'))
    expect(answers[2]).toMatchObject({ status: 'applied' })
  })

  test('means the same after a restart, swept or not', async () => {
    const disk = new MemoryDatabase()
    const driver = await start(disk)
    driver.one(setting(driver, 'tokensMax', 4))
    for (const name of ['a', 'b', 'c']) driver.write(put('k', 'v'), token(name, time))
    await driver.machine.close()
    const machine = await openMachine(await disk.open())
    expect(machine.status().tokens).toBe(3)
    const later = new Driver(machine, time + minute)
    expect(later.write(put('k', 'v'), token('d', time)).status).toBe('applied')
    expect(later.write(put('k', 'v'), token('e', time))).toEqual(refused('QUORATE_TOKENS_FULL'))
  })
})

describe('fences', () => {
  test('make absence final: a late copy has no effect', async () => {
    const driver = await start()
    const absent = { status: 'absent', horizon: time - day, fenced: true }
    expect(driver.one(fence(driver, 't'))).toEqual({ status: 'fenced', verdict: absent })
    expect(driver.one(fence(driver, 't'))).toEqual({ status: 'fenced', verdict: absent })
    expect(driver.write(put('k', 'v'), token('t', time))).toEqual(
      refused('QUORATE_TOKEN_CANCELLED'),
    )
    expect(driver.machine.reader.token(b('t'), time)).toEqual(absent)
    expect(driver.machine.revision).toBe(0)
  })

  test('tell of a token that was used, and of one that is forgotten', async () => {
    const driver = await start()
    driver.write(put('k', 'v'), token('t', time))
    expect(driver.one(fence(driver, 't'))).toEqual({
      status: 'fenced',
      verdict: { status: 'recorded', revision: 1, payloadHash: hashOf(put('k', 'v')) },
    })
    expect(driver.one(fence(driver, 'u', time - day - 1))).toEqual({
      status: 'fenced',
      verdict: { status: 'expired', horizon: time - day },
    })
    expect(driver.one(fence(driver, 'u', time + 8 * day))).toEqual(refused('QUORATE_TOKEN_AHEAD'))
  })

  test('hold for as long as a copy of the token would be let in', async () => {
    const driver = await start()
    driver.one(fence(driver, 't', time + day))
    // The latest time that a copy could show when the fence was made lies a week ahead of it.
    const later = new Driver(driver.machine, time + 8 * day)
    expect(later.write(put('k', 'v'), token('t', time + 7 * day))).toEqual(
      refused('QUORATE_TOKEN_CANCELLED'),
    )
    const last = new Driver(driver.machine, time + 8 * day + 1)
    expect(last.write(put('k', 'v'), token('t', time + 7 * day))).toEqual(
      refused('QUORATE_TOKEN_EXPIRED'),
    )
  })
})
