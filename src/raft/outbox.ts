/**
 * Messages on their way out, in two lists.
 *
 * Persist before send: a message may leave once everything that it vouches for is durable here
 * (paper, figure 2: "updated on stable storage before responding to RPCs"). What a message needs
 * is read off the message itself, in `isJustified`, at the moment it is queued and again after
 * each persist; no handler decides it. Messages that are not justified yet wait in `#waiting`.
 */
import { assert, unreachable } from '../assert.ts'
import type { Message } from './messages.ts'
import type { HardState } from './types.ts'

/** What is durable on this node. */
export interface Durable {
  readonly hardState: HardState
  readonly index: number
}

/** Whether the durable state alone bears the message out. */
export function isJustified(message: Message, { hardState, index }: Durable): boolean {
  // Every message speaks for its term: after a crash the node must not be found at a lower one
  // than it was heard in, or it could act twice in the same term.
  if (message.term > hardState.currentTerm) return false
  switch (message.type) {
    case 'requestVote':
      return hardState.currentTerm === message.term && hardState.votedFor === message.from
    case 'requestVoteResult':
      if (!message.granted) return true
      return hardState.currentTerm === message.term && hardState.votedFor === message.to
    case 'appendEntriesAccepted':
      return index >= message.matchIndex
    // A leader sends entries while it still writes them itself (thesis, section 10.2.1): it
    // counts itself only once they are durable.
    case 'appendEntries':
    case 'appendEntriesRejected':
    case 'heartbeat':
    case 'heartbeatResult':
    case 'requestPreVote':
    case 'requestPreVoteResult':
    case 'readIndexRequest':
    case 'readIndexResult':
    case 'readIndexRefused':
    case 'timeoutNow':
    case 'removed':
    // A snapshot is of what was applied, and that is durable.
    case 'installSnapshot':
    case 'snapshotNeeded':
    case 'readmitted':
      return true
    default:
      return unreachable(message)
  }
}

/** The two lists; see the head of the file. */
export class Outbox {
  readonly #messagesMax: number
  #messages: Message[] = []
  /** By kind and receiver: a newer message of a kind says all that the older one said. */
  readonly #waiting = new Map<string, Message>()
  #dropped = 0

  constructor(messagesMax: number) {
    this.#messagesMax = messagesMax
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0
  }

  /** Whether messages wait for a persist. */
  get hasWaiting(): boolean {
    return this.#waiting.size > 0
  }

  /** Messages dropped at the cap. The protocol bears a lost message; memory bears no more. */
  get dropped(): number {
    return this.#dropped
  }

  send(message: Message, durable: Durable): void {
    if (isJustified(message, durable)) this.#push(message)
    else this.#wait(message)
  }

  /** A persist completed: what it justifies may leave. */
  release(durable: Durable): void {
    for (const [key, message] of this.#waiting) {
      if (!isJustified(message, durable)) continue
      this.#waiting.delete(key)
      this.#push(message)
    }
  }

  /** The term moved on: what waits speaks for a term that is over, and nobody needs it. */
  dropWaiting(): void {
    this.#waiting.clear()
  }

  takeMessages(): readonly Message[] {
    const messages = this.#messages
    this.#messages = []
    return messages
  }

  /** Takes what the persist that starts now will justify: everything that waits. */
  takeWaiting(): readonly Message[] {
    const messages = [...this.#waiting.values()]
    this.#waiting.clear()
    return messages
  }

  #push(message: Message): void {
    assert(message.from !== message.to, 'nobody writes to itself')
    if (this.#messages.length >= this.#messagesMax) this.#dropped++
    else this.#messages.push(message)
  }

  /**
   * Waiting messages are merged, so that a slow disk does not pile them up: an acknowledgement
   * covers all lower ones, a heartbeat's answer all earlier rounds. Reads keep each id apart.
   */
  #wait(message: Message): void {
    assert(message.from !== message.to, 'nobody writes to itself')
    const id = 'requestId' in message ? message.requestId : ''
    const key = `${message.type}/${message.to}/${id}`
    const older = this.#waiting.get(key)
    if (older !== undefined && !supersedes(message, older)) return
    if (older === undefined && this.#waiting.size >= this.#messagesMax) this.#dropped++
    else this.#waiting.set(key, message)
  }
}

function supersedes(message: Message, older: Message): boolean {
  assert(message.term >= older.term, 'terms never fall')
  if (message.type === 'appendEntriesAccepted' && older.type === 'appendEntriesAccepted') {
    return message.matchIndex >= older.matchIndex
  }
  if (message.type === 'heartbeatResult' && older.type === 'heartbeatResult') {
    return message.round >= older.round
  }
  return true
}
