/**
 * One client process of a lifetime: the real SDK, and somebody who calls it without end, at most so
 * many calls at once. Each life of a process has a `SimClient` of its own; one that is killed leaves
 * its open calls without an outcome.
 */
import { createClient } from '../../../src/client/index.ts'
import type { Client } from '../../../src/client/index.ts'
import type { Cancel, Network } from '../../../src/ports.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Process } from '../kernel/process.ts'
import { checkError } from './failure.ts'
import type { Call, History } from './history.ts'
import type { Keyspace } from './keyspace.ts'
import type { ClientMix, WorkloadMix } from './mix.ts'
import { perform } from './perform.ts'
import { drawPlan } from './plan.ts'
import type { Plan } from './plan.ts'

/** Who is behind, because nobody answered, goes this much faster until it has caught up. */
const catchUp = 4
/** So far behind, or ahead, counts; at most so much is kept, or an end would be one long burst. */
const behindMin = 4
const behindMax = 60
/** Calls that come in one tick at most. */
const burstMax = 6
const reconnectMs = 100
const restMsMin = 1_000
const restMsMax = 8_000

/** What a client is made of. */
export interface SimClientOptions {
  readonly kernel: Kernel
  readonly process: Process
  readonly network: Network
  readonly random: SeededRandom
  /** Of all nodes that there are at the time: whoever connects anew is told by its operator. */
  readonly endpoints: () => readonly string[]
  readonly history: History
  readonly mix: WorkloadMix
  readonly keyspace: Keyspace
  /** Which of `mix.clients` it is. */
  readonly index: number
}

/** Who never rests: there is always somebody who soon writes. */
function busiest({ clients }: WorkloadMix): ClientMix | undefined {
  return clients.find(({ pin }) => pin === undefined)
}

/** A client in one life of its process. */
export class SimClient {
  readonly #options: SimClientOptions
  readonly #own: ClientMix
  readonly #random: SeededRandom
  /** The one that it is pinned to. */
  readonly #pinnedTo: string | undefined
  readonly #open = new Set<Call>()
  readonly #connecting = new AbortController()
  #idle: (() => void)[] = []
  #client: Client | undefined
  #connection = 0
  #connected: Promise<void> = Promise.resolve()
  #tick: Cancel | undefined
  #stopping = false
  /** Calls that were planned until `#paidUntil`, less those that were made. */
  #behind = 0
  #paidUntil = 0

  constructor(options: SimClientOptions) {
    const { mix, index, random, process, history } = options
    const endpoints = options.endpoints()
    const own = mix.clients[index % mix.clients.length]
    if (own === undefined) throw new Error('a mix has a client')
    this.#options = options
    this.#own = own
    this.#random = random
    this.#pinnedTo = own.pin === undefined ? undefined : endpoints[own.pin % endpoints.length]
    process.onDeath(() => {
      for (const call of this.#open) history.abandon(call)
    })
  }

  get name(): string {
    return this.#options.process.name
  }

  /** Calls under way. */
  get open(): number {
    return this.#open.size
  }

  /** Connects, and goes on calling until it is told to stop. */
  start(): void {
    const { process } = this.#options
    process.post('input', () => {
      this.#paidUntil = process.clock.monotonic()
      this.#connected = this.#guard(this.#connect())
      this.#plan()
    })
  }

  /** Makes no new calls; resolves once the open ones have ended. */
  stop(): Promise<void> {
    this.#stopping = true
    this.#tick?.()
    this.#connecting.abort()
    return this.#isIdle()
  }

  /** Stops and closes: open calls end there and then. */
  close(): Promise<void> {
    const stopped = this.stop()
    return new Promise((resolve) => {
      this.#options.process.post('input', () => {
        const closed = this.#connected
          .then(() => this.#client?.close())
          .then(() => stopped)
          .then(resolve)
        void this.#guard(closed)
      })
    })
  }

