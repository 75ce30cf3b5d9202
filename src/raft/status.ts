/** A node's state for operators and tests. */
import type { Core, IgnoredCounts, Role } from './core.ts'
import { knownLeader } from './core.ts'
import { isJoint, isVoter } from './configuration.ts'
import { hasAnsweredLately } from './transfer.ts'
import type { ConfigurationAt, NodeId } from './types.ts'

/** A follower as the leader sees it. */
export interface PeerStatus {
  readonly id: NodeId
  readonly matchIndex: number
  readonly nextIndex: number
  readonly state: 'probe' | 'replicate'
  /** Whether it answered within the longest election timeout. */
  readonly active: boolean
  /** Whether it gets the log without a vote. */
  readonly learner: boolean
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
      state: peer.progress.kind,
      active: peer.ticksSinceAnswer <= core.timing.electionTicksMax,
      learner: !isVoter(configuration.configuration, peer.id),
      close:
        hasAnsweredLately(core, peer) && peer.isClose(core.ticks, core.timing.electionTicksMin),
    })),
    ignored: { ...core.ignored },
    droppedMessages: core.outbox.dropped,
  }
}
