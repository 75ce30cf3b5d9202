/**
 * One link that this node dials: it keeps dialling until it is told to stop, and sends messages
 * while the link stands. Messages are dropped when it does not stand or is full. Raft is made for
 * that, and a message kept for later would be out of date; what it must not do is grow.
 */
import { assert, unreachable } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Cancel, Connection } from '../ports.ts'
import type { Message } from '../raft/index.ts'
import { Backoff } from './backoff.ts'
import { decodePeerFrame, encodePeerFrame } from './peer-codec.ts'
import { wrongIncarnation, type PeerContext, type Refusal } from './peer-context.ts'
import {
  peerProtocolMax,
  peerProtocolMin,
  type LinkKind,
  type PeerFrame,
  type PeerRefusal,
  type PeerWelcome,
  type StateFrame,
} from './peer-protocol.ts'
import { SendQueue } from './send-queue.ts'
import { SnapshotQueue } from './snapshot-queue.ts'

/** Whom a link leads to. */
export interface PeerTarget {
  readonly id: string
  readonly peerAddress: string
}

/** What a link tells its owner. */
export interface PeerLinkEvents {
  /** The link stands. */
  onOpen(): void
  /** The link, which stood, is gone. `silent`: the path is dead. */
  onLost(silent: boolean): void
  onRefused(refusal: Refusal): void
}

type State =
  | { readonly name: 'stopped' }
  /** `patient`: the last link fell as soon as it stood, and the next must not be made at once. */
  | { readonly name: 'waiting'; readonly cancel: Cancel; readonly patient: boolean }
  | { readonly name: 'dialling' }
  | { readonly name: 'greeting'; readonly connection: Connection; readonly cancel: Cancel }
  /** The welcome is there; its incarnation is being pinned. */
  | { readonly name: 'pinning'; readonly connection: Connection; readonly cancel: Cancel }
  | { readonly name: 'open'; readonly connection: Connection; readonly since: number }

export class PeerLink {
  readonly kind: LinkKind
  readonly #target: PeerTarget
  readonly #context: PeerContext
  readonly #events: PeerLinkEvents
  readonly #backoff: Backoff
  readonly #queue: SendQueue
  readonly #snapshots: SnapshotQueue
  #state: State = { name: 'stopped' }
  #flushAsked = false
  #unreachable = false
  #cancelPing: Cancel = () => {}
  /** Since when a sign of life is owed, and what was buffered then; undefined: none is. */
  #askedAt: number | undefined
  #bufferedThen = 0

  constructor(kind: LinkKind, target: PeerTarget, context: PeerContext, events: PeerLinkEvents) {
    this.kind = kind
    this.#target = target
    this.#context = context
    this.#events = events
    this.#backoff = new Backoff(context.random)
    this.#queue = new SendQueue(context.limits, kind)
    this.#snapshots = new SnapshotQueue(context.limits.snapshotFramesMax)
  }

  get isOpen(): boolean {
    return this.#state.name === 'open'
  }

  /** Dials now, and keeps at it. */
  start(): void {
    assert(this.#state.name === 'stopped', 'a link starts when it is stopped')
    this.#dial()
  }

  /** Sends what waits, closes, and dials no more. It may be started again. */
  stop(reason: string): void {
    this.flush()
    const state = this.#state
    this.#state = { name: 'stopped' }
    this.#cleanUp(state, reason)
  }

  get isStopped(): boolean {
    return this.#state.name === 'stopped'
  }

  /** Gives the connection up and dials anew: its path is known to be dead. */
  redial(reason: string): void {
    if (this.#state.name === 'open') this.#lose(reason, false)
  }

  /** Dials now if it waits for a peer that was away, or refused: it has shown itself. */
  hurry(): void {
    if (this.#state.name !== 'waiting' || this.#state.patient) return
    this.#state.cancel()
    this.#dial()
  }

  /** Takes a message for the end of the turn, or drops it. */
  send(message: Message): void {
    if (this.#state.name !== 'open') {
      this.#context.count('peerMessagesDropped')
      return
    }
    const verdict = this.#queue.push(message, this.#state.connection.bufferedBytes)
    switch (verdict) {
      case 'queued':
        this.#askFlush()
        break
      case 'full':
        this.#context.count('peerMessagesDropped')
        break
      case 'tooLarge':
        // Sent, it would break the link, again after every new attempt (etcd#22051's poison).
        this.#context.count('peerMessagesTooLarge')
        this.#context.logger.error('a message to a peer is too large to be sent', {
          peer: this.#target.id,
          type: message.type,
        })
        break
      default:
        unreachable(verdict)
    }
  }

  /** Takes a frame about states for the end of the turn; false: there is no room, or no link. */
  sendState(frame: StateFrame): boolean {
    const queued =
      this.#state.name === 'open' &&
      this.#snapshots.push(frame, this.#state.connection.bufferedBytes)
    if (queued) this.#askFlush()
    else this.#context.count('peerSnapshotFramesDropped')
    return queued
  }

  /** Sends what waits for the end of the turn. */
  flush(): void {
    if (this.#state.name !== 'open') return
    const { connection } = this.#state
    for (const messages of this.#queue.take()) {
      const bytes = encodePeerFrame({ type: 'messages', messages })
      this.#snapshots.sent(bytes.length)
      connection.send(bytes)
      this.#context.count('peerMessagesSent', messages.length)
    }
    // Behind the messages: a commit that waits for entries is worth more than a part of a snapshot.
    for (const frame of this.#snapshots.take()) {
      const bytes = encodePeerFrame(frame)
      this.#snapshots.sentSnapshot(bytes.length)
      connection.send(bytes)
      this.#context.count('peerSnapshotFramesSent')
    }
  }

  #askFlush(): void {
    if (this.#flushAsked) return
    this.#flushAsked = true
    this.#context.clock.soon(() => {
      this.#flushAsked = false
      this.flush()
    })
  }

