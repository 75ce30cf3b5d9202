/** Who waits for the digests of a mark, until the mark is applied here and they are computed. */
import type { Digests } from '../command/index.ts'
import type { StateMachine } from '../state/index.ts'
import type { WireError } from '../transport/index.ts'
import type { ReplyTo } from './replies.ts'
import { isFailureOfNode, thrownOnWire, wireError } from './replies.ts'

const waitingMax = 256

interface Waiting {
  readonly session: ReplyTo
  readonly requestId: number
  readonly mark: Uint8Array
  /** Monotonic ms. */
  readonly deadline: number
}

export class Digesting {
  readonly #state: StateMachine
  readonly #onFailure: (error: unknown) => void
  #waiting: Waiting[] = []

  /** `onFailure`: the state is damaged, or failed, under the reading; told besides the answer. */
  constructor(state: StateMachine, onFailure: (error: unknown) => void) {
    this.#state = state
    this.#onFailure = onFailure
  }

  /** Answers now, or once the mark is applied and computed, or at the deadline. */
  ask(session: ReplyTo, requestId: number, mark: Uint8Array, deadline: number): void {
    const waiting = { session, requestId, mark, deadline }
    if (this.#waiting.length >= waitingMax) {
      fail(waiting, wireError('QUORATE_OVERLOADED', 'too many wait for digests', retryLater))
      return
    }
    if (!this.#answer(waiting)) this.#waiting.push(waiting)
  }

  /** The state machine moved on: a mark may have been passed. */
  onApplied(): void {
    if (this.#waiting.length === 0) return
    this.#waiting = this.#waiting.filter((waiting) => !this.#answer(waiting))
  }

  expire(now: number): void {
    const expired = this.#waiting.filter((waiting) => waiting.deadline <= now)
    if (expired.length === 0) return
    this.#waiting = this.#waiting.filter((waiting) => waiting.deadline > now)
    for (const waiting of expired) {
      fail(waiting, wireError('QUORATE_TIMEOUT', 'the mark was not applied here in time', nothing))
    }
  }

  /** The connection is gone: nobody waits any more, however much time there would be. */
  closeOwnedBy(session: ReplyTo): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.session !== session)
  }

  failAll(error: WireError): void {
    const all = this.#waiting
    this.#waiting = []
    for (const waiting of all) fail(waiting, error)
  }

  /** Whether the mark is known: then the answer is on its way. */
  #answer(waiting: Waiting): boolean {
    const { session, requestId: id, mark } = waiting
    const computed = this.#state.reader.digestAt(mark)
    if (computed === undefined) return false
    computed.then(
      ({ index, effects, rows }: Digests) =>
        session.reply({ id, kind: 'digest', index, effects, rows }),
      (error: unknown) => {
        const wire = thrownOnWire(error)
        fail(waiting, { ...wire, ...nothing })
        // A digest is how rot is found: the node must not serve on from what it has just found.
        if (isFailureOfNode(wire)) this.#onFailure(error)
      },
    )
    return true
  }
}

const nothing = { outcome: 'not-applied' } as const
const retryLater = { details: { retryAfter: 1_000 } } as const

function fail({ session, requestId }: Waiting, error: WireError): void {
  session.reply({ id: requestId, kind: 'error', error })
}
