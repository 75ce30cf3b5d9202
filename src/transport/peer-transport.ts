/**
 * How the messages of the consensus core travel between nodes.
 *
 * Each node dials two links to each other member and sends only on links that it dialled; it
 * receives only on links that it accepted. So each direction has its own connections, and no
 * agreement is needed on who dials whom.
 *
 * Members change, and nodes learn of it at different moments: a newcomer does not know the members
 * yet, a node that was away does not know its new leader. So every node of the cluster whose
 * incarnation is the one first seen under its name is let in. Who is no member here is a guest:
 * dialled in turn at the address that it tells, while it has something to say. What its messages
 * count for is decided by the core, which knows the configuration.
 *
 * Which message goes where: requests with entries and frames of snapshots on `bulk`, all else on
 * `control`. Results of requests with entries go on `control`, too: they are small, commits wait
 * for them, and on `bulk` they could stand behind megabytes that a leader which has since been
 * deposed had queued.
 */
import { assert } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Clock, Connection, Listener, Network, Random } from '../ports.ts'
import type { Message } from '../raft/index.ts'
import { AcceptedLink, type AcceptedEvents } from './peer-acceptor.ts'
import type { PeerContext, PeerCounter, PeerIdentity, Refusal } from './peer-context.ts'
import { defaultPeerLimits, type PeerLimits } from './peer-limits.ts'
import type { PeerTarget } from './peer-link.ts'
import type { PeerHello, StateFrame } from './peer-protocol.ts'
import { Peer, type PeerEvents } from './peer.ts'

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
  /** All members and where to dial them. This node itself may be among them. See `setMembers`. */
  readonly members: readonly PeerTarget[]
  /**
   * Whether this is the node's incarnation; the first one seen is, and is stored durably before
   * the promise resolves. No message of a node counts before this. A rejection is not caught. Asked
   * also of nodes that are no members; how many of those are remembered is the owner's to bound.
   */
  acceptIncarnation(id: string, incarnation: string): Promise<boolean>
  /** The messages of one frame, in order. */
  onMessages(messages: readonly Message[]): void
  /** A frame about states, of a snapshot most often, from a node that has shown who it is. */
  readonly onStateFrame?: (from: string, frame: StateFrame) => void
  /** A member tells other addresses of itself than before, or tells them for the first time. */
  readonly onAdvertised?: (peerId: string) => void
  /** A member refused us, or we it; called once for each new reason. */
  readonly onRefused?: (peerId: string, code: string, message: string) => void
  readonly limits?: Partial<PeerLimits>
}

/** What is known of another node. */
export interface PeerView {
  /** Both our links to it stand. */
  readonly connected: boolean
  /** It is no member, but came to us. */
  readonly guest: boolean
  /** As it advertises; before it did, where we dial it. */
  readonly peerAddress: string
  /** Undefined before it told. */
  readonly clientAddress: string | undefined
  /** Why it and we do not talk; gone once a link stands. */
  readonly refused: Refusal | undefined
}

export class PeerTransport {
  readonly #options: PeerTransportOptions
  readonly #context: PeerContext
  /** Members and guests. */
  readonly #peers = new Map<string, Peer>()
  /** Accepted and not yet known, oldest first. */
  readonly #strangers = new Set<AcceptedLink>()
  readonly #counters = new Map<PeerCounter, number>()
  readonly #accepting: AcceptedEvents
  readonly #peerEvents: PeerEvents
  #lastStrangerRefused = ''
  #boundAddress = ''
  #listener: Listener | undefined
  #closed: Promise<void> | undefined

