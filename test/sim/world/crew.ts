/** The client machines of a lifetime: one client process on each, killed and born again on demand. */
import { randomBetween } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import { Process } from '../kernel/process.ts'
import type { MachineClock } from '../kernel/process.ts'
import type { History } from '../workload/history.ts'
import { Keyspace } from '../workload/keyspace.ts'
import { drawMix } from '../workload/mix.ts'
import type { SettingChange, WorkloadMix } from '../workload/mix.ts'
import { SimClient } from '../workload/sim-client.ts'
import { clientPort } from './machine.ts'
import type { Swarm } from './swarm.ts'
import type { World } from './world.ts'

interface Seat {
  readonly host: string
  readonly index: number
  readonly clock: MachineClock
  readonly random: SeededRandom
  client: SimClient
  process: Process
}

/** Between a client's death and its next life, ms. */
const rebirthMsMax = 2_000

export class Crew {
  readonly mix: WorkloadMix
  readonly #world: World
  readonly #history: History
  readonly #keyspace: Keyspace
  readonly #seats: Seat[] = []
  #stopping = false

  constructor(world: World, history: History, random: SeededRandom) {
    this.#world = world
    this.#history = history
    const settings = settingsOf(world.swarm)
    this.mix = drawMix(random.fork(), { clients: world.clientHosts.length, settings })
    this.#keyspace = new Keyspace(this.mix)
    for (const [index, host] of world.clientHosts.entries()) {
      const clock = world.clockOf(random.fork())
      const own = random.fork()
      const process = new Process(world.kernel, host, clock)
      const client = this.#client(process, own, host, index)
      this.#seats.push({ host, index, clock, random: own, process, client })
    }
  }

  start(): void {
    for (const { client } of this.#seats) client.start()
  }

  /** No new calls from now on. */
  stop(): void {
    this.#stopping = true
    for (const { client, process } of this.#seats) if (process.alive) void client.stop()
  }

  /** No call is under way. */
  get idle(): boolean {
    return this.#seats.every(({ client, process }) => !process.alive || client.open === 0)
  }

  /** Kills one client; its open calls never end, and it is born again a little later. */
  kill(random: SeededRandom): boolean {
    const alive = this.#seats.filter(({ process }) => process.alive)
    const seat = alive[randomBetween(random, 0, Math.max(1, alive.length))]
    if (seat === undefined) return false
    const { kernel } = this.#world
    kernel.note('client killed', seat.host)
    seat.process.kill()
    kernel.after(randomBetween(random, 1, rebirthMsMax), () => {
      if (this.#stopping) return
      seat.process = new Process(kernel, seat.host, seat.clock)
      seat.client = this.#client(seat.process, seat.random, seat.host, seat.index)
      seat.client.start()
    })
    return true
  }

  #client(process: Process, random: SeededRandom, host: string, index: number): SimClient {
    const { kernel, network } = this.#world
    return new SimClient({
      kernel,
      process,
      network: network.port(host, process),
      random: random.fork(),
      endpoints: () => this.#world.ids.map((id) => `${id}:${clientPort}`),
      history: this.#history,
      mix: this.mix,
      keyspace: this.#keyspace,
      index,
    })
  }
}

/** The cluster settings that the world has drawn. */
function settingsOf(swarm: Swarm): SettingChange[] {
  const names = ['tokenRetentionMs', 'sessionExpiryMs', 'tokensMax', 'sessionsMax'] as const
  return names.flatMap((name) => {
    const value = swarm[name]
    return value === undefined ? [] : [{ name, value }]
  })
}
