/**
 * A cluster whose processes are started again when they end, as a service manager does, and that
 * remembers what it has acknowledged.
 */
import { expect } from 'vitest'
import type { Client } from '../../../src/client/index.ts'
import type { NodePorts } from '../../../src/node/open.ts'
import type { Disk, DiskFile } from '../../../src/ports.ts'
import { damagedKeptMax } from '../../../src/wal/recovering.ts'
import { Cluster } from './cluster.ts'
import type { Machine } from './cluster.ts'

/** The directory of the group's files. */
export const group = '/data/groups/0'
const smallLog = { walMaxBytes: 65_536, walKeepEntries: 8 }
export const value = 'v'.repeat(700)
/** A node that cannot be brought up in so many starts is in a loop. */
const startsMax = 4

/** Opens no database twice at once, as LevelDB does not. */
class LockingCluster extends Cluster {
  /** A disk that is gone takes the process with it, whatever that makes of the error. */
  onKilled: (machine: Machine, error: unknown) => void = () => {}
  /** Just before the pointer that names a node's state is replaced. */
  onSwitch: (machine: Machine) => void = () => {}

  override ports(machine: Machine): NodePorts {
    const ports = super.ports(machine)
    const open = new Set<string>()
    const { life } = machine
    const watch = async <T>(operation: Promise<T>): Promise<T> => {
      try {
        return await operation
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined
        const isKilled = code === 'KILL' || code === 'KILLED'
        if (isKilled && machine.life === life && !life.isDead) this.onKilled(machine, error)
        throw error
      }
    }
    return {
      ...ports,
      disk: watchedDisk(ports.disk, watch, () => {
        if (machine.life === life) this.onSwitch(machine)
      }),
      openDatabase: async (path) => {
        if (open.has(path)) throw Object.assign(new Error(`${path} is open`), { code: 'EBUSY' })
        const database = await ports.openDatabase(path)
        open.add(path)
        return {
          ...database,
          close: async () => {
            await database.close()
            open.delete(path)
          },
        }
      },
    }
  }
}

type Watch = <T>(operation: Promise<T>) => Promise<T>

function watchedDisk(disk: Disk, watch: Watch, onSwitch: () => void): Disk {
  return {
    makeDirectory: (path) => watch(disk.makeDirectory(path)),
    list: (path) => watch(disk.list(path)),
    size: (path) => watch(disk.size(path)),
    readFile: (path, bytesMax) => watch(disk.readFile(path, bytesMax)),
    open: async (path, mode) => watchedFile(await watch(disk.open(path, mode)), watch),
    rename: (from, to) => {
      if (to === `${group}/current`) onSwitch()
      return watch(disk.rename(from, to))
    },
    remove: (path) => watch(disk.remove(path)),
    syncDirectory: (path) => watch(disk.syncDirectory(path)),
    space: (path) => watch(disk.space(path)),
    lock: (path) => watch(disk.lock(path)),
  }
}

function watchedFile(file: DiskFile, watch: Watch): DiskFile {
  return {
    read: (offset, length) => watch(file.read(offset, length)),
    write: (buffers, offset) => watch(file.write(buffers, offset)),
    truncate: (length) => watch(file.truncate(length)),
    sync: () => watch(file.sync()),
    close: () => file.close(),
  }
}

export class RevivedCluster {
  readonly on: LockingCluster
  readonly acknowledged = new Map<string, string>()
  readonly #dead = new Map<Machine, unknown>()
  readonly failures: string[] = []
  readonly #power: boolean
  db: Client | undefined

  constructor(seed: number, power = false) {
    const on = new LockingCluster(seed, 3, { options: smallLog, segmentBytes: 8_192 })
    on.onKilled = (machine, error) => void this.#dead.set(machine, error)
    this.on = on
    this.#power = power
  }

  async up(): Promise<this> {
    for (const machine of this.on.machines) await this.on.initialise(machine)
    for (const machine of this.on.machines) await this.start(machine)
    this.db = await this.on.client()
    return this
  }

