/**
 * Nodes that have lost their log, or a part of it, while term and vote are certain: how they come
 * back without a promise broken. Why this is safe: docs/decisions/0013-recovering-nodes.md.
 *
 * Such a node says so with every answer, and names its recovery. The leader counts it for nothing,
 * and forgets what it knew of its log. It begins a round of heartbeats; when a quorum without the
 * node has acknowledged that, it notes where its log ends, and when the node holds that, it says so.
 */
import { assert } from '../assert.ts'
import type { Core, Leader } from './core.ts'
import { addressed, send } from './core.ts'
import { broadcastHeartbeat } from './heartbeat.ts'
import type {
  AppendEntriesAccepted,
  AppendEntriesRejected,
  HeartbeatResult,
  Readmitted,
} from './messages.ts'
import { Peer } from './progress.ts'
import { isQuorum } from './quorum.ts'
import type { NodeId } from './types.ts'

/** The follower that answers, as the answer shows it; undefined where that is not to be used. */
export function meetAnswer(
  core: Core,
  message: AppendEntriesAccepted | AppendEntriesRejected | HeartbeatResult,
): { role: Leader; peer: Peer } | undefined {
  const { role } = core
  const peer = role.kind === 'leader' ? role.peers.get(message.from) : undefined
  if (role.kind !== 'leader' || peer === undefined) return undefined
  if (message.recovery !== undefined) {
    // Late, from before it was readmitted: the mark is gone from its disk, so that is over for good.
    if (peer.recovered === message.recovery) return undefined
    const isKnown = peer.recovery?.id === message.recovery
    return { role, peer: isKnown ? peer : beginRecovery(core, role, peer.id, message.recovery) }
  }
  if (peer.recovery === undefined) return { role, peer }
  // Late, from before it lost its log, but for an answer to what was sent since: it is back, or
  // what said that it recovers was the later of the two.
  if (message.type !== 'heartbeatResult' || message.round < peer.recovery.round) return undefined
  peer.recovered = peer.recovery.id
  peer.recovery = undefined
  core.flushDue = true
  return { role, peer }
}

/** After an answer: a quorum may have confirmed the leadership since some recovery began. */
export function confirmRecoveries(core: Core, role: Leader): void {
  const { current } = core.configurations
  for (const { recovery } of role.peers.values()) {
    if (recovery === undefined || recovery.index !== undefined) continue
    const { round } = recovery
    const confirms = (id: NodeId): boolean =>
      id === core.id || (role.peers.get(id)?.vouchedRound ?? 0) >= round
    if (isQuorum(current, confirms)) recovery.index = core.log.lastIndex
  }
}

/** Readmits a follower that holds all that it has to. Again with each answer, as messages get lost. */
export function maybeReadmit(core: Core, { id, recovery, matchIndex }: Peer): void {
  if (recovery?.index === undefined || matchIndex < recovery.index) return
  const { id: name, index } = recovery
  send(core, { type: 'readmitted', ...addressed(core, id), recovery: name, index })
}

/** The leader has brought this node to where it was when its own leadership was confirmed. */
export function handleReadmitted(core: Core, message: Readmitted): void {
  const { recovery, role, log, currentTerm } = core
  const isLeader = role.kind === 'follower' && role.leader === message.from
  // Another recovery, or an earlier life, or what this life did not get from this leader.
  if (!isLeader || recovery?.id !== message.recovery || recovery.stage !== 'recovering') return
  const { matched } = recovery
  const isThere = matched.term === currentTerm && matched.index >= message.index
  if (!isThere || log.durableIndex < message.index) return
  recovery.stage = 'readmitted'
}

/** The node has made its readmission durable: it votes, and counts, like any other. */
export function endRecovery(core: Core): void {
  assert(core.recovery?.stage === 'told', 'who is readmitted was told so')
  core.recovery = undefined
}

/** What was known of the follower's log is void, and what is on its way to it as well. */
function beginRecovery(core: Core, role: Leader, id: NodeId, name: number): Peer {
  const peer = new Peer(id, core.log.lastIndex + 1)
  role.peers.set(id, peer)
  role.reads.round++
  peer.recovery = { id: name, round: role.reads.round, index: undefined }
  broadcastHeartbeat(core, role)
  confirmRecoveries(core, role)
  core.flushDue = true
  return peer
}
