/**
 * The leader's side of a change of membership (paper, section 6; thesis, chapter 4).
 *
 * A change is taken up only after the one before is over and an entry of the leader's own term is
 * committed: else a leader could change what it does not know to stand (Ongaro on raft-dev, 2015).
 * A joint configuration is left by whoever leads once it is committed; nobody needs to ask.
 */
import { assert } from '../assert.ts'
import { applyChange } from './config-change.ts'
import type { ConfigChange, ConfigRefusal } from './config-change.ts'
import { encodeConfiguration } from './configuration-codec.ts'
import { isJoint, isMember, isVoter, leaveJoint, memberIds } from './configuration.ts'
import type { Core, Leader } from './core.ts'
import { addressed, send } from './core.ts'
import { broadcastHeartbeat } from './heartbeat.ts'
import { Peer } from './progress.ts'
import { isQuorum } from './quorum.ts'
import { noteCommitted, tellRemoved } from './removal.ts'
import { hasAnsweredLately, mostCaughtUp } from './transfer.ts'
import { becomeFollower } from './transitions.ts'
import type { Configuration, NodeId } from './types.ts'

/**
 * What `proposeConfig` answers. An accepted change is over once a configuration that is not joint
 * is committed at `index` or above; until then, or if the term ends before, nothing is certain.
 */
export type ProposeConfigResult =
  | { readonly type: 'accepted'; readonly term: number; readonly index: number }
  | { readonly type: 'notLeader'; readonly leader: NodeId | undefined }
  | { readonly type: 'refused'; readonly reason: ConfigRefusal }

/** Begins a change of membership, or says why not now. */
export function startChange(core: Core, role: Leader, change: ConfigChange): ProposeConfigResult {
  const { configurations, commitIndex, currentTerm: term } = core
  const { current, index } = configurations
  if (role.transfer !== undefined) return refused('transferring')
  if (commitIndex < role.noopIndex) return refused('noCommitInTerm')
  if (index > commitIndex || isJoint(current)) return refused('changeInProgress')
  const changed = applyChange(current, change)
  if (changed.type === 'refused') return changed
  const { configuration } = changed
  const newcomer = configuration.voters.find((id) => !isVoter(current, id))
  if (newcomer !== undefined && !isClose(core, role, newcomer)) return refused('lagging')
  // Learners touch no quorum: to add one may be the way out of a quorum that hangs by a thread.
  const isThere = (id: NodeId): boolean => isLive(core, role, id)
  if (isJoint(configuration) && !isQuorum(configuration, isThere)) return refused('losesQuorum')
  appendConfiguration(core, role, configuration)
  return { type: 'accepted', term, index: core.log.lastIndex }
}

/**
 * The commit index of a leader rose. If that committed a joint configuration, the leader goes on to
 * the new one by itself; if it committed one that does not need this leader, it gives up.
 */
export function afterLeaderCommit(core: Core, role: Leader): void {
  const { configurations, commitIndex } = core
  assert(commitIndex >= role.noopIndex, 'a leader commits entries of its own term')
  const before = configurations.base.configuration
  noteCommitted(core)
  const { current, base } = configurations
  for (const id of memberIds(before)) {
    if (id !== core.id && !isMember(current, id) && !isMember(base.configuration, id)) {
      tellRemoved(core, id)
    }
  }
  if (configurations.index > commitIndex) return
  if (isJoint(current)) appendConfiguration(core, role, leaveJoint(current))
  else if (!isVoter(current, core.id)) giveUpAsRemoved(core, role)
}

/**
 * A leader without a vote led on only to commit its own removal (thesis, section 4.2.2). It lets
 * the others know of the commit, and asks the one most caught up not to wait for a timeout.
 */
function giveUpAsRemoved(core: Core, role: Leader): void {
  broadcastHeartbeat(core, role)
  const next = mostCaughtUp(core, role)
  if (next !== undefined) send(core, { type: 'timeoutNow', ...addressed(core, next.id) })
  becomeFollower(core, core.currentTerm, undefined)
}

/** Puts a configuration into the log, and thereby into force. */
function appendConfiguration(core: Core, role: Leader, configuration: Configuration): void {
  const { log, configurations, commitIndex } = core
  assert(configurations.index <= commitIndex, 'one change at a time')
  const index = log.lastIndex + 1
  const data = encodeConfiguration(configuration)
  const entry = { term: core.currentTerm, index, kind: 'config' as const, data }
  log.append([entry])
  configurations.append(entry)
  for (const id of role.peers.keys()) {
    if (!isMember(configuration, id)) role.peers.delete(id)
  }
  for (const id of configurations.peerIds) {
    if (!role.peers.has(id)) role.peers.set(id, new Peer(id, index))
  }
  core.flushDue = true
}

function isLive(core: Core, role: Leader, id: NodeId): boolean {
  if (id === core.id) return true
  const peer = role.peers.get(id)
  return peer !== undefined && hasAnsweredLately(core, peer)
}

function isClose(core: Core, role: Leader, id: NodeId): boolean {
  const peer = role.peers.get(id)
  if (peer === undefined || !hasAnsweredLately(core, peer)) return false
  // Its vote would not help: it could not lead.
  if (peer.need !== undefined) return false
  return peer.isClose(core.ticks, core.timing.electionTicksMin)
}

function refused(reason: ConfigRefusal): ProposeConfigResult {
  return { type: 'refused', reason }
}
