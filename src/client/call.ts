/** One call on its way: what is asked, how long, and what is known of its effect so far. */
import { QuorateError } from '../errors.ts'
import type { ErrorCode, ErrorDetails } from '../errors.ts'
import type { CallId, Command } from '../command/index.ts'
import type { ReplyBody, RequestBody } from '../transport/index.ts'
import type { Endpoint, Waiter } from './endpoint.ts'
import { Doubt } from './outcome.ts'
import type { IdentityKind } from './outcome.ts'
import type { Session } from './session.ts'
import { WheelEntry } from './wheel.ts'

/** Which node a call may go to. */
export type Route =
  /** Writes. */
  | { readonly to: 'leader' }
  /** Linearizable reads: the leader answers without a further hop, any other node can. */
  | { readonly to: 'reader' }
  /** Stale reads. */
  | { readonly to: 'nearest' }
  /** That one, dialled if need be. */
  | { readonly to: 'endpoint'; readonly endpoint: Endpoint }
  /** That very connection: what it asks for lives and dies with it. */
  | { readonly to: 'connection'; readonly endpoint: Endpoint; readonly connection: number }

/** A request that changes nothing, and may be repeated at will. */
export interface ReadPlan {
  readonly name: string
  readonly route: Route
  readonly body: RequestBody
  /** Ends with the first thing that goes wrong, whatever it is. */
  readonly single?: boolean
}

/**
 * A change of who takes part, or who leads. The leader does it; made again, it finds itself done,
 * so it is repeated like a read, though its failure may leave its effect in doubt.
 */
export interface ChangePlan {
  readonly name: string
  readonly body: Extract<RequestBody, { readonly kind: 'member' | 'transfer' }>
}

/** A command for the log. */
export interface WritePlan {
  readonly name: string
  readonly identity: IdentityKind
  /** Makes the command under the name that the session gives the call. */
  readonly command: (call: CallId) => Command
  /**
   * False for a command that no session remembers: it must not be sent again after an attempt
   * that is in doubt.
   */
  readonly sequenced: boolean
  readonly token?: Uint8Array
}

/** What a call is doing. */
export type Phase =
  /** Waits for a sequence within the session's window. */
  | 'window'
  /** Waits for a node that can serve it. */
  | 'parked'
  /** Waits before it is tried again. */
  | 'backoff'
  /** Sent; waits for the answer. */
  | 'flight'
  | 'ended'

/** Who drives calls. */
export interface CallDriver {
  onAnswered(call: Call, body: ReplyBody, from: Endpoint): void
  onLost(call: Call, error: QuorateError, from: Endpoint): void
  /** An attempt that was given up has ended; `body`: with an answer to the call as it stands. */
  onLate(call: Call, body: ReplyBody | undefined, from: Endpoint): void
  onDue(call: Call, now: number): void
  onAborted(call: Call, reason: unknown): void
}

/** What the loop that drives calls goes by. */
export interface CallKind {
  readonly route: Route
  readonly write: boolean
  readonly sequenced: boolean
  readonly repeatable: boolean
  readonly single: boolean
  readonly identity: IdentityKind
  readonly token: Uint8Array | undefined
  readonly body: RequestBody
}

export interface CallOptions {
  readonly what: CallKind
  readonly name: string
  readonly timeoutMs: number
  readonly deadline: number
  /** Bounds each attempt; undefined: only `deadline` does. */
  readonly attemptMs: number | undefined
  readonly signal: AbortSignal | undefined
}

export class Call extends WheelEntry implements Waiter {
  readonly name: string
  readonly route: Route
  /** Whether it may have an effect. */
  readonly write: boolean
  /** Whether a session remembers it. */
  readonly sequenced: boolean
  /** Whether it may be sent again after an attempt that may have had its effect. */
  readonly repeatable: boolean
  readonly single: boolean
  readonly identity: IdentityKind
  readonly token: Uint8Array | undefined
  readonly timeoutMs: number
  readonly deadline: number
  readonly attemptMs: number | undefined
  readonly signal: AbortSignal | undefined
  readonly doubt = new Doubt()
  phase: Phase = 'parked'
  /** The request; of a write the encoded command. Let go when the call ends. */
  body: RequestBody
  /** The session and sequence of a write that has one. */
  session: Session | undefined = undefined
  sequence = 0
  /** How many times it was sent. */
  attempts = 0
  /** Leader hints followed in a row, and sessions opened for it. */
  hints = 0
  renewals = 0
  delay = 0
  wakeAt = 0
  /** Why the last attempt did not succeed. */
  lastRefusal: QuorateError | undefined = undefined
  /** The endpoint that could not serve it; another is preferred next. */
  avoid: Endpoint | undefined = undefined
  /** The endpoint that the last attempt went to. */
  sentTo: Endpoint | undefined = undefined
  /** The node whose attempt may have had an effect of which nobody has told. */
  doubted: string | undefined = undefined
  /** The endpoint that answered. */
  servedBy: Endpoint | undefined = undefined
  resolve: (body: ReplyBody) => void = () => {}
  reject: (error: QuorateError) => void = () => {}
  readonly #driver: CallDriver

