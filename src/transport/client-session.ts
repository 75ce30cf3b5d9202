/** One client's connection, as the node sees it. */
import { assert } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Cancel, Clock, Connection } from '../ports.ts'
import {
  clientProtocolMax,
  clientProtocolMin,
  type ClientFrame,
  type ClientHello,
  type Reply,
  type Request,
  type Welcome,
  type WireError,
} from './client-protocol.ts'
import { decodeClientFrame } from './client-codec.ts'
import type { ClientServerLimits } from './client-limits.ts'
import { encodeNodeFrame, replyToWire } from './reply-codec.ts'
import { ReplyQueue } from './reply-queue.ts'
import { highestCommon } from './versions.ts'
import { toWireError } from './wire-error.ts'

/** A connected client, for the node: something to answer, and to tell apart. */
export interface ClientSession {
  /** Never used twice by a server. */
  readonly id: number
  /** Where the client is, for people. */
  readonly remote: string
  /** Whether there is somebody to be answered. */
  readonly isOpen: boolean
  /** Reply bytes that the client has not taken. */
  readonly waitingBytes: number
  /** Answers a request. Ignored once the connection is closed, and for a request already answered. */
  reply(reply: Reply): void
  /** Tells the client why, and closes. */
  close(error: WireError): void
}

/** What a session asks of its server. */
export interface SessionHost {
  readonly clock: Clock
  readonly limits: ClientServerLimits
  /** Throws where the client is not wanted: its error is the last thing that the client hears. */
  welcome(hello: ClientHello, protocol: number): Welcome
  /** The hello is through. */
  onOpen(session: Session): void
  /** Whether the bytes still fit; then they are counted as the server's. */
  admit(bytes: number): boolean
  /** Bytes of requests that were answered, or whose client is gone. */
  release(bytes: number): void
  onRequest(session: Session, request: Request): void
  /** Replies wait for the end of the turn. */
  onReplies(session: Session): void
  /** The connection is over; called once. */
  onClosed(session: Session): void
  count(name: SessionCounter): void
}

/** What a session counts. */
export type SessionCounter =
  | 'clientHandshakesRefused'
  | 'clientFramesBad'
  | 'clientRequests'
  | 'clientRequestsRefused'
  | 'clientReadsPaused'
  | 'clientSlowClosed'

/** Bytes that an outstanding request takes besides its fields. */
const requestOverheadBytes = 256

export class Session implements ClientSession {
  readonly id: number
  readonly remote: string
  readonly #connection: Connection
  readonly #host: SessionHost
  /** Requests without a reply, with the bytes they were counted with. */
  readonly #outstanding = new Map<number, number>()
  readonly #replies: ReplyQueue
  #outstandingBytes = 0
  #state: 'greeting' | 'open' | 'closing' | 'closed' = 'greeting'
  #announced = false
  #cancelDeadline: Cancel
  #paused = false
  #cancelStall: Cancel = () => {}

  constructor(id: number, connection: Connection, host: SessionHost) {
    this.id = id
    this.#connection = connection
    this.remote = connection.remote
    this.#host = host
    this.#replies = new ReplyQueue(host.limits.frameBytesMax)
    this.#cancelDeadline = host.clock.timer(host.limits.handshakeMs, () =>
      // A hello that has arrived while the node stood still is read before it is judged.
      host.clock.soon(() => this.#judgeGreeting()),
    )
    connection.setHandlers({
      onFrame: (frame) => this.#onFrame(frame),
      onClose: () => this.#onClose(),
      onDrain: () => this.#resume(),
    })
  }

  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Whether `onOpen` was called, so that its end has to be told. */
  get wasOpen(): boolean {
    return this.#announced
  }

  get waitingBytes(): number {
    return this.#state === 'closed' ? 0 : this.#replies.bytes + this.#connection.bufferedBytes
  }

