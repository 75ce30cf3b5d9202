/** How the node answers: to whom, and errors in the form in which they travel. */
import type { ErrorCode, ErrorDetails, Outcome } from '../errors.ts'
import { errorKinds, QuorateError } from '../errors.ts'
import type { Reply, WireError } from '../transport/index.ts'
import { toWireError } from '../transport/index.ts'

/** Where a reply goes. */
export interface ReplyTo {
  reply(reply: Reply): void
}

/** An error for the wire; the outcome is the code's own unless another is given. */
export function wireError(
  code: ErrorCode,
  message: string,
  options: { outcome?: Outcome; details?: ErrorDetails } = {},
): WireError {
  return {
    code,
    message,
    outcome: options.outcome ?? errorKinds[code].outcome,
    details: options.details ?? {},
  }
}

/** What a thrown error looks like to a client. Foreign errors keep their text to themselves. */
export function thrownOnWire(error: unknown): WireError {
  if (error instanceof QuorateError) return toWireError(error)
  return wireError('QUORATE_INTERNAL', 'the node failed while it served the call')
}

/** Whether what a request met is the node's own failure, so that the node has to end. */
export function isFailureOfNode({ code }: WireError): boolean {
  return code === 'QUORATE_CORRUPT' || code === 'QUORATE_INTERNAL' || code === 'QUORATE_STORAGE'
}