  async #connect(): Promise<void> {
    const { process, network, kernel, history, endpoints } = this.#options
    const { timeout, attemptTimeout, pin, consistency } = this.#own
    while (!this.#stopping) {
      try {
        this.#client = await createClient({
          clock: process.clock,
          random: this.#random.fork(),
          network,
          endpoints: this.#pinnedTo === undefined ? endpoints() : [this.#pinnedTo],
          valueEncoding: 'utf8',
          timeout,
          consistency,
          pin: pin !== undefined,
          signal: this.#connecting.signal,
          ...(attemptTimeout === undefined ? {} : { attemptTimeout }),
        })
        this.#connection = history.newConnection()
        kernel.note('client', this.name, 'connected', this.#connection)
        return
      } catch (error) {
        kernel.note('client', this.name, checkError(error).code)
        await process.sleep(reconnectMs)
      }
    }
  }

  /** Closed with calls under way, as by a program that ends in good order, and made anew. */
  async #reopen(client: Client): Promise<void> {
    this.#client = undefined
    await client.close()
    await this.#connect()
  }

  #plan(): void {
    if (this.#stopping) return
    const { process, mix } = this.#options
    const delay = 2 * this.#meanMs * this.#pace() * randomFraction(this.#random)
    const rests = randomFraction(this.#random) < mix.restShare && this.#own !== busiest(mix)
    const rest = rests ? randomBetween(this.#random, restMsMin, restMsMax) : 0
    this.#tick = process.clock.timer(delay + rest, () => {
      this.#plan()
      this.#act()
    })
  }

  /** What keeps the number of calls near the plan, through outages and bursts. */
  #pace(): number {
    if (this.#behind > behindMin) return 1 / catchUp
    return this.#behind < -behindMin ? catchUp : 1
  }

  /** Between two calls of this client, as planned. */
  get #meanMs(): number {
    const { callsPerSecond, clients } = this.#options.mix
    return (1000 * clients.length) / callsPerSecond
  }

  #act(): void {
    const now = this.#options.process.clock.monotonic()
    this.#behind += (now - this.#paidUntil) / this.#meanMs
    this.#behind = Math.min(behindMax, this.#behind)
    this.#paidUntil = now
    const { burstShare, reopenShare } = this.#options.mix
    let left =
      randomFraction(this.#random) < burstShare ? randomBetween(this.#random, 1, burstMax) : 1
    while (left-- > 0 && this.#client !== undefined && this.#open.size < this.#own.inflight) {
      this.#step(this.#client)
      if (randomFraction(this.#random) >= reopenShare) continue
      this.#connected = this.#guard(this.#reopen(this.#client))
    }
  }

  #step(client: Client): void {
    const { history, mix, keyspace, process } = this.#options
    const { clusterTime } = client
    const { nextId } = history
    const own = this.#own
    const source = { random: this.#random, mix, client: own, keyspace, nextId, clusterTime }
    const plan = drawPlan(source)
    const pinned = this.#pinnedTo === undefined ? {} : { pinnedTo: this.#pinnedTo }
    const caller = { client: process.name, connection: this.#connection, ...pinned }
    const calls = plan.requests.map((request) => history.begin(caller, request))
    for (const call of calls) this.#open.add(call)
    this.#behind -= calls.length
    void this.#guard(this.#run(client, plan, calls))
  }

  async #run(client: Client, plan: Plan, calls: readonly Call[]): Promise<void> {
    const { process, history, keyspace } = this.#options
    const aborts = plan.abortAfter === undefined ? undefined : new AbortController()
    const cancel = aborts && process.clock.timer(plan.abortAfter ?? 0, () => aborts.abort('enough'))
    const outcomes = await perform(plan, {
      client,
      consistency: this.#own.consistency,
      signal: aborts?.signal,
      sleep: (ms) => process.sleep(ms),
    })
    cancel?.()
    if (!process.alive) return
    calls.forEach((call, i) => {
      const outcome = outcomes[i]
      if (outcome === undefined) throw new Error('each call has an outcome')
      this.#open.delete(call)
      keyspace.learn(call.request, outcome)
      history.end(call, outcome)
    })
    if (this.#open.size > 0) return
    const idle = this.#idle
    this.#idle = []
    for (const told of idle) told()
  }

  #isIdle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#open.size === 0) resolve()
      else this.#idle.push(resolve)
    })
  }

  /** What goes wrong within a promise chain ends the lifetime, as what is thrown in an event does. */
  async #guard(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      this.#options.kernel.crash ??= { error, where: this.name }
    }
  }
}
