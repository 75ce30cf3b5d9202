/**
 * Elections: pre-vote (thesis, section 9.6), votes (paper, sections 5.2 and 5.4.1), and the rule
 * that protects a working leader from those who do not hear it (thesis, section 4.2.3).
 */
import { assert } from '../assert.ts'
import type { Core } from './core.ts'
import { addressed, isPromotable, resetElectionTimer, send } from './core.ts'
import { maybeTellRemoved } from './removal.ts'
import type {
  Removed,
  RequestPreVote,
  RequestPreVoteResult,
  RequestVote,
  RequestVoteResult,
  TimeoutNow,
} from './messages.ts'
import { jointOutcome } from './quorum.ts'
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './transitions.ts'

/**
 * Whether a leader is at work as far as this node can tell: it leads, or it heard from its leader
 * within the shortest election timeout. It then takes no part in elections. A leader that lost its
 * quorum gives up by itself (check-quorum), so it may trust itself here.
 */
export function hasLiveLeader(core: Core): boolean {
  if (core.role.kind === 'leader') return true
  if (core.role.kind !== 'follower' || core.role.leader === undefined) return false
  return core.electionElapsed < core.timing.electionTicksMin
}

/** One tick without leading: stands for election when the timer fires. */
export function tickElection(core: Core): void {
  // The timer of a candidate runs from the moment its vote is durable and its requests leave.
  // Otherwise a disk slower than the timeout would make it start anew for ever.
  if (core.role.kind === 'candidate' && !hasDurableOwnVote(core)) return
  core.electionElapsed++
  if (core.electionElapsed < core.electionTimeout) return
  if (isPromotable(core)) {
    campaign(core)
    return
  }
  // A learner, a newcomer, or one that was removed: it waits for a leader, whoever that is.
  becomeFollower(core, core.currentTerm, undefined)
  askWhetherRemoved(core)
}

/**
 * A member that may not stand asks for pre-votes all the same, and makes nothing of them: if it was
 * removed meanwhile, and missed that, it is told so, and need not wait for ever.
 */
function askWhetherRemoved(core: Core): void {
  if (!core.configurations.wasMember || core.removedAt !== undefined) return
  resetElectionTimer(core)
  requestPreVotes(core)
}

function campaign(core: Core): void {
  becomePreCandidate(core)
  requestPreVotes(core)
  maybeWinPreVote(core)
}

function requestPreVotes(core: Core): void {
  const proposedTerm = core.currentTerm + 1
  const lastLog = core.log.lastId
  for (const peer of core.configurations.voterPeerIds) {
    send(core, { type: 'requestPreVote', ...addressed(core, peer), proposedTerm, lastLog })
  }
}

/**
 * Answers a pre-vote whatever its term: silence towards a lower term would leave a node with the
 * better log unaware of the term that it has to pass (`etcd#8243`). Nothing changes here: neither
 * term, nor vote, nor timer.
 */
export function handleRequestPreVote(core: Core, message: RequestPreVote): void {
  const { proposedTerm, lastLog, from } = message
  const isUpToDate = core.log.isUpToDate(lastLog)
  const mayVote = core.recovery === undefined && !hasLiveLeader(core)
  const granted = mayVote && proposedTerm > core.currentTerm && isUpToDate
  send(core, { type: 'requestPreVoteResult', ...addressed(core, from), proposedTerm, granted })
  // Whoever is no member in the configuration of this node gets a vote all the same (thesis,
  // section 4.1): it may be this node that has not heard of it yet, and its vote may be needed.
  // But one that lacks entries of this log may lack the very entry that removed it.
  if (!isUpToDate) maybeTellRemoved(core, from)
}

/** Counts an answer to the pre-vote that is under way. */
export function handleRequestPreVoteResult(core: Core, message: RequestPreVoteResult): void {
  const { role } = core
  if (role.kind !== 'preCandidate') return
  if (message.proposedTerm !== core.currentTerm + 1) return
  // A voter's term may be below ours, never above: that was dealt with before.
  assert(message.term <= core.currentTerm, 'higher terms are adopted first')
  role.votes.set(message.from, message.granted)
  maybeWinPreVote(core)
}

