/**
 * What clients did and what they were told: the history that the checks judge.
 *
 * Values stand here as tags, which tell who may have written them (`values.ts`). A token promises
 * one effect over the whole lifetime only as long as all its calls give one and the same
 * `tokenTime`: a call that gives a later one, or none, may come after the token was forgotten.
 */
import type { Kernel } from '../kernel/kernel.ts'

/** One change within a write. `value` undefined: a delete. */
export interface Change {
  readonly key: string
  /** The tag of the value. Only tags `v…` are unique in a lifetime. */
  readonly value: string | undefined
  readonly ifRevision?: number
}

/** A change of one key or of several at once, as its caller asks for it. */
export interface WriteRequest {
  readonly kind: 'put' | 'delete' | 'batch'
  readonly changes: readonly Change[]
  readonly token?: string
  /** Cluster ms; undefined: the SDK's default. */
  readonly tokenTime?: number
  readonly once?: boolean
}

/** What a call asks for. `call` ids are unique in a lifetime. */
export type Request =
  | WriteRequest
  | {
      readonly kind: 'get'
      readonly keys: readonly string[]
      readonly consistency: 'linearizable' | 'stale'
      /** Which method it was: only `entry` tells revisions. Of one step unless over 1 MiB. */
      readonly method?: 'get' | 'entry' | 'getMany'
    }
  | {
      readonly kind: 'scan'
      readonly prefix: string
      /** In place of a prefix, which is empty then; one side or both. */
      readonly bounds?: ScanBounds
      readonly reverse: boolean
      /** The rows come without their values. */
      readonly keysOnly?: boolean
      /** Also where a scan without a limit was left after so many rows: it saw the same. */
      readonly limit: number | undefined
      readonly consistency: 'linearizable' | 'stale'
    }
  | {
      readonly kind: 'verdict'
      readonly token: string
      readonly tokenTime?: number
      readonly fence: boolean
      readonly consistency: 'linearizable' | 'stale'
    }
  | { readonly kind: 'setting'; readonly name: string; readonly value: number }

/** Where a scan begins and ends, in the words of the SDK: one lower bound and one upper at most. */
export interface ScanBounds {
  readonly gte?: string
  readonly gt?: string
  readonly lte?: string
  readonly lt?: string
}

/** One call of the SDK, as its caller sees it. A record of `putMany` is a call of its own. */
export interface Call {
  /** 1, 2, 3, … in the order of invocation. */
  readonly id: number
  /** Which client made it; a client may have several open. */
  readonly client: string
  readonly request: Request
  /** True time, ms. */
  readonly invokedAt: number
  /** Undefined while it is open; a client that was killed never gets an outcome. */
  returnedAt: number | undefined
  outcome: Outcome | undefined
  /** Which SDK client made it: a number of its own for each `createClient`. */
  readonly connection?: number
  /** The one endpoint that its client talks to. */
  readonly pinnedTo?: string
  /** Its client was killed: nobody waits for it any more. */
  abandoned?: boolean
}

/** One row as it was answered. */
export interface SeenRow {
  readonly key: string
  /** Its tag; empty in a scan that asks for keys only. */
  readonly value: string
  /** 0 where the method does not tell: `get` and `getMany`. */
  readonly revision: number
}

/** What the caller was told. */
export type Outcome =
  | {
      readonly type: 'written'
      readonly verdict: 'applied' | 'duplicate' | 'mismatch'
      /** Where deletes found nothing: the state's, of another write (0: of none). */
      readonly revision: number
      readonly existed?: boolean
      /** Of a mismatch: what the winner wrote. */
      readonly payloadHash?: string
    }
  /** `rows` in the order of the keys of a get (undefined: none there), or of the scan. */
  | {
      readonly type: 'read'
      readonly rows: readonly (SeenRow | undefined)[]
      /** Undefined where the API does not say at which revision was read. */
      readonly readRevision: number | undefined
    }
  | {
      readonly type: 'token'
      readonly state: 'recorded' | 'absent' | 'expired'
      readonly revision?: number
      readonly fenced?: boolean
      readonly horizon?: number
      readonly payloadHash?: string
    }
  | { readonly type: 'done' }
  | {
      readonly type: 'failed'
      readonly code: string
      readonly outcome: 'not-applied' | 'unknown'
      readonly attempts: number
      /** Of a conflict: the change whose condition failed, and the row's revision (0: no row). */
      readonly operation?: number
      readonly revision?: number
      /** Of a scan that ended early: what it saw, at one revision. */
      readonly partial?: { readonly rows: readonly SeenRow[]; readonly readRevision: number }
    }

/** A lifetime of an hour at the highest rate; more are a loop. */
const callsMax = 200_000

/** Who makes a call. */
export interface Caller {
  readonly client: string
  readonly connection?: number
  readonly pinnedTo?: string
}

