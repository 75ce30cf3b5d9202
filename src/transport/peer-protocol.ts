/** What nodes say to each other on a link: first who they are, then messages of the core. */
import type { Message } from '../raft/index.ts'

export const peerProtocolMin = 1
export const peerProtocolMax = 1

/**
 * Two links go from each node to each other one, so that megabytes of entries never delay a
 * heartbeat: `control` for votes, heartbeats and read rounds, `bulk` for entries.
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

export type PeerFrame = PeerHello | PeerWelcome | PeerRefusal | PeerMessages | PeerPing | PeerPong
