/**
 * The one loop through which every call goes, from its first attempt to its outcome.
 *
 *              ┌──────── window full ───> window ──┐
 *     begin ───┤                                   v
 *              └──────────────────────────────> dispatch ──> flight ──> answer: ended
 *                                  ^  ^            │            │
 *                                  │  └── parked <─┘ no way     ├─ not the leader: dispatch
 *                                  └───── backoff <─────────────┤  cannot serve now
 *                                                               └─ connection lost: dispatch
 *
 * One budget of time covers all of it, and a call has at most one attempt under way. What may be
 * said at its end is kept by `Doubt`; here is only what must be done.
 */
import { assert } from '../assert.ts'
import { checkCommand, encodeCommand } from '../command/index.ts'
import type { Answer, CallId } from '../command/index.ts'
import { QuorateError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Clock, Random } from '../ports.ts'
import { randomFraction } from '../random.ts'
import type { ReplyBody, WireError } from '../transport/index.ts'
import { Aborts } from './aborts.ts'
import { admit, closedError } from './admission.ts'
import { nextDelay } from './backoff.ts'
import { Call } from './call.ts'
import type {
  CallDriver,
  CallKind,
  ChangePlan,
  FailureOptions,
  ReadPlan,
  WritePlan,
} from './call.ts'
import { changeKind, closing, isAnswer, readKind, writeKind } from './call-kinds.ts'
import type { ClusterTime } from './cluster-time.ts'
import { bodyBytes } from './endpoint.ts'
import type { Endpoint, Waiter } from './endpoint.ts'
import type { StatusEvents } from './events.ts'
import { Numbering } from './numbering.ts'
import { isAtWork, isBusy, refusalKind } from './outcome.ts'
import type { Router } from './router.ts'
import { unexpected } from './settle.ts'
import { timeOutReason } from './time-out.ts'
import type { CallOptions as CallerOptions } from './types.ts'
import type { Wheel } from './wheel.ts'

/** Pauses between attempts of one call. */
const retryLimits = { baseMs: 10, delayMsMax: 500 }
/** A call that was sent from leader to leader this often rests before it goes on. */
const hintsMax = 4

export interface CallsOptions {
  readonly clock: Clock
  readonly random: Random
  readonly wheel: Wheel
  readonly clusterTime: ClusterTime
  readonly events: StatusEvents
  readonly pin: boolean
  readonly callsMax: number
  readonly timeoutMs: number
  /** Bounds a single attempt; undefined: the call's own time alone does. */
  readonly attemptMs: number | undefined
}

export class Calls implements CallDriver {
  readonly #options: CallsOptions
  readonly #router: Router
  readonly #aborts = new Aborts()
  readonly #open = new Set<Call>()
  /** Calls that wait for room on their connection. */
  readonly #flow = new Set<Call>()
  readonly #numbering: Numbering
  #bytes = 0
  #closed = false

  constructor(options: CallsOptions, router: Router) {
    const { random, clusterTime, events } = options
    this.#options = options
    this.#router = router
    const onNumbered = (call: Call): void => this.route(call)
    this.#numbering = new Numbering({ random, clusterTime, events, onNumbered })
  }

  /** How many more calls may be begun. */
  get room(): number {
    return this.#options.callsMax - this.#open.size
  }

  /** Begins a read. `finish` makes of the answer what the caller gets, or throws what it gets. */
  read<T>(
    plan: ReadPlan,
    options: CallerOptions,
    finish: (body: ReplyBody, call: Call) => T,
  ): Promise<T> {
    try {
      this.#admit(plan.name, options, undefined)
      const call = this.#newCall(plan.name, options, readKind(plan))
      return this.#begin(call, finish)
    } catch (error) {
      return Promise.reject(asRejection(error))
    }
  }

