/**
 * Goal: a state database of the simulation comes back from a crash at a whole batch, not before
 * the last barrier, goes where its directory goes, and rots as LevelDB can.
 * Method: the rows against a plain map; databases through the same state machine that runs in a
 * node, killed at random moments, over many seeds.
 */
import { expect, test } from 'vitest'
import { SeededRandom, randomBetween } from '../../../src/random.ts'
import { StateMachine } from '../../../src/state/index.ts'
import type { StateDatabase } from '../../../src/state/index.ts'
import { silentLogger } from '../../../src/logger.ts'
import { b, Driver, put } from '../../state/support.ts'
import { Rows } from './rows.ts'
import { SimDatabases } from './sim-databases.ts'
import { TestMachine } from './test-machine.ts'

const directory = '/data/groups/0/state-1'

class Databases {
  readonly machine: TestMachine
  readonly all: SimDatabases

  constructor(seed: number) {
    this.machine = new TestMachine(seed)
    const { kernel, random } = this.machine
    this.all = new SimDatabases({ kernel, random: random.fork() })
  }

  open(path = directory): Promise<StateDatabase> {
    const { process, port } = this.machine
    return this.machine.run(this.all.opener(process, port)(path))
  }

  restart(powerOff?: () => void): void {
    this.machine.restart(powerOff)
    this.all.crash()
  }

  async put(database: StateDatabase, name: string): Promise<void> {
    await this.machine.run(database.db.put(b(name), b(`value of ${name}`)))
  }

  async names(database: StateDatabase): Promise<string> {
    const keys = await this.machine.run(database.db.keys().all())
    return keys.map((key) => Buffer.from(key).toString()).join('')
  }
}

test('rows agree with a plain map', () => {
  const random = new SeededRandom(1)
  const key = (): Uint8Array => random.bytes(randomBetween(random, 0, 3)).map((byte) => byte & 7)
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  let rows = Rows.empty
  const map = new Map<string, Uint8Array>()
  for (let step = 0; step < 300; step++) {
    const before = rows
    const count = before.count
    const changes = Array.from({ length: randomBetween(random, 0, 8) }, () => ({
      key: key(),
      value: randomBetween(random, 0, 3) === 0 ? undefined : random.bytes(4),
    }))
    rows = rows.with(changes)
    for (const { key: each, value } of changes) {
      if (value === undefined) map.delete(hex(each))
      else map.set(hex(each), value)
    }
    expect(before.count).toBe(count)
    expect(rows.keys.map(hex)).toEqual([...map.keys()].sort())
    expect(rows.values).toEqual([...map.keys()].sort().map((name) => map.get(name)))
    const some = key()
    expect(rows.get(some)).toBe(map.get(hex(some)))
    const below = rows.keys.filter((each) => Buffer.compare(each, some) < 0).length
    expect([rows.from(some), rows.after(some)]).toEqual([
      below,
      below + (map.has(hex(some)) ? 1 : 0),
    ])
  }
})

test('ranges, both directions, snapshots, limits', async () => {
  const databases = new Databases(1)
  const { machine } = databases
  const database = await databases.open()
  const { db } = database
  for (const name of 'abcde') await databases.put(database, name)
  const snapshot = db.snapshot()
  await machine.run(db.batch().del(b('c')).put(b('f'), b('new')).write())
  const names = async (options: object): Promise<string> =>
    (await machine.run(db.keys(options).all())).map((key) => Buffer.from(key).toString()).join('')
  expect(await names({})).toBe('abdef')
  expect(await names({ snapshot })).toBe('abcde')
  expect(await names({ gt: b('a'), lte: b('d'), snapshot })).toBe('bcd')
  expect(await names({ gte: b('b'), lt: b('e'), reverse: true, snapshot })).toBe('dcb')
  expect(await names({ reverse: true, limit: 2 })).toBe('fe')
  expect(db.getSync(b('c'))).toBeUndefined()
  expect(await machine.run(db.get(b('c'), { snapshot }))).toEqual(b('value of c'))
  const rows = db.iterator({ gte: b('e') })
  expect(await machine.run(rows.nextv(9))).toEqual([
    [b('e'), b('value of e')],
    [b('f'), b('new')],
  ])
  expect(await machine.run(rows.nextv(9))).toEqual([])
})

