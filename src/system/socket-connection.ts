/** One WebSocket as a `Connection` of the port. */
import type { RawData, WebSocket } from 'ws'
import { assert } from '../assert.ts'
import type { Connection, ConnectionHandlers } from '../ports.ts'

/** How long a close waits for what was sent before it, and for the other side's answer. */
export const closeGraceMs = 2000

const normalClosure = 1000
const unsupportedData = 1003
/** A close frame holds 125 bytes, two of which are its code. */
const reasonBytesMax = 123

/** Wraps an open WebSocket. It reads nothing before `setHandlers`, so no frame can be missed. */
export class SocketConnection implements Connection {
  readonly remote: string
  readonly #socket: WebSocket
  #handlers: ConnectionHandlers | undefined
  /** Frames that `ws` had already parsed when reading was paused: at most one read's worth. */
  readonly #held: Uint8Array[] = []
  #paused = false
  #closing = false
  #undrained = false
  /** Why it ended, once it has. */
  #ended: string | undefined
  #failure: string | undefined
  #told = false

  constructor(socket: WebSocket, remote: string) {
    this.#socket = socket
    this.remote = remote
    socket.binaryType = 'nodebuffer'
    socket.pause()
    socket.on('message', (data, isBinary) => this.#onMessage(data, isBinary))
    // `ws` closes the connection itself; without a listener the error would end the process.
    socket.on('error', (error) => {
      this.#failure ??= error.message
    })
    socket.on('close', (code, reason) => this.#onClose(code, reason.toString()))
  }

  get bufferedBytes(): number {
    return this.#ended === undefined ? this.#socket.bufferedAmount : 0
  }

  setHandlers(handlers: ConnectionHandlers): void {
    assert(this.#handlers === undefined, 'a connection gets its handlers once')
    this.#handlers = handlers
    if (this.#ended === undefined) this.#socket.resume()
    // It broke before anybody listened. Not from within the caller's own call.
    else queueMicrotask(() => this.#tellEnd())
  }

  send(frame: Uint8Array): void {
    if (this.#closing || this.#ended !== undefined) return
    this.#socket.send(frame, this.#onWritten)
    if (this.#socket.bufferedAmount > 0) this.#undrained = true
  }

  pauseReading(): void {
    if (this.#closing || this.#ended !== undefined) return
    this.#paused = true
    this.#socket.pause()
  }

  resumeReading(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#ended !== undefined) return
    this.#socket.resume()
    this.#release()
  }

  close(reason: string): void {
    if (this.#closing || this.#ended !== undefined) return
    this.#closing = true
    this.#held.length = 0
    this.#failure ??= reason
    // The other side's close frame has to be read, so a paused socket reads again; frames that
    // come before it are dropped. `ws` destroys the socket when the grace period is over.
    this.#paused = false
    this.#socket.close(normalClosure, shorten(reason))
    this.#socket.resume()
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    if (this.#closing) return
    if (!isBinary || !(data instanceof Uint8Array)) {
      this.#failure = 'a text frame'
      this.#closing = true
      this.#socket.close(unsupportedData, 'binary frames only')
      this.#socket.resume()
      return
    }
    // A plain view: `slice` of a Buffer shares memory where that of a Uint8Array copies.
    const frame = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    if (this.#paused || this.#held.length > 0) this.#held.push(frame)
    else this.#deliver(frame)
  }

  #deliver(frame: Uint8Array): void {
    assert(this.#handlers !== undefined, 'reading starts when the handlers are set')
    this.#handlers.onFrame(frame)
  }

  /** Hands over what was held, in order, until it is paused again. */
  #release(): void {
    while (!this.#paused && !this.#closing) {
      const frame = this.#held.shift()
      if (frame === undefined) break
      this.#deliver(frame)
    }
  }

  readonly #onWritten = (): void => {
    if (!this.#undrained || this.#socket.bufferedAmount > 0) return
    this.#undrained = false
    if (!this.#closing && this.#ended === undefined) this.#handlers?.onDrain?.()
  }

  #onClose(code: number, reason: string): void {
    this.#ended = this.#failure ?? (reason || `closed with code ${code}`)
    // An orderly close comes behind the frames, and is not seen while reading is paused. Frames
    // still held are those of a connection that broke, as lost as what was on the wire; an owner
    // that paused must hear of the end all the same, or it would wait for it for ever.
    this.#held.length = 0
    this.#tellEnd()
  }

  #tellEnd(): void {
    if (this.#told || this.#handlers === undefined) return
    this.#told = true
    this.#handlers.onClose(this.#ended ?? 'closed')
  }
}

/** At most what a close frame holds. */
function shorten(reason: string): string {
  let short = reason
  while (Buffer.byteLength(short) > reasonBytesMax) short = short.slice(0, short.length - 1)
  return short
}
