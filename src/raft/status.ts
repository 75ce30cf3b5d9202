/** A node's state for operators and tests. */
import type { Core, IgnoredCounts, Role } from './core.ts'
import { knownLeader } from './core.ts'
import { isJoint, isVoter } from './configuration.ts'
import type { Peer } from './progress.ts'
import { hasAnsweredLately } from './transfer.ts'
import type { ConfigurationAt, NodeId } from './types.ts'

/** A follower as the leader sees it. */
export interface PeerStatus {
  readonly id: NodeId
  readonly matchIndex: number
  readonly nextIndex: number
  readonly state: 'probe' | 'replicate' | 'snapshot'
  /** The snapshot that it is offered; undefined where it needs none, or none is ready. */
  readonly snapshotIndex: number | undefined
  /** Whether it answered within the longest election timeout. */
  readonly active: boolean
  /** Whether it gets the log without a vote. */
  readonly learner: boolean
  /** Whether it recovers its log, and is not counted. */
  readonly recovering: boolean
  /** Whether it keeps up well enough to be promoted. */
  readonly close: boolean
}

/** What `Raft.status` tells. */
export interface RaftStatus {
  readonly id: NodeId
  readonly role: Role['kind']
  readonly term: number
  readonly leader: NodeId | undefined
  readonly votedFor: NodeId | undefined
  readonly commitIndex: number
  readonly appliedIndex: number
  /** The log begins behind this index. */
  readonly baseIndex: number
  /** Whether the state waits for a snapshot. */
  readonly stateMissing: boolean
  /** Whether the log was lost and is not back yet: this node gives no votes and is not counted. */
  readonly recovering: boolean
  readonly lastIndex: number
  /** Up to here the log is on this node's disk. */
  readonly durableIndex: number
  /** Bytes of entries in memory. */
  readonly logBytes: number
  /** Entries and bytes proposed and not committed; 0 unless it leads. */
  readonly uncommittedEntries: number
  readonly uncommittedBytes: number
  /** Reads of this node without an outcome. */
  readonly readsOutstanding: number
  /** The configuration in force. */
  readonly configuration: ConfigurationAt
  /** Whether it is committed, as far as this node knows, and not joint: no change is under way. */
  readonly configurationSettled: boolean
  /** Whether this node was a member and is none any more. */
  readonly removed: boolean
  /** To whom it hands over; undefined unless it leads and does. */
  readonly transferTo: NodeId | undefined
  /** The other members, on a leader; else none. */
  readonly peers: readonly PeerStatus[]
  readonly ignored: Readonly<IgnoredCounts>
  /** Messages dropped because the outbox was full. */
  readonly droppedMessages: number
}

/** Describes a node; the answer is a copy. */
export function describeStatus(core: Core): RaftStatus {
  const { role, log } = core
  const { newest: configuration } = core.configurations
  const uncommitted = role.kind === 'leader' ? role.uncommitted : undefined
  const peers = role.kind === 'leader' ? [...role.peers.values()] : []
  return {
    id: core.id,
    role: role.kind,
    term: core.currentTerm,
    leader: knownLeader(core),
    votedFor: core.votedFor,
    commitIndex: core.commitIndex,
    appliedIndex: core.apply.appliedIndex,
    baseIndex: log.base.index,
    stateMissing: core.stateMissing,
    recovering: core.recovery !== undefined,
    lastIndex: log.lastIndex,
    durableIndex: log.durableIndex,
    logBytes: log.bytes,
    uncommittedEntries: uncommitted?.entries ?? 0,
    uncommittedBytes: uncommitted?.bytes ?? 0,
    readsOutstanding: core.reads.outstanding.size,
    configuration,
    configurationSettled:
      configuration.index <= core.commitIndex && !isJoint(configuration.configuration),
    removed: core.removedAt !== undefined,
    transferTo: role.kind === 'leader' ? role.transfer?.to : undefined,
    peers: peers.map((peer) => ({
      id: peer.id,
      matchIndex: peer.matchIndex,
      nextIndex: peer.nextIndex,
      state: peer.need === undefined ? peer.progress.kind : 'snapshot',
      snapshotIndex: snapshotIndexOf(peer),
      active: peer.ticksSinceAnswer <= core.timing.electionTicksMax,
      recovering: peer.recovery !== undefined,
      learner: !isVoter(configuration.configuration, peer.id),
      close:
        hasAnsweredLately(core, peer) &&
        peer.need === undefined &&
        peer.isClose(core.ticks, core.timing.electionTicksMin),
    })),
    ignored: { ...core.ignored },
    droppedMessages: core.outbox.dropped,
  }
}

function snapshotIndexOf({ need }: Peer): number | undefined {
  return need?.stage.kind === 'offered' ? need.stage.snapshot.index : undefined
}
