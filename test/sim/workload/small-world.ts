/**
 * For tests of the workload alone: nodes that never fail, on disks that never lose anything, and
 * clients that call them over the simulated network.
 */
import { openNode } from '../../../src/node/open.ts'
import { nodeSettings } from '../../../src/node/options.ts'
import { SeededRandom } from '../../../src/random.ts'
import { initialise } from '../../../src/wal/index.ts'
import { MemoryDatabase } from '../../suites/memory-database.ts'
import { MemoryDisk } from '../../suites/memory-disk.ts'
import { Kernel } from '../kernel/kernel.ts'
import { MachineClock, Process } from '../kernel/process.ts'
import { settle } from '../kernel/settle.ts'
import { SimNetwork } from '../network/sim-network.ts'
import { Weather } from '../network/weather.ts'
import { History } from './history.ts'
import { Keyspace } from './keyspace.ts'
import type { WorkloadMix } from './mix.ts'
import { SimClient } from './sim-client.ts'

const dataDirectory = '/data'
const ids = ['n1', 'n2', 'n3']
const members = ids.map((id) => ({ id, peerAddress: `${id}:7201` }))

/** Three nodes, and as many clients as the mix has. */
export class SmallWorld {
  readonly kernel = new Kernel()
  readonly history = new History(this.kernel)
  readonly weather = new Weather({ delayMs: 0.5, jitterMs: 0.5 })
  readonly endpoints = ids.map((id) => `${id}:7101`)
  readonly network: SimNetwork
  readonly random: SeededRandom
  readonly clients: SimClient[] = []
  readonly mix: WorkloadMix
  readonly keyspace: Keyspace
  readonly #processes: Process[] = []

  constructor(seed: number, mix: WorkloadMix) {
    this.mix = mix
    this.keyspace = new Keyspace(mix)
    this.random = new SeededRandom(seed)
    this.network = new SimNetwork({
      kernel: this.kernel,
      random: this.random.fork(),
      weather: this.weather,
      windowBytes: 65_536,
      isRough: () => false,
    })
  }

  /** Starts the nodes, and the clients with them. */
  async start(): Promise<void> {
    for (const id of ids) await settle(this.kernel, this.#startNode(id))
    for (let index = 0; index < this.mix.clients.length; index++) this.#born(index)
  }

  process(name: string): Process {
    return new Process(this.kernel, name, new MachineClock(this.kernel))
  }

  /** Lets time pass; rejects with what went wrong meanwhile. */
  run(ms: number): Promise<void> {
    const { kernel } = this
    return new Promise((resolve, reject) => {
      // Not from within a promise's callback, where promise chains could not go on.
      setImmediate(() => {
        kernel.runTo(kernel.now + ms)
        if (kernel.crash === undefined) resolve()
        else reject(new Error(`crashed in ${kernel.crash.where}`, { cause: kernel.crash.error }))
      })
    })
  }

  /** Kills a client, which is then born again. */
  kill(index: number): void {
    this.#processes[index]?.kill()
    this.#born(index)
  }

  #born(index: number): void {
    const process = this.process(`c${index + 1}`)
    const client = new SimClient({
      kernel: this.kernel,
      process,
      network: this.network.port(process.name, process),
      random: this.random.fork(),
      endpoints: () => this.endpoints,
      history: this.history,
      mix: this.mix,
      keyspace: this.keyspace,
      index,
    })
    this.clients[index] = client
    this.#processes[index] = process
    client.start()
  }

  async #startNode(id: string): Promise<void> {
    const disk = new MemoryDisk()
    const database = new MemoryDatabase()
    const process = this.process(id)
    const random = this.random.fork()
    const cluster = { members, clusterName: 'small', segmentBytes: 1_048_576 }
    await initialise({ disk, random, path: dataDirectory, nodeId: id, ...cluster })
    const ports = {
      clock: process.clock,
      random,
      disk,
      network: this.network.port(id, process),
      processId: undefined,
      version: 'test',
      openDatabase: async (path: string) => {
        await disk.makeDirectory(path)
        return await database.open()
      },
    }
    const listen = { clientListen: `${id}:7101`, peerListen: `${id}:7201` }
    const open = await openNode(ports, nodeSettings({ dataDirectory, ...listen }))
    await open.node.start()
  }
}