test('a crash leaves whole batches from the first on, and all up to the last barrier', async () => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= 60; seed++) {
    const databases = new Databases(seed)
    const { machine } = databases
    const database = await databases.open()
    for (const path of ['/', '/data', '/data/groups', '/data/groups/0']) {
      await machine.run(machine.port.syncDirectory(path))
    }
    await databases.put(database, 'a')
    await databases.put(database, 'b')
    await machine.run(database.barrier())
    await databases.put(database, 'c')
    await machine.run(database.db.batch().put(b('d'), b('')).put(b('e'), b('')).write())
    await databases.put(database, 'f')
    // Under way when the process dies: it never comes.
    machine.process.post('input', () => void database.db.put(b('g'), b('')))
    databases.restart(() => machine.disk.powerCut({ keep: 'none', style: 'strict' }))
    await machine.run(machine.process.sleep(100))
    seen.add(await databases.names(await databases.open()))
  }
  expect([...seen].sort()).toEqual(['ab', 'abc', 'abcde', 'abcdef'])
})

test('a dead process changes nothing, and an orderly one leaves what it made durable', async () => {
  const databases = new Databases(1)
  const { machine } = databases
  const database = await databases.open()
  await databases.put(database, 'a')
  await machine.run(database.barrier())
  databases.restart()
  let settled = false
  void database.db.put(b('z'), b('')).finally(() => {
    settled = true
  })
  await machine.run(machine.process.sleep(100))
  const again = await databases.open()
  expect([settled, await databases.names(again)]).toEqual([false, 'a'])
})

test('it goes with its directory', async () => {
  const databases = new Databases(1)
  const { machine } = databases
  const database = await databases.open()
  await databases.put(database, 'a')
  await machine.run(database.barrier())
  const other = await databases.open('/data/groups/0/state-2')
  await databases.put(other, 'b')
  expect(await databases.names(await databases.open())).toBe('a')
  await machine.run(machine.port.remove(directory))
  expect(await databases.names(await databases.open())).toBe('')
  // Nothing of the names above was synced.
  databases.restart(() => machine.disk.powerCut({ keep: 'none', style: 'strict' }))
  expect(await databases.names(await databases.open())).toBe('')
})

test('rot is found by the state machine, or is an older state', async () => {
  const seen = new Map<string, Set<string>>()
  for (let seed = 1; seed <= 60; seed++) {
    const databases = new Databases(seed)
    const { machine } = databases
    const open = async (): Promise<StateMachine> =>
      machine.run(StateMachine.open({ database: await databases.open(), logger: silentLogger }))
    const driver = new Driver(await open(), 1_767_225_600_000)
    for (let i = 0; i < 4; i++) {
      driver.write(put('key', `value ${i}`))
      await machine.run(driver.machine.barrier())
    }
    expect(databases.all.rotten).toBe(false)
    const what = databases.all.rot(machine.random)
    databases.restart()
    let outcome: string
    try {
      const state = await open()
      outcome = state.appliedIndex < 4 ? 'older' : String(state.reader.get(b('key')) !== undefined)
    } catch (error) {
      outcome = error instanceof Error && 'code' in error ? String(error.code) : 'other'
    }
    const kind = what?.replace(/\d+/g, 'n') ?? 'nothing'
    seen.set(kind, (seen.get(kind) ?? new Set()).add(outcome))
  }
  expect(seen.get('tables that do not open')).toEqual(new Set(['LEVEL_CORRUPTION']))
  expect(seen.get('an older state of n rows')).toEqual(new Set(['older']))
  expect(seen.get('a row of keyspace n is gone')).toEqual(new Set(['QUORATE_CORRUPT']))
  const flipped = seen.get('a bit of a row of keyspace n')
  expect(flipped).toContain('QUORATE_CORRUPT')
  // A row that nobody has read yet.
  flipped?.delete('true')
  expect(flipped).toEqual(new Set(['QUORATE_CORRUPT']))
})

test('slow reads and writes take longer', async () => {
  const databases = new Databases(1)
  const { kernel } = databases.machine
  const database = await databases.open()
  databases.all.slow(50)
  const before = kernel.now
  await databases.put(database, 'a')
  const between = kernel.now
  expect(await databases.names(database)).toBe('a')
  expect(between - before).toBeGreaterThanOrEqual(50)
  expect(kernel.now - between).toBeGreaterThanOrEqual(50)
})