  constructor(driver: CallDriver, options: CallOptions) {
    super()
    const { what } = options
    this.#driver = driver
    this.name = options.name
    this.route = what.route
    this.write = what.write
    this.sequenced = what.sequenced
    this.repeatable = what.repeatable
    this.single = what.single
    this.identity = what.identity
    this.token = what.token
    this.timeoutMs = options.timeoutMs
    this.deadline = options.deadline
    this.attemptMs = options.attemptMs
    this.signal = options.signal
    this.body = what.body
  }

  onDue(now: number): void {
    this.#driver.onDue(this, now)
  }

  answered(body: ReplyBody, from: Endpoint): void {
    this.#driver.onAnswered(this, body, from)
  }

  lost(error: QuorateError, from: Endpoint): void {
    this.#driver.onLost(this, error, from)
  }

  abort(reason: unknown): void {
    this.#driver.onAborted(this, reason)
  }

  /** A command that no session remembers would, sent twice, be two commands. */
  get mayRepeat(): boolean {
    return this.repeatable || !this.doubt.any
  }

  /** That node may have done what was asked. */
  raiseDoubt(node: Endpoint): void {
    this.doubt.raise()
    this.doubted ??= node.nodeId
  }

  /** What to send to this node. */
  bodyFor(nodeId: string | undefined): RequestBody {
    const { body, doubted } = this
    // Whoever had the call may have handed over to this node before its answer was lost. Asked to
    // hand over to itself, it says whether it leads, and does not pass the leadership on again.
    const handedOver = doubted !== undefined && doubted !== nodeId
    if (body.kind !== 'transfer' || body.to !== undefined || !handedOver) return body
    return { kind: 'transfer', to: nodeId }
  }

  /**
   * Who waits for the next attempt's answer. A bounded one waits on its own account, because its
   * answer may come when it is over; the others need no object each.
   */
  waiter(): Waiter {
    return this.attemptMs === undefined ? this : new Attempt(this, this.#driver)
  }

  /** The error that ends this call, with the outcome that its attempts leave. */
  failure(code: ErrorCode, message: string, options: FailureOptions = {}): QuorateError {
    const outcome = this.write
      ? this.doubt.outcome(code, options.decided === true, this.identity)
      : 'not-applied'
    return new QuorateError(code, `${this.name}: ${message}`, {
      outcome,
      attempts: this.attempts,
      ...(options.details === undefined ? {} : { details: options.details }),
      ...(this.token === undefined ? {} : { token: this.token }),
      ...(options.cause === undefined ? {} : { cause: options.cause }),
    })
  }
}

/** One attempt of a call that may give it up. */
class Attempt implements Waiter {
  readonly #call: Call
  readonly #driver: CallDriver
  /** Its name then; a call that went on under a new session has another. */
  readonly #session: Session | undefined
  readonly #sequence: number
  readonly #number: number

  constructor(call: Call, driver: CallDriver) {
    this.#call = call
    this.#driver = driver
    this.#session = call.session
    this.#sequence = call.sequence
    this.#number = call.attempts + 1
  }

  answered(body: ReplyBody, from: Endpoint): void {
    const call = this.#call
    const isSameName = call.session === this.#session && call.sequence === this.#sequence
    if (call.phase === 'ended' || this.#isUnderWay) this.#driver.onAnswered(call, body, from)
    else this.#driver.onLate(call, isSameName ? body : undefined, from)
  }

  lost(error: QuorateError, from: Endpoint): void {
    if (this.#isUnderWay) this.#driver.onLost(this.#call, error, from)
    else this.#driver.onLate(this.#call, undefined, from)
  }

  get #isUnderWay(): boolean {
    return this.#call.phase === 'flight' && this.#call.attempts === this.#number
  }
}

export interface FailureOptions {
  /** The state machine decided so, and remembers it. */
  readonly decided?: boolean
  readonly details?: ErrorDetails
  readonly cause?: unknown
}
