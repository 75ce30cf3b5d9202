/** A client's connection to one node. It carries calls; whoever owns it repeats them. */
import { assert } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Cancel, Clock, Connection, Network } from '../ports.ts'
import { packRequests, encodeClientFrame, requestToWire } from './client-codec.ts'
import { frameBytesTarget, frameOverheadBytes } from './client-limits.ts'
import {
  clientProtocolMax,
  clientProtocolMin,
  type MemberAddress,
  type NodeFrame,
  type Reply,
  type Request,
  type Welcome,
} from './client-protocol.ts'
import { packedBytesMax, type Wire } from './msgpack.ts'
import { decodeNodeFrame } from './reply-codec.ts'
import { fromWireError } from './wire-error.ts'

/** The named caps of one connection. */
export interface ClientConnectionLimits {
  /** The largest frame that it takes from the node. */
  readonly frameBytesMax: number
  /** Bytes of requests that were not taken by the operating system: above it, `send` refuses. */
  readonly bufferedBytesMax: number
}

export const defaultClientConnectionLimits: ClientConnectionLimits = {
  frameBytesMax: 33_554_432,
  bufferedBytesMax: 67_108_864,
}

export interface ClientConnectionOptions {
  readonly network: Network
  readonly clock: Clock
  /** `host:port` of the node's client port. */
  readonly address: string
  /** Refuse a node of any other cluster. */
  readonly clusterId?: string | undefined
  /** For the connection and the handshake together. */
  readonly timeoutMs: number
  readonly limits?: Partial<ClientConnectionLimits>
  /** The replies of one frame. */
  onReplies(replies: readonly Reply[]): void
  /** The members changed since the welcome, or since the last time. */
  onMembers?(members: readonly MemberAddress[]): void
  /**
   * Called once when the connection ends by anything but `close()`. The error tells why; of the
   * requests that were sent and not answered it says nothing: their outcome is unknown.
   */
  onClose(error: QuorateError): void
}

export class ClientConnection {
  /** What the node said of itself when it let us in. */
  readonly welcome: Welcome
  readonly address: string
  readonly #connection: Connection
  readonly #options: ClientConnectionOptions
  readonly #bufferedBytesMax: number
  #pending: Wire[] = []
  #pendingBytes = 0
  #flushAsked = false
  #open = true

  private constructor(options: ClientConnectionOptions, connection: Connection, welcome: Welcome) {
    this.#options = options
    this.#connection = connection
    this.welcome = welcome
    this.address = options.address
    const { bufferedBytesMax } = { ...defaultClientConnectionLimits, ...options.limits }
    this.#bufferedBytesMax = bufferedBytesMax
  }

  /** Connects and says hello. Rejects with a `QuorateError` where the node can't or won't serve. */
  static async open(options: ClientConnectionOptions): Promise<ClientConnection> {
    const { network, clock, address, timeoutMs } = options
    const { frameBytesMax } = { ...defaultClientConnectionLimits, ...options.limits }
    const deadline = clock.monotonic() + timeoutMs
    const connection = await network.connect(address, { frameBytesMax, timeoutMs })
    return await new Promise((resolve, reject) => {
      let opened: ClientConnection | undefined
      let cancel: Cancel = () => {}
      const fail = (error: QuorateError): void => {
        cancel()
        connection.close(error.code)
        reject(error)
      }
      connection.setHandlers({
        onFrame: (bytes) => {
          if (opened !== undefined) return opened.#onFrame(bytes)
          const welcome = greeting(bytes, options.clusterId)
          if (welcome instanceof QuorateError) return fail(welcome)
          cancel()
          opened = new ClientConnection(options, connection, welcome)
          resolve(opened)
        },
        onClose: (reason) => {
          if (opened === undefined) fail(lost(address, reason, 'not-applied'))
          else opened.#end(lost(address, reason, 'unknown'))
        },
      })
      const left = Math.max(0, deadline - clock.monotonic())
      cancel = clock.timer(left, () =>
        clock.soon(() => {
          if (opened === undefined) fail(lost(address, 'no welcome in time', 'not-applied'))
        }),
      )
      connection.send(
        encodeClientFrame({
          type: 'hello',
          protocolMin: clientProtocolMin,
          protocolMax: clientProtocolMax,
          clusterId: options.clusterId,
        }),
      )
    })
  }

