/**
 * A cluster of real nodes in one process: real core, log, state machine, transport and client, over
 * a clock that moves by hand, and a network, disks and databases in memory that fail on demand.
 */
import { createClient } from '../../../src/client/index.ts'
import type { Client, ConnectOptions } from '../../../src/client/index.ts'
import { QuorateError } from '../../../src/errors.ts'
import type { Logger } from '../../../src/logger.ts'
import { openNode } from '../../../src/node/open.ts'
import type { NodePorts } from '../../../src/node/open.ts'
import type { NodeEnd } from '../../../src/node/node.ts'
import type { NodeCaps, NodeOptions } from '../../../src/node/options.ts'
import { nodeSettings } from '../../../src/node/options.ts'
import type { RunningNode } from '../../../src/node/supervise.ts'
import { runNode } from '../../../src/node/supervise.ts'
import { SeededRandom } from '../../../src/random.ts'
import type { NodeStatus } from '../../../src/transport/index.ts'
import { initialise } from '../../../src/wal/index.ts'
import { ManualClock } from '../../suites/manual-clock.ts'
import { MemoryDatabase } from '../../suites/memory-database.ts'
import { MemoryDisk } from '../../suites/memory-disk.ts'
import type { KeepUnsynced } from '../../suites/memory-disk.ts'
import { MemoryNetwork } from '../../suites/memory-network.ts'
import { Life, slowDisk } from './lives.ts'

const directory = '/data'

/** One machine: its disk and databases outlive the node that runs on it. */
export class Machine {
  readonly id: string
  readonly disk = new MemoryDisk()
  readonly databases = new Map<string, MemoryDatabase>()
  readonly log: string[] = []
  /** Whether the cluster began with it. */
  isFirst = true
  /** How long a sync takes. */
  syncMs = 0
  /** How far its wall clock is off. */
  skewMs = 0
  /** Until it resolves, a flush of the state is not durable. */
  databasePause: () => Promise<void> = () => Promise.resolve()
  /** Opening a database fails with this, each once, in this order. */
  readonly openErrors: Error[] = []
  life = new Life()
  running: Awaited<ReturnType<typeof openNode>> | undefined
  supervised: RunningNode | undefined
  /** How the node of the present life ended. */
  end: NodeEnd | undefined
  /** Why nodes ended that could not go on, of all lives. */
  readonly failures: unknown[] = []

  constructor(id: string) {
    this.id = id
  }

  get node() {
    if (this.running === undefined) throw new Error(`${this.id} does not run`)
    return this.running.node
  }

  get status(): NodeStatus {
    return this.node.status()
  }

  /** The database of the generation that was opened last. */
  get database(): MemoryDatabase {
    const last = [...this.databases.values()].at(-1)
    if (last === undefined) throw new Error(`${this.id} never had a state`)
    return last
  }
}

/** What is special about a cluster. */
export interface ClusterShape {
  readonly name?: string
  readonly segmentBytes?: number
  readonly caps?: NodeCaps
  readonly options?: Partial<NodeOptions>
}

export class Cluster {
  readonly clock: ManualClock
  readonly network: MemoryNetwork
  readonly random: SeededRandom
  readonly shape: ClusterShape
  readonly machines: Machine[] = []
  readonly #clients: Client[] = []

  /** `beside`: on the network and the clock of another cluster. */
  constructor(seed = 1, count = 3, shape: ClusterShape = {}, beside?: Cluster) {
    this.clock = beside?.clock ?? new ManualClock()
    this.network = beside?.network ?? new MemoryNetwork(this.clock, 1)
    this.random = new SeededRandom(seed)
    this.shape = shape
    for (let i = 1; i <= count; i++) this.machines.push(new Machine(`n${i}`))
  }

  machine(id: string): Machine {
    const found = this.machines.find((machine) => machine.id === id)
    if (found === undefined) throw new Error(`there is no ${id}`)
    return found
  }

  /** Makes every data directory, starts every node and waits for a leader. */
  async up(): Promise<this> {
    for (const machine of this.machines) await this.initialise(machine)
    for (const machine of this.machines) await this.start(machine)
    await this.leader()
    return this
  }

  async initialise(machine: Machine): Promise<void> {
    await this.clock.until(
      initialise({
        disk: machine.disk,
        random: this.random,
        path: directory,
        nodeId: machine.id,
        members: this.machines.map(({ id }) => ({ id, peerAddress: `${id}:7201` })),
        clusterName: this.shape.name ?? 'test',
        segmentBytes: this.shape.segmentBytes ?? 1_048_576,
      }),
    )
  }

  /** Another machine, whose node is made to join. */
  async newcomer(id: string): Promise<Machine> {
    const machine = new Machine(id)
    const first = this.machines.filter(({ isFirst }) => isFirst)
    await this.clock.until(
      initialise({
        disk: machine.disk,
        random: this.random,
        path: directory,
        nodeId: id,
        members: first.map((member) => ({ id: member.id, peerAddress: `${member.id}:7201` })),
        clusterName: this.shape.name ?? 'test',
        segmentBytes: this.shape.segmentBytes ?? 1_048_576,
        joining: true,
      }),
    )
    machine.isFirst = false
    this.machines.push(machine)
    return machine
  }

  /** The machine of this name with an empty disk, set up anew under the old name. */
  async wiped(id: string): Promise<Machine> {
    const at = this.machines.findIndex((machine) => machine.id === id)
    const machine = new Machine(id)
    this.machines[at] = machine
    await this.initialise(machine)
    return machine
  }

