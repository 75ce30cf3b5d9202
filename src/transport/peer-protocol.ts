/** What nodes say to each other on a link: first who they are, then messages of the core. */
import type { EntryId, Message } from '../raft/index.ts'

export const peerProtocolMin = 1
export const peerProtocolMax = 1

/**
 * Two links go from each node to each other one, so that megabytes of entries never delay a
 * heartbeat: `control` for votes, heartbeats and read rounds, `bulk` for entries and snapshots.
 */
export type LinkKind = 'control' | 'bulk'

/** The first frame of the dialling node. */
export interface PeerHello {
  readonly type: 'peerHello'
  readonly protocolMin: number
  readonly protocolMax: number
  readonly link: LinkKind
  readonly clusterId: string
  readonly groupId: number
  readonly nodeId: string
  readonly incarnation: string
  /** Whom the dialler believes to have reached. */
  readonly to: string
  readonly peerAddress: string
  readonly clientAddress: string
}

/** The answer of the node that was dialled: it is who the dialler meant, and lets it in. */
export interface PeerWelcome {
  readonly type: 'peerWelcome'
  readonly protocol: number
  readonly nodeId: string
  readonly incarnation: string
  readonly peerAddress: string
  readonly clientAddress: string
}

/** The answer of a node that refuses; the link is closed after it. */
export interface PeerRefusal {
  readonly type: 'peerRefusal'
  readonly code: string
  readonly message: string
}

/** Messages of the core, in order. */
export interface PeerMessages {
  readonly type: 'messages'
  readonly messages: readonly Message[]
}

/**
 * The dialling node asks for a sign of life; `peerPong` answers on the same link. On a link all
 * messages go one way, so without an answer a dead path looks like a quiet one: the kernel takes
 * bytes for minutes, and after a long cut sends them again only minutes after it healed.
 */
export interface PeerPing {
  readonly type: 'peerPing'
}

export interface PeerPong {
  readonly type: 'peerPong'
}

/**
 * A snapshot on its way. The receiver asks for each frame: so it sets the pace, and a frame that was
 * lost is asked for again. `snapshot` is the last entry that the snapshot holds, by which both know
 * which one is meant.
 */
export type SnapshotFrame =
  | { readonly type: 'snapshotRequest'; readonly snapshot: EntryId; readonly frame: number }
  | {
      readonly type: 'snapshotFrame'
      readonly snapshot: EntryId
      readonly frame: number
      /** At most `snapshotFrameBytesMax`. */
      readonly bytes: Uint8Array
      readonly last: boolean
    }
  /** Not served here, or not any more. */
  | { readonly type: 'snapshotUnknown'; readonly snapshot: EntryId }

/**
 * What a node's state came to at an entry, so that copies can be compared: from a follower, what it
 * has; from the leader, what a majority has (`agreed`).
 */
export interface DigestFrame {
  readonly type: 'stateDigest'
  readonly index: number
  /** 64 hex digits. */
  readonly effects: string
  /** 32 hex digits. */
  readonly rows: string
  readonly agreed: boolean
}

/** What nodes say to each other about their states, beside the messages of the core. */
export type StateFrame = SnapshotFrame | DigestFrame

export type PeerFrame =
  PeerHello | PeerWelcome | PeerRefusal | PeerMessages | PeerPing | PeerPong | StateFrame
