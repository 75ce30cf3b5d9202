/**
 * Which node a call goes to, and how the leader is found.
 *
 * Writes go to the leader alone. While it is not known they are parked here, and not sent about: a
 * thousand writes that ask every follower in turn would be refused by all, and would carry their
 * values over the network each time. Instead one seeker asks all nodes for their status, in rounds
 * with growing, jittered pauses, and what is parked goes out once somebody names a leader that can
 * be reached.
 */
import { QuorateError } from '../errors.ts'
import type { ErrorCode, ErrorDetails } from '../errors.ts'
import type { Clock, Network, Random } from '../ports.ts'
import { unreachable } from '../assert.ts'
import { defaultLimits } from '../command/index.ts'
import type { Limits } from '../command/index.ts'
import type { MemberAddress, NodeStatus, Welcome } from '../transport/index.ts'
import { nextDelay } from './backoff.ts'
import type { Call } from './call.ts'
import type { ClusterTime } from './cluster-time.ts'
import { Endpoint } from './endpoint.ts'
import type { EndpointOwner, Waiter } from './endpoint.ts'
import { Endpoints } from './endpoints.ts'
import type { StatusEvents } from './events.ts'
import { Alarm } from './wheel.ts'
import type { Wheel } from './wheel.ts'

/** Pauses between rounds of seeking: the first after about this long, none longer than the cap. */
const seekLimits = { baseMs: 20, delayMsMax: 500 }
/** The same for a client without a connection that nobody uses. */
const aloneLimits = { baseMs: 500, delayMsMax: 30_000 }
/** What is left for a node to answer a status asked in passing. */
const statusMs = 1000

export interface RouterOptions {
  readonly addresses: readonly string[]
  readonly pin: boolean
  readonly clusterId: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly wheel: Wheel
  readonly clusterTime: ClusterTime
  readonly events: StatusEvents
  /** Routes a parked call again; it sends it, or parks it anew. */
  readonly onRoutable: (call: Call) => void
}

/** Why a parked call found no way. */
export interface NoRoute {
  readonly code: Extract<ErrorCode, 'QUORATE_CONNECTION_LOST' | 'QUORATE_NO_QUORUM'>
  readonly message: string
  readonly cause: QuorateError | undefined
}

export class Router implements EndpointOwner {
  clusterId: string | undefined
  /** What the node that answered last lets through its door. */
  limits: Limits = defaultLimits
  readonly #options: RouterOptions
  readonly #endpoints: Endpoints
  readonly #parked = new Set<Call>()
  readonly #seeker: Alarm
  readonly #alone: Alarm
  readonly #firstWelcome: ((error: QuorateError | undefined) => void)[] = []
  #leader: string | undefined
  /** Of the newest term that named it: a node that lags must not lead astray. */
  #leaderTerm = 0
  #seekDelay = 0
  #aloneDelay = 0
  #draining = false
  #closed = false