  /** Starts a process, again and again if its start fails. */
  async start(machine: Machine): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#dead.delete(machine)
      try {
        await this.on.supervise(machine)
        this.watch(machine)
        return
      } catch (error) {
        this.failures.push(`${machine.id}: ${String(error)}`)
        this.#dead.delete(machine)
        if (attempt === startsMax) throw error
        await this.end(machine)
      }
    }
  }

  /** Starts it again from now on when it ends. */
  watch(machine: Machine): void {
    const { supervised } = machine
    supervised?.closed.catch((error: unknown) => {
      if (machine.supervised === supervised) this.#dead.set(machine, error)
    })
  }

  async end(machine: Machine): Promise<void> {
    if (this.#power) await this.on.powerCut(machine, 'sectors')
    else await this.on.kill(machine, 2)
  }

  /** Lets time pass, and starts whatever has ended meanwhile. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 250) {
      await this.on.clock.advance(250)
      await this.revive()
    }
  }

  async revive(): Promise<void> {
    for (const [machine, error] of this.#dead) {
      this.failures.push(`${machine.id}: ${String(error)}`)
      await this.end(machine)
      await this.start(machine)
    }
    if (this.failures.length > 8) throw new Error(`a loop: ${this.failures.join('\n')}`)
  }

  /** Writes that many keys; resolves when all are acknowledged. Somebody else lets time pass. */
  async put(name: string, count: number, from = 0): Promise<void> {
    const puts = Array.from({ length: count }, async (_, i) => {
      const key = `${name}-${from + i}`
      const put = `${key} ${value}`
      await this.db?.put(key, put, { timeout: 60_000 })
      this.acknowledged.set(key, put)
    })
    await Promise.all(puts)
  }

  async fill(name: string, count: number): Promise<void> {
    for (let i = 0; i < count; i += 20) await this.passUntil(this.put(name, 20, i), 60_000)
  }

  /** Lets time pass until something is done. */
  async passUntil(work: Promise<unknown>, ms: number): Promise<void> {
    let over = false
    const end = (): void => {
      over = true
    }
    work.then(end, end)
    for (let passed = 0; !over && passed < ms; passed += 50) {
      await this.on.clock.advance(50)
      await this.revive()
    }
    await this.on.done(work)
  }

  /** All is there, on all, and nothing else is on the disks. */
  async settle(count: number): Promise<void> {
    await this.pass(6_000)
    const db = this.db
    if (db === undefined) throw new Error('never up')
    let told: unknown[] = []
    for (let attempt = 0; attempt < 5; attempt++) {
      const digest = await this.on.done(db.digest(), 120_000)
      told = digest.nodes.map((node) => ('rows' in node ? [node.effects, node.rows] : node))
      if (told.every((one) => Array.isArray(one))) break
      await this.pass(5_000)
    }
    expect(told).toHaveLength(count)
    expect(told).toEqual(told.map(() => told[0]))
    const keys = [...this.acknowledged.keys()]
    const got = await this.on.done(
      Promise.all(keys.map(async (key): Promise<[string, unknown]> => [key, await db.get(key)])),
    )
    for (const [key, found] of got) {
      if (found !== this.acknowledged.get(key)) throw new Error(`${key} is ${String(found)}`)
    }
    for (const machine of this.on.machines) await this.expectTidy(machine)
  }

  async expectTidy(machine: Machine): Promise<void> {
    const names = (await this.on.done(machine.disk.list(group))) ?? []
    const states = names.filter((name) => name.startsWith('state-'))
    const damaged = names.filter((name) => name.startsWith('wal.damaged-'))
    const rest = names.filter((name) => !states.includes(name) && !damaged.includes(name))
    expect(states.length).toBe(1)
    expect(damaged.length).toBeLessThanOrEqual(damagedKeptMax)
    // What is left of a file that was being written is written over the next time.
    expect(rest.filter((name) => name !== 'current.tmp').sort()).toEqual([
      'current',
      'peers.json',
      'vote',
      'wal',
    ])
  }

  /** What nodes said of damage to their logs. */
  get damagedLogs(): string[] {
    return this.on.machines.flatMap(({ id, log }) =>
      log.filter((line) => line.includes('the log is damaged')).map((line) => `${id}: ${line}`),
    )
  }

  follower(leader: string): Machine {
    const found = this.on.machines.find(({ id }) => id !== leader)
    if (found === undefined) throw new Error('nobody follows')
    return found
  }
}
