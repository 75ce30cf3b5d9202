/**
 * One address: its connection, what is under way on it, its breaker, and the watch that tells a
 * slow node from one that is gone. It repeats nothing; that is the business of whoever asked.
 *
 *     closed ──dial──> dialling ──welcome──> open ──lost──> closed
 */
import { QuorateError } from '../errors.ts'
import type { Clock, Network, Random } from '../ports.ts'
import { ClientConnection } from '../transport/index.ts'
import type {
  MemberAddress,
  Reply,
  ReplyBody,
  Request,
  RequestBody,
  Welcome,
} from '../transport/index.ts'
import { Breaker } from './breaker.ts'
import { Alarm } from './wheel.ts'
import type { Wheel } from './wheel.ts'

/** A connection that is not welcomed within this time is given up. */
const dialMs = 2000
/**
 * A node that owes answers and has said nothing for this long is asked for its status; it answers
 * that at once, without a quorum, however long the work takes that it owes.
 */
const silenceMs = 600
/** Without an answer to that either, its process hangs or the link is half open. */
const probeMs = 600
/** Requests without an answer on one connection; a node that owes more does not answer at all. */
const pendingMax = 131_072
/**
 * What is under way on one connection before more waits here. A node lets more wait on its side,
 * but above its own cap it refuses, and what was refused has crossed the network for nothing.
 */
const flightMax = 12_288
const flightBytesMax = 16_777_216

/** Who waits for the answer to one request. */
export interface Waiter {
  /** Called at most once: the answer. */
  answered(body: ReplyBody, from: Endpoint): void
  /** Called at most once instead: the connection is gone, the request was sent. */
  lost(error: QuorateError, from: Endpoint): void
}

/** What an endpoint tells its owner. */
export interface EndpointOwner {
  /** The cluster that all endpoints must belong to; undefined until the first one has told. */
  readonly clusterId: string | undefined
  onWelcome(endpoint: Endpoint, welcome: Welcome): void
  onDialFailed(endpoint: Endpoint, error: QuorateError): void
  onLost(endpoint: Endpoint, error: QuorateError): void
  /** Its node says unasked that the members have changed. */
  onMembers(endpoint: Endpoint, members: readonly MemberAddress[]): void
  onBreaker(endpoint: Endpoint, state: 'open' | 'closed'): void
}

export interface EndpointOptions {
  readonly address: string
  /** By the caller of `connect`; others were learnt from nodes. */
  readonly given: boolean
  /** The node that must answer there: an advertised address may lead to another one. */
  readonly expectedNodeId: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly wheel: Wheel
  readonly owner: EndpointOwner
}

interface Pending {
  readonly waiter: Waiter
  readonly bytes: number
}

/** One try at a connection; `closed` where it broke before its welcome was taken. */
interface Dial {
  closed: QuorateError | undefined
}

export class Endpoint {
  readonly address: string
  readonly given: boolean
  /** The node that answered here last. */
  nodeId: string | undefined
  /** The address that nodes told of its node when it was welcomed last. */
  advertisedAs: string | undefined
  /** How long the last handshake took: what `nearest` goes by. */
  rttMs = Infinity
  /** Why there is no connection. */
  lastError: QuorateError | undefined
  /** Until when the answer to a status that it was asked for may come; 0: none is waited for. */
  statusDue = 0
  readonly #options: EndpointOptions
  readonly #breaker: Breaker
  readonly #watch: Alarm
  readonly #pending = new Map<number, Pending>()
  #flightBytes = 0
  #dial: Dial | undefined
  #connection: ClientConnection | undefined
  #connectionNumber = 0
  #nextId = 1
  #lastHeard = 0
  #answered = false
  #probing = false
  #closed = false

  constructor(options: EndpointOptions) {
    this.#options = options
    this.address = options.address
    this.given = options.given
    this.#breaker = new Breaker(options.random, (state) => options.owner.onBreaker(this, state))
    this.#watch = new Alarm((now) => this.#judgeSilence(now))
  }