  /**
   * Begins a write. The command is encoded here and now, so the caller may use its buffers again;
   * retries send the very same bytes, so a second copy can never say something else.
   */
  write<T>(
    plan: WritePlan,
    options: CallerOptions,
    finish: (answer: Answer, call: Call) => T,
  ): Promise<T> {
    try {
      if (this.#closed) throw closedError(plan.name, plan.token)
      const id = this.#numbering.upcoming()
      const command = plan.command(id)
      checkCommand(command, this.#router.limits)
      this.#admit(plan.name, options, plan.token)
      const call = this.#newCall(plan.name, options, writeKind(plan, command))
      const onAnswer = (body: ReplyBody): T => {
        if (body.kind !== 'answer') throw unexpected(call, body.kind)
        return finish(body.answer, call)
      }
      return this.#begin(call, onAnswer, plan.sequenced ? id : undefined)
    } catch (error) {
      return Promise.reject(asRejection(error))
    }
  }

  /** Begins a change of who takes part, or who leads. */
  change<T>(
    plan: ChangePlan,
    options: CallerOptions,
    finish: (body: ReplyBody, call: Call) => T,
  ): Promise<T> {
    try {
      this.#admit(plan.name, options, undefined)
      const call = this.#newCall(plan.name, options, changeKind(plan))
      return this.#begin(call, finish)
    } catch (error) {
      return Promise.reject(asRejection(error))
    }
  }

  /** Ends every open call with what is known of it. */
  closeAll(): void {
    this.#closed = true
    this.#numbering.close()
    for (const call of this.#open) {
      this.#fail(call, 'QUORATE_CLOSED', 'the client was closed')
    }
  }

  /**
   * Tells the cluster that the session ends, so that its place is free before it expires; `done`
   * is called when it has heard. False: there is nothing to tell, or nobody to be told.
   */
  farewell(timeoutMs: number, done: () => void): boolean {
    const session = this.#numbering.usedSession
    const leader = this.#router.openLeader()
    if (session === undefined || leader === undefined) return false
    const waiter: Waiter = { answered: done, lost: done }
    const command = encodeCommand({ kind: 'closeSession', session })
    return leader.send(waiter, { kind: 'write', command }, timeoutMs) === undefined
  }

  /** Routes a parked call again. */
  route(call: Call): void {
    this.#dispatch(call, this.#options.clock.monotonic())
  }

  onAnswered(call: Call, body: ReplyBody, from: Endpoint): void {
    if (call.phase === 'ended') {
      // The answer to a call that was given up. What it opened would hold its place on the node
      // until it is idle for too long.
      const unwanted = closing(body)
      if (unwanted !== undefined) from.send(nobody, unwanted, 1000)
    } else {
      // The attempt is over; from here on only what it left behind can be in doubt.
      call.phase = 'parked'
      if (body.kind === 'error') this.#onError(call, body.error, from)
      else if (body.kind === 'answer') this.#onAnswer(call, body.answer, body.clusterTime, from)
      else this.#onRead(call, body, from)
    }
    if (this.#flow.size > 0) this.#drainFlow()
  }

  onLost(call: Call, error: QuorateError, from: Endpoint): void {
    if (call.phase !== 'ended') {
      // Whatever the node said when it closed: of this request it has said nothing.
      if (call.write && call.phase === 'flight') call.raiseDoubt(from)
      call.phase = 'parked'
      this.#router.unpark(call)
      call.lastRefusal = error
      call.avoid = from
      if (call.single || call.route.to === 'connection' || !call.mayRepeat) {
        const code = call.single ? error.code : 'QUORATE_CONNECTION_LOST'
        this.#fail(call, code, error.message, { cause: error })
      } else {
        this.#tellRetry(call, error.code)
        this.#dispatch(call, this.#options.clock.monotonic())
      }
    }
    if (this.#flow.size > 0) this.#drainFlow()
  }

  onLate(call: Call, body: ReplyBody | undefined, from: Endpoint): void {
    // What the state machine decided, or a node read, answers the call whichever attempt brought
    // it; a cluster that is always a little slower than an attempt would else never be heard. A
    // refusal says nothing of the attempts after it.
    if (call.phase !== 'ended' && body !== undefined && isAnswer(body)) {
      if (body.kind === 'answer') this.#onAnswer(call, body.answer, body.clusterTime, from)
      else this.#onRead(call, body, from)
    }
    if (this.#flow.size > 0) this.#drainFlow()
  }

  onDue(call: Call, now: number): void {
    if (now >= call.deadline) return this.#timeOut(call)
    this.#options.wheel.set(call, call.deadline, now)
    if (call.phase === 'backoff') this.#dispatch(call, now)
    else if (call.phase === 'flight') this.#giveAttemptUp(call)
  }

  onAborted(call: Call, reason: unknown): void {
    if (call.phase === 'ended') return
    this.#fail(call, 'QUORATE_ABORTED', 'given up by its signal', { cause: reason })
  }

  #admit(name: string, options: CallerOptions, token: Uint8Array | undefined): void {
    const { callsMax } = this.#options
    const load = { closed: this.#closed, calls: this.#open.size, bytes: this.#bytes, callsMax }
    admit({ name, token, options, load })
  }

  #newCall(name: string, options: CallerOptions, what: CallKind): Call {
    const timeoutMs = options.timeout ?? this.#options.timeoutMs
    const deadline = this.#options.clock.monotonic() + timeoutMs
    const { signal } = options
    // These end with their first attempt, or would have a second effect by another one.
    const once = what.single || what.route.to === 'connection' || !what.repeatable
    // These take as long as a node takes to catch up.
    const long = what.body.kind === 'member' || what.body.kind === 'transfer'
    const attemptMs = once || long ? undefined : this.#options.attemptMs
    return new Call(this, { name, timeoutMs, deadline, attemptMs, signal, what })
  }

  #begin<T>(
    call: Call,
    finish: (body: ReplyBody, call: Call) => T,
    encodedAs?: CallId,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      call.reject = reject
      call.resolve = (body) => {
        try {
          resolve(finish(body, call))
        } catch (error) {
          reject(asRejection(error))
        }
      }
      const now = call.deadline - call.timeoutMs
      this.#open.add(call)
      this.#bytes += bodyBytes(call.body)
      this.#options.wheel.set(call, call.deadline, now)
      if (call.signal !== undefined) this.#aborts.watch(call.signal, call)
      const ready = encodedAs === undefined || this.#numbering.take(call, encodedAs)
      if (ready) this.#dispatch(call, now)
    })
  }

  #dispatch(call: Call, now: number): void {
    assert(call.phase !== 'ended' && call.phase !== 'flight', 'a call has one attempt at a time')
    this.#router.unpark(call)
    call.phase = 'parked'
    const endpoint = this.#router.pick(call)
    if (endpoint !== undefined && !endpoint.hasRoom(bodyBytes(call.body))) {
      // One that waits already keeps its place.
      this.#flow.add(call)
      return
    }
    this.#flow.delete(call)
    if (endpoint === undefined) {
      if (call.route.to === 'connection') {
        this.#fail(call, 'QUORATE_CONNECTION_LOST', 'its connection is gone')
      } else {
        this.#router.park(call, now)
      }
      return
    }
    const { attemptMs = Infinity } = call
    const budget = Math.min(call.deadline - now, attemptMs)
    const refusal = endpoint.send(call.waiter(), call.bodyFor(endpoint.nodeId), budget)
    if (refusal !== undefined) return this.#onRefused(call, refusal, endpoint)
    call.phase = 'flight'
    call.sentTo = endpoint
    call.attempts++
    if (attemptMs !== Infinity) this.#options.wheel.set(call, now + budget, now)
    if (call.session !== undefined) call.session.used = true
  }

