/** A node's state for operators and tests. */
import type { Core, IgnoredCounts, Role } from './core.ts'
import { knownLeader } from './core.ts'
import type { NodeId } from './types.ts'

/** A follower as the leader sees it. */
export interface PeerStatus {
  readonly id: NodeId
  readonly matchIndex: number
  readonly nextIndex: number
  readonly state: 'probe' | 'replicate'
  /** Whether it answered within the longest election timeout. */
  readonly active: boolean
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
  /** The other members, on a leader; else none. */
  readonly peers: readonly PeerStatus[]
  readonly ignored: Readonly<IgnoredCounts>
  /** Messages dropped because the outbox was full. */
  readonly droppedMessages: number
}

/** Describes a node; the answer is a copy. */
export function describeStatus(core: Core): RaftStatus {
  const { role, log } = core
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
    peers: peers.map((peer) => ({
      id: peer.id,
      matchIndex: peer.matchIndex,
      nextIndex: peer.nextIndex,
      state: peer.progress.kind,
      active: peer.ticksSinceAnswer <= core.timing.electionTicksMax,
    })),
    ignored: { ...core.ignored },
    droppedMessages: core.outbox.dropped,
  }
}
