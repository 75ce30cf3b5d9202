/**
 * Serves the requests of clients. The requests of one turn are handled as one batch: their writes
 * become one proposal, their linearizable reads share one read index.
 */
import { checkCommand, decodeCommand, operationCount } from '../command/index.ts'
import type { Limits, Row } from '../command/index.ts'
import { unreachable } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { StateMachine } from '../state/index.ts'
import type { Consistency, NodeStatus, ReplyBody, Request, WireError } from '../transport/index.ts'
import type { Digesting } from './digests.ts'
import { clientLimits } from './limits.ts'
import type { Operation } from './operations.ts'
import type { PendingWrite, Proposals } from './proposals.ts'
import type { Reads } from './reads.ts'
import type { ReplyTo } from './replies.ts'
import { isFailureOfNode, thrownOnWire, wireError } from './replies.ts'
import type { Scans } from './scans.ts'

interface RequestsOptions {
  readonly limits: Limits
  readonly state: StateMachine
  readonly proposals: Proposals
  readonly reads: Reads
  readonly scans: Scans
  readonly digests: Digesting
  /** Answers by itself, or returns what is to be answered. */
  readonly operate: (session: ReplyTo, request: Operation) => Promise<ReplyBody> | undefined
  /** Why no write is taken now, whoever leads; undefined: they are. */
  readonly refusal: () => WireError | undefined
  readonly now: () => number
  readonly isLeader: () => boolean
  readonly notLeader: () => WireError
  readonly status: () => NodeStatus
  /** A failure that is the node's own, not the request's: the state is damaged. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Bytes of answers that wait for one client: above it no records are read for it. Far below where
 * its connection is closed as too slow: a client that asks for many large records in one breath
 * would be closed, ask for all of them again, and get none of them ever.
 */
const waitingBytesMax = 16_777_216

/** Whoever asked, and how much it has yet to take. */
export interface Asker extends ReplyTo {
  /** Whether there is somebody to be answered. */
  readonly isOpen: boolean
  readonly waitingBytes: number
}

/** One request and whom to answer. */
export interface Asked {
  readonly session: Asker
  readonly request: Request
}

export class RequestHandler {
  readonly #options: RequestsOptions

  constructor(options: RequestsOptions) {
    this.#options = options
  }

  /** Handles all requests of one turn of the event loop. */
  handle(batch: readonly Asked[]): void {
    const writes: PendingWrite[] = []
    for (const { session, request } of batch) {
      if (request.timeoutMs <= 0) {
        fail(
          session,
          request.id,
          wireError('QUORATE_TIMEOUT', 'the call came too late', notApplied),
        )
      } else if (request.kind === 'write') {
        const write = this.#admit(session, request, request.command)
        if (write !== undefined) writes.push(write)
      } else {
        this.#handle(session, request)
      }
    }
    if (writes.length > 0) this.#options.proposals.submit(writes)
    this.#options.reads.startGathered()
  }

  /** Checks a write at the door: nothing that apply could choke on may enter the log. */
  #admit(session: ReplyTo, request: Request, command: Uint8Array): PendingWrite | undefined {
    if (!this.#options.isLeader()) {
      fail(session, request.id, this.#options.notLeader())
      return undefined
    }
    const refusal = this.#options.refusal()
    if (refusal !== undefined) {
      fail(session, request.id, refusal)
      return undefined
    }
    let operations: number
    try {
      const decoded = decodeCommand(command)
      checkCommand(decoded, this.#options.limits)
      operations = operationCount(decoded)
    } catch (error) {
      fail(session, request.id, { ...thrownOnWire(error), ...notApplied })
      return undefined
    }
    const deadline = this.#options.now() + request.timeoutMs
    return { session, requestId: request.id, command, operations, deadline }
  }

  #handle(session: Asker, request: Request): void {
    const { state, scans, digests } = this.#options
    switch (request.kind) {
      case 'write':
        return
      case 'get':
        this.#read(session, request, request.consistency, () => ({
          kind: 'rows',
          rows: this.#rows(session, request.keys),
          readRevision: state.revision,
        }))
        return
      case 'verdict':
        this.#read(session, request, request.consistency, () => ({
          kind: 'verdict',
          verdict: state.reader.token(request.token, request.time),
        }))
        return
      case 'settings':
        this.#read(session, request, request.consistency, () => ({
          kind: 'settings',
          settings: state.settings,
        }))
        return
      case 'scan':
        this.#read(session, request, request.consistency, () =>
          scans.open(session, state.reader, request.range),
        )
        return
      case 'scanNext':
        this.#serve(session, request.id, () => scans.next(session, request.scanId))
        return
      case 'scanClose':
        this.#serve(session, request.id, () => scans.close(session, request.scanId))
        return
      case 'status':
        this.#serve(session, request.id, () => ({
          kind: 'status',
          status: this.#options.status(),
        }))
        return
      case 'digest':
        digests.ask(session, request.id, request.mark, this.#options.now() + request.timeoutMs)
        return
      case 'member':
      case 'transfer':
      case 'export':
      case 'exportFrame':
      case 'exportClose':
      case 'compact':
        this.#operate(session, request)
        return
      default:
        unreachable(request)
    }
  }

  #operate(session: Asker, request: Operation): void {
    const answer = this.#options.operate(session, request)
    if (answer !== undefined) this.#serve(session, request.id, () => answer)
  }

  /** Refuses what no frame holds before it takes the memory: one row may be asked for 1,024 times. */
  #rows(session: Asker, keys: readonly Uint8Array[]): (Row | undefined)[] {
    const { state, limits } = this.#options
    if (session.waitingBytes >= waitingBytesMax) {
      throw new QuorateError(
        'QUORATE_OVERLOADED',
        `${session.waitingBytes} bytes of answers wait to be taken`,
        { details: { retryAfter: 20 } },
      )
    }
    const { frameBytesMax } = clientLimits(limits)
    let bytes = 0
    return keys.map((key) => {
      const row = state.reader.get(key)
      bytes += row?.value.byteLength ?? 0
      if (bytes <= frameBytesMax) return row
      throw new QuorateError(
        'QUORATE_TOO_LARGE',
        `the values of these ${keys.length} keys are over ${frameBytesMax} bytes; ask for fewer`,
      )
    })
  }

  #read(
    session: Asker,
    request: Request,
    consistency: Consistency,
    serve: () => ReplyBody | Promise<ReplyBody>,
  ): void {
    const { reads, now } = this.#options
    const read = {
      deadline: now() + request.timeoutMs,
      // A scan that is opened for somebody who is gone would hold its place until it is idle for long.
      serve: () => {
        if (session.isOpen) this.#serve(session, request.id, serve)
      },
      fail: (error: WireError) => fail(session, request.id, error),
    }
    if (consistency === 'linearizable') reads.addLinearizable(read)
    else reads.addStale(read)
  }

  #serve(session: ReplyTo, id: number, serve: () => ReplyBody | Promise<ReplyBody>): void {
    const onError = (error: unknown): void => {
      const wire = thrownOnWire(error)
      fail(session, id, { ...wire, ...notApplied })
      // Damage in the state is found by whoever reads it; the node must not serve on from it.
      if (isFailureOfNode(wire)) this.#options.onFailure(error)
    }
    try {
      const body = serve()
      if (body instanceof Promise) body.then((done) => session.reply({ id, ...done }), onError)
      else session.reply({ id, ...body })
    } catch (error) {
      onError(error)
    }
  }
}

const notApplied = { outcome: 'not-applied' } as const

function fail(session: ReplyTo, id: number, error: WireError): void {
  session.reply({ id, kind: 'error', error })
}
