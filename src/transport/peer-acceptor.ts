/**
 * One connection that was accepted on the peer port: a stranger until its hello has been checked
 * and its incarnation durably pinned, then a link on which another node's messages arrive.
 */
import { unreachable } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Cancel, Connection } from '../ports.ts'
import type { Message } from '../raft/index.ts'
import { decodeClientFrame } from './client-codec.ts'
import { decodePeerFrame, encodePeerFrame } from './peer-codec.ts'
import { wrongIncarnation, type PeerContext } from './peer-context.ts'
import {
  peerProtocolMax,
  peerProtocolMin,
  type LinkKind,
  type PeerFrame,
  type PeerHello,
  type StateFrame,
} from './peer-protocol.ts'
import { encodeNodeFrame } from './reply-codec.ts'
import { highestCommon } from './versions.ts'
import { toWireError } from './wire-error.ts'

/** What an accepted connection tells its owner. */
export interface AcceptedEvents {
  /** Why this node is not let in, though it is of this cluster; undefined: it is. */
  refusalOf(hello: PeerHello): QuorateError | undefined
  /** It has shown who it is; an older link of the same kind has to go. */
  onOpen(link: AcceptedLink, hello: PeerHello): void
  /** Its first frame after the welcome: the dialler wants this node, too. */
  onUsed(from: string): void
  onMessages(from: string, messages: readonly Message[]): void
  onStateFrame(from: string, frame: StateFrame): void
  /** A hello was refused; `id` as it claimed. */
  onRefused(id: string, error: QuorateError): void
  onClosed(link: AcceptedLink): void
}

export class AcceptedLink {
  readonly #connection: Connection
  readonly #context: PeerContext
  readonly #events: AcceptedEvents
  #state: 'greeting' | 'pinning' | 'open' | 'closed' = 'greeting'
  #hello: PeerHello | undefined
  #used = false
  #heardAt: number
  #cancel: Cancel

  constructor(connection: Connection, context: PeerContext, events: AcceptedEvents) {
    this.#connection = connection
    this.#context = context
    this.#events = events
    const { clock, limits } = context
    this.#heardAt = clock.monotonic()
    this.#cancel = clock.timer(limits.handshakeMs, () =>
      clock.soon(() => {
        if (this.#state === 'greeting' || this.#state === 'pinning') this.close('no hello in time')
      }),
    )
    connection.setHandlers({
      onFrame: (bytes) => this.#onFrame(bytes),
      onClose: () => this.#onClose(),
    })
  }

  /** Who dialled; undefined before that is certain. */
  get from(): string | undefined {
    return this.#state === 'open' ? this.#hello?.nodeId : undefined
  }

  get kind(): LinkKind | undefined {
    return this.#hello?.link
  }

  close(reason: string): void {
    if (this.#state === 'closed') return
    this.#onClose()
    this.#connection.close(reason)
  }

  #onFrame(bytes: Uint8Array): void {
    if (this.#state === 'closed') return
    let frame: PeerFrame
    try {
      frame = decodePeerFrame(bytes)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      if (this.#state === 'greeting' && isClientHello(bytes)) return this.#refuseClient()
      return this.#misspoke(error.message)
    }
    this.#heardAt = this.#context.clock.monotonic()
    if (this.from !== undefined && !this.#used) {
      this.#used = true
      this.#events.onUsed(this.from)
    }
    if (this.#state === 'greeting' && frame.type === 'peerHello') {
      this.#state = 'pinning'
      this.#hello = frame
      // A rejection is a failed disk, which the node has to hear of: it is not caught here.
      void this.#onHello(frame)
    } else if (this.#state === 'open' && frame.type === 'messages') {
      this.#onMessages(frame.messages)
    } else if (this.#state === 'open' && isStateFrame(frame) && this.#hello !== undefined) {
      this.#context.count('peerSnapshotFramesReceived')
      this.#events.onStateFrame(this.#hello.nodeId, frame)
    } else if (this.#state === 'open' && frame.type === 'peerPing') {
      // A dialler that asks without reading would fill our memory with answers.
      if (this.#connection.bufferedBytes === 0) {
        this.#connection.send(encodePeerFrame({ type: 'peerPong' }))
      }
    } else {
      this.#misspoke(`a ${frame.type} while the link is ${this.#state}`)
    }
  }

  async #onHello(hello: PeerHello): Promise<void> {
    const protocol = this.#check(hello)
    if (protocol instanceof QuorateError) return this.#refuse(hello, protocol)
    const accepted = await this.#context.acceptIncarnation(hello.nodeId, hello.incarnation)
    if (this.#state !== 'pinning') return
    if (!accepted) return this.#refuse(hello, wrongIncarnation(hello.nodeId))
    // Others may have come meanwhile.
    const refusal = this.#events.refusalOf(hello)
    if (refusal !== undefined) return this.#refuse(hello, refusal)
    this.#state = 'open'
    this.#cancel()
    this.#watch()
    const { nodeId, incarnation } = this.#context.identity
    this.#connection.send(
      encodePeerFrame({
        type: 'peerWelcome',
        protocol,
        nodeId,
        incarnation,
        ...this.#context.advertised(),
      }),
    )
    this.#events.onOpen(this, hello)
    this.#context.onIntroduced(hello.nodeId, hello)
  }

  /** The protocol to speak, or why not to speak at all. */
  #check(hello: PeerHello): number | QuorateError {
    const { clusterId, groupId, nodeId } = this.#context.identity
    if (hello.clusterId !== clusterId || hello.groupId !== groupId) {
      return new QuorateError(
        'QUORATE_WRONG_CLUSTER',
        `${nodeId} belongs to cluster ${clusterId}, group ${groupId}; ` +
          `${hello.nodeId} to cluster ${hello.clusterId}, group ${hello.groupId}`,
      )
    }
    if (hello.to !== nodeId) {
      return new QuorateError('QUORATE_WRONG_NODE', `this is ${nodeId}, not ${hello.to}`)
    }
    if (hello.nodeId === nodeId) {
      return new QuorateError('QUORATE_WRONG_NODE', `${nodeId} is this very node's name`)
    }
    const ours = { min: peerProtocolMin, max: peerProtocolMax }
    const theirs = { min: hello.protocolMin, max: hello.protocolMax }
    const protocol = highestCommon(ours, theirs)
    if (protocol !== undefined) return this.#events.refusalOf(hello) ?? protocol
    return new QuorateError(
      'QUORATE_PROTOCOL',
      `${nodeId} speaks protocol ${ours.min} to ${ours.max}, not ${theirs.min} to ${theirs.max}`,
    )
  }

