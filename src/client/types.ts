/** The shapes of the client SDK. */
import type { QuorateError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { ConfiguredMember, MemberStatus, NodeStatus } from '../transport/index.ts'

/**
 * How keys or values go to and from bytes, in Level's words. `buffer` and `utf8` take a string or a
 * `Uint8Array`; `buffer` gives a `Buffer`, `utf8` a string. `json` and `msgpack` take and give data.
 * What an encoding cannot hold exactly is `QUORATE_USAGE`, on the way in and on the way out.
 */
export type Encoding = 'buffer' | 'utf8' | 'json' | 'msgpack'

/** `linearizable`: as of now. `stale`: what the asked node has applied, at once. */
export type Consistency = 'linearizable' | 'stale'

/** Options of `connect`. */
export interface ConnectOptions {
  /** Budget of a call in ms, over all its attempts, and of `connect`. Up to 2^31 - 1. Default 5,000. */
  readonly timeout?: number
  /**
   * Bounds a single attempt of a call, in ms. One that has no answer by then counts as unanswered,
   * and the same call is sent again, under the same session and sequence, to the node that is then
   * the best. Default: none but `timeout`; a node that answers nothing at all is left anyway.
   */
  readonly attemptTimeout?: number
  /** Default `utf8`. */
  readonly keyEncoding?: Encoding
  /** Default `buffer`. */
  readonly valueEncoding?: Encoding
  /** Of reads that do not say. Default `linearizable`. */
  readonly consistency?: Consistency
  /** Talk to the one endpoint given and to no other. Default false. */
  readonly pin?: boolean
  /** 32 hex digits: refuse nodes of any other cluster. Default: that of the first node that answers. */
  readonly clusterId?: string
  /** Calls waiting for an answer at once; a further one is refused with `QUORATE_OVERLOADED`. Default 10,000. */
  readonly callsMax?: number
  /** Where a status listener that throws is told of, as a warning; nothing else is. Default: nowhere. */
  readonly logger?: Logger
  /** Gives connecting up. */
  readonly signal?: AbortSignal
}

/** Options that every call takes. */
export interface CallOptions {
  /** Budget of this call in ms, over all its attempts. Default: that of `connect`. */
  readonly timeout?: number
  /** Gives the call up: `QUORATE_ABORTED`, with the outcome that is then known. */
  readonly signal?: AbortSignal
}

/** Options of calls that carry keys or values. An unknown encoding is `QUORATE_USAGE`. */
export interface EncodingOptions {
  /** Default: that of `connect`. */
  readonly keyEncoding?: Encoding
  /** Default: that of `connect`. */
  readonly valueEncoding?: Encoding
}

/** Options of writes. */
export interface WriteOptions extends CallOptions, EncodingOptions {
  /** The record's identity, 1 to 256 bytes: decides between calls. */
  readonly token?: string | Uint8Array
  /**
   * When the token was made, ms since 1970, up to 7 days ahead of cluster time. Default: the cluster's
   * time at the first attempt. A new call that repeats an older one gives the older one's.
   */
  readonly tokenTime?: number
  /** Only if the key's record has this revision; 0: only if there is none. */
  readonly ifRevision?: number
  /** `throw` turns the verdict `mismatch` into `QUORATE_MISMATCH`. Default `return`. */
  readonly onMismatch?: 'return' | 'throw'
}

/** Options of `put` and `putMany`. */
export interface PutOptions extends WriteOptions {
  /** The key is the identity and the record the token. Excludes `token` and `ifRevision`. */
  readonly once?: boolean
}

/** What decided a write. */
export type Verdict = 'applied' | 'duplicate' | 'mismatch'

/** The answer to a write. */
export interface WriteResult {
  readonly verdict: Verdict
  /** The revision of the write that took effect: this one, or the one that was first. */
  readonly revision: number
  /** Of a mismatch: the hash of the winner's payload, hex. */
  readonly payloadHash?: string
}

/** The answer to a delete. */
export interface DeleteResult extends WriteResult {
  /** Whether there was a record. Of a duplicate: whether the first one found a record. */
  readonly existed: boolean
}

/** One record of `putMany`; token and condition are each record's own, see `PutOptions`. */
export interface PutRecord {
  /** 1 byte to 4 KiB, encoded. */
  readonly key: unknown
  /** Up to 1 MiB, encoded. */
  readonly value: unknown
  readonly token?: string | Uint8Array
  /** Default: that of the call's options. */
  readonly tokenTime?: number
  /** Default: that of the call's options. */
  readonly once?: boolean
  readonly ifRevision?: number
}

/** What became of one record of `putMany`. */
export type PutManyResult = WriteResult | { readonly error: QuorateError }

/** One operation of `batch`: its key is named by no other one, `ifRevision` is as in `WriteOptions`. */
export type BatchOperation =
  | {
      readonly type: 'put'
      readonly key: unknown
      readonly value: unknown
      readonly ifRevision?: number
    }
  | { readonly type: 'delete'; readonly key: unknown; readonly ifRevision?: number }

/** Options of reads. */
export interface ReadOptions extends CallOptions, EncodingOptions {
  /** Default: that of `connect`. */
  readonly consistency?: Consistency
}

/** A record with where it stands. */
export interface KeyEntry {
  readonly key: unknown
  readonly value: unknown
  /** The revision that wrote it. */
  readonly revision: number
  /** The state's revision at which it was read. */
  readonly readRevision: number
}

/** One record of a scan. */
export interface ScanEntry {
  readonly key: unknown
  /** Undefined with `keysOnly`. */
  readonly value: unknown
  /** The revision that wrote it. */
  readonly revision: number
  /** The revision at which the whole scan is pinned. */
  readonly readRevision: number
}

/**
 * Options of `scan`. Keys are compared by their encoded bytes. `timeout` is that of each page. What
 * cannot be meant is `QUORATE_USAGE`, a bound over 4 KiB `QUORATE_TOO_LARGE`; both are thrown at once.
 */
export interface ScanOptions extends ReadOptions {
  /**
   * Only keys that begin with these bytes; an empty one is all keys. Excludes the four bounds, and needs
   * the key encoding `utf8` or `buffer`.
   */
  readonly prefix?: unknown
  /** From this key on, itself included. Excludes `gt`. Default: from the first one. */
  readonly gte?: unknown
  /** From the key after this one on. */
  readonly gt?: unknown
  /** Up to this key, itself included. Excludes `lt`. Default: to the last one. */
  readonly lte?: unknown
  /** Up to the key before this one. */
  readonly lt?: unknown
  /** From the last key to the first. Default false. */
  readonly reverse?: boolean
  /** At most so many records, from 0 on. Default: all. */
  readonly limit?: number
  /** Without values. Default false. */
  readonly keysOnly?: boolean
}

/** What is known of a token. */
export type TokenState =
  /** A write with it took effect, at `revision`. */
  | {
      readonly status: 'recorded'
      readonly verdict: 'applied'
      readonly revision: number
      readonly payloadHash: string
    }
  /** None has since `horizon` (ms since 1970, cluster time); `fenced`: and none ever will. */
  | { readonly status: 'absent'; readonly horizon: number; readonly fenced: boolean }
  /** Older than the retention: nothing is known. */
  | { readonly status: 'expired'; readonly horizon: number }

/** Options of `verdict`. */
export interface VerdictOptions extends CallOptions {
  /**
   * The `tokenTime` of the write, ms since 1970, where you chose one. With it, a token that is not known
   * and older than the retention is `expired`; without, `absent`. Of a fence the default is the cluster's
   * time now.
   */
  readonly tokenTime?: number
  /** Cancel the token if it has had no effect, so that no late copy can have one. Default false. */
  readonly fence?: boolean
  /** Default: that of `connect`. A fence is a write, and asks the leader whatever stands here. */
  readonly consistency?: Consistency
}

/** What the client knows of one endpoint. */
export interface EndpointStatus {
  /** `host:port`, as it was given to `connect` or learnt from a node. */
  readonly endpoint: string
  /** What the node that answered there says of itself; undefined where none did within the time. */
  readonly node: NodeStatus | undefined
  /** Why none did; undefined where one answered. */
  readonly error: QuorateError | undefined
}

/** The cluster as its nodes tell it. */
export interface ClusterStatus {
  /** 32 hex digits; undefined before a node has answered. */
  readonly clusterId: string | undefined
  /** Id of the leader of `term`; undefined where no node that answered knows one. */
  readonly leader: string | undefined
  /** The newest term that a node reported; 0 where none answered. */
  readonly term: number
  /** All that were given and learnt, whether they answer or not. */
  readonly endpoints: readonly EndpointStatus[]
}

/** One node's digests at the index of a `ClusterDigest`, 64 and 32 hex digits, or why they are not known. */
export type NodeDigest =
  | { readonly id: string; readonly effects: string; readonly rows: string }
  | { readonly endpoint: string; readonly error: QuorateError }

/** The state of all nodes at one index of the log. */
export interface ClusterDigest {
  /** Of the entry after which all states were looked at. */
  readonly index: number
  readonly nodes: readonly NodeDigest[]
}

/** The members, as the leader knows them. */
export interface ClusterMembers {
  /** Whose account this is: the leader of `term`. */
  readonly leader: string
  readonly term: number
  /** The end of the leader's log, and how much of it is committed: what a lag is measured by. */
  readonly lastIndex: number
  readonly commitIndex: number
  readonly members: readonly MemberStatus[]
}

/** The members after a change. */
export interface MembersResult {
  /** Where in the log their configuration stands. */
  readonly index: number
  readonly members: readonly ConfiguredMember[]
}

/** A node that is to become a member. */
export interface NewMemberOptions {
  /** Its node id, 1 to 64 letters, digits, `.`, `_` or `-`, which no node of this cluster has had before. */
  readonly id: string
  /** Where other members reach it, `host:port`. */
  readonly peerAddress: string
  /** Where clients reach it. Default: as it tells of itself. */
  readonly clientAddress?: string
}

/** Options of `addMember`. */
export interface AddMemberOptions extends NewMemberOptions {
  /** It stays a learner: it gets all data and has no vote. Default false. */
  readonly learner?: boolean
  /** From 0 to 255: leadership returns to the voter with the highest. Default 0. */
  readonly priority?: number
}

/** Options of `updateMember`: what is not given stays as it is. */
export interface UpdateMemberOptions {
  /** `host:port` */
  readonly peerAddress?: string
  /** `host:port` */
  readonly clientAddress?: string
  /** From 0 to 255. */
  readonly priority?: number
}

/** What is known of an export before its first frame. */
export interface SnapshotHeader {
  readonly clusterId: string
  /** The node that it is read from. */
  readonly nodeId: string
  /** Revisions and cursors mean something only within one history. */
  readonly historyId: string
  /** The last entry of the log that it holds. */
  readonly snapshot: { readonly term: number; readonly index: number }
  readonly revision: number
  /** ms since 1970. */
  readonly clusterTime: number
}

/** What happens to a client. */
export type StatusEvent =
  | { readonly type: 'connected'; readonly endpoint: string; readonly nodeId: string }
  | { readonly type: 'disconnected'; readonly endpoint: string; readonly reason: string }
  | { readonly type: 'leader'; readonly nodeId: string; readonly endpoint: string }
  | { readonly type: 'retry'; readonly attempt: number; readonly code: string }
  | { readonly type: 'breaker'; readonly endpoint: string; readonly state: 'open' | 'closed' }
  | { readonly type: 'session'; readonly state: 'opened' | 'expired' }
  | { readonly type: 'closed' }
