/**
 * Decides commands. The order of the questions is the heart of exactly-once:
 *
 * 1. **The session**: was this very call decided before? Then its answer stands, whatever has
 *    happened since; even if its token is forgotten, or its condition would hold now.
 * 2. **The token**: has another call with it taken effect, or has it been cancelled? It is looked
 *    up before the horizon is asked, because a token that is still known gives the better answer.
 * 3. **Conditions**: does each row stand at the revision that the caller saw? A conflict does not
 *    use up the token: the record was not written, and may be, by another call.
 * 4. **The effect**: one revision for all of it, and with it the token's row.
 *
 * Every answer of 2. to 4., refusals too, is remembered by the session. A client that was told
 * "not applied" must not see the call take effect later, when another copy of it, which was under
 * way all the time, comes after the token was forgotten or the row has changed again.
 *
 * Nothing here looks at anything but the state and the entry: no clock but the stamp, no order of
 * a Map, no locale, no fractions. The same log gives the same answers everywhere.
 */
import { assert, unreachable } from '../assert.ts'
import {
  bytesEqual,
  clusterVersionKnown,
  decodeCommand,
  encodeOperation,
  operationSlice,
  payloadHash,
  sessionBytes,
  settingInRange,
  timeMax,
  tokenAheadMsMax,
} from '../command/index.ts'
import type {
  Answer,
  CallId,
  Command,
  KeyOperation,
  Operation,
  Row,
  TokenVerdict,
} from '../command/index.ts'
import { QuorateError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { TokenRow } from './layout.ts'
import { remembered } from './remembered.ts'
import type { RowStore } from './row-store.ts'
import type { SessionTable } from './sessions.ts'
import type { Standing } from './standing.ts'

type Write = Extract<Command, { kind: 'write' }>
type Fence = Extract<Command, { kind: 'fence' }>
type Setting = Extract<Command, { kind: 'setting' }>

const done: Answer = { status: 'done' }

export class Executor {
  readonly #standing: Standing
  readonly #store: RowStore
  readonly #sessions: SessionTable
  /** Marks passed in the entry at hand. */
  #marks: Uint8Array[] = []

  constructor(standing: Standing, store: RowStore, sessions: SessionTable) {
    this.#standing = standing
    this.#store = store
    this.#sessions = sessions
  }

  /** Decides one encoded command. Bytes that cannot be understood stop the node. */
  execute(bytes: Uint8Array): Answer {
    const command = decodeCommand(bytes)
    switch (command.kind) {
      case 'write':
        return this.#call(command.call, bytes, () => this.#write(command, bytes))
      case 'fence':
        return this.#call(command.call, bytes, () => this.#fence(command))
      case 'setting':
        return this.#call(command.call, bytes, () => this.#setting(command))
      case 'closeSession':
        this.#sessions.close(command.session)
        this.#store.grow(command.session.length)
        return done
      case 'mark':
        this.#marks.push(new Uint8Array(command.id))
        return done
      default:
        return unreachable(command)
    }
  }

  /** The marks since the last call. */
  takeMarks(): readonly Uint8Array[] {
    if (this.#marks.length === 0) return this.#marks
    const marks = this.#marks
    this.#marks = []
    return marks
  }

  #call(call: CallId, bytes: Uint8Array, decide: () => Answer): Answer {
    const admission = this.#sessions.admit(call, bytes)
    this.#store.grow(sessionBytes)
    if (admission.kind === 'answered') return admission.answer
    const answer = decide()
    assert(answer.status !== 'refused' || answer.decided, 'what was decided is remembered')
    this.#sessions.remember(admission.session, call, remembered(bytes, answer))
    return answer
  }

  #write(command: Write, bytes: Uint8Array): Answer {
    const { identity, operation } = command
    switch (identity.kind) {
      case 'none':
        return this.#change(operation)
      case 'once':
        return this.#once(operation)
      case 'token':
        return this.#withToken(identity.token, identity.time, operation, bytes)
      default:
        return unreachable(identity)
    }
  }

  #withToken(token: Uint8Array, time: number, operation: Operation, bytes: Uint8Array): Answer {
    const hash = payloadHash(operationSlice(bytes))
    const row = this.#store.token(token)
    if (row !== undefined) return answerOfKnown(row, hash)
    const refusal = this.#refusalOfNew(time)
    if (refusal !== undefined) return refused(refusal)
    const answer = this.#change(operation)
    if (answer.status !== 'applied') return answer
    this.#store.putToken(token, {
      kind: 'recorded',
      base: this.#baseOf(time),
      revision: answer.revision,
      existed: answer.existed,
      payloadHash: hash,
    })
    return answer
  }

  /** Why a token that nothing is known of may not be used. */
  #refusalOfNew(time: number): ErrorCode | undefined {
    const { clusterTime, tokenHorizon, settings } = this.#standing
    // It may have been used and forgotten: there must never be a second effect.
    if (time < tokenHorizon) return 'QUORATE_TOKEN_EXPIRED'
    if (time > clusterTime + tokenAheadMsMax) return 'QUORATE_TOKEN_AHEAD'
    if (this.#store.tokens >= settings.tokensMax) return 'QUORATE_TOKENS_FULL'
    return undefined
  }

  /**
   * From when on a token's retention counts. Not before its own time, because a late copy shows
   * that time and must find the token known for as long as the horizon lets the copy in.
   */
  #baseOf(time: number): number {
    const base = Math.max(time, this.#standing.clusterTime)
    assert(base >= this.#standing.tokenHorizon, 'a new token is live')
    return base
  }

  /** The record is its own token: known for as long as the record is there. */
  #once(operation: Operation): Answer {
    assert(operation.kind === 'put', '`once` goes with a put')
    assert(operation.ifRevision === undefined, '`once` excludes a condition')
    const row = this.#store.get(operation.key)
    if (row === undefined) return this.#change(operation)
    const { revision } = row
    if (bytesEqual(row.value, operation.value)) return { status: 'duplicate', revision }
    const winner = { ...operation, value: row.value }
    return { status: 'mismatch', revision, payloadHash: payloadHash(encodeOperation(winner)) }
  }

  #change(operation: Operation): Answer {
    // The plain path: a put without a condition asks for nothing.
    if (operation.kind === 'put' && operation.ifRevision === undefined) {
      const revision = this.#nextRevision()
      this.#store.put(operation.key, operation.value, revision)
      return { status: 'applied', revision }
    }
    const operations = operation.kind === 'batch' ? operation.operations : [operation]
    // All conditions are judged before anything changes, against the same state.
    const rows: (Row | undefined)[] = []
    for (const [number, each] of operations.entries()) {
      const asks = each.kind === 'delete' || each.ifRevision !== undefined
      const row = asks ? this.#store.get(each.key) : undefined
      const revision = row?.revision ?? 0
      if (each.ifRevision !== undefined && each.ifRevision !== revision) {
        return { status: 'conflict', operation: number, revision }
      }
      rows.push(row)
    }
    const revision = this.#perform(operations, rows)
    if (operation.kind !== 'delete') return { status: 'applied', revision }
    return { status: 'applied', revision, existed: rows[0] !== undefined }
  }

  /** The revision at which it was done; `rows`: what was found under keys that are deleted. */
  #perform(operations: readonly KeyOperation[], rows: readonly (Row | undefined)[]): number {
    assert(rows.length === operations.length, 'every operation was judged')
    // Deletes of what is not there change nothing, so they alone take no revision.
    const effective = operations.some((each, i) => each.kind === 'put' || rows[i] !== undefined)
    if (!effective) return this.#standing.revision
    const revision = this.#nextRevision()
    for (const [number, each] of operations.entries()) {
      if (each.kind === 'put') this.#store.put(each.key, each.value, revision)
      else if (rows[number] !== undefined) this.#store.delete(each.key, revision, number)
    }
    return revision
  }

  #nextRevision(): number {
    const revision = this.#standing.revision + 1
    assert(Number.isSafeInteger(revision), 'revisions do not run out')
    this.#standing.revision = revision
    return revision
  }

  #fence(command: Fence): Answer {
    const { token, time } = command
    const { tokenHorizon: horizon } = this.#standing
    const known = this.#store.token(token)
    if (known !== undefined) return { status: 'fenced', verdict: verdictOfKnown(known, horizon) }
    if (time < horizon) return { status: 'fenced', verdict: { status: 'expired', horizon } }
    const refusal = this.#refusalOfNew(time)
    if (refusal !== undefined) return refused(refusal)
    // As if it had the latest time that any copy of the write can show by now: whoever fences may
    // not know which time the writer gave its token, and absence is to be final all the same.
    const latest = Math.min(this.#standing.clusterTime + tokenAheadMsMax, timeMax)
    assert(time <= latest, 'a time further ahead is refused')
    this.#store.putToken(token, { kind: 'cancelled', base: this.#baseOf(latest) })
    return { status: 'fenced', verdict: { status: 'absent', horizon, fenced: true } }
  }

  #setting(command: Setting): Answer {
    const { name, value } = command
    if (!settingInRange(name, value)) return refused('QUORATE_USAGE')
    const { settings } = this.#standing
    if (name === 'clusterVersion') {
      if (value < settings.clusterVersion) return refused('QUORATE_USAGE')
      checkClusterVersion(value)
    }
    this.#standing.settings = { ...settings, [name]: value }
    // At once: what comes next in this very entry already meets the new rule.
    this.#standing.moveHorizons()
    this.#store.settingsChanged()
    this.#store.advance()
    this.#sessions.advance()
    return done
  }
}

/** Throws if the cluster has agreed on commands that this build may not understand. */
export function checkClusterVersion(version: number): void {
  if (version <= clusterVersionKnown) return
  throw new QuorateError(
    'QUORATE_FORMAT_TOO_NEW',
    `the cluster is at version ${version}, this build knows ${clusterVersionKnown}: upgrade it`,
  )
}

/** What is known of a token that is there. */
export function verdictOfKnown(row: TokenRow, horizon: number): TokenVerdict {
  if (row.kind === 'cancelled') return { status: 'absent', horizon, fenced: true }
  return { status: 'recorded', revision: row.revision, payloadHash: row.payloadHash }
}

function answerOfKnown(row: TokenRow, hash: Uint8Array): Answer {
  if (row.kind === 'cancelled') return refused('QUORATE_TOKEN_CANCELLED')
  const { revision, existed } = row
  if (!bytesEqual(row.payloadHash, hash)) {
    return { status: 'mismatch', revision, payloadHash: row.payloadHash }
  }
  return existed === undefined
    ? { status: 'duplicate', revision }
    : { status: 'duplicate', revision, existed }
}

function refused(code: ErrorCode): Answer {
  return { status: 'refused', code, decided: true }
}
