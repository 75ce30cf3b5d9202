/** The port on which a node hears its clients. */
import { assert } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Clock, Connection, HttpReply, Listener, Network } from '../ports.ts'
import { defaultClientServerLimits, type ClientServerLimits } from './client-limits.ts'
import type { ClientHello, ClientLimits, Request, Welcome, WireError } from './client-protocol.ts'
import {
  Session,
  type ClientSession,
  type SessionCounter,
  type SessionHost,
} from './client-session.ts'
import { encodeNodeFrame } from './reply-codec.ts'
import { toWireError } from './wire-error.ts'

/** One request and who asked. */
export interface ClientCall {
  readonly session: ClientSession
  readonly request: Request
}

export interface ClientServerOptions {
  readonly network: Network
  readonly clock: Clock
  readonly logger: Logger
  readonly listenAddress: string
  /** What clients are told, and the caps of `ClientServerLimits` where they should differ. */
  readonly limits: ClientLimits & Partial<ClientServerLimits>
  /** What a new client is told. */
  welcome(): Omit<Welcome, 'type' | 'protocol'>
  /** All requests that arrived in one turn of the event loop, from all clients, in order. */
  onTurn(batch: readonly ClientCall[]): void
  /** Called once for each session whose requests were handed over, or could have been. */
  onSessionClosed(session: ClientSession): void
  readonly onHttp?: (path: string) => HttpReply
}

type Counter = SessionCounter | 'clientConnections' | 'clientStrangersDropped'

