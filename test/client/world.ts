/** A small world for tests of the client: a manual clock, a memory network, scripted nodes. */
import { createClient } from '../../src/client/index.ts'
import type { Client, ConnectOptions, StatusEvent } from '../../src/client/index.ts'
import { QuorateError } from '../../src/errors.ts'
import { SeededRandom } from '../../src/random.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { MemoryNetwork } from '../suites/memory-network.ts'
import type { Reaction } from './fake-node.ts'
import { FakeNode } from './fake-node.ts'
import type { Request } from '../../src/transport/client-protocol.ts'

export class World {
  readonly clock = new ManualClock()
  readonly network = new MemoryNetwork(this.clock)
  readonly random: SeededRandom
  readonly nodes: FakeNode[] = []
  readonly events: StatusEvent[] = []

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
  }

  /** Starts nodes n1, n2, …; the first is the leader, and all know it. */
  async start(count: number, react?: (request: Request) => Reaction): Promise<FakeNode[]> {
    for (let i = 1; i <= count; i++) {
      this.nodes.push(new FakeNode(this.network, `n${i}`, react))
    }
    const members = this.nodes.map(({ id, address }) => ({ id, clientAddress: address }))
    for (const node of this.nodes) {
      node.leader = 'n1'
      node.members = members
      await node.start()
    }
    return this.nodes
  }

  /** All nodes say that this one leads. */
  lead(id: string | undefined): void {
    for (const node of this.nodes) {
      node.term++
      node.leader = id
    }
  }

  async connect(
    options: ConnectOptions = {},
    endpoints: string | readonly string[] = this.nodes.map((node) => node.address),
  ): Promise<Client> {
    const { clock, random } = this
    const network = this.network.host('client')
    const client = await clock.until(
      createClient({ clock, random, network, endpoints, ...options }),
    )
    client.on('status', (event) => this.events.push(event))
    return client
  }

  /** The value of a promise, or the error that it rejects with; time passes until then. */
  async end<T>(promise: Promise<T>, ms?: number): Promise<T> {
    return await this.clock.until(promise, ms)
  }

  async failure(promise: Promise<unknown>, ms?: number): Promise<QuorateError> {
    const ended = this.clock.until(
      promise.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      ),
      ms,
    )
    const result = await ended
    if ('value' in result) throw new Error(`expected a failure, got ${String(result.value)}`)
    if (!(result.error instanceof QuorateError)) throw result.error
    return result.error
  }
}