  get isOpen(): boolean {
    return this.#open
  }

  /** Bytes of requests that were not taken by the operating system yet. */
  get bufferedBytes(): number {
    return this.#pendingBytes + (this.#open ? this.#connection.bufferedBytes : 0)
  }

  /**
   * Sends a request, together with all others of this turn. Undefined: it is on its way. An error:
   * it was not sent and never will be, so it is without effect.
   */
  send(request: Request): QuorateError | undefined {
    if (!this.#open) return lost(this.address, 'it is closed', 'not-applied')
    const wire = requestToWire(request)
    const bytes = packedBytesMax(wire)
    const max = this.welcome.limits.frameBytesMax - frameOverheadBytes
    if (bytes > max) {
      return new QuorateError(
        'QUORATE_TOO_LARGE',
        `a request of ${bytes} bytes is over the ${max} that ${this.welcome.nodeId} allows`,
      )
    }
    if (this.bufferedBytes + bytes > this.#bufferedBytesMax) {
      return new QuorateError('QUORATE_OVERLOADED', `${this.address} does not take what was sent`)
    }
    const target = Math.min(frameBytesTarget, max)
    const full =
      this.#pending.length >= this.welcome.limits.requestsPerFrameMax ||
      (this.#pending.length > 0 && this.#pendingBytes + bytes > target)
    if (full) this.flush()
    this.#pending.push(wire)
    this.#pendingBytes += bytes
    this.#askFlush()
    return undefined
  }

  /** Sends what waits for the end of the turn. */
  flush(): void {
    if (this.#pending.length === 0 || !this.#open) return
    const requests = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    this.#connection.send(packRequests(requests))
  }

  /** Sends what waits, and closes. `onClose` is not called. */
  close(): void {
    if (!this.#open) return
    this.flush()
    this.#open = false
    this.#connection.close('the client closes')
  }

  #askFlush(): void {
    if (this.#flushAsked) return
    this.#flushAsked = true
    this.#options.clock.soon(() => {
      this.#flushAsked = false
      this.flush()
    })
  }

  #onFrame(bytes: Uint8Array): void {
    if (!this.#open) return
    let frame: NodeFrame
    try {
      frame = decodeNodeFrame(bytes)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      return this.#end(error)
    }
    switch (frame.type) {
      case 'replies':
        return this.#options.onReplies(frame.replies)
      case 'goodbye':
        return this.#end(fromWireError(frame.error))
      case 'welcome':
        return this.#end(new QuorateError('QUORATE_PROTOCOL', `${this.address} welcomed twice`))
      case 'members':
        return this.#options.onMembers?.(frame.members)
    }
  }

  #end(error: QuorateError): void {
    if (!this.#open) return
    this.#open = false
    this.#pending = []
    this.#pendingBytes = 0
    assert(error.message.length > 0, 'an end has a reason')
    this.#connection.close(error.code)
    this.#options.onClose(error)
  }
}

/** The node's first frame: its welcome, or why there is none. */
function greeting(bytes: Uint8Array, clusterId: string | undefined): Welcome | QuorateError {
  let frame: NodeFrame
  try {
    frame = decodeNodeFrame(bytes)
  } catch (error) {
    if (error instanceof QuorateError) return error
    throw error
  }
  if (frame.type === 'goodbye') return fromWireError(frame.error)
  if (frame.type !== 'welcome') return new QuorateError('QUORATE_PROTOCOL', 'no welcome came first')
  if (frame.protocol < clientProtocolMin || frame.protocol > clientProtocolMax) {
    return new QuorateError('QUORATE_PROTOCOL', `protocol ${frame.protocol} was not offered`)
  }
  if (clusterId !== undefined && frame.clusterId !== clusterId) {
    return new QuorateError(
      'QUORATE_WRONG_CLUSTER',
      `${frame.nodeId} belongs to cluster ${frame.clusterId}, not ${clusterId}`,
    )
  }
  return frame
}

function lost(address: string, reason: string, outcome: 'not-applied' | 'unknown'): QuorateError {
  const message = `the connection to ${address} is lost: ${reason}`
  return new QuorateError('QUORATE_CONNECTION_LOST', message, { outcome })
}