export class ClientServer {
  readonly #options: ClientServerOptions
  readonly #limits: ClientServerLimits
  readonly #host: SessionHost
  /** Before their hello, oldest first. */
  readonly #strangers = new Set<Session>()
  readonly #sessions = new Set<Session>()
  readonly #replying = new Set<Session>()
  readonly #counters = new Map<Counter, number>([
    ['clientConnections', 0],
    ['clientStrangersDropped', 0],
    ['clientHandshakesRefused', 0],
    ['clientFramesBad', 0],
    ['clientRequests', 0],
    ['clientRequestsRefused', 0],
    ['clientReadsPaused', 0],
    ['clientSlowClosed', 0],
  ])
  #batch: { readonly session: Session; readonly request: Request }[] = []
  #turnAsked = false
  #flushAsked = false
  #requestBytes = 0
  #nextId = 1
  #listener: Listener | undefined
  #closed: Promise<void> | undefined

  constructor(options: ClientServerOptions) {
    this.#options = options
    this.#limits = { ...defaultClientServerLimits, ...options.limits }
    this.#host = this.#makeHost()
  }

  /** Binds the port; resolves to the address as bound. */
  async start(): Promise<string> {
    const { network, listenAddress, onHttp } = this.#options
    assert(this.#listener === undefined, 'a server starts once')
    const listener = await network.listen({
      address: listenAddress,
      frameBytesMax: this.#limits.frameBytesMax,
      connectionsMax: this.#limits.connectionsMax,
      onConnection: (connection) => this.#onConnection(connection),
      ...(onHttp === undefined ? {} : { onHttp }),
    })
    if (this.#closed !== undefined) {
      await listener.close()
      throw new QuorateError('QUORATE_CLOSED', 'closed while it started')
    }
    this.#listener = listener
    return listener.address
  }

  /** Clients that have said hello. */
  get sessions(): number {
    return this.#sessions.size
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...Object.fromEntries(this.#counters), clientSessions: this.#sessions.size }
  }

  /**
   * Tells all clients the members as `welcome` has them now: so that they follow a cluster whose
   * members change. To be called whenever these, or their addresses, change.
   */
  announceMembers(): void {
    if (this.#closed !== undefined || this.#sessions.size === 0) return
    const frame = encodeNodeFrame({ type: 'members', members: this.#options.welcome().members })
    for (const session of this.#sessions) session.announce(frame)
  }

  /** Sends replies that wait for the end of the turn. For a node that knows its turn has ended. */
  flush(): void {
    const waiting = [...this.#replying]
    this.#replying.clear()
    let bytes = 0
    for (const session of waiting) {
      session.flush()
      bytes += session.waitingBytes
    }
    // However little it is of each: many that take nothing hold much together.
    if (bytes > 0) this.#shedSlow()
  }

  /** Says goodbye to all clients, and frees the port. */
  close(goodbye: WireError = stopping()): Promise<void> {
    this.#closed ??= this.#close(goodbye)
    return this.#closed
  }

  async #close(goodbye: WireError): Promise<void> {
    this.flush()
    for (const session of [...this.#strangers, ...this.#sessions]) session.close(goodbye)
    await this.#listener?.close()
  }

  #onConnection(connection: Connection): void {
    this.#count('clientConnections')
    const [oldest] = this.#strangers
    if (oldest !== undefined && this.#strangers.size >= this.#limits.strangersMax) {
      // Whoever means it says hello at once: the oldest is the likeliest never to.
      this.#strangers.delete(oldest)
      this.#count('clientStrangersDropped')
      oldest.close(toWireError(new QuorateError('QUORATE_OVERLOADED', 'too many said no hello')))
    }
    const session = new Session(this.#nextId++, connection, this.#host)
    this.#strangers.add(session)
    if (this.#closed !== undefined) session.close(stopping())
  }

  #makeHost(): SessionHost {
    return {
      clock: this.#options.clock,
      limits: this.#limits,
      welcome: (hello, protocol) => this.#welcome(hello, protocol),
      onOpen: (session) => {
        this.#strangers.delete(session)
        this.#sessions.add(session)
      },
      admit: (bytes) => {
        if (this.#requestBytes + bytes > this.#limits.requestBytesMax) return false
        this.#requestBytes += bytes
        return true
      },
      release: (bytes) => {
        this.#requestBytes -= bytes
        assert(this.#requestBytes >= 0, 'what is released was admitted')
      },
      onRequest: (session, request) => this.#onRequest(session, request),
      onReplies: (session) => this.#onReplies(session),
      onClosed: (session) => this.#onClosed(session),
      count: (name) => this.#count(name),
    }
  }

  #welcome(hello: ClientHello, protocol: number): Welcome {
    const facts = this.#options.welcome()
    if (hello.clusterId !== undefined && hello.clusterId !== facts.clusterId) {
      throw new QuorateError(
        'QUORATE_WRONG_CLUSTER',
        `${facts.nodeId} belongs to cluster ${facts.clusterId}, not ${hello.clusterId}`,
      )
    }
    return { ...facts, type: 'welcome', protocol }
  }

  #onRequest(session: Session, request: Request): void {
    this.#batch.push({ session, request })
    if (this.#batch.length >= this.#limits.turnRequestsMax) return this.#handOver()
    if (this.#turnAsked) return
    this.#turnAsked = true
    this.#options.clock.soon(() => {
      this.#turnAsked = false
      this.#handOver()
    })
  }

  #handOver(): void {
    const batch = this.#batch
    this.#batch = []
    if (this.#closed !== undefined) return
    // Nobody waits for the answer any more: the work would be for nothing.
    const wanted = batch.filter(({ session }) => session.isOpen)
    if (wanted.length > 0) this.#options.onTurn(wanted)
  }

  #onReplies(session: Session): void {
    this.#replying.add(session)
    if (this.#flushAsked) return
    this.#flushAsked = true
    this.#options.clock.soon(() => {
      this.#flushAsked = false
      this.flush()
    })
  }

  /** All clients together may not hold more than `replyBytesTotalMax`: the largest share goes. */
  #shedSlow(): void {
    let total = 0
    for (const session of this.#sessions) total += session.waitingBytes
    if (total <= this.#limits.replyBytesTotalMax) return
    const slowest = [...this.#sessions].sort((a, b) => b.waitingBytes - a.waitingBytes)
    for (const session of slowest) {
      if (total <= this.#limits.replyBytesTotalMax) return
      total -= session.waitingBytes
      session.closeSlow()
    }
  }

  #onClosed(session: Session): void {
    this.#strangers.delete(session)
    this.#replying.delete(session)
    if (!session.wasOpen) return
    this.#sessions.delete(session)
    this.#options.onSessionClosed(session)
  }

  #count(name: Counter): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1)
  }
}

function stopping(): WireError {
  return toWireError(new QuorateError('QUORATE_STOPPING', 'the node is stopping'))
}
