/**
 * The one family of errors. Errors are told apart by `code` alone, never by text.
 *
 * `outcome` is the promise of guarantee G4: `not-applied` says that the call surely had and will
 * have no effect; `unknown` says that nobody can tell yet. For a call that only reads, every
 * failure is `not-applied`.
 */

/** What is known about the effect of a failed call. */
export type Outcome = 'not-applied' | 'unknown'

interface ErrorKind {
  /** The error's `name`, for people. */
  readonly name: string
  /** What a failure with this code means for the call, unless the thrower knows better. */
  readonly outcome: Outcome
  /** Whether the same call may succeed if it is made again. */
  readonly retryable: boolean
}

const kind = (name: string, outcome: Outcome, retryable: boolean): ErrorKind => ({
  name,
  outcome,
  retryable,
})

/** Every code there is. */
export const errorKinds = {
  // The caller's mistakes.
  QUORATE_USAGE: kind('UsageError', 'not-applied', false),
  QUORATE_TOO_LARGE: kind('TooLargeError', 'not-applied', false),
  QUORATE_CONFLICT: kind('ConflictError', 'not-applied', false),
  QUORATE_MISMATCH: kind('MismatchError', 'not-applied', false),
  QUORATE_ABORTED: kind('AbortedError', 'not-applied', false),
  QUORATE_CLOSED: kind('ClosedError', 'not-applied', false),
  // Tokens and sessions.
  QUORATE_TOKEN_EXPIRED: kind('TokenExpiredError', 'not-applied', false),
  QUORATE_TOKEN_AHEAD: kind('TokenAheadError', 'not-applied', false),
  QUORATE_TOKEN_CANCELLED: kind('TokenCancelledError', 'not-applied', false),
  QUORATE_TOKENS_FULL: kind('TokensFullError', 'not-applied', true),
  QUORATE_SESSION_EXPIRED: kind('SessionExpiredError', 'not-applied', false),
  QUORATE_SESSION_AHEAD: kind('SessionAheadError', 'not-applied', false),
  QUORATE_SESSIONS_FULL: kind('SessionsFullError', 'not-applied', true),
  QUORATE_SESSION_WINDOW: kind('SessionWindowError', 'not-applied', false),
  QUORATE_SESSION_FORGOTTEN: kind('SessionForgottenError', 'unknown', false),
  QUORATE_SEQUENCE_REUSED: kind('SequenceReusedError', 'not-applied', false),
  // The cluster cannot serve now.
  QUORATE_NOT_LEADER: kind('NotLeaderError', 'not-applied', true),
  QUORATE_NO_QUORUM: kind('NoQuorumError', 'unknown', true),
  QUORATE_LEADERSHIP_LOST: kind('LeadershipLostError', 'unknown', true),
  QUORATE_OVERLOADED: kind('OverloadedError', 'not-applied', true),
  QUORATE_TIMEOUT: kind('TimeoutError', 'unknown', true),
  QUORATE_CONNECTION_LOST: kind('ConnectionLostError', 'unknown', true),
  QUORATE_STOPPING: kind('StoppingError', 'not-applied', true),
  QUORATE_SCAN_LOST: kind('ScanLostError', 'not-applied', true),
  QUORATE_SCANS_FULL: kind('ScansFullError', 'not-applied', true),
  QUORATE_EXPORT_LOST: kind('ExportLostError', 'not-applied', true),
  QUORATE_DISK_FULL: kind('DiskFullError', 'not-applied', true),
  // Who takes part, and who leads.
  QUORATE_MEMBERSHIP: kind('MembershipError', 'not-applied', false),
  QUORATE_TRANSFER: kind('TransferError', 'not-applied', true),
  QUORATE_REMOVED: kind('RemovedError', 'not-applied', false),
  // Who talks to whom.
  QUORATE_PROTOCOL: kind('ProtocolError', 'unknown', false),
  QUORATE_WRONG_CLUSTER: kind('WrongClusterError', 'not-applied', false),
  QUORATE_WRONG_NODE: kind('WrongNodeError', 'not-applied', false),
  QUORATE_WRONG_INCARNATION: kind('WrongIncarnationError', 'not-applied', false),
  // A node's own ground.
  QUORATE_PORT_IN_USE: kind('PortInUseError', 'not-applied', false),
  QUORATE_LOCKED: kind('LockedError', 'not-applied', false),
  QUORATE_NOT_INITIALISED: kind('NotInitialisedError', 'not-applied', false),
  QUORATE_ALREADY_INITIALISED: kind('AlreadyInitialisedError', 'not-applied', false),
  QUORATE_FORMAT_TOO_NEW: kind('FormatTooNewError', 'not-applied', false),
  QUORATE_CORRUPT: kind('CorruptError', 'not-applied', false),
  QUORATE_STORAGE: kind('StorageError', 'unknown', false),
  QUORATE_INTERNAL: kind('InternalError', 'unknown', false),
} as const satisfies Record<string, ErrorKind>