  #dial(): void {
    const { network, limits } = this.#context
    const dialling: State = { name: 'dialling' }
    this.#state = dialling
    const options = { frameBytesMax: limits.frameBytesMax, timeoutMs: limits.connectMs }
    network.connect(this.#target.peerAddress, options).then(
      (connection) => {
        if (this.#state === dialling) this.#greet(connection)
        else connection.close('no longer wanted')
      },
      (error: unknown) => {
        if (!(error instanceof QuorateError)) throw error
        if (this.#state !== dialling) return
        this.#tellUnreachable(error.message)
        this.#wait(limits.backoffMs, limits.backoffMsMax)
      },
    )
  }

  #greet(connection: Connection): void {
    const { clock, identity, limits } = this.#context
    connection.setHandlers({
      onFrame: (bytes) => this.#onFrame(connection, bytes),
      onClose: (reason) => this.#onClose(connection, reason),
    })
    const cancel = clock.timer(limits.handshakeMs, () =>
      clock.soon(() => this.#failGreeting(connection, 'no welcome in time')),
    )
    this.#state = { name: 'greeting', connection, cancel }
    connection.send(
      encodePeerFrame({
        type: 'peerHello',
        protocolMin: peerProtocolMin,
        protocolMax: peerProtocolMax,
        link: this.kind,
        clusterId: identity.clusterId,
        groupId: identity.groupId,
        nodeId: identity.nodeId,
        incarnation: identity.incarnation,
        to: this.#target.id,
        ...this.#context.advertised(),
      }),
    )
  }

  #onFrame(connection: Connection, bytes: Uint8Array): void {
    const state = this.#state
    if (!('connection' in state) || state.connection !== connection) return
    let frame: PeerFrame
    try {
      frame = decodePeerFrame(bytes)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      return this.#misspoke(connection, error.message)
    }
    if (state.name === 'greeting' && frame.type === 'peerWelcome') {
      this.#state = { ...state, name: 'pinning' }
      // A rejection is a failed disk, which the node has to hear of: it is not caught here.
      void this.#onWelcome(connection, frame)
    } else if (state.name === 'greeting' && frame.type === 'peerRefusal') {
      this.#onRefusal(frame)
    } else if (state.name === 'open' && frame.type === 'peerPong') {
      this.#askedAt = undefined
    } else {
      this.#misspoke(connection, `a ${frame.type} while the link is ${state.name}`)
    }
  }