  constructor(options: RouterOptions) {
    this.#options = options
    this.clusterId = options.clusterId
    this.#endpoints = new Endpoints(
      options.addresses,
      (address, expectedNodeId) => this.#makeEndpoint(address, expectedNodeId),
      (endpoint) => this.#onDropped(endpoint),
    )
    this.#seeker = new Alarm((now) => this.#seekRound(now))
    this.#alone = new Alarm(() => this.#callAround())
  }

  /** All endpoints: those given, then those learnt. */
  get endpoints(): readonly Endpoint[] {
    return this.#endpoints.all
  }

  get leader(): string | undefined {
    return this.#leader
  }

  /**
   * Connects to everyone that was given, and goes on trying. Tells once: when the first has
   * answered, or the error when all of them refuse for good.
   */
  start(onFirst: (error: QuorateError | undefined) => void): void {
    this.#firstWelcome.push(onFirst)
    this.#seek(this.#options.clock.monotonic())
  }

  /** Members whose addresses nodes have told and that no endpoint stands for yet: now one does. */
  learnEndpoints(): readonly Endpoint[] {
    if (!this.#options.pin) this.#endpoints.learnAll()
    return this.#endpoints.all
  }

  /** The endpoint that can serve the call at once; undefined: park it. */
  pick(call: Call): Endpoint | undefined {
    const { route } = call
    switch (route.to) {
      case 'leader':
        return this.#options.pin ? this.#endpoints.only : this.openLeader()
      case 'reader':
        return this.#options.pin ? this.#endpoints.only : this.#reader(call)
      case 'nearest':
        return this.#endpoints.nearest(call.avoid)
      case 'endpoint':
        // Someone wants to know about this very node: the breaker is no answer to that.
        route.endpoint.dial(true)
        return route.endpoint.open ? route.endpoint : undefined
      case 'connection':
        return route.endpoint.connection === route.connection && route.endpoint.open
          ? route.endpoint
          : undefined
      default:
        return unreachable(route)
    }
  }

  /** Keeps the call until there is a way, and sees to it that one is looked for. */
  park(call: Call, now: number): void {
    this.#parked.add(call)
    if (call.route.to !== 'endpoint') this.#seek(now)
  }

  unpark(call: Call): void {
    this.#parked.delete(call)
  }

  /** A call got an answer from a node that could serve it. */
  onServed(call: Call, from: Endpoint): void {
    this.#seekDelay = 0
    if (call.write && from.nodeId !== undefined) this.#setLeader(from.nodeId)
  }

  /**
   * A node refused a write because it does not lead. Only whom we took for the leader can name
   * another: anyone else may still think of the one before.
   */
  onNotLeader(from: Endpoint, details: ErrorDetails): void {
    if (this.#leader !== undefined && this.#leader !== from.nodeId) return
    this.forgetLeader()
    const { leader, leaderAddress } = details
    if (leader === undefined || leader === from.nodeId) return
    if (leaderAddress !== undefined) this.#endpoints.members.hint(leader, leaderAddress)
    this.#setLeader(leader)
  }

  /** The leader cannot do its work, or is gone. */
  forgetLeader(from?: Endpoint): void {
    if (from !== undefined && from.nodeId !== this.#leader) return
    this.#leader = undefined
    this.#leaderTerm = 0
  }

  /** What keeps a parked call waiting. */
  noRoute(): NoRoute {
    const { all } = this.#endpoints
    const open = all.filter((endpoint) => endpoint.open)
    const cause = all.find((endpoint) => endpoint.lastError !== undefined)?.lastError
    const code = 'QUORATE_CONNECTION_LOST'
    if (open.length === 0) {
      const list = all.map((endpoint) => endpoint.address).join(', ')
      return { code, message: `no connection to any of ${list}`, cause }
    }
    if (this.#leader === undefined) {
      const count = `${open.length} of ${all.length}`
      const message = `no quorum: ${count} endpoints can be reached, and none knows a leader`
      return { code: 'QUORATE_NO_QUORUM', message, cause: undefined }
    }
    return { code, message: `the leader, ${this.#leader}, cannot be reached`, cause }
  }

  /** Takes in what a node said of itself and the others. */
  onStatus(status: NodeStatus, from: Endpoint): void {
    const isLed = status.leader !== undefined
    if (from.open) this.#endpoints.members.tell(from, status.members, isLed)
    if (status.term < this.#leaderTerm) return
    if (status.leader === undefined) {
      // The leader that we cannot reach, others cannot either: that is not our network's fault.
      if (this.#endpoints.openTo(this.#leader) === undefined) this.forgetLeader()
      return
    }
    this.#leaderTerm = status.term
    this.#setLeader(status.leader)
  }

  close(): void {
    this.#closed = true
    this.#parked.clear()
    this.#options.wheel.clear(this.#seeker)
    this.#options.wheel.clear(this.#alone)
    for (const endpoint of this.#endpoints.all) endpoint.close()
  }

  onWelcome(endpoint: Endpoint, welcome: Welcome): void {
    const { events, clusterTime } = this.#options
    this.clusterId = welcome.clusterId
    this.limits = { ...defaultLimits, ...welcome.limits }
    clusterTime.observe(welcome.clusterTime)
    this.#endpoints.members.tell(endpoint, welcome.members, welcome.leader !== undefined)
    endpoint.advertisedAs = welcome.members.find(({ id }) => id === welcome.nodeId)?.clientAddress
    events.emit({ type: 'connected', endpoint: endpoint.address, nodeId: welcome.nodeId })
    // A welcome has no term. It is believed where nothing else is known and nobody waits; calls
    // that lost their leader wait for a status, lest a node that lags draws them back to it.
    if (this.#leader === undefined && this.#parked.size > 0) this.#askStatus(endpoint)
    else if (this.#leader === undefined && welcome.leader !== undefined)
      this.#setLeader(welcome.leader)
    else if (this.#leader === welcome.nodeId) this.#tellLeader()
    for (const tell of this.#firstWelcome.splice(0)) tell(undefined)
    this.#drain()
  }

  onDialFailed(endpoint: Endpoint, error: QuorateError): void {
    this.#giveUp(endpoint, error)
    const hopeless = this.#endpoints.all.every(
      (each) => !each.open && !each.dialling && each.lastError?.retryable === false,
    )
    if (hopeless) for (const tell of this.#firstWelcome.splice(0)) tell(error)
    // What waited for this one, because it might have been the leader, can go on elsewhere.
    this.#drain()
  }

  onLost(endpoint: Endpoint, error: QuorateError): void {
    this.forgetLeader(endpoint)
    this.#endpoints.members.forget(endpoint)
    this.#dropDisowned()
    this.#watchAlone()
    const { events } = this.#options
    events.emit({ type: 'disconnected', endpoint: endpoint.address, reason: error.message })
  }

  /**
   * The cluster changes: whoever was added is connected to at once, so that those who were there
   * before may all go.
   */
  onMembers(endpoint: Endpoint, members: readonly MemberAddress[]): void {
    if (this.#options.pin) return
    this.#endpoints.members.tell(endpoint, members)
    this.#dropDisowned()
    if (!this.#closed) this.#endpoints.follow()
  }

  onBreaker(endpoint: Endpoint, state: 'open' | 'closed'): void {
    this.#options.events.emit({ type: 'breaker', endpoint: endpoint.address, state })
  }

  /** The leader's endpoint, if it is open; else it is dialled. */
  openLeader(): Endpoint | undefined {
    const endpoint = this.#leader === undefined ? undefined : this.#endpoints.towards(this.#leader)
    if (endpoint === undefined || endpoint.open) return endpoint
    endpoint.dial()
    return undefined
  }

  /** While the leader is known but not to be reached from here, another node can serve the read. */
  #reader(call: Call): Endpoint | undefined {
    if (this.#leader === undefined) return undefined
    const leader = this.openLeader()
    if (leader !== undefined && leader !== call.avoid) return leader
    return this.#endpoints.nearest(call.avoid)
  }

  /** Nobody dials it any more. */
  #onDropped(endpoint: Endpoint): void {
    const what = `${endpoint.address} is no address of a member any more`
    this.#giveUp(endpoint, new QuorateError('QUORATE_CONNECTION_LOST', what))
  }

  /** Tells those that wait for this very endpoint. */
  #giveUp(endpoint: Endpoint, error: QuorateError): void {
    for (const call of Array.from(this.#parked)) {
      if (call.route.to === 'endpoint' && call.route.endpoint === endpoint) {
        call.lost(error, endpoint)
      }
    }
  }

  #dropDisowned(): void {
    // Who asks about a node wants to hear of it, member or not.
    const wanted = new Set<Endpoint>()
    for (const { route } of this.#parked) if (route.to === 'endpoint') wanted.add(route.endpoint)
    this.#endpoints.dropDisowned(wanted)
  }

  #makeEndpoint(address: string, expectedNodeId: string | undefined): Endpoint {
    const { clock, random, network, wheel } = this.#options
    const given = expectedNodeId === undefined
    const named = { address, given, expectedNodeId }
    return new Endpoint({ ...named, clock, random, network, wheel, owner: this })
  }

  #setLeader(id: string): void {
    if (this.#leader === id) return
    this.#leader = id
    this.#tellLeader()
    this.#drain()
  }

  #tellLeader(): void {
    const endpoint = this.#endpoints.openTo(this.#leader)
    if (endpoint?.nodeId === undefined) return
    const { events } = this.#options
    events.emit({ type: 'leader', nodeId: endpoint.nodeId, endpoint: endpoint.address })
  }

  /** Something changed that may open a way for those that wait. */
  #drain(): void {
    // A call that is routed may change what is known, and ask for another round: one is enough.
    if (this.#draining) return
    this.#draining = true
    try {
      // A copy: one that is parked anew stands at the end again.
      for (const call of Array.from(this.#parked)) {
        if (this.#parked.has(call)) this.#options.onRoutable(call)
      }
    } finally {
      this.#draining = false
    }
  }

  /**
   * Nobody is connected, and nobody waits. Members that come and go meanwhile are heard of only over
   * a connection; so one is looked for, slowly, lest the next call finds that all it knew are gone.
   */
  #watchAlone(): void {
    if (this.#closed || this.#alone.waiting) return
    if (this.#endpoints.all.some((endpoint) => endpoint.open)) {
      this.#aloneDelay = 0
      return
    }
    const { clock, random, wheel } = this.#options
    const now = clock.monotonic()
    this.#aloneDelay = nextDelay(random, this.#aloneDelay, aloneLimits)
    wheel.set(this.#alone, now + this.#aloneDelay, now)
  }

  #callAround(): void {
    for (const endpoint of this.#endpoints.all) endpoint.dial()
    // Whom it met may all have gone: those that they told of may still be there.
    if (!this.#options.pin) this.#endpoints.follow()
    this.#watchAlone()
  }

  #seek(now: number): void {
    if (this.#closed || this.#seeker.waiting) return
    // After success the first round is at once; in trouble, the pauses go on growing.
    if (this.#seekDelay === 0) this.#seekRound(now)
    else this.#options.wheel.set(this.#seeker, now + this.#seekDelay, now)
  }

  #seekRound(now: number): void {
    if (this.#parked.size === 0 && this.#firstWelcome.length === 0) return
    const { random, wheel } = this.#options
    this.#seekDelay = nextDelay(random, this.#seekDelay, seekLimits)
    wheel.set(this.#seeker, now + this.#seekDelay, now)
    this.#dropDisowned()
    // Those given may all have been replaced meanwhile.
    if (!this.#options.pin && this.openLeader() === undefined) this.#endpoints.follow()
    for (const endpoint of this.#endpoints.all) {
      if (!endpoint.open) endpoint.dial()
      else if (!this.#options.pin) this.#askStatus(endpoint)
    }
    this.#drain()
  }

  /** One status at a time: but an answer that is overdue is not waited for any longer. */
  #askStatus(endpoint: Endpoint): void {
    const now = this.#options.clock.monotonic()
    if (now < endpoint.statusDue) return
    const waiter: Waiter = {
      answered: (body) => {
        endpoint.statusDue = 0
        if (body.kind === 'status') this.onStatus(body.status, endpoint)
      },
      lost: () => void (endpoint.statusDue = 0),
    }
    const refused = endpoint.send(waiter, { kind: 'status' }, statusMs)
    endpoint.statusDue = refused === undefined ? now + statusMs : 0
  }
}