/** Counts over a history. */
export interface HistoryFigures {
  readonly calls: number
  /** Writes that were told that they took effect. */
  readonly acked: number
  readonly byKind: ReadonlyMap<string, number>
  /** By verdict, `read`, `token`, `done`, or `<code> <outcome>`. */
  readonly byOutcome: ReadonlyMap<string, number>
}

/** Told of every call as it begins and ends; what it throws ends the lifetime. */
export interface HistoryListener {
  onCall?(call: Call): void
  onReturn?(call: Call, outcome: Outcome): void
}

/** All calls of a lifetime, in the order of invocation. */
export class History {
  readonly calls: Call[] = []
  readonly #kernel: Kernel
  readonly #listeners: HistoryListener[] = []
  readonly #byKind = new Map<string, number>()
  readonly #byOutcome = new Map<string, number>()
  #acked = 0
  #connections = 0

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  listen(listener: HistoryListener): void {
    this.#listeners.push(listener)
  }

  /** The id of the call that begins next: its values are named after it. */
  get nextId(): number {
    return this.calls.length + 1
  }

  /** The next number of an SDK client. */
  newConnection(): number {
    return ++this.#connections
  }

  get figures(): HistoryFigures {
    const { calls } = this
    const [byKind, byOutcome] = [this.#byKind, this.#byOutcome]
    return { calls: calls.length, acked: this.#acked, byKind, byOutcome }
  }

  /** Calls that somebody still waits for. */
  open(): Call[] {
    return this.calls.filter((call) => call.outcome === undefined && call.abandoned !== true)
  }

  begin(caller: Caller, request: Request): Call {
    if (this.calls.length >= callsMax) throw new Error(`more than ${callsMax} calls`)
    const call: Call = {
      ...caller,
      id: this.nextId,
      request,
      invokedAt: this.#kernel.now,
      returnedAt: undefined,
      outcome: undefined,
    }
    this.calls.push(call)
    count(this.#byKind, request.kind)
    this.#noteCall(call)
    for (const listener of this.#listeners) listener.onCall?.(call)
    return call
  }

  end(call: Call, outcome: Outcome): void {
    if (call.outcome !== undefined) throw new Error(`call ${call.id} ended twice`)
    if (call.abandoned === true) throw new Error(`call ${call.id} ended after its client`)
    call.returnedAt = this.#kernel.now
    call.outcome = outcome
    if (outcome.type === 'written' && outcome.verdict === 'applied') this.#acked++
    count(this.#byOutcome, outcomeName(outcome))
    this.#noteReturn(call, outcome)
    for (const listener of this.#listeners) listener.onReturn?.(call, outcome)
  }

  /** The client was killed: its call will never return. */
  abandon(call: Call): void {
    if (call.outcome !== undefined) return
    call.abandoned = true
    this.#kernel.note('abandoned', call.id)
  }

  #noteCall(call: Call): void {
    const { request, id, client } = call
    const note = (...fields: readonly (string | number | boolean | undefined)[]): void =>
      this.#kernel.note('call', id, client, request.kind, ...fields)
    switch (request.kind) {
      case 'put':
      case 'delete':
      case 'batch': {
        const { changes, token, tokenTime, once } = request
        const [first] = changes
        note(changes.length, first?.key, first?.value, first?.ifRevision, token, tokenTime, once)
        break
      }
      case 'get':
        note(request.consistency, request.keys.length, request.keys[0])
        break
      case 'scan':
        this.#noteScan(id, client, request)
        break
      case 'verdict':
        note(request.consistency, request.token, request.tokenTime, request.fence)
        break
      case 'setting':
        note(request.name, request.value)
        break
    }
  }

  #noteScan(
    id: number,
    client: string,
    request: Extract<Request, { readonly kind: 'scan' }>,
  ): void {
    const { consistency, prefix, reverse, limit, keysOnly, bounds = {} } = request
    const { gte, gt, lte, lt } = bounds
    const asked = [consistency, prefix, reverse, limit, keysOnly, gte, gt, lte, lt]
    this.#kernel.note('call', id, client, 'scan', ...asked)
  }

  #noteReturn({ id }: Call, outcome: Outcome): void {
    const note = (...fields: readonly (string | number | boolean | undefined)[]): void =>
      this.#kernel.note('return', id, ...fields)
    switch (outcome.type) {
      case 'written':
        note(outcome.verdict, outcome.revision, outcome.existed)
        break
      case 'read': {
        const { rows, readRevision } = outcome
        const found = rows.filter((row) => row !== undefined)
        const sum = found.reduce((total, row) => total + row.revision, 0)
        note('read', found.length, found[0]?.value, sum, readRevision)
        break
      }
      case 'token':
        note(outcome.state, outcome.revision, outcome.fenced, outcome.horizon)
        break
      case 'done':
        note('done')
        break
      case 'failed':
        note(outcome.code, outcome.outcome, outcome.attempts, outcome.revision)
        break
    }
  }
}

function outcomeName(outcome: Outcome): string {
  if (outcome.type === 'failed') return `${outcome.code} ${outcome.outcome}`
  return outcome.type === 'written' ? outcome.verdict : outcome.type
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