  #refuse(hello: PeerHello, error: QuorateError): void {
    const { code, message } = error
    this.#context.count('peerHandshakesRefused')
    this.#connection.send(encodePeerFrame({ type: 'peerRefusal', code, message }))
    this.close(code)
    this.#events.onRefused(hello.nodeId, error)
  }

  /** A client was given the wrong port: in its own language, or it would only see a cut. */
  #refuseClient(): void {
    const { identity, logger } = this.#context
    const message = `this is the port of ${identity.nodeId} for other nodes, not the one for clients`
    const error = new QuorateError('QUORATE_PROTOCOL', message, { outcome: 'not-applied' })
    this.#context.count('peerHandshakesRefused')
    logger.warn('a client dialled the peer port', { remote: this.#connection.remote })
    this.#connection.send(encodeNodeFrame({ type: 'goodbye', error: toWireError(error) }))
    this.close(error.code)
  }

  #onMessages(messages: readonly Message[]): void {
    const from = this.#hello?.nodeId
    const to = this.#context.identity.nodeId
    // The handshake says whose word this is; a frame can't say otherwise.
    if (
      from === undefined ||
      messages.some((message) => message.from !== from || message.to !== to)
    ) {
      return this.#misspoke('messages in a name other than its own, or to another node')
    }
    this.#context.count('peerMessagesReceived', messages.length)
    this.#events.onMessages(from, messages)
  }

  /** Closes the link when its dialler has been silent for long: it asks for a sign of life itself. */
  #watch(): void {
    const { clock, limits } = this.#context
    this.#cancel = clock.timer(limits.acceptedSilenceMs / 2, () =>
      clock.soon(() => {
        if (this.#state !== 'open') return
        if (clock.monotonic() - this.#heardAt >= limits.acceptedSilenceMs) this.close('silent')
        else this.#watch()
      }),
    )
  }

  #misspoke(what: string): void {
    this.#context.count('peerFramesBad')
    this.#context.logger.warn('a connection to the peer port broke the protocol', {
      remote: this.#connection.remote,
      peer: this.from,
      what,
    })
    this.close(what)
  }

  #onClose(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#cancel()
    this.#events.onClosed(this)
  }
}

function isClientHello(bytes: Uint8Array): boolean {
  try {
    return decodeClientFrame(bytes).type === 'hello'
  } catch (error) {
    if (error instanceof QuorateError) return false
    throw error
  }
}

function isStateFrame(frame: PeerFrame): frame is StateFrame {
  switch (frame.type) {
    case 'snapshotRequest':
    case 'snapshotFrame':
    case 'snapshotUnknown':
    case 'stateDigest':
      return true
    case 'peerHello':
    case 'peerWelcome':
    case 'peerRefusal':
    case 'messages':
    case 'peerPing':
    case 'peerPong':
      return false
    default:
      return unreachable(frame)
  }
}