/** Grants or refuses a vote in the current term; the grant leaves after it is durable. */
export function handleRequestVote(core: Core, message: RequestVote): void {
  assert(message.term === core.currentTerm, 'votes are cast in the own term')
  const { from, lastLog } = message
  const isFree = core.role.kind === 'follower' && core.role.leader === undefined
  // What this log lacks may be committed: by it alone nobody can be judged.
  const granted =
    core.recovery === undefined &&
    (core.votedFor === from ||
      (core.votedFor === undefined && isFree && core.log.isUpToDate(lastLog)))
  if (granted && core.votedFor === undefined) {
    core.votedFor = from
    // Only a vote given puts the own candidacy off (paper, section 5.2).
    resetElectionTimer(core)
  }
  assert(!granted || core.votedFor === from, 'one vote in a term')
  send(core, { type: 'requestVoteResult', ...addressed(core, from), granted })
}

/**
 * The leader hands over. Only what the leader of the current term says counts, and only while this
 * node follows it: a late or repeated request finds another term, or another role.
 */
export function handleTimeoutNow(core: Core, message: TimeoutNow): void {
  assert(message.term === core.currentTerm, 'a leader hands over in its own term')
  const { role } = core
  if (role.kind !== 'follower' || role.leader !== message.from || !isPromotable(core)) {
    core.ignored.disruptive++
    return
  }
  // The leader takes writes again in time, or asks another one.
  if (core.isReluctant) return
  standForElection(core, true)
}

/**
 * The group goes on without this node. What an old node says of a newcomer that it has not heard of
 * does not count: the newcomer knows of a newer committed configuration. One that is not committed
 * says nothing against it: a leader that was cut off may have it alone.
 */
export function handleRemoved(core: Core, message: Removed): void {
  if (!Number.isSafeInteger(message.configIndex) || message.configIndex < 0) {
    core.ignored.malformed++
    return
  }
  const { wasMember, base } = core.configurations
  if (!wasMember || message.configIndex <= base.index) return
  // A leader finds out by itself: nobody answers it any more.
  if (core.role.kind === 'leader') return
  core.removedAt ??= message.configIndex
  if (core.role.kind !== 'follower') becomeFollower(core, core.currentTerm, undefined)
}

/** A candidate of an earlier term learns ours. */
export function refuseStaleVote(core: Core, message: RequestVote): void {
  assert(message.term < core.currentTerm, 'the request is of an earlier term')
  const to = addressed(core, message.from)
  send(core, { type: 'requestVoteResult', ...to, granted: false })
}

/** Counts a vote. Terms are equal: an answer to an earlier candidacy is not counted here. */
export function handleRequestVoteResult(core: Core, message: RequestVoteResult): void {
  assert(message.term === core.currentTerm, 'votes count in their own term')
  if (core.role.kind !== 'candidate') return
  core.role.votes.set(message.from, message.granted)
  maybeWinElection(core)
}

/** After a persist: counts the candidate's own vote, which is durable now (`etcd#14370`). */
export function countOwnVote(core: Core): void {
  if (core.role.kind !== 'candidate' || !hasDurableOwnVote(core)) return
  core.role.votes.set(core.id, true)
  maybeWinElection(core)
}

function hasDurableOwnVote({ durable, currentTerm, id }: Core): boolean {
  return durable.currentTerm === currentTerm && durable.votedFor === id
}

function maybeWinPreVote(core: Core): void {
  assert(core.role.kind === 'preCandidate', 'pre-votes are counted by who asked for them')
  const outcome = jointOutcome(core.configurations.current, core.role.votes)
  if (outcome === 'lost') becomeFollower(core, core.currentTerm, undefined)
  if (outcome === 'won') standForElection(core, false)
}

function standForElection(core: Core, transfer: boolean): void {
  becomeCandidate(core)
  const lastLog = core.log.lastId
  for (const peer of core.configurations.voterPeerIds) {
    send(core, { type: 'requestVote', ...addressed(core, peer), lastLog, transfer })
  }
}

function maybeWinElection(core: Core): void {
  assert(core.role.kind === 'candidate', 'votes are counted by who asked for them')
  const outcome = jointOutcome(core.configurations.current, core.role.votes)
  // Votes of others can be here before `advance` was told of the own one. They are counted again
  // then: nobody leads a term that its own disk does not know of.
  if (outcome === 'won' && hasDurableOwnVote(core)) becomeLeader(core)
  else if (outcome === 'lost') becomeFollower(core, core.currentTerm, undefined)
}