  /** An attempt without an answer: it may have had its effect, and the call goes on. */
  #giveAttemptUp(call: Call): void {
    const { sentTo, attemptMs } = call
    assert(sentTo !== undefined && attemptMs !== undefined, 'only a bounded attempt is given up')
    if (call.write) call.doubt.raise()
    call.phase = 'parked'
    call.avoid = sentTo
    const message = `${sentTo.address} has not answered within ${attemptMs} ms`
    call.lastRefusal = new QuorateError('QUORATE_TIMEOUT', message)
    // Whether it leads still, others may know better. If it does, it gets the call again.
    this.#router.forgetLeader(sentTo)
    this.#tellRetry(call, 'QUORATE_TIMEOUT')
    this.#backOff(call, 0)
  }

  #onError(call: Call, wire: WireError, from: Endpoint): void {
    const { code, message, outcome, details } = wire
    if (call.write && outcome === 'unknown') call.raiseDoubt(from)
    this.#onRefused(call, new QuorateError(code, message, { outcome, details }), from)
  }

  /** This attempt is over: refused without effect, or, as `doubt` then has it, without certainty. */
  #onRefused(call: Call, error: QuorateError, from: Endpoint): void {
    call.phase = 'parked'
    call.lastRefusal = error
    call.avoid = from
    const kind = refusalKind(error.code, error.details)
    const pinned = this.#options.pin && kind === 'elsewhere'
    const cut = call.route.to === 'connection' && error.code !== 'QUORATE_OVERLOADED'
    // A busy node's refusal of a digest is about that mark: asked again, it would say the same.
    const single = call.single && (call.body.kind === 'digest' || !isBusy(error.code))
    if (kind === 'final' || single || pinned || cut || !call.mayRepeat) {
      const { details } = error
      this.#fail(call, error.code, error.message, { details, cause: error })
      return
    }
    this.#tellRetry(call, error.code)
    if (kind === 'elsewhere') {
      this.#router.onNotLeader(from, error.details)
      if (call.hints++ < hintsMax) return this.route(call)
    } else if (!isAtWork(error.code)) {
      this.#router.forgetLeader(from)
    }
    this.#backOff(call, error.details.retryAfter ?? 0)
  }

  #backOff(call: Call, retryAfter: number): void {
    const { random, clock, wheel } = this.#options
    const now = clock.monotonic()
    call.hints = Math.min(call.hints, hintsMax - 2)
    call.delay = nextDelay(random, call.delay, retryLimits)
    // Those who were told the same time must not come back at the same time.
    const asked = Math.max(0, retryAfter) * (1 + randomFraction(random))
    call.phase = 'backoff'
    wheel.set(call, Math.min(call.deadline, now + Math.max(call.delay, asked)), now)
  }

  #onRead(call: Call, body: ReplyBody, from: Endpoint): void {
    call.servedBy = from
    this.#router.onServed(call, from)
    this.#finish(call, body)
  }

  #onAnswer(call: Call, answer: Answer, clusterTime: number, from: Endpoint): void {
    this.#router.onServed(call, from)
    this.#options.clusterTime.observe(clusterTime)
    if (answer.status === 'refused' && answer.code === 'QUORATE_TOKEN_AHEAD') {
      this.#options.clusterTime.resetTokens(clusterTime)
    }
    if (!call.write || answer.status !== 'refused' || answer.decided) {
      call.doubt.decided()
    } else if (
      call.sequenced &&
      (answer.code === 'QUORATE_SESSION_EXPIRED' || answer.code === 'QUORATE_SESSION_AHEAD')
    ) {
      return this.#onSessionEnded(call, answer.code, clusterTime)
    } else if (answer.code === 'QUORATE_SESSION_FORGOTTEN') {
      // The watermark never passes a call that is waited for. That it did means that the sequence
      // was used by someone else, or that state was lost: then nothing is certain.
      call.doubt.raise()
    }
    this.#finish(call, { kind: 'answer', answer, clusterTime })
  }

  #onSessionEnded(call: Call, code: ErrorCode, clusterTime: number): void {
    const dead = code === 'QUORATE_SESSION_EXPIRED'
    if (this.#numbering.onSessionEnded(call, dead, clusterTime)) return
    this.#fail(call, code, `the session ended (${code}) before the call was decided`)
  }

  #drainFlow(): void {
    for (const call of this.#flow) {
      this.route(call)
      // Those behind it have no room either.
      if (this.#flow.has(call)) return
    }
  }

  #timeOut(call: Call): void {
    const waitsForRoom = this.#flow.has(call)
    const { code, message, cause } = timeOutReason(call, this.#router, waitsForRoom)
    const text = `${message}; given up after ${Math.round(call.timeoutMs)} ms`
    this.#fail(call, code, text, cause === undefined ? {} : { cause, details: cause.details })
  }

  /** Ends the call with an error; what is under way stays in doubt. */
  #fail(call: Call, code: ErrorCode, message: string, options: FailureOptions = {}): void {
    if (call.write && call.phase === 'flight') call.doubt.raise()
    const error = call.failure(code, message, options)
    this.#end(call)
    call.reject(error)
  }

  #finish(call: Call, body: ReplyBody): void {
    this.#end(call)
    call.resolve(body)
  }

  #end(call: Call): void {
    call.phase = 'ended'
    this.#open.delete(call)
    this.#bytes -= bodyBytes(call.body)
    call.body = { kind: 'status' }
    this.#options.wheel.clear(call)
    if (call.signal !== undefined) this.#aborts.forget(call.signal, call)
    this.#router.unpark(call)
    this.#flow.delete(call)
    if (call.sequenced) this.#numbering.release(call)
  }

  #tellRetry(call: Call, code: ErrorCode): void {
    const { events } = this.#options
    if (events.heard) events.emit({ type: 'retry', attempt: call.attempts, code })
  }
}

const nobody: Waiter = { answered: () => {}, lost: () => {} }

/** What is thrown here is a `QuorateError`, or a broken invariant, which is passed on as it is. */
function asRejection(error: unknown): Error {
  return error instanceof Error ? error : new Error('a call threw', { cause: error })
}
