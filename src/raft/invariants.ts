/**
 * What must be true of a node after every call: of the state by itself (basic), and of two states
 * that follow on each other (delta). They cost a few comparisons per member and stay on in
 * production: a node that finds itself wrong stops before it can spread it.
 */
import { assert } from '../assert.ts'
import { hasNoop, isPromotable } from './core.ts'
import type { Core, Leader } from './core.ts'
import type { NodeId } from './types.ts'

/** What the next state is compared with. */
export interface Snapshot {
  readonly currentTerm: number
  readonly votedFor: NodeId | undefined
  readonly commitIndex: number
  readonly lastIndex: number
  readonly baseIndex: number
  readonly leads: boolean
}

/** The state as it is now. */
export function takeSnapshot(core: Core): Snapshot {
  return {
    currentTerm: core.currentTerm,
    votedFor: core.votedFor,
    commitIndex: core.commitIndex,
    lastIndex: core.log.lastIndex,
    baseIndex: core.log.base.index,
    leads: core.role.kind === 'leader',
  }
}

/** Throws if the state, or the way from `before` to it, breaks an invariant. */
export function checkInvariants(core: Core, before: Snapshot): void {
  checkBasic(core)
  checkDelta(core, before)
}

function checkBasic(core: Core): void {
  const { log, apply, durable, currentTerm, commitIndex, role } = core
  assert(log.lastId.term <= currentTerm, 'no entry is of a later term')
  assert(log.durableIndex <= log.lastIndex, 'what is durable is in the log')
  assert(commitIndex <= log.lastIndex, 'what is committed is in the log')
  assert(apply.handedOutIndex <= commitIndex, 'only committed entries are applied')
  assert(apply.handedOutIndex <= log.durableIndex, 'only durable entries are applied')
  assert(apply.appliedIndex <= apply.handedOutIndex, 'only entries handed out are applied')
  assert(durable.currentTerm <= currentTerm, 'the durable term is not ahead')
  assert(log.base.index <= log.durableIndex, 'what is gone from the log was durable')
  assert(log.base.index <= commitIndex, 'what is gone from the log was committed')
  const isWhole = log.base.index <= apply.appliedIndex
  assert(isWhole !== core.stateMissing, 'what is gone from the log is in the state')
  if (durable.currentTerm === currentTerm && durable.votedFor !== undefined) {
    assert(core.votedFor === durable.votedFor, 'a durable vote stands')
  }
  if (role.kind === 'candidate' || role.kind === 'leader') {
    assert(core.votedFor === core.id, 'who stands for election votes for itself')
  }
  checkMembership(core)
  if (role.kind === 'leader') checkLeader(core, role)
}

function checkMembership(core: Core): void {
  const { configurations, role, log, commitIndex } = core
  const { base, newest } = configurations
  assert(base.index <= commitIndex, 'the oldest configuration that is kept is committed')
  assert(newest.index <= log.lastIndex, 'the configuration in force is in the log')
  const isWhole = !core.stateMissing && core.recovery === undefined
  assert(role.kind === 'follower' || isWhole, 'who leads has a log and a state')
  if (role.kind === 'preCandidate' || role.kind === 'candidate') {
    assert(isPromotable(core), 'only voters stand for election')
  }
  if (role.kind !== 'leader') return
  // One change at a time: what this leader put into force came after the commit of the one before.
  if (newest.index >= role.noopIndex) {
    assert((configurations.previous?.index ?? 0) <= commitIndex, 'one change at a time')
  }
  assert(role.peers.size === configurations.peerIds.length, 'a leader replicates to all members')
}

function checkLeader({ log, currentTerm, commitIndex, configurations }: Core, role: Leader): void {
  assert(hasNoop(log, role, currentTerm), 'a leader has its no-op')
  assert(log.termAt(role.noopIndex - 1) !== currentTerm, 'a term begins with the no-op')
  const { confirming, round } = role.reads
  assert((confirming?.round ?? 0) <= round, 'the round that is out was begun')
  assert((confirming?.readIndex ?? 0) <= commitIndex, 'reads are at committed indexes')
  for (const peer of role.peers.values()) {
    assert(configurations.peerIds.includes(peer.id), 'a leader replicates to members alone')
    assert(peer.matchIndex < peer.nextIndex, 'match is below next')
    assert(peer.nextIndex <= log.lastIndex + 1, 'next is at most one past the end')
    const awaitsSnapshot = peer.progress.kind === 'snapshot'
    assert(awaitsSnapshot || peer.nextIndex > log.base.index, 'what is sent next is in the log')
    assert(!awaitsSnapshot || peer.matchIndex < log.base.index, 'who can get entries gets them')
    assert(
      !awaitsSnapshot || peer.need !== undefined,
      'a snapshot is asked for where one is needed',
    )
    assert(peer.ackedRound <= round, 'no round is acknowledged before it is begun')
  }
}

function checkDelta(core: Core, before: Snapshot): void {
  assert(core.currentTerm >= before.currentTerm, 'the term never falls')
  assert(core.commitIndex >= before.commitIndex, 'the commit index never falls')
  assert(core.log.base.index >= before.baseIndex, 'the base never falls')
  if (core.currentTerm !== before.currentTerm) return
  if (before.votedFor !== undefined) {
    assert(core.votedFor === before.votedFor, 'a vote is given once in a term')
  }
  if (before.leads) {
    assert(core.log.lastIndex >= before.lastIndex, 'a leader only appends')
    assert(core.role.kind !== 'preCandidate', 'a leader does not stand for election')
  }
}
