/**
 * The sessions: which calls were decided, and how (thesis 6.3).
 *
 * A call is named by its session and sequence. Its first copy in the log is decided, and the
 * answer kept until the client says, by `firstOutstanding`, that it no longer waits for it; every
 * later copy gets that answer. What must never happen is that a call's copy finds no memory of the
 * call where there was one, and is taken for new:
 *
 * 1. A session is forgotten only when both its birth and its last write are behind the session
 *    horizon. From then on its name alone, which carries the birth, says that it is expired.
 * 2. A session born ahead of the cluster's time is kept at least until its birth is behind the
 *    horizon, however short the expiry is.
 * 3. A closed session stays, without its answers, until its birth is behind the horizon: else a
 *    late copy of one of its calls would found it anew.
 * 4. The horizon never goes back, so what was refused once as expired stays refused.
 *
 * A refusal that is not `decided` is not remembered: it says only that this copy had no effect, and
 * another copy of the call may still have one.
 */
import { assert } from '../assert.ts'
import { byteString, ByteReader, defaultLimits, sessionAheadMsMax } from '../command/index.ts'
import type { Answer, CallId } from '../command/index.ts'
import type { ErrorCode } from '../errors.ts'
import { LiveCounts, minuteOf, outlived } from './live-counts.ts'
import { fingerprintOf } from './remembered.ts'
import type { Remembered } from './remembered.ts'
import { encodeSession } from './session-row.ts'
import type { SessionRow } from './session-row.ts'
import type { Standing } from './standing.ts'

/**
 * Open sequences per session. Part of what the log means, so it is a constant of this cluster
 * version and not a node's option.
 */
export const windowMax = defaultLimits.windowMax
/**
 * Remembered answers of all sessions together: some 250 MB. Without it a million sessions of 4,096
 * answers each would be within every other cap.
 */
export const answersMax = 2_097_152
/** Sessions looked at per entry, and per new session, to see whether they can go. */
const sweepSteps = 4

/** One session. Only `SessionTable` changes it. */
export class Session implements SessionRow {
  readonly name: Uint8Array
  readonly birth: number
  closed: boolean
  lastWrite: number
  firstOutstanding: number
  /** Invariant: keys from `firstOutstanding` on, below `firstOutstanding + windowMax`. */
  answers: Map<number, Remembered>
  /**
   * The frozen generation that is to write this session and has not encoded it yet. It must get
   * the session as it was when it was frozen, so whoever changes the session encodes it first.
   */
  awaitedBy: Map<Session, Uint8Array | undefined> | undefined = undefined

  constructor(name: Uint8Array, row: SessionRow) {
    this.name = name
    this.birth = birthOf(name)
    this.closed = row.closed
    this.lastWrite = row.lastWrite
    this.firstOutstanding = row.firstOutstanding
    this.answers = new Map(row.answers)
  }

  /** From when on its expiry counts. */
  get base(): number {
    return baseOf(this.birth, this)
  }
}

/** When a session was born: the first 48 bits of its name. */
function birthOf(name: Uint8Array): number {
  return new ByteReader(name).u48()
}

/** From when on a session's expiry counts: see 1. to 3. at the top. */
export function sessionBase(name: Uint8Array, row: Lived): number {
  return baseOf(birthOf(name), row)
}

type Lived = Pick<SessionRow, 'closed' | 'lastWrite'>

function baseOf(birth: number, { closed, lastWrite }: Lived): number {
  return closed ? birth : Math.max(lastWrite, birth)
}

/** What a frozen generation writes of sessions. */
export interface SessionChanges {
  /** Undefined until it is encoded: by the writer, or before that by the next change. */
  readonly changed: Map<Session, Uint8Array | undefined>
  readonly removed: readonly Uint8Array[]
}

/** Whether a call goes on to be decided, or has its answer. */
export type Admission =
  | { readonly kind: 'decide'; readonly session: Session }
  | { readonly kind: 'answered'; readonly answer: Answer }