  async #onWelcome(connection: Connection, welcome: PeerWelcome): Promise<void> {
    const { id } = this.#target
    if (welcome.protocol < peerProtocolMin || welcome.protocol > peerProtocolMax) {
      return this.#misspoke(connection, `protocol ${welcome.protocol} was not offered`)
    }
    if (welcome.nodeId !== id) {
      const what = `${this.#target.peerAddress} is ${welcome.nodeId}, not ${id}`
      return this.#refuse(new QuorateError('QUORATE_WRONG_NODE', what))
    }
    const accepted = await this.#context.acceptIncarnation(id, welcome.incarnation)
    const state = this.#state
    if (state.name !== 'pinning' || state.connection !== connection) return
    if (!accepted) return this.#refuse(wrongIncarnation(id))
    state.cancel()
    const now = this.#context.clock.monotonic()
    this.#state = { name: 'open', connection, since: now }
    this.#unreachable = false
    this.#askedAt = undefined
    this.#context.count('peerLinksOpened')
    this.#context.onIntroduced(id, welcome)
    this.#ping(connection)
    this.#events.onOpen()
  }

  /** The peer let us know that it does not want us. */
  #onRefusal(frame: PeerRefusal): void {
    this.#context.count('peerRefusalsReceived')
    this.#endRefused({ code: frame.code, message: frame.message })
  }

  /** We do not want whom we reached. */
  #refuse(error: QuorateError): void {
    this.#context.count('peerHandshakesRefused')
    this.#endRefused(error)
  }

  #endRefused(refusal: Refusal): void {
    const { limits } = this.#context
    this.#cleanUp(this.#state, refusal.code)
    this.#events.onRefused({ code: refusal.code, message: refusal.message })
    this.#wait(limits.refusedBackoffMs, limits.refusedBackoffMsMax)
  }

  #misspoke(connection: Connection, what: string): void {
    this.#context.count('peerFramesBad')
    this.#context.logger.warn('a peer broke the protocol', { peer: this.#target.id, what })
    if (this.#state.name === 'open') this.#lose(what, false)
    else this.#failGreeting(connection, what)
  }

  #failGreeting(connection: Connection, reason: string): void {
    const state = this.#state
    if (!(state.name === 'greeting' || state.name === 'pinning')) return
    if (state.connection !== connection) return
    this.#tellUnreachable(reason)
    this.#cleanUp(state, reason)
    this.#wait(this.#context.limits.backoffMs, this.#context.limits.backoffMsMax)
  }

  #onClose(connection: Connection, reason: string): void {
    const state = this.#state
    if (!('connection' in state) || state.connection !== connection) return
    if (state.name === 'open') this.#lose(reason, false)
    else this.#failGreeting(connection, reason)
  }

  /** Says it once, until the link stands again: attempts go on for as long as the peer is away. */
  #tellUnreachable(reason: string): void {
    this.#context.count('peerDialsFailed')
    if (this.#unreachable) return
    this.#unreachable = true
    const { id, peerAddress } = this.#target
    const fields = { peer: id, address: peerAddress, link: this.kind, reason }
    this.#context.logger.info('cannot reach a peer', fields)
  }

  #lose(reason: string, silent: boolean): void {
    const state = this.#state
    assert(state.name === 'open', 'only a link that stands is lost')
    const { clock, limits, logger } = this.#context
    this.#context.count('peerLinksLost')
    logger.info('a link to a peer is lost', { peer: this.#target.id, link: this.kind, reason })
    this.#cleanUp(state, reason)
    // A link that fell at once must not be redialled at once: two that keep replacing each other,
    // or a peer that breaks on our first frame, would keep both busy.
    const stable = clock.monotonic() - state.since >= limits.stableMs
    if (stable) this.#backoff.reset()
    const first = stable ? 0 : limits.backoffMs
    this.#wait(first, limits.backoffMsMax, !stable)
    this.#events.onLost(silent)
  }

  #cleanUp(state: State, reason: string): void {
    this.#cancelPing()
    this.#queue.clear()
    this.#snapshots.clear()
    if ('cancel' in state) state.cancel()
    if ('connection' in state) state.connection.close(reason)
  }

  #wait(firstMs: number, maxMs: number, patient = false): void {
    const cancel = this.#context.clock.timer(this.#backoff.next(firstMs, maxMs), () => this.#dial())
    this.#state = { name: 'waiting', cancel, patient }
  }

  /** Asks for a sign of life, unless one is awaited already, and looks again later. */
  #ping(connection: Connection): void {
    const { clock, limits } = this.#context
    const now = clock.monotonic()
    if (this.#askedAt === undefined) {
      this.#askedAt = now
      this.#bufferedThen = connection.bufferedBytes
      connection.send(encodePeerFrame({ type: 'peerPing' }))
    }
    this.#cancelPing = clock.timer(limits.pingMs, () =>
      // Not before what has arrived is read: else a node that stood still would take its own
      // silence for the peer's (etcd#7617).
      clock.soon(() => {
        const state = this.#state
        if (state.name !== 'open' || state.connection !== connection) return
        const stoodStill = clock.monotonic() - now >= 2 * limits.pingMs
        if (this.#isSilent(connection, stoodStill)) {
          this.#context.count('peerLinksSilent')
          this.#lose('no sign of life', true)
        } else this.#ping(connection)
      }),
    )
  }

  /** Whether the peer has owed a sign of life for too long. */
  #isSilent(connection: Connection, stoodStill: boolean): boolean {
    if (this.#askedAt === undefined) return false
    const { clock, limits } = this.#context
    const now = clock.monotonic()
    // What the kernel takes, the peer's kernel has acknowledged: slow is not dead. And while we
    // stood still the whole machine may have, with the peer on it: time only counts from now.
    const moved = this.kind === 'bulk' && connection.bufferedBytes < this.#bufferedThen
    if (moved || stoodStill) {
      this.#askedAt = now
      this.#bufferedThen = connection.bufferedBytes
    }
    const silenceMs = this.kind === 'control' ? limits.silenceMs : limits.bulkSilenceMs
    return now - this.#askedAt >= silenceMs
  }
}