  reply(reply: Reply): void {
    const bytes = this.#outstanding.get(reply.id)
    if (this.#state !== 'open' || bytes === undefined) return
    this.#outstanding.delete(reply.id)
    this.#outstandingBytes -= bytes
    this.#host.release(bytes)
    this.#queue(reply)
  }

  close(error: WireError): void {
    if (this.#state === 'closing' || this.#state === 'closed') return
    this.flush()
    this.#state = 'closing'
    this.#connection.send(encodeNodeFrame({ type: 'goodbye', error }))
    this.#connection.close(error.code)
  }

  /** Sends a small frame that nobody asked for. */
  announce(frame: Uint8Array): void {
    if (this.#state === 'open') this.#connection.send(frame)
  }

  /** Sends the replies that wait. */
  flush(): void {
    if (this.#state !== 'open') return
    for (const frame of this.#replies.take()) this.#connection.send(frame)
    this.#checkBacklog()
  }

  /** Ends a client that does not take its replies: a goodbye would only wait behind them. */
  closeSlow(): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#host.count('clientSlowClosed')
    this.#replies.clear()
    this.#connection.close('the client does not read its replies')
  }

  #queue(reply: Reply): void {
    this.#replies.push(reply.id, replyToWire(reply))
    if (this.waitingBytes > this.#host.limits.replyBytesMax) this.closeSlow()
    else this.#host.onReplies(this)
  }

  #judgeGreeting(): void {
    if (this.#state !== 'greeting') return
    this.#refuse(new QuorateError('QUORATE_PROTOCOL', 'no hello in time'))
  }

  #onFrame(bytes: Uint8Array): void {
    if (this.#state !== 'greeting' && this.#state !== 'open') return
    let frame: ClientFrame
    try {
      frame = decodeClientFrame(bytes, this.#host.limits.requestsPerFrameMax)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      this.#host.count('clientFramesBad')
      this.close(toWireError(error))
      return
    }
    if (frame.type === 'hello') this.#onHello(frame)
    else this.#onRequests(frame.requests, bytes.length)
  }

  #onHello(hello: ClientHello): void {
    if (this.#state !== 'greeting') return this.#misspoke('a second hello')
    const ours = { min: clientProtocolMin, max: clientProtocolMax }
    const theirs = { min: hello.protocolMin, max: hello.protocolMax }
    const protocol = highestCommon(ours, theirs)
    if (protocol === undefined) {
      return this.#refuse(
        new QuorateError(
          'QUORATE_PROTOCOL',
          `this node speaks protocol ${ours.min} to ${ours.max}, not ${theirs.min} to ${theirs.max}`,
        ),
      )
    }
    let welcome: Welcome
    try {
      welcome = this.#host.welcome(hello, protocol)
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error
      return this.#refuse(error)
    }
    this.#cancelDeadline()
    this.#state = 'open'
    this.#announced = true
    this.#connection.send(encodeNodeFrame(welcome))
    this.#host.onOpen(this)
  }

  #refuse(error: QuorateError): void {
    this.#host.count('clientHandshakesRefused')
    this.close(toWireError(error))
  }

  #misspoke(what: string): void {
    this.#host.count('clientFramesBad')
    this.close(toWireError(new QuorateError('QUORATE_PROTOCOL', what)))
  }

  #onRequests(requests: readonly Request[], frameBytes: number): void {
    if (this.#state !== 'open') return this.#misspoke('requests before hello')
    if (requests.length === 0) return this.#misspoke('a frame without requests')
    // The fields lie within the frame, which stays in memory until its last request is answered:
    // each request stands for its share of it.
    const bytes = Math.ceil(frameBytes / requests.length) + requestOverheadBytes
    for (const request of requests) {
      if (this.#state !== 'open') return
      if (this.#outstanding.has(request.id)) return this.#misspoke('a request id in use')
      this.#admit(request, bytes)
    }
  }

  #admit(request: Request, bytes: number): void {
    const { limits } = this.#host
    this.#host.count('clientRequests')
    const fits =
      this.#outstanding.size < limits.outstandingMax &&
      this.#outstandingBytes + bytes <= limits.outstandingBytesMax &&
      this.#host.admit(bytes)
    if (!fits) {
      this.#host.count('clientRequestsRefused')
      return this.#queue({ id: request.id, kind: 'error', error: overloaded(limits.retryAfterMs) })
    }
    this.#outstanding.set(request.id, bytes)
    this.#outstandingBytes += bytes
    this.#host.onRequest(this, request)
  }

  /**
   * A client that does not read gets no further requests in: its own calls stop, instead of our
   * memory growing. What is outstanding may still be answered, up to `replyBytesMax`.
   */
  #checkBacklog(): void {
    const { limits, clock } = this.#host
    const waiting = this.waitingBytes
    if (waiting > limits.replyBytesMax) return this.closeSlow()
    if (waiting <= limits.replyBytesPause || this.#paused) return
    this.#paused = true
    this.#host.count('clientReadsPaused')
    this.#connection.pauseReading()
    const watch = (before: number): void => {
      this.#cancelStall = clock.timer(limits.stallMs, () => clock.soon(() => judge(before)))
    }
    const judge = (before: number): void => {
      if (!this.#paused || this.#state !== 'open') return
      const now = this.#connection.bufferedBytes
      if (now >= before) this.closeSlow()
      else watch(now)
    }
    watch(this.#connection.bufferedBytes)
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#cancelStall()
    this.#connection.resumeReading()
  }

  #onClose(): void {
    assert(this.#state !== 'closed', 'a connection ends once')
    this.#state = 'closed'
    this.#cancelDeadline()
    this.#cancelStall()
    this.#replies.clear()
    this.#host.release(this.#outstandingBytes)
    this.#outstanding.clear()
    this.#outstandingBytes = 0
    this.#host.onClosed(this)
  }
}

function overloaded(retryAfter: number): WireError {
  return toWireError(
    new QuorateError('QUORATE_OVERLOADED', 'too many requests wait for an answer', {
      details: { retryAfter },
    }),
  )
}
