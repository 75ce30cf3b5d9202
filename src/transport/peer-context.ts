/** What the parts of the peer transport share. */
import { QuorateError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Clock, Network, Random } from '../ports.ts'
import type { PeerLimits } from './peer-limits.ts'

/** Who this node is. */
export interface PeerIdentity {
  readonly clusterId: string
  readonly groupId: number
  readonly nodeId: string
  readonly incarnation: string
}

/** Why a peer was refused, or refused us. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

/** The addresses that a node tells of itself. */
export interface Advertised {
  readonly peerAddress: string
  readonly clientAddress: string
}

/** What the transport counts. */
export type PeerCounter =
  | 'peerConnectionsAccepted'
  | 'peerStrangersDropped'
  | 'peerHandshakesRefused'
  | 'peerRefusalsReceived'
  | 'peerFramesBad'
  | 'peerLinksReplaced'
  | 'peerLinksOpened'
  | 'peerLinksLost'
  | 'peerLinksSilent'
  | 'peerDialsFailed'
  | 'peerMessagesSent'
  | 'peerMessagesReceived'
  | 'peerMessagesDropped'
  | 'peerMessagesTooLarge'
  | 'peerSnapshotFramesSent'
  | 'peerSnapshotFramesReceived'
  | 'peerSnapshotFramesDropped'
  | 'peerGuestsAdmitted'
  | 'peerGuestsRefused'

export interface PeerContext {
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly identity: PeerIdentity
  readonly limits: PeerLimits
  advertised(): Advertised
  /** See `PeerTransportOptions`. */
  acceptIncarnation(id: string, incarnation: string): Promise<boolean>
  /** A peer has shown who it is, on a link of either direction. */
  onIntroduced(id: string, advertised: Advertised): void
  count(name: PeerCounter, by?: number): void
}

/** The refusal of a member that is not the one first seen under its name. */
export function wrongIncarnation(id: string): QuorateError {
  return new QuorateError(
    'QUORATE_WRONG_INCARNATION',
    `${id} is not the ${id} that joined: its data directory was made anew, and what it had ` +
      'acknowledged is lost; it must join under a new name',
  )
}