  get open(): boolean {
    return this.#connection !== undefined
  }

  get dialling(): boolean {
    return this.#dial !== undefined && this.#connection === undefined
  }

  /** Names the present connection; another one has another number. */
  get connection(): number {
    return this.#connectionNumber
  }

  /** Nothing that was sent on it waits for an answer. */
  get idle(): boolean {
    return this.#pending.size === 0
  }

  /** Starts to connect, unless it is connected, on its way, or its breaker is open. */
  dial(force = false): void {
    const { clock, network, owner } = this.#options
    const now = clock.monotonic()
    if (this.#closed || this.open || this.dialling) return
    if (!force && !this.#breaker.mayTry(now)) return
    const dial: Dial = { closed: undefined }
    this.#dial = dial
    ClientConnection.open({
      network,
      clock,
      address: this.address,
      clusterId: owner.clusterId,
      timeoutMs: dialMs,
      onReplies: (replies) => this.#onReplies(dial, replies),
      onMembers: (members) => {
        if (this.#dial === dial && this.open) owner.onMembers(this, members)
      },
      onClose: (error) => this.#onClose(dial, error),
    }).then(
      (connection) => this.#onOpen(dial, connection, now),
      (error: unknown) => this.#onDialFailed(dial, asError(error)),
    )
  }

  /** Whether a request of so many bytes may go out now; one alone always may. */
  hasRoom(bytes: number): boolean {
    if (this.#pending.size === 0) return true
    return this.#pending.size < flightMax && this.#flightBytes + bytes <= flightBytesMax
  }

  /** Sends a request. An error: it was not sent, and never will be. */
  send(waiter: Waiter, body: RequestBody, timeoutMs: number): QuorateError | undefined {
    const connection = this.#connection
    if (connection === undefined) return lostError(`there is no connection to ${this.address}`)
    if (this.#pending.size >= pendingMax) {
      const error = lostError(`${this.address} owes ${pendingMax} answers`)
      this.#break(error)
      return error
    }
    const id = this.#nextId++
    const refused = connection.send(toRequest(id, body, timeoutMs))
    if (refused !== undefined) return refused
    if (this.#pending.size === 0) {
      const now = this.#options.clock.monotonic()
      this.#lastHeard = now
      // Left standing from the request before, it finds the newer moment when it fires.
      if (!this.#watch.waiting) this.#options.wheel.set(this.#watch, now + silenceMs, now)
    }
    const bytes = bodyBytes(body)
    this.#pending.set(id, { waiter, bytes })
    this.#flightBytes += bytes
    return undefined
  }

  /** Closes for good. Whoever waits is told nothing: the owner has seen to them. */
  close(): void {
    this.#closed = true
    this.#pending.clear()
    this.#flightBytes = 0
    this.#options.wheel.clear(this.#watch)
    this.#connection?.close()
    this.#connection = undefined
    this.#dial = undefined
  }

  #onOpen(dial: Dial, connection: ClientConnection, startedAt: number): void {
    if (this.#dial !== dial) return connection.close()
    const { owner, clock } = this.#options
    const error = dial.closed ?? this.#misplaced(connection.welcome)
    if (error !== undefined) {
      connection.close()
      return this.#onDialFailed(dial, error)
    }
    this.#connection = connection
    this.#connectionNumber++
    this.#answered = false
    this.#probing = false
    this.rttMs = clock.monotonic() - startedAt
    this.lastError = undefined
    this.nodeId = connection.welcome.nodeId
    this.#breaker.welcomed()
    owner.onWelcome(this, connection.welcome)
  }

  /** A node of another cluster, or another node than the one that was meant, is not spoken to. */
  #misplaced(welcome: Welcome): QuorateError | undefined {
    const { owner, expectedNodeId } = this.#options
    if (owner.clusterId !== undefined && owner.clusterId !== welcome.clusterId) {
      return new QuorateError(
        'QUORATE_WRONG_CLUSTER',
        `${this.address} belongs to cluster ${welcome.clusterId}, not ${owner.clusterId}`,
      )
    }
    if (expectedNodeId !== undefined && expectedNodeId !== welcome.nodeId) {
      return new QuorateError(
        'QUORATE_WRONG_NODE',
        `${this.address}, advertised for ${expectedNodeId}, is ${welcome.nodeId}`,
      )
    }
    return undefined
  }

  #onDialFailed(dial: Dial, error: QuorateError): void {
    if (this.#dial !== dial) return
    this.#dial = undefined
    this.lastError = error
    this.#breaker.failed(this.#options.clock.monotonic())
    this.#options.owner.onDialFailed(this, error)
  }

  #onReplies(dial: Dial, replies: readonly Reply[]): void {
    if (this.#dial !== dial || this.#connection === undefined) return
    this.#lastHeard = this.#options.clock.monotonic()
    this.#probing = false
    if (!this.#answered) {
      this.#answered = true
      this.#breaker.answered()
    }
    for (const reply of replies) {
      const pending = this.#pending.get(reply.id)
      // Nobody asked: a node that answers twice. The first answer stands.
      if (pending === undefined) continue
      this.#pending.delete(reply.id)
      this.#flightBytes -= pending.bytes
      pending.waiter.answered(reply, this)
    }
  }

  #onClose(dial: Dial, error: QuorateError): void {
    dial.closed = error
    if (this.#dial === dial && this.#connection !== undefined) this.#break(error)
  }

  /** The connection is gone, and with it the answers to all that was sent on it. */
  #break(error: QuorateError): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#connection = undefined
    this.#dial = undefined
    this.lastError = error
    const lost = [...this.#pending.values()]
    this.#pending.clear()
    this.#flightBytes = 0
    this.#options.wheel.clear(this.#watch)
    connection.close()
    // A node that closes while it owes nothing only restarts, or tidies up.
    if (lost.length > 0 || !this.#answered) {
      this.#breaker.failed(this.#options.clock.monotonic())
    }
    this.#options.owner.onLost(this, error)
    for (const { waiter } of lost) waiter.lost(error, this)
  }

  /**
   * Closing it is safe, whatever the node still does: a write that is sent again elsewhere is known
   * by its sequence. But it is done only to a node that answers nothing at all: a busy one would
   * get all its work a second time, just when it can bear it least.
   */
  #judgeSilence(now: number): void {
    if (this.#pending.size === 0) return
    const silent = now - this.#lastHeard
    if (silent < silenceMs) {
      this.#options.wheel.set(this.#watch, this.#lastHeard + silenceMs, now)
    } else if (!this.#probing) {
      this.#probing = true
      this.send(probe, { kind: 'status' }, probeMs)
      this.#options.wheel.set(this.#watch, now + probeMs, now)
    } else {
      this.#break(lostError(`${this.address} has not answered for ${Math.round(silent)} ms`))
    }
  }
}

/** Any answer at all is what is waited for. */
const probe: Waiter = { answered: () => {}, lost: () => {} }

/** Writes and reads, the bulk of all requests, are put together without a walk over fields. */
function toRequest(id: number, body: RequestBody, timeoutMs: number): Request {
  if (body.kind === 'write') return { id, timeoutMs, kind: 'write', command: body.command }
  return { id, timeoutMs, ...body }
}

/** What the request holds in memory until it is answered, about. */
export function bodyBytes(body: RequestBody): number {
  return body.kind === 'write' ? body.command.length : 64
}

function lostError(message: string): QuorateError {
  return new QuorateError('QUORATE_CONNECTION_LOST', message)
}

function asError(error: unknown): QuorateError {
  if (error instanceof QuorateError) return error
  return new QuorateError('QUORATE_INTERNAL', 'connecting failed', { cause: error })
}
