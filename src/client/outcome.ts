/**
 * What is known of a call's effect: the rules, apart from everything that moves.
 *
 * A call is sent once or many times. An attempt ends in one of three ways: it was **refused**, and
 * the node says that it surely did nothing; it was **decided**, and the state machine's answer is
 * here; or it is in **doubt**: sent, and no answer came, or one that leaves it open. The outcome
 * of a call that fails is the worst of its attempts, and a decided answer settles them all, because
 * the session remembers it: no other copy of the call can be decided otherwise.
 *
 * It settles only the copies under its own session. A call that goes on under a new session takes
 * its doubt along, since the old session's copy may have had the effect before that session ended.
 */
import { unreachable } from '../assert.ts'
import type { ErrorCode, ErrorDetails, Outcome } from '../errors.ts'

/** What decides between calls, as far as a retry under another session is concerned. */
export type IdentityKind = 'none' | 'token' | 'once' | 'fence'

export class Doubt {
  /** A copy under the present session may have an effect that no answer has told of. */
  #present = false
  /** One under an earlier session, which is dead: it has had its effect by now, or never will. */
  #past = false
  /** One under an earlier session that was refused only for now: it may still take effect. */
  #looming = false

  /** Whether an effect is possible that nobody has told of. */
  get any(): boolean {
    return this.#present || this.#past || this.#looming
  }

  /** An attempt was sent and has no answer that settles it. */
  raise(): void {
    this.#present = true
  }

  /** A decided answer of the present session: all its copies have this one answer. */
  decided(): void {
    this.#present = false
  }

  /** The call goes on under a new session. `dead`: the old one can never do anything again. */
  cross(dead: boolean): void {
    if (this.#present && dead) this.#past = true
    if (this.#present && !dead) this.#looming = true
    this.#present = false
  }

  /**
   * The outcome of a call that ends with `code`. `decided`: the code is the state machine's own
   * and remembered, not the refusal of one attempt.
   */
  outcome(code: ErrorCode, decided: boolean, identity: IdentityKind): Outcome {
    if (this.#present || this.#looming) return 'unknown'
    if (this.#past && !(decided && provesAbsence(code, identity))) return 'unknown'
    return 'not-applied'
  }
}

/**
 * Whether this decision proves that a copy under a dead session had no effect. These come after
 * the token was looked up, found absent, and found younger than the horizon: had the earlier copy
 * taken effect, its token would be there. `mismatch` and `cancelled` prove less: the row may be a
 * later one, made after the retention had passed over ours. `once` leaves no trace but the record,
 * which anyone may have removed since.
 */
function provesAbsence(code: ErrorCode, identity: IdentityKind): boolean {
  if (identity !== 'token') return false
  return (
    code === 'QUORATE_CONFLICT' || code === 'QUORATE_TOKEN_AHEAD' || code === 'QUORATE_TOKENS_FULL'
  )
}

/**
 * Whether a call whose copy is in doubt may be sent anew under a new session after the old one
 * ended. Its identity must catch the second copy: a bare write has none, so it must not be.
 * `once` is caught by its record, so only where the old session cannot act again any more.
 */
export function mayCross(identity: IdentityKind, dead: boolean): boolean {
  switch (identity) {
    case 'token':
    case 'fence':
      return true
    case 'once':
      return dead
    case 'none':
      return false
    default:
      return unreachable(identity)
  }
}

/** What to do with a node's refusal of one attempt. */
export type RefusalKind =
  /** It is not the leader: ask the one it names, or find out. */
  | 'elsewhere'
  /** It cannot serve now: wait, then try again. */
  | 'later'
  /** Trying again cannot help. */
  | 'final'

const refusalKinds: Readonly<Partial<Record<ErrorCode, RefusalKind>>> = {
  QUORATE_NOT_LEADER: 'elsewhere',
  QUORATE_NO_QUORUM: 'later',
  QUORATE_LEADERSHIP_LOST: 'later',
  QUORATE_OVERLOADED: 'later',
  QUORATE_TIMEOUT: 'later',
  QUORATE_CONNECTION_LOST: 'later',
  QUORATE_STOPPING: 'later',
  QUORATE_SCANS_FULL: 'later',
  // Room may be made, or the leadership handed to a node that has some.
  QUORATE_DISK_FULL: 'later',
  // That node is a member no more; the others are.
  QUORATE_REMOVED: 'later',
  // One node's disk is damaged; it stops, and the others have the data.
  QUORATE_STORAGE: 'later',
  QUORATE_CORRUPT: 'later',
}

/** Why a change of members, or of the leader, cannot be made at this moment. */
const passingReasons: ReadonlySet<string | undefined> = new Set([
  // Of `QUORATE_MEMBERSHIP`.
  'changeInProgress',
  'noCommitInTerm',
  'transferring',
  'lagging',
  // Of `QUORATE_TRANSFER`.
  'inProgress',
  'unreachable',
  'timedOut',
  'otherLeader',
])

/**
 * A code that is not listed is final: the caller's own mistakes, what is refused for want of room
 * in the cluster's tables, which is for the caller to decide on, and what a node should never send.
 */
export function refusalKind(code: ErrorCode, details: ErrorDetails = {}): RefusalKind {
  if (code === 'QUORATE_MEMBERSHIP' || code === 'QUORATE_TRANSFER') {
    return passingReasons.has(details.reason) ? 'later' : 'final'
  }
  return refusalKinds[code] ?? 'final'
}

/** Whether a node that refuses so is at work: if it led, it leads still. */
export function isAtWork(code: ErrorCode): boolean {
  return (
    isBusy(code) ||
    code === 'QUORATE_DISK_FULL' ||
    code === 'QUORATE_MEMBERSHIP' ||
    code === 'QUORATE_TRANSFER'
  )
}

/** The node does its work, and has too much of it. */
export function isBusy(code: ErrorCode): boolean {
  return (
    code === 'QUORATE_OVERLOADED' || code === 'QUORATE_SCANS_FULL' || code === 'QUORATE_TIMEOUT'
  )
}