/** A code of the table above. */
export type ErrorCode = keyof typeof errorKinds

/** Whether a string from outside is one of our codes. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorKinds, code)
}

/** What an error may carry beyond its code, each where it makes sense. */
export interface ErrorDetails {
  /** `QUORATE_NOT_LEADER`: the leader's node id, where it is known. */
  readonly leader?: string
  /** `QUORATE_NOT_LEADER`: the leader's advertised client address. */
  readonly leaderAddress?: string
  /**
   * `QUORATE_OVERLOADED`, `QUORATE_DISK_FULL`: milliseconds after which to try again, where the node
   * that refused could tell. The client library waits as long by itself while a call has time left.
   */
  readonly retryAfter?: number
  /** `QUORATE_CONFLICT`: the position, from 0, of the operation whose condition failed. */
  readonly operation?: number
  /** `QUORATE_CONFLICT`: the row's revision (0: no row). `QUORATE_MISMATCH`: the winner's. */
  readonly revision?: number
  /** `QUORATE_MISMATCH`: hex hash of the winner's payload. */
  readonly payloadHash?: string
  /** `QUORATE_SCAN_LOST`: the last key that was handed out, base64; absent: none was. */
  readonly lastKey?: string
  /** `QUORATE_CORRUPT`: the file, and where in it, in bytes. */
  readonly file?: string
  readonly offset?: number
  /**
   * `QUORATE_MEMBERSHIP`: why the change is not made: `changeInProgress`, `noCommitInTerm`,
   * `transferring` or `lagging`, which pass; `unknownMember`, `knownMember`, `notLearner`,
   * `notVoter`, `tooManyMembers`, `losesQuorum` or `invalid`, which do not by themselves.
   * `QUORATE_TRANSFER`: why the leadership stays: `inProgress` or `unreachable`, which pass;
   * `unknownMember` or `notVoter`, which do not; or how the handover ended: `timedOut` or
   * `otherLeader`.
   */
  readonly reason?: string
}

/** Options of `QuorateError`. */
export interface QuorateErrorOptions {
  /** Overrides the outcome that the code implies. */
  readonly outcome?: Outcome
  readonly details?: ErrorDetails
  /** How many times the call was sent. */
  readonly attempts?: number
  /** The call's token, so that `verdict` can settle it later. */
  readonly token?: Uint8Array
  readonly cause?: unknown
}

/** Every operating error that Quorate throws. */
export class QuorateError extends Error {
  override readonly name: string
  readonly code: ErrorCode
  readonly outcome: Outcome
  readonly retryable: boolean
  /** How many times the call was sent; 0 where it never was. */
  readonly attempts: number
  readonly token: Uint8Array | undefined
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, options: QuorateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.name = errorKinds[code].name
    this.outcome = options.outcome ?? errorKinds[code].outcome
    this.retryable = errorKinds[code].retryable
    this.attempts = options.attempts ?? 0
    this.token = options.token
    this.details = options.details ?? {}
  }
}

/** A usage error: the caller's argument cannot be right. */
export function usageError(message: string): QuorateError {
  return new QuorateError('QUORATE_USAGE', message)
}

/** Damage found in a file: it names the file and the offset, so that a person can look. */
export function corruptError(file: string, offset: number, what: string): QuorateError {
  return new QuorateError('QUORATE_CORRUPT', `${file} is damaged at byte ${offset}: ${what}`, {
    details: { file, offset },
  })
}
