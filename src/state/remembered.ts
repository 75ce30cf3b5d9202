/** Answers that sessions remember, each with what tells a repeat of its call from another one. */
import { crc32 } from 'node:zlib'
import { sessionBytes } from '../command/index.ts'
import type { Answer } from '../command/index.ts'

/** An answer kept for repeats of its call. */
export interface Remembered {
  /** CRC-32 of the command without its call: tells a repeat from a sequence used twice. */
  readonly fingerprint: number
  readonly answer: Answer
}

/** Bytes of a command that name its call: left out where a repeat is compared with the first. */
const callEnd = 1 + sessionBytes + 8 + 8

/** A repeat may say that fewer calls are outstanding by now, so its call is left out. */
export function fingerprintOf(command: Uint8Array): number {
  return crc32(command.subarray(callEnd), command[0] ?? 0)
}

/** The answer to a command. */
export function remembered(command: Uint8Array, answer: Answer): Remembered {
  // What was applied is in the overlay, and its bytes with it; other commands would be kept for
  // this alone.
  if (answer.status === 'applied') return new Applied(command, answer)
  return { fingerprint: fingerprintOf(command), answer }
}

/**
 * Most answers are forgotten before anything asks for their fingerprint: it is taken when the
 * session is written down, and then the command is let go.
 */
class Applied implements Remembered {
  readonly answer: Answer
  #command: Uint8Array | undefined
  #fingerprint = 0

  constructor(command: Uint8Array, answer: Answer) {
    this.#command = command
    this.answer = answer
  }

  get fingerprint(): number {
    if (this.#command !== undefined) {
      this.#fingerprint = fingerprintOf(this.#command)
      this.#command = undefined
    }
    return this.#fingerprint
  }
}
