/**
 * How the messages of the consensus core travel between nodes.
 *
 * Each node dials two links to each other member and sends only on links that it dialled; it
 * receives only on links that it accepted. So each direction has its own connections, and no
 * agreement is needed on who dials whom.
 *
 * Which message goes where: requests with entries on `bulk`, all else on `control`. Results of
 * requests with entries go on `control`, too: they are small, commits wait for them, and on `bulk`
 * they could stand behind megabytes that a leader which has since been deposed had queued.
 */
import { assert } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Clock, Connection, Listener, Network, Random } from '../ports.ts'
import type { Message } from '../raft/index.ts'
import { AcceptedLink, type AcceptedEvents } from './peer-acceptor.ts'
import type { Advertised, PeerContext, PeerCounter, PeerIdentity, Refusal } from './peer-context.ts'
import { defaultPeerLimits, type PeerLimits } from './peer-limits.ts'
import { PeerLink, type PeerTarget } from './peer-link.ts'

export interface PeerTransportOptions {
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly identity: PeerIdentity
  readonly listenAddress: string
  /** What others are told; the peer address defaults to the one that was bound. */
  readonly advertised: {
    readonly peerAddress?: string | undefined
    readonly clientAddress: string | (() => string)
  }
  /** All members and where to dial them. This node itself may be among them. */
  readonly members: readonly PeerTarget[]
  /**
   * Whether this is the member's incarnation; the first one seen is, and is stored durably before
   * the promise resolves. No message of a member counts before this. A rejection is not caught.
   */
  acceptIncarnation(id: string, incarnation: string): Promise<boolean>
  /** The messages of one frame, in order. */
  onMessages(messages: readonly Message[]): void
  /** A member refused us, or we it; called once for each new reason. */
  readonly onRefused?: (peerId: string, code: string, message: string) => void
  readonly limits?: Partial<PeerLimits>
}

/** What is known of a member. */
export interface PeerView {
  /** Both our links to it stand. */
  readonly connected: boolean
  /** As it advertises; before it did, where we dial it. */
  readonly peerAddress: string
  /** Undefined before it told. */
  readonly clientAddress: string | undefined
  /** Why it and we do not talk; gone once a link stands. */
  readonly refused: Refusal | undefined
}

interface Peer {
  readonly target: PeerTarget
  readonly control: PeerLink
  readonly bulk: PeerLink
  readonly accepted: { control: AcceptedLink | undefined; bulk: AcceptedLink | undefined }
  advertised: Advertised | undefined
  refused: Refusal | undefined
}

export class PeerTransport {
  readonly #options: PeerTransportOptions
  readonly #context: PeerContext
  readonly #peers = new Map<string, Peer>()
  /** Accepted and not yet known, oldest first. */
  readonly #strangers = new Set<AcceptedLink>()
  readonly #counters = new Map<PeerCounter, number>()
  readonly #accepting: AcceptedEvents
  #lastStrangerRefused = ''
  #boundAddress = ''
  #listener: Listener | undefined
  #closed: Promise<void> | undefined