/** All sessions, in memory; LevelDB has their rows. */
export class SessionTable {
  readonly #standing: Standing
  readonly #byName = new Map<string, Session>()
  readonly #sessions = new LiveCounts(false)
  readonly #answers = new LiveCounts(false)
  #dirty = new Set<Session>()
  #removed: Uint8Array[] = []
  #cursor: Iterator<Session> | undefined
  /** The one that was asked for last. Invariant: it is in the table. */
  #last: Session | undefined

  constructor(standing: Standing) {
    this.#standing = standing
    this.#sessions.advance(standing.sessionHorizon)
    this.#answers.advance(standing.sessionHorizon)
  }

  /** Sessions that count against the cap. */
  get count(): number {
    return this.#sessions.total
  }

  /** Takes in a stored session. */
  load(name: Uint8Array, row: SessionRow): void {
    const key = byteString(name)
    assert(!this.#byName.has(key), 'a session is stored once')
    const session = new Session(new Uint8Array(name), row)
    this.#byName.set(key, session)
    this.#count(session)
  }

  /** The horizon has moved; also cleans up a little. */
  advance(): void {
    this.#sessions.advance(this.#standing.sessionHorizon)
    this.#answers.advance(this.#standing.sessionHorizon)
    this.#sweep()
  }

  /** What is known of a call before it is decided. */
  admit(call: CallId, command: Uint8Array): Admission {
    const session = this.#named(call.session)
    if (session === undefined) return this.#found(call)
    if (session.closed || session.base < this.#standing.sessionHorizon) {
      return refused('QUORATE_SESSION_EXPIRED')
    }
    const remembered = session.answers.get(call.sequence)
    if (remembered !== undefined) {
      if (remembered.fingerprint !== fingerprintOf(command))
        return refused('QUORATE_SEQUENCE_REUSED')
      this.#touch(session, call)
      return { kind: 'answered', answer: remembered.answer }
    }
    if (call.sequence < session.firstOutstanding) return refused('QUORATE_SESSION_FORGOTTEN')
    const first = Math.max(session.firstOutstanding, call.firstOutstanding)
    if (call.sequence >= first + windowMax) return refused('QUORATE_SESSION_WINDOW')
    // Before it is decided, not after: the command may be a setting that moves the horizon, and
    // must not sweep away the session that is to remember it. And before the cap is asked: that the
    // client waits for fewer answers holds whatever becomes of this call, and at the cap it is the
    // only way, short of expiry, by which answers ever go.
    this.#touch(session, call)
    if (this.#answers.total >= answersMax) return refused('QUORATE_SESSIONS_FULL')
    return { kind: 'decide', session }
  }

  /** Keeps the answer of a call that was admitted to be decided. */
  remember(session: Session, call: CallId, remembered: Remembered): void {
    assert(!session.closed, 'only an open session takes answers')
    assert(!session.answers.has(call.sequence), 'a call is decided once')
    assert(session.base >= this.#standing.sessionHorizon, 'only a live session takes answers')
    assert(this.#dirty.has(session), 'its admission has marked it as changed')
    session.answers.set(call.sequence, remembered)
    this.#answers.add(session.base, 1)
    assert(call.sequence >= session.firstOutstanding, 'what is remembered is outstanding')
    assert(session.answers.size <= windowMax, 'a session remembers at most its window')
  }

  /** Ends a session. One that is not known needs no trace: none of its calls was decided. */
  close(name: Uint8Array): void {
    const session = this.#named(name)
    if (session === undefined || session.closed) return
    if (session.base < this.#standing.sessionHorizon) return
    this.#beforeChange(session)
    this.#sessions.add(session.base, -1)
    this.#answers.add(session.base, -session.answers.size)
    session.closed = true
    session.answers = new Map()
    this.#count(session)
  }

  /** Hands over what has changed since the last call, as it is now. */
  freeze(): SessionChanges {
    const changed = new Map<Session, Uint8Array | undefined>()
    for (const session of this.#dirty) {
      // It was changed after the freeze before this one, and that change encoded it for that one.
      assert(session.awaitedBy === undefined, 'a session waits for one generation at a time')
      session.awaitedBy = changed
      changed.set(session, undefined)
    }
    const removed = this.#removed
    this.#dirty = new Set()
    this.#removed = []
    return { changed, removed }
  }

  /** The calls of one client often come one after the other. */
  #named(name: Uint8Array): Session | undefined {
    if (this.#last !== undefined && sameName(this.#last.name, name)) return this.#last
    this.#last = this.#byName.get(byteString(name))
    return this.#last
  }

  #found(call: CallId): Admission {
    const { clusterTime, sessionHorizon, settings } = this.#standing
    const birth = birthOf(call.session)
    if (birth > clusterTime + sessionAheadMsMax) return refused('QUORATE_SESSION_AHEAD')
    if (birth < sessionHorizon) return refused('QUORATE_SESSION_EXPIRED')
    if (this.#sessions.total >= settings.sessionsMax) return refused('QUORATE_SESSIONS_FULL')
    if (this.#answers.total >= answersMax) return refused('QUORATE_SESSIONS_FULL')
    if (call.sequence >= call.firstOutstanding + windowMax) return refused('QUORATE_SESSION_WINDOW')
    // The name is copied: a view would keep the whole log entry in memory for the session's life.
    const session = new Session(new Uint8Array(call.session), {
      closed: false,
      lastWrite: clusterTime,
      firstOutstanding: call.firstOutstanding,
      answers: new Map(),
    })
    this.#byName.set(byteString(session.name), session)
    this.#last = session
    this.#count(session)
    this.#dirty.add(session)
    this.#sweep()
    return { kind: 'decide', session }
  }

  /** A copy of a call has reached its session: the session lives on, and may forget. */
  #touch(session: Session, call: CallId): void {
    this.#beforeChange(session)
    const before = { base: session.base, answers: session.answers.size }
    session.lastWrite = this.#standing.clusterTime
    if (call.firstOutstanding > session.firstOutstanding) {
      forgetBelow(session, call.firstOutstanding)
      session.firstOutstanding = call.firstOutstanding
    }
    if (minuteOf(before.base) === minuteOf(session.base)) {
      // The common case: it counts where it did.
      this.#answers.add(session.base, session.answers.size - before.answers)
      return
    }
    this.#sessions.add(before.base, -1)
    this.#answers.add(before.base, -before.answers)
    this.#count(session)
  }

  #count(session: Session): void {
    this.#sessions.add(session.base, 1)
    this.#answers.add(session.base, session.answers.size)
  }

  #beforeChange(session: Session): void {
    if (session.awaitedBy !== undefined) {
      assert(session.awaitedBy.has(session), 'a generation awaits what it lists')
      session.awaitedBy.set(session, encodeSession(session))
      session.awaitedBy = undefined
    }
    this.#dirty.add(session)
  }

  /**
   * Removes sessions that nothing can ask for any more, a few at a time, round and round. Whether
   * one has been removed yet decides nothing: its name says that it is expired, and the count has
   * let go of it.
   */
  #sweep(): void {
    for (let i = 0; i < sweepSteps; i++) {
      this.#cursor ??= this.#byName.values()
      const next = this.#cursor.next()
      if (next.done === true) {
        this.#cursor = undefined
        return
      }
      const session = next.value
      if (!outlived(session.base, this.#standing.sessionHorizon)) continue
      assert(session.birth < this.#standing.sessionHorizon, 'only what is expired is removed')
      this.#byName.delete(byteString(session.name))
      if (this.#last === session) this.#last = undefined
      this.#dirty.delete(session)
      this.#removed.push(session.name)
    }
  }
}

function refused(code: ErrorCode): Admission {
  return { kind: 'answered', answer: { status: 'refused', code, decided: false } }
}

/** At most a window of steps, however far the client has moved on. */
function forgetBelow(session: Session, first: number): void {
  if (first - session.firstOutstanding > session.answers.size) {
    for (const sequence of session.answers.keys()) {
      if (sequence < first) session.answers.delete(sequence)
    }
    return
  }
  for (let sequence = session.firstOutstanding; sequence < first; sequence++) {
    session.answers.delete(sequence)
  }
}

/** Names have one length, and the random half of them differs early: a loop beats the library. */
function sameName(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false
  return a.length === b.length
}
