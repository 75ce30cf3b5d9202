/** Heartbeats: they keep the leadership, tell the commit index, and carry the read round. */
import { assert } from '../assert.ts'
import type { Core, Leader } from './core.ts'
import { addressed, send } from './core.ts'
import type { Peer } from './progress.ts'

/**
 * Sends one heartbeat. The commit index in it is held to what the follower is known to hold:
 * beyond that, the follower's own entries may be others (`openraft#1500`, thesis 3.5).
 */
export function sendHeartbeat(core: Core, role: Leader, peer: Peer): void {
  assert(core.role === role, 'only the leader sends heartbeats')
  const leaderCommit = Math.min(core.commitIndex, peer.matchIndex)
  assert(leaderCommit >= 0, 'the commit index is a natural number')
  peer.commitSent = Math.max(peer.commitSent, leaderCommit)
  const { round } = role.reads
  send(core, { type: 'heartbeat', ...addressed(core, peer.id), round, leaderCommit })
}

/** Sends everybody a heartbeat with the newest round. */
export function broadcastHeartbeat(core: Core, role: Leader): void {
  for (const peer of role.peers.values()) sendHeartbeat(core, role, peer)
}

/**
 * One tick of a leader. The periodic heartbeat also notices what went unanswered for a whole
 * interval: a message or its answer was lost, and the next answer to a heartbeat shows that the
 * follower is there again.
 */
export function tickHeartbeat(core: Core): void {
  const { role } = core
  // It may have stepped down in this very tick.
  if (role.kind !== 'leader') return
  role.heartbeatElapsed++
  if (role.heartbeatElapsed < core.timing.heartbeatTicks) {
    tellCommit(core, role)
    return
  }
  role.heartbeatElapsed = 0
  // Whatever a follower waits for: it is looked at again, and not left behind.
  core.flushDue = true
  for (const peer of role.peers.values()) {
    peer.stalled = peer.awaiting && !peer.answered
    peer.answered = false
    sendHeartbeat(core, role, peer)
  }
}

/**
 * Tells those of the commit index whom no append has told of it: the commit index rides on appends,
 * but where none leaves, a follower should not have to wait for the next periodic heartbeat to
 * apply what is committed and to serve its reads.
 */
export function tellCommit(core: Core, role: Leader): void {
  for (const peer of role.peers.values()) {
    const isNews = Math.min(core.commitIndex, peer.matchIndex) > peer.commitSent
    if (isNews) sendHeartbeat(core, role, peer)
  }
}
