/** The vocabulary of the state machine: what can be asked of it, and what it answers. */
import type { ErrorCode } from '../errors.ts'

/** One change of one key. `ifRevision`: the row's revision must be this one; 0: no row. */
export type KeyOperation =
  | {
      readonly kind: 'put'
      readonly key: Uint8Array
      readonly value: Uint8Array
      readonly ifRevision: number | undefined
    }
  | {
      readonly kind: 'delete'
      readonly key: Uint8Array
      readonly ifRevision: number | undefined
    }

/** What a write does: one change, or several at once that all happen or none. */
export type Operation =
  KeyOperation | { readonly kind: 'batch'; readonly operations: readonly KeyOperation[] }

/**
 * Names a call, so that a retry of it is known as such (thesis 6.3). A session is 18 bytes: the
 * cluster time of its birth (48-bit ms, big-endian) and 96 random bits.
 */
export interface CallId {
  readonly session: Uint8Array
  /** 1, 2, 3, … within the session. */
  readonly sequence: number
  /** The lowest sequence the client still waits for: answers below it may be forgotten. */
  readonly firstOutstanding: number
}

/** What decides between calls: nothing, a caller's token, or the record itself. */
export type Identity =
  | { readonly kind: 'none' }
  /** `time`: when the token was made, cluster ms. */
  | { readonly kind: 'token'; readonly token: Uint8Array; readonly time: number }
  /** Only with a put without condition. */
  | { readonly kind: 'once' }

/** What stands in the log. An unknown kind stops the node. */
export type Command =
  | {
      readonly kind: 'write'
      readonly call: CallId
      readonly identity: Identity
      readonly operation: Operation
    }
  /** Cancels a token that has had no effect, so that a late copy cannot have one. */
  | {
      readonly kind: 'fence'
      readonly call: CallId
      readonly token: Uint8Array
      readonly time: number
    }
  | { readonly kind: 'closeSession'; readonly session: Uint8Array }
  | {
      readonly kind: 'setting'
      readonly call: CallId
      readonly name: SettingName
      readonly value: number
    }
  /** Asks every node for its digests at this very index. Changes nothing. */
  | { readonly kind: 'mark'; readonly id: Uint8Array }

/** Cluster settings: changed by a log entry, the same on every node at the same index. */
export interface Settings {
  /** Gates new commands: what every member understands. */
  readonly clusterVersion: number
  /** How long caller tokens are remembered, ms of cluster time. */
  readonly tokenRetentionMs: number
  /** After how long without a write a session ends, ms of cluster time. */
  readonly sessionExpiryMs: number
  /** At most this many live caller tokens. */
  readonly tokensMax: number
  /** At most this many sessions, closed ones included until they are forgotten. */
  readonly sessionsMax: number
}
export type SettingName = keyof Settings

/** What a new cluster starts with. */
export const defaultSettings: Settings = {
  clusterVersion: 1,
  tokenRetentionMs: 24 * 3_600_000,
  sessionExpiryMs: 3_600_000,
  tokensMax: 10_000_000,
  sessionsMax: 1_000_000,
}

/** Limits of what a client may send, checked at the door, before anything enters the log. */
export interface Limits {
  readonly keyBytesMax: number
  readonly valueBytesMax: number
  readonly tokenBytesMax: number
  readonly batchBytesMax: number
  /** Open sequences per session. */
  readonly windowMax: number
}

export const defaultLimits: Limits = {
  keyBytesMax: 4096,
  valueBytesMax: 1_048_576,
  tokenBytesMax: 256,
  batchBytesMax: 4_194_304,
  windowMax: 4096,
}

/** A token from the future by more than this is refused, ms. */
export const tokenAheadMsMax = 7 * 24 * 3_600_000
/** A session born ahead of the stamp by more than this is refused, ms. */
export const sessionAheadMsMax = 3_600_000

/**
 * What a command's application decided. All but `refused` with a session code are remembered by
 * the session, so that a retry of the call gets the same answer.
 */
export type Answer =
  | {
      readonly status: 'applied'
      readonly revision: number
      /** Of a delete: whether there was a row. */
      readonly existed?: boolean
    }
  | { readonly status: 'duplicate'; readonly revision: number; readonly existed?: boolean }
  /** Another payload won; `payloadHash` is the winner's, 16 bytes. */
  | { readonly status: 'mismatch'; readonly revision: number; readonly payloadHash: Uint8Array }
  /** A condition failed: at which operation, and the row's revision (0: no row). */
  | { readonly status: 'conflict'; readonly operation: number; readonly revision: number }
  /** The answer of a fence. */
  | { readonly status: 'fenced'; readonly verdict: TokenVerdict }
  /** A setting was changed, a session closed, a mark passed. */
  | { readonly status: 'done' }
  /**
   * Refused by rule, without effect. `decided`: remembered by the session, so no other copy of
   * the call can have an effect either.
   */
  | { readonly status: 'refused'; readonly code: ErrorCode; readonly decided: boolean }

/** What is known of a token. */
export type TokenVerdict =
  /** A write with it took effect. */
  | { readonly status: 'recorded'; readonly revision: number; readonly payloadHash: Uint8Array }
  /**
   * No write with it has taken effect since `horizon` (cluster ms). `fenced`: and none ever will.
   */
  | { readonly status: 'absent'; readonly horizon: number; readonly fenced: boolean }
  /** It is older than the retention: nothing is known. */
  | { readonly status: 'expired'; readonly horizon: number }

/** One stored record. */
export interface Row {
  readonly value: Uint8Array
  /** The revision that wrote it. */
  readonly revision: number
}

/** A range of keys, each side inclusive or exclusive or open. */
export interface KeyRange {
  readonly gte?: Uint8Array
  readonly gt?: Uint8Array
  readonly lte?: Uint8Array
  readonly lt?: Uint8Array
  readonly reverse: boolean
  /** Infinity for all. */
  readonly limit: number
  readonly keysOnly: boolean
}

/** One row of a scan; `value` is empty where only keys were asked for. */
export interface ScanRow {
  readonly key: Uint8Array
  readonly value: Uint8Array
  readonly revision: number
}

/** Fingerprints of the state at one index; see `docs/consistency.md`. Hex. */
export interface Digests {
  readonly index: number
  readonly effects: string
  readonly rows: string
}
