/**
 * An operator: moves the leadership, and adds, promotes, removes and replaces members by the SDK,
 * under whatever faults there are, and tries again when that fails.
 *
 * The cluster keeps at least as many voters as it began with: so what the atlas lets be damaged
 * stays a minority, and there is something left to be judged in the end.
 */
import { createClient } from '../../../src/client/index.ts'
import type { Client } from '../../../src/client/index.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { ErrorCode } from '../../../src/errors.ts'
import { Process } from '../kernel/process.ts'
import { broken, checkError } from '../workload/failure.ts'
import { clientPort, peerPort } from './machine.ts'
import type { World } from './world.ts'

const host = 'op'
const reconnectMs = 200
/** Of one attempt. A change that was taken goes on without us. */
const changeMs = 8_000
const transferMs = 4_000
const transferShare = 0.4

/** No fault excuses them. */
const neverCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'QUORATE_USAGE',
  'QUORATE_PROTOCOL',
  'QUORATE_INTERNAL',
  'QUORATE_WRONG_CLUSTER',
])

interface Known {
  readonly voters: readonly string[]
  readonly learners: readonly string[]
}

export class Operator {
  /** What was brought to its end. */
  transfers = 0
  changes = 0
  readonly #world: World
  readonly #random: SeededRandom
  readonly #process: Process
  #stopping = false
  #idle = true
  /** The last attempt that failed, to be made again. */
  #again: ((client: Client) => Promise<void>) | undefined

  constructor(world: World, random: SeededRandom) {
    this.#world = world
    this.#random = random
    this.#process = new Process(world.kernel, host, world.clockOf(random.fork()))
  }

  /** Begins, if this lifetime has one. */
  start(): void {
    const everyMs = this.#world.swarm.operatorEveryMs
    if (everyMs === undefined) return
    this.#idle = false
    this.#process.post('input', () => {
      this.#work(everyMs).then(
        () => {
          this.#idle = true
        },
        (error: unknown) => {
          this.#world.kernel.crash ??= { error, where: 'the operator' }
        },
      )
    })
  }

  /** Nothing new is begun. */
  stop(): void {
    this.#stopping = true
  }

  get idle(): boolean {
    return this.#idle
  }

  async #work(everyMs: number): Promise<void> {
    const client = await this.#connect()
    while (!this.#stopping && client !== undefined) {
      await this.#process.sleep(randomBetween(this.#random, 1, 2 * everyMs))
      if (this.#stopping) break
      const step = this.#again ?? this.#draw()
      this.#again = undefined
      try {
        await step(client)
      } catch (error) {
        this.#failed(error)
        // Whoever meant it tries it again, now and then another thing first.
        if (randomFraction(this.#random) < 0.7) this.#again = step
      }
    }
    await client?.close()
  }

  #failed(error: unknown): void {
    const known = checkError(error)
    const { reason } = known.details
    this.#world.kernel.note('operator', known.code, String(reason))
    if (neverCodes.has(known.code)) throw broken(`the operator was told ${known.code}`, known)
  }

  async #connect(): Promise<Client | undefined> {
    const { network, ids } = this.#world
    while (!this.#stopping) {
      try {
        return await createClient({
          clock: this.#process.clock,
          random: this.#random.fork(),
          network: network.port(host, this.#process),
          endpoints: ids.map((id) => `${id}:${clientPort}`),
        })
      } catch (error) {
        checkError(error)
        await this.#process.sleep(reconnectMs)
      }
    }
    return undefined
  }

  #draw(): (client: Client) => Promise<void> {
    const isTransfer = randomFraction(this.#random) < transferShare
    if (isTransfer || this.#world.swarm.spares === 0) {
      const { ids } = this.#world
      const to = ids[randomBetween(this.#random, 0, 2 * ids.length)]
      return (client) => this.#transfer(client, to)
    }
    return (client) => this.#change(client)
  }

  async #transfer(client: Client, to: string | undefined): Promise<void> {
    const leader = await client.transferLeadership(to, { timeout: transferMs })
    if (to !== undefined && leader !== to) throw broken(`${leader} leads and not ${to}`)
    this.transfers++
    this.#world.kernel.note('transferred', leader)
  }

  /** Looks who is there, and draws a change that makes sense. */
  async #change(client: Client): Promise<void> {
    const { members } = await client.members({ timeout: transferMs })
    const idsOf = (voter: boolean): string[] =>
      members.filter((member) => member.voter === voter).map(({ id }) => id)
    const known = { voters: idsOf(true), learners: idsOf(false) }
    const what = this.#drawChange(known)
    if (what === undefined) return
    this.#world.kernel.note('change', what.text)
    const again = (later: Client): Promise<void> => this.#make(later, what)
    try {
      await again(client)
    } catch (error) {
      this.#failed(error)
      this.#again = again
    }
  }

  async #make(client: Client, { text, make }: Change): Promise<void> {
    await make(client)
    this.changes++
    this.#world.kernel.note('changed', text)
  }

  #drawChange({ voters, learners }: Known): Change | undefined {
    // Who knows the only node, and cannot hear it, would never learn where its successor is.
    if (voters.length === 1 && this.#world.clientCuts > 0) return undefined
    const random = this.#random
    const any = (ids: readonly string[]): string | undefined =>
      ids[randomBetween(random, 0, Math.max(1, ids.length))]
    const options = { timeout: changeMs }
    const draw = randomFraction(random)
    const learner = any(learners)
    if (learner !== undefined && draw < 0.6) {
      const text = `promote ${learner}`
      return { text, make: (client) => client.promoteMember(learner, options) }
    }
    const spares = voters.length > this.#world.swarm.nodes
    const gone = learner !== undefined && draw < 0.7 ? learner : spares ? any(voters) : undefined
    if (gone !== undefined && draw < 0.85) {
      return { text: `remove ${gone}`, make: (client) => client.removeMember(gone, options) }
    }
    const spare = this.#world.join()
    const old = any(voters)
    if (spare === undefined || old === undefined) return undefined
    const member = {
      id: spare.id,
      peerAddress: `${spare.id}:${peerPort}`,
      clientAddress: `${spare.id}:${clientPort}`,
    }
    if (randomFraction(random) < 0.4) {
      const text = `replace ${old} by ${spare.id}`
      return { text, make: (client) => client.replaceMember(old, member, options) }
    }
    const staysLearner = randomFraction(random) < 0.4
    const added = { ...member, learner: staysLearner }
    return { text: `add ${spare.id}`, make: (client) => client.addMember(added, options) }
  }
}

interface Change {
  readonly text: string
  readonly make: (client: Client) => Promise<unknown>
}