  constructor(options: PeerTransportOptions) {
    this.#options = options
    this.#context = this.#makeContext({ ...defaultPeerLimits, ...options.limits })
    this.#accepting = this.#acceptedEvents()
    this.#peerEvents = {
      onLinked: (peer) => this.#onLinked(peer),
      onRefused: (peer, refusal) => this.#onRefused(peer.id, refusal),
      onGone: (peer) => {
        if (this.#peers.get(peer.id) === peer) this.#peers.delete(peer.id)
      },
    }
    this.setMembers(options.members)
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
    for (const peer of this.#peers.values()) peer.start()
    return listener.address
  }

  /**
   * The members from now on, and where to dial them; this node itself may be among them. New ones
   * are dialled, one with another address is redialled. Who was a member becomes a guest: what is
   * queued for it goes out, and it can still be told that it is none any more.
   */
  setMembers(members: readonly PeerTarget[]): void {
    if (this.#closed !== undefined) return
    const ids = new Set<string>()
    for (const target of members) {
      assert(!ids.has(target.id), 'a member is listed once')
      ids.add(target.id)
      if (target.id !== this.#options.identity.nodeId) this.#setMember(target)
    }
    for (const peer of this.#peers.values()) {
      if (ids.has(peer.id) || peer.isGuest) continue
      this.#makeRoom(true)
      peer.becomeGuest()
    }
  }

  /** Cuts all links with a node: who it is has to be shown anew. */
  cut(id: string, reason: string): void {
    this.#peers.get(id)?.cut(reason)
  }

  /** Sends messages to nodes, each by its link. What can't be sent is dropped and counted. */
  send(messages: readonly Message[]): void {
    for (const message of messages) {
      const peer = this.#peers.get(message.to)
      assert(message.from === this.#options.identity.nodeId, 'a node sends in its own name')
      if (peer === undefined) this.#context.count('peerMessagesDropped')
      else if (message.type === 'appendEntries') peer.bulk.send(message)
      else peer.control.send(message)
    }
  }

  /**
   * Sends a frame of a snapshot, or another about states. False: it was dropped, because no link
   * stands or as many as may (`snapshotFramesMax`) wait on it already.
   */
  sendState(to: string, frame: StateFrame): boolean {
    const peer = this.#peers.get(to)
    if (peer === undefined) {
      this.#context.count('peerSnapshotFramesDropped')
      return false
    }
    const link = frame.type === 'snapshotFrame' ? peer.bulk : peer.control
    return link.sendState(frame)
  }

  /** Sends at once what waits for the end of the turn. */
  flush(): void {
    for (const peer of this.#peers.values()) peer.flush()
  }

  /** What is known of a member or a guest; undefined for this node itself and for all others. */
  peer(id: string): PeerView | undefined {
    const peer = this.#peers.get(id)
    if (peer === undefined) return undefined
    return {
      connected: peer.isConnected,
      guest: peer.isGuest,
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
    for (const peer of this.#peers.values()) peer.close('the node stops')
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
        const { peerAddress, clientAddress } = told
        const before = peer.advertised
        peer.advertised = { peerAddress, clientAddress }
        const isSame = before?.peerAddress === peerAddress && before.clientAddress === clientAddress
        if (!isSame && !peer.isGuest) this.#options.onAdvertised?.(id)
      },
      count: (name, by = 1) => this.#counters.set(name, (this.#counters.get(name) ?? 0) + by),
    }
  }

  #setMember(target: PeerTarget): void {
    const known = this.#peers.get(target.id)
    const peer = known ?? new Peer(target, this.#context, this.#peerEvents)
    this.#peers.set(target.id, peer)
    peer.becomeMember(target)
    if (this.#listener !== undefined) peer.start()
  }

  #onLinked(peer: Peer): void {
    if (!peer.isConnected) return
    this.#context.logger.info('linked to a peer', {
      peer: peer.id,
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
      refusalOf: (hello) => this.#refusalOf(hello),
      onOpen: (link, hello) => this.#onAccepted(link, hello),
      onUsed: (from) => this.#peers.get(from)?.hurry(),
      onMessages: (from, messages) => {
        this.#peers.get(from)?.heard()
        if (this.#closed === undefined) this.#options.onMessages(messages)
      },
      onStateFrame: (from, frame) => {
        this.#peers.get(from)?.heard()
        if (this.#closed === undefined) this.#options.onStateFrame?.(from, frame)
      },
      onRefused: (id, error) => this.#onRefused(id, error),
      onClosed: (link) => {
        this.#strangers.delete(link)
        for (const peer of this.#peers.values()) peer.dropAccepted(link)
      },
    }
  }

  /** Whether there is room for one more guest, if it is one. */
  #refusalOf(hello: PeerHello): QuorateError | undefined {
    if (this.#peers.has(hello.nodeId) || this.#makeRoom(false)) return undefined
    this.#context.count('peerGuestsRefused')
    const { guestsMax } = this.#context.limits
    const { nodeId } = this.#options.identity
    return new QuorateError(
      'QUORATE_OVERLOADED',
      `${hello.nodeId} is no member that ${nodeId} knows, and ${guestsMax} others are its guests`,
    )
  }

  /**
   * Makes room for one more guest: the one that was heard longest ago goes, if it has been silent
   * for long. `force`: whoever it is.
   */
  #makeRoom(force: boolean): boolean {
    const { limits, clock } = this.#context
    const guests = [...this.#peers.values()].filter((peer) => peer.isGuest)
    if (guests.length < limits.guestsMax) return true
    const [first, ...others] = guests
    if (first === undefined) return false
    const oldest = others.reduce((a, b) => (b.heardAt < a.heardAt ? b : a), first)
    const silent = clock.monotonic() - oldest.heardAt >= limits.guestIdleMs
    if (!force && !silent) return false
    this.#peers.delete(oldest.id)
    oldest.close('room is needed for another guest')
    return true
  }

  /**
   * The newest link of a kind counts. A dialler that lost its host or its path dials again, while
   * the old connection looks alive here for as long as TCP is patient.
   */
  #onAccepted(link: AcceptedLink, hello: PeerHello): void {
    this.#strangers.delete(link)
    const { kind } = link
    assert(kind !== undefined, 'an accepted link has said which it is')
    const peer = this.#welcomed(hello)
    const old = peer.accepted[kind]
    peer.accepted[kind] = link
    if (old === undefined) return
    this.#context.count('peerLinksReplaced')
    old.close('replaced by a newer link')
  }

  /** The node behind a hello: a member, a guest, or a new guest, whom we dial in turn. */
  #welcomed(hello: PeerHello): Peer {
    const target = { id: hello.nodeId, peerAddress: hello.peerAddress }
    const known = this.#peers.get(hello.nodeId)
    if (known !== undefined) {
      // Members are dialled where the configuration says; a guest only where it says itself.
      if (known.isGuest) {
        known.moveTo(target)
        known.heard()
      }
      return known
    }
    const guest = new Peer(target, this.#context, this.#peerEvents)
    this.#peers.set(guest.id, guest)
    this.#context.count('peerGuestsAdmitted')
    this.#context.logger.info('a node that is no member here was let in', {
      peer: guest.id,
      address: hello.peerAddress,
    })
    guest.start()
    guest.becomeGuest()
    return guest
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
    if (peer?.isGuest === false) this.#options.onRefused?.(id, code, message)
  }
}