  constructor(options: PeerTransportOptions) {
    this.#options = options
    this.#context = this.#makeContext({ ...defaultPeerLimits, ...options.limits })
    this.#accepting = this.#acceptedEvents()
    for (const target of options.members) {
      if (target.id === options.identity.nodeId) continue
      assert(!this.#peers.has(target.id), 'a member is listed once')
      this.#peers.set(target.id, this.#makePeer(target))
    }
  }

  /** Binds the port and begins to dial; resolves to the address as bound. */
  async start(): Promise<string> {
    assert(this.#listener === undefined, 'a transport starts once')
    const { limits, network } = this.#context
    const listener = await network.listen({
      address: this.#options.listenAddress,
      frameBytesMax: limits.frameBytesMax,
      connectionsMax: limits.connectionsMax,
      onConnection: (connection) => this.#onConnection(connection),
    })
    if (this.#closed !== undefined) {
      await listener.close()
      throw new QuorateError('QUORATE_CLOSED', 'closed while it started')
    }
    this.#listener = listener
    this.#boundAddress = listener.address
    for (const peer of this.#peers.values()) {
      peer.control.start()
      peer.bulk.start()
    }
    return listener.address
  }

  /** Sends messages to members, each by its link. What can't be sent is dropped and counted. */
  send(messages: readonly Message[]): void {
    for (const message of messages) {
      const peer = this.#peers.get(message.to)
      assert(message.from === this.#options.identity.nodeId, 'a node sends in its own name')
      if (peer === undefined) this.#context.count('peerMessagesDropped')
      else if (message.type === 'appendEntries') peer.bulk.send(message)
      else peer.control.send(message)
    }
  }

  /** Sends at once what waits for the end of the turn. */
  flush(): void {
    for (const peer of this.#peers.values()) {
      peer.control.flush()
      peer.bulk.flush()
    }
  }

  /** What is known of a member; undefined for this node itself and for strangers. */
  peer(id: string): PeerView | undefined {
    const peer = this.#peers.get(id)
    if (peer === undefined) return undefined
    return {
      connected: peer.control.isOpen && peer.bulk.isOpen,
      peerAddress: peer.advertised?.peerAddress ?? peer.target.peerAddress,
      clientAddress: peer.advertised?.clientAddress,
      refused: peer.refused,
    }
  }

  get counters(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counters)
  }

  /** Closes all links and frees the port. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.flush()
    for (const peer of this.#peers.values()) {
      peer.control.stop()
      peer.bulk.stop()
      peer.accepted.control?.close('the node stops')
      peer.accepted.bulk?.close('the node stops')
    }
    for (const stranger of this.#strangers) stranger.close('the node stops')
    await this.#listener?.close()
  }

  #makeContext(limits: PeerLimits): PeerContext {
    const { advertised, network, clock, random, logger, identity } = this.#options
    const { clientAddress } = advertised
    return {
      network,
      clock,
      random,
      logger,
      identity,
      limits,
      advertised: () => ({
        peerAddress: advertised.peerAddress ?? this.#boundAddress,
        clientAddress: typeof clientAddress === 'function' ? clientAddress() : clientAddress,
      }),
      acceptIncarnation: (id, incarnation) => this.#options.acceptIncarnation(id, incarnation),
      onIntroduced: (id, told) => {
        const peer = this.#peers.get(id)
        if (peer === undefined) return
        peer.advertised = { peerAddress: told.peerAddress, clientAddress: told.clientAddress }
      },
      count: (name, by = 1) => this.#counters.set(name, (this.#counters.get(name) ?? 0) + by),
    }
  }

  #makePeer(target: PeerTarget): Peer {
    const link = (kind: 'control' | 'bulk'): PeerLink =>
      new PeerLink(kind, target, this.#context, {
        onOpen: () => this.#onLinkOpen(peer),
        // Both take the same path. A dead one is noticed on `control`, where nothing queues; to
        // wait for `bulk` to notice, too, would leave followers without entries after a heal.
        onLost: (silent) => {
          if (silent && kind === 'control') peer.bulk.redial('no sign of life on control')
        },
        onRefused: (refusal) => this.#onRefused(target.id, refusal),
      })
    const peer: Peer = {
      target,
      control: link('control'),
      bulk: link('bulk'),
      accepted: { control: undefined, bulk: undefined },
      advertised: undefined,
      refused: undefined,
    }
    return peer
  }

  #onLinkOpen(peer: Peer): void {
    peer.refused = undefined
    if (!peer.control.isOpen || !peer.bulk.isOpen) return
    this.#context.logger.info('linked to a peer', {
      peer: peer.target.id,
      address: peer.target.peerAddress,
    })
  }

  #onConnection(connection: Connection): void {
    this.#context.count('peerConnectionsAccepted')
    const [oldest] = this.#strangers
    if (oldest !== undefined && this.#strangers.size >= this.#context.limits.strangersMax) {
      // A member says hello at once: the oldest is the likeliest never to.
      this.#context.count('peerStrangersDropped')
      oldest.close('too many said no hello')
    }
    const link = new AcceptedLink(connection, this.#context, this.#accepting)
    this.#strangers.add(link)
    if (this.#closed !== undefined) link.close('the node stops')
  }

  #acceptedEvents(): AcceptedEvents {
    return {
      isMember: (id) => this.#peers.has(id),
      onOpen: (link) => this.#onAccepted(link),
      onMessages: (messages) => {
        if (this.#closed === undefined) this.#options.onMessages(messages)
      },
      onRefused: (id, error) => this.#onRefused(id, error),
      onClosed: (link) => {
        this.#strangers.delete(link)
        for (const { accepted } of this.#peers.values()) {
          if (accepted.control === link) accepted.control = undefined
          if (accepted.bulk === link) accepted.bulk = undefined
        }
      },
    }
  }

  /**
   * The newest link of a kind counts. A dialler that lost its host or its path dials again, while
   * the old connection looks alive here for as long as TCP is patient.
   */
  #onAccepted(link: AcceptedLink): void {
    this.#strangers.delete(link)
    const { from, kind } = link
    const peer = from === undefined ? undefined : this.#peers.get(from)
    assert(peer !== undefined && kind !== undefined, 'an accepted link is a known member')
    const old = peer.accepted[kind]
    peer.accepted[kind] = link
    if (old === undefined) return
    this.#context.count('peerLinksReplaced')
    old.close('replaced by a newer link')
  }

  /** Said once for each new reason: a wiped node would otherwise fill the log as it retries. */
  #onRefused(id: string, refusal: Refusal): void {
    const { code, message } = refusal
    const peer = this.#peers.get(id)
    if (peer === undefined) {
      const key = `${id} ${code}`
      if (key === this.#lastStrangerRefused) return
      this.#lastStrangerRefused = key
    } else {
      const known = peer.refused?.code === code && peer.refused.message === message
      if (known) return
      peer.refused = { code, message }
    }
    this.#context.logger.warn('refused', { peer: id, code, reason: message })
    if (peer !== undefined) this.#options.onRefused?.(id, code, message)
  }
}
