/** Messages of one turn for one link, on their way into frames. */
import type { Message } from '../raft/index.ts'
import { peerMessagesMax } from './peer-codec.ts'
import type { PeerLimits } from './peer-limits.ts'
import type { LinkKind } from './peer-protocol.ts'

/** An upper bound of what a message takes on the wire, its entries apart. */
const messageBytes = 64
const entryBytes = 24
/** Names of sender and addressee, and the heads of lists. */
const frameBytes = 160

export class SendQueue {
  readonly #limits: PeerLimits
  readonly #bytesMax: number
  #frames: Message[][] = []
  #open: Message[] = []
  #openBytes = 0
  #bytes = 0
  #count = 0

  constructor(limits: PeerLimits, kind: LinkKind) {
    this.#limits = limits
    this.#bytesMax = kind === 'bulk' ? limits.bulkQueueBytesMax : limits.controlQueueBytesMax
  }

  /**
   * Takes a message unless that would be too much, with what the operating system has not taken
   * yet. A queue that is empty takes any message that fits a frame: else one that is larger than
   * the cap would never get through.
   */
  push(message: Message, bufferedBytes: number): 'queued' | 'full' | 'tooLarge' {
    const bytes = messageSize(message)
    const { frameBytesMax, frameBytesTarget, queueMessagesMax } = this.#limits
    if (bytes + frameBytes > frameBytesMax) return 'tooLarge'
    const waiting = this.#bytes + bufferedBytes
    if (waiting > 0 && waiting + bytes > this.#bytesMax) return 'full'
    if (this.#count >= queueMessagesMax) return 'full'
    const begin =
      this.#open.length >= peerMessagesMax ||
      (this.#open.length > 0 && this.#openBytes + bytes > frameBytesTarget)
    if (begin) this.#cut()
    this.#open.push(message)
    this.#openBytes += bytes
    this.#bytes += bytes
    this.#count++
    return 'queued'
  }

  /** What is to go out, a list for each frame; the queue is empty afterwards. */
  take(): readonly (readonly Message[])[] {
    if (this.#open.length > 0) this.#cut()
    const frames = this.#frames
    this.clear()
    return frames
  }

  clear(): void {
    this.#frames = []
    this.#open = []
    this.#openBytes = 0
    this.#bytes = 0
    this.#count = 0
  }

  #cut(): void {
    this.#frames.push(this.#open)
    this.#open = []
    this.#openBytes = 0
  }
}

function messageSize(message: Message): number {
  if (message.type !== 'appendEntries') return messageBytes
  let bytes = messageBytes
  for (const entry of message.entries) bytes += entryBytes + entry.data.length
  return bytes
}
