/** Replies of one turn on their way into frames. */
import { QuorateError } from '../errors.ts'
import { frameBytesTarget, frameOverheadBytes } from './client-limits.ts'
import { packedBytesMax, type Wire } from './msgpack.ts'
import { packReplies, repliesPerFrameMax, replyToWire } from './reply-codec.ts'
import { toWireError } from './wire-error.ts'

/** Gathers replies and cuts them into frames that the client takes. */
export class ReplyQueue {
  readonly #frameBytesMax: number
  #frames: Wire[][] = []
  #open: Wire[] = []
  #openBytes = 0
  #bytes = 0

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax
  }

  /** At least what the replies that wait will take. */
  get bytes(): number {
    return this.#bytes
  }

  push(id: number, reply: Wire): void {
    let bytes = packedBytesMax(reply)
    let wire = reply
    if (bytes + frameOverheadBytes > this.#frameBytesMax) {
      // A frame that the client must refuse would break the connection, and every retry of the
      // call would break it again.
      wire = replyToWire({ id, kind: 'error', error: tooLarge(bytes, this.#frameBytesMax) })
      bytes = packedBytesMax(wire)
    }
    const target = Math.min(frameBytesTarget, this.#frameBytesMax - frameOverheadBytes)
    const full =
      this.#open.length >= repliesPerFrameMax ||
      (this.#open.length > 0 && this.#openBytes + bytes > target)
    if (full) this.#cut()
    this.#open.push(wire)
    this.#openBytes += bytes
    this.#bytes += bytes
  }

  /** All frames; the queue is empty afterwards. */
  take(): Uint8Array[] {
    if (this.#open.length > 0) this.#cut()
    const frames = this.#frames.map((replies) => packReplies(replies))
    this.#frames = []
    this.#bytes = 0
    return frames
  }

  clear(): void {
    this.#frames = []
    this.#open = []
    this.#openBytes = 0
    this.#bytes = 0
  }

  #cut(): void {
    this.#frames.push(this.#open)
    this.#open = []
    this.#openBytes = 0
  }
}

function tooLarge(bytes: number, max: number) {
  return toWireError(
    new QuorateError('QUORATE_TOO_LARGE', `a reply of ${bytes} bytes is over the ${max} allowed`),
  )
}