  ports(machine: Machine): NodePorts {
    const clock = machine.life.clock(this.clock, () => machine.skewMs)
    return {
      clock,
      random: this.random,
      disk: slowDisk(machine.disk, clock, () => machine.syncMs),
      network: machine.life.network(this.network.host(machine.id)),
      processId: undefined,
      version: 'test',
      openDatabase: async (path) => {
        // A directory that was removed took its database with it.
        const isNew = (await machine.disk.list(path)) === undefined
        if (isNew) machine.databases.delete(path)
        await machine.disk.makeDirectory(path)
        const failure = machine.openErrors.shift()
        if (failure !== undefined) throw failure
        let database = machine.databases.get(path)
        if (database === undefined) {
          database = new MemoryDatabase({ pause: () => machine.databasePause() })
          machine.databases.set(path, database)
        }
        return await database.open()
      },
    }
  }

  settings(machine: Machine) {
    const options = {
      dataDirectory: directory,
      clientListen: `${machine.id}:7101`,
      peerListen: `${machine.id}:7201`,
      logger: linesInto(machine.log),
      ...this.shape.options,
    }
    return nodeSettings(options, this.shape.caps)
  }

  async start(machine: Machine): Promise<void> {
    machine.life = new Life()
    machine.end = undefined
    const { life } = machine
    const open = await this.clock.until(openNode(this.ports(machine), this.settings(machine)))
    machine.running = open
    void open.node.ended.then(async (end) => {
      if (life.isDead) return
      machine.end = end
      if (end.type === 'failed') machine.failures.push(end.error)
      await open.release()
    })
    await this.clock.until(open.node.start())
  }

  /** Starts a node as a process does, so that damage to its state is repaired. */
  async supervise(machine: Machine): Promise<RunningNode> {
    machine.life = new Life()
    machine.supervised = await this.clock.until(
      runNode(this.ports(machine), this.settings(machine)),
    )
    return machine.supervised
  }

  /**
   * SIGKILL: the process is gone, the machine and all that it was given to write stay. Of the state
   * LevelDB may have flushed less: all batches since the last flush (the default), or the first few.
   */
  async kill(machine: Machine, batches = Number.MAX_SAFE_INTEGER): Promise<void> {
    this.#gone(machine)
    machine.disk.restart()
    for (const database of machine.databases.values()) {
      database.crash(Math.min(batches, database.volatileBatches))
    }
    await this.clock.run()
  }

  /** The machine loses power: what was not synced is gone, as far as chance does not save it. */
  async powerCut(machine: Machine, keepUnsynced: KeepUnsynced = 'none'): Promise<void> {
    this.#gone(machine)
    machine.disk.crash({ keepUnsynced, random: this.random })
    for (const database of machine.databases.values()) database.crash(0)
    await this.clock.run()
  }

  #gone(machine: Machine): void {
    machine.life.end()
    machine.running = undefined
    this.network.crash(machine.id)
  }

  /** Waits until one node leads and every node that runs follows it. */
  async leader(among: readonly Machine[] = this.machines, ms = 10_000): Promise<Machine> {
    for (let passed = 0; passed <= ms; passed += 10) {
      const up = among.filter(({ running, end }) => running !== undefined && end === undefined)
      const leader = up.find(({ status }) => status.role === 'leader')
      const led = up.every(({ status }) => status.leader === leader?.id)
      if (leader !== undefined && led) return leader
      await this.clock.advance(10)
    }
    throw new Error(`no leader after ${ms} ms`)
  }

  /** Waits for a condition, on the manual clock. */
  async until(what: string, holds: () => boolean, ms = 30_000): Promise<void> {
    for (let passed = 0; passed <= ms; passed += 10) {
      if (holds()) return
      await this.clock.advance(10)
    }
    throw new Error(`${what}: not within ${ms} ms`)
  }

  followers(leader: Machine): Machine[] {
    return this.machines.filter((machine) => machine !== leader)
  }

  /** Cuts a node off from all other nodes; clients still reach it. */
  isolate(machine: Machine): void {
    for (const other of this.machines) {
      if (other !== machine) this.network.cut(machine.id, other.id)
    }
  }

  /** `host`: where the client runs, so that links can be cut for one client and not for another. */
  async client(
    options: ConnectOptions = {},
    ids?: readonly string[],
    host = 'client',
  ): Promise<Client> {
    const endpoints = (ids ?? this.machines.map(({ id }) => id)).map((id) => `${id}:7101`)
    const client = await this.clock.until(
      createClient({
        clock: this.clock,
        random: this.random,
        network: this.network.host(host),
        endpoints,
        valueEncoding: 'utf8',
        ...options,
      }),
    )
    this.#clients.push(client)
    return client
  }

  /** The value of a promise; time passes until then. */
  async done<T>(promise: Promise<T>, ms?: number): Promise<T> {
    return await this.clock.until(promise, ms)
  }

  /** The error that a promise rejects with. */
  async failure(promise: Promise<unknown>, ms?: number): Promise<QuorateError> {
    const error: unknown = await this.clock.until(
      promise.then(
        () => undefined,
        (cause: unknown) => cause,
      ),
      ms,
    )
    if (error instanceof QuorateError) return error
    throw new Error('expected a failure', { cause: error })
  }

  async down(): Promise<void> {
    this.network.heal()
    for (const { life } of this.machines) if (life.isPaused) life.resume()
    for (const client of this.#clients) await this.clock.until(client.close())
    for (const { running, end, supervised, life } of this.machines) {
      if (life.isDead) continue
      if (running !== undefined && end === undefined) await this.clock.until(running.node.close())
      if (supervised !== undefined) await this.clock.until(supervised.close().catch(() => {}))
    }
    await this.clock.run()
  }
}

function linesInto(lines: string[]): Logger {
  const line =
    (level: string) =>
    (message: string, fields?: object): void =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields ?? {})}`)
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}
