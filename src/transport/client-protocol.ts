/**
 * What clients and nodes say to each other. One frame holds many requests, or many replies: calls
 * that are made in one turn leave in one frame, and so do their answers.
 */
import type { ErrorCode, ErrorDetails, Outcome } from '../errors.ts'
import type { Answer, KeyRange, ScanRow, Settings, TokenVerdict } from '../command/index.ts'

/** The versions of this protocol that this build speaks. */
export const clientProtocolMin = 1
export const clientProtocolMax = 1

/** The first frame of a client. */
export interface ClientHello {
  readonly type: 'hello'
  readonly protocolMin: number
  readonly protocolMax: number
  /** Where given, a node of another cluster refuses. */
  readonly clusterId: string | undefined
}

/** The node's answer to `hello`. */
export interface Welcome {
  readonly type: 'welcome'
  readonly protocol: number
  readonly clusterId: string
  readonly nodeId: string
  readonly incarnation: string
  /** The leader, as far as this node knows. */
  readonly leader: string | undefined
  readonly members: readonly MemberAddress[]
  /** Cluster ms, so that sessions are born and tokens dated in the cluster's time. */
  readonly clusterTime: number
  readonly limits: ClientLimits
}

/** What a client must keep to; larger things are refused at the door. */
export interface ClientLimits {
  readonly keyBytesMax: number
  readonly valueBytesMax: number
  readonly tokenBytesMax: number
  readonly batchBytesMax: number
  readonly frameBytesMax: number
  readonly requestsPerFrameMax: number
}

export interface MemberAddress {
  readonly id: string
  readonly clientAddress: string | undefined
}

export type Consistency = 'linearizable' | 'stale'

/** One request. `id` names it within the connection; `timeoutMs` is what is left of its time. */
export type Request = { readonly id: number; readonly timeoutMs: number } & RequestBody

export type RequestBody =
  /** An encoded `Command` of kind write, fence, closeSession, setting or mark. */
  | { readonly kind: 'write'; readonly command: Uint8Array }
  | {
      readonly kind: 'get'
      readonly keys: readonly Uint8Array[]
      readonly consistency: Consistency
    }
  | {
      readonly kind: 'verdict'
      readonly token: Uint8Array
      readonly time: number | undefined
      readonly consistency: Consistency
    }
  /** Opens a scan, pinned at one revision, and answers its first page. */
  | {
      readonly kind: 'scan'
      readonly range: KeyRange
      readonly consistency: Consistency
    }
  | { readonly kind: 'scanNext'; readonly scanId: number }
  | { readonly kind: 'scanClose'; readonly scanId: number }
  | { readonly kind: 'status' }
  | { readonly kind: 'settings'; readonly consistency: Consistency }
  /** The digests that this node took when it applied the mark; waits for it within the time. */
  | { readonly kind: 'digest'; readonly mark: Uint8Array }

/** Many requests, in the order in which they were made. */
export interface Requests {
  readonly type: 'requests'
  readonly requests: readonly Request[]
}

export type ClientFrame = ClientHello | Requests

/** What a request is answered. */
export type ReplyBody =
  /** `index`: where in the log the command stands. */
  | { readonly kind: 'answer'; readonly answer: Answer; readonly clusterTime: number }
  | {
      readonly kind: 'rows'
      /** As many as keys were asked for, in their order; undefined: no such row. */
      readonly rows: readonly ({ value: Uint8Array; revision: number } | undefined)[]
      /** The node's revision when it read. */
      readonly readRevision: number
    }
  | { readonly kind: 'verdict'; readonly verdict: TokenVerdict }
  | {
      readonly kind: 'page'
      readonly scanId: number
      /** The revision at which the scan is pinned. */
      readonly revision: number
      readonly rows: readonly ScanRow[]
      /** Nothing comes after; the scan is closed. */
      readonly done: boolean
    }
  | { readonly kind: 'status'; readonly status: NodeStatus }
  | { readonly kind: 'settings'; readonly settings: Settings }
  | {
      readonly kind: 'digest'
      readonly index: number
      readonly effects: string
      readonly rows: string
    }
  | { readonly kind: 'done' }
  | { readonly kind: 'error'; readonly error: WireError }

/** An error on the wire: told apart by code. */
export interface WireError {
  readonly code: ErrorCode
  readonly outcome: Outcome
  readonly message: string
  readonly details: ErrorDetails
}

export type Reply = { readonly id: number } & ReplyBody

export interface Replies {
  readonly type: 'replies'
  readonly replies: readonly Reply[]
}

/** Why the node closes the connection; the last frame before it does. */
export interface Goodbye {
  readonly type: 'goodbye'
  readonly error: WireError
}

export type NodeFrame = Welcome | Replies | Goodbye

/** What one node says of itself. */
export interface NodeStatus {
  readonly clusterId: string
  readonly id: string
  readonly pid: number | undefined
  readonly incarnation: string
  readonly version: string
  readonly clientAddress: string
  readonly peerAddress: string
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader'
  readonly term: number
  readonly leader: string | undefined
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly lastIndex: number
  readonly revision: number
  readonly clusterTime: number
  readonly walBytes: number
  readonly ready: boolean
  /** Why it is not ready, or what a person should know. */
  readonly reasons: readonly string[]
  readonly members: readonly MemberStatus[]
  /** Named counters: frames refused, elections, torn flushes cut, … */
  readonly counters: Readonly<Record<string, number>>
}

/** What a node knows of a member. */
export interface MemberStatus {
  readonly id: string
  readonly peerAddress: string
  readonly clientAddress: string | undefined
  /** Whether this node holds links to it. Itself: true. */
  readonly connected: boolean
  /** On a leader: the highest index known to be durable there. */
  readonly matchIndex: number | undefined
}
