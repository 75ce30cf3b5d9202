/**
 * What clients and nodes say to each other. One frame holds many requests, or many replies: calls
 * that are made in one turn leave in one frame, and so do their answers.
 */
import type { ErrorCode, ErrorDetails, Outcome } from '../errors.ts'
import type { Answer, KeyRange, ScanRow, Settings, TokenVerdict } from '../command/index.ts'
import type { EntryId } from '../raft/index.ts'

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
  /** Leader only; answered with `members` once the change is over. Made again, it is done. */
  | { readonly kind: 'member'; readonly change: MemberChange }
  /**
   * Leader only; answered with `transferred` once another leads: the one named, or without a name
   * the most caught-up voter. A leader that is named itself answers at once.
   */
  | { readonly kind: 'transfer'; readonly to: string | undefined }
  /** Pins this node's state as it is now; answered with `export`. */
  | { readonly kind: 'export' }
  /** Frame 0, 1, 2, … of it; the one that was answered last may be asked for again. */
  | { readonly kind: 'exportFrame'; readonly exportId: number; readonly frame: number }
  | { readonly kind: 'exportClose'; readonly exportId: number }
  /** Asks this node to drop what it can of its log now; answered with `done`. */
  | { readonly kind: 'compact' }

/** A member as it is to be: where others reach it. */
export interface NewMember {
  readonly id: string
  readonly peerAddress: string
  /** Undefined: as it tells of itself. */
  readonly clientAddress: string | undefined
}

/** A change of who takes part. */
export type MemberChange =
  /** It gets the log as a learner and, unless it is to stay one, a vote once it is close. */
  | ({
      readonly type: 'add'
      readonly learner: boolean
      /** From 0 to `priorityMax`: of the voters that are there the highest leads. */
      readonly priority: number
    } & NewMember)
  /** A learner gets a vote, also one that was to stay a learner. */
  | { readonly type: 'promote'; readonly id: string }
  | { readonly type: 'remove'; readonly id: string }
  /** Another takes a member's place: it is added, caught up, and put in its place in one step. */
  | { readonly type: 'replace'; readonly id: string; readonly by: NewMember }
  /** What is known of a member becomes another; what is undefined stays. */
  | {
      readonly type: 'update'
      readonly id: string
      readonly peerAddress: string | undefined
      readonly clientAddress: string | undefined
      readonly priority: number | undefined
    }

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
  | {
      readonly kind: 'members'
      /** Where in the log the configuration stands. */
      readonly index: number
      readonly members: readonly ConfiguredMember[]
    }
  /** Who leads now. */
  | { readonly kind: 'transferred'; readonly leader: string }
  | ({ readonly kind: 'export' } & ExportHead)
  /** `last`: nothing comes after; the export is closed once this frame was taken. */
  | { readonly kind: 'frame'; readonly bytes: Uint8Array; readonly last: boolean }
  | { readonly kind: 'error'; readonly error: WireError }

/** A member of a configuration. */
export interface ConfiguredMember extends NewMember {
  /** Whether its vote counts; else it is a learner. */
  readonly voter: boolean
  /** From 0 to 255: of the voters that are there the one with the highest leads. */
  readonly priority: number
}

/** What is known of an export before its first frame. */
export interface ExportHead {
  /** Names it on this connection. */
  readonly exportId: number
  /** The last entry that the exported state has applied. */
  readonly snapshot: EntryId
  readonly revision: number
  readonly clusterTime: number
  readonly historyId: string
}

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

/** Who takes part now; told unasked when that changes. */
export interface Members {
  readonly type: 'members'
  readonly members: readonly MemberAddress[]
}

export type NodeFrame = Welcome | Replies | Goodbye | Members

/** What one node says of itself. */
export interface NodeStatus {
  readonly clusterId: string
  /**
   * Which line of history the revisions belong to: another one after a restore, so that no number
   * ever stands for two things. The cluster's id where nothing was restored.
   */
  readonly historyId: string
  /** Its node id. */
  readonly id: string
  /** Of its process; undefined where it has none of its own. */
  readonly pid: number | undefined
  /** 16 bytes in hex, drawn when its data directory was made. */
  readonly incarnation: string
  /** Of the package that it runs. */
  readonly version: string
  /** `host:port` that clients are told. */
  readonly clientAddress: string
  /** `host:port` that other nodes are told. */
  readonly peerAddress: string
  /** A `preCandidate` asks whether it could win an election, and has not begun one. */
  readonly role: 'follower' | 'preCandidate' | 'candidate' | 'leader'
  readonly term: number
  /** Id of the leader of `term`, as far as it knows. */
  readonly leader: string | undefined
  /** Entries of the log that it knows to be committed, by the index of the last one. */
  readonly commitIndex: number
  /** The last entry that its state holds; up to `commitIndex`. */
  readonly appliedIndex: number
  /** The last entry of its log; what is above `commitIndex` may still be replaced. */
  readonly lastIndex: number
  /** The entry behind which the log begins; 0: it is whole. */
  readonly baseIndex: number
  /** The state's: it counts the writes that took effect. */
  readonly revision: number
  /** Of the last entry applied: ms since 1970; 0 before there was one. */
  readonly clusterTime: number
  /** Bytes of its log; the files are longer, and have holes. */
  readonly walBytes: number
  /** Bytes free on the disk of the data directory; undefined where that is not known. */
  readonly freeBytes: number | undefined
  /** Below the floor of free space: writes are refused. */
  readonly diskFull: boolean
  /** The state is being fetched from the leader, since it was lost, damaged or too old. */
  readonly stateMissing: boolean
  /** What the node waits for before it takes part in full; undefined: nothing. */
  readonly waitsFor: string | undefined
  /** Whether a linearizable read was confirmed here within the last election timeout. */
  readonly ready: boolean
  /** Why it is not ready, or what a person should know. */
  readonly reasons: readonly string[]
  /** All members by the configuration that it follows, itself among them. */
  readonly members: readonly MemberStatus[]
  /**
   * Named counters since the node was opened: `elections`, `repaired`, `clientRequests`,
   * `peerLinksLost`, …; docs/operations.md lists them. One that is not there is 0.
   */
  readonly counters: Readonly<Record<string, number>>
}

/** What a node knows of a member. */
export interface MemberStatus {
  readonly id: string
  /** `host:port`, as the member tells, or where it is dialled. */
  readonly peerAddress: string
  /** `host:port`; undefined before it is known. */
  readonly clientAddress: string | undefined
  /** Whether this node holds links to it. Itself: true. */
  readonly connected: boolean
  /** On a leader: the highest index known to be durable there. */
  readonly matchIndex: number | undefined
  /** Whether its vote counts; else it is a learner. */
  readonly voter: boolean
  /**
   * On a leader, of another member: how entries go to it. `probe`: it is sought where their logs part;
   * `replicate`: they flow; `snapshot`: it needs what the log no longer has.
   */
  readonly state: 'probe' | 'replicate' | 'snapshot' | undefined
  /** On a leader: whether it lags so little that it could get a vote. */
  readonly close: boolean | undefined
  /** From 0 on: of the voters that are there the one with the highest leads. */
  readonly priority: number
}
