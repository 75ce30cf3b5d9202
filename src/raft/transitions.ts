/** The changes of role (paper, figure 4). Nothing else writes `role`. */
import { assert } from '../assert.ts'
import type { Core, Leader, Role } from './core.ts'
import { isPromotable, resetElectionTimer } from './core.ts'
import { Peer } from './progress.ts'
import { refuseReads } from './reads.ts'
import { beginHandover, maybeEndHandover } from './transfer.ts'
import type { NodeId } from './types.ts'
import { Uncommitted } from './uncommitted.ts'

/**
 * Follows `leader`, or nobody yet, in `term`.
 *
 * The election timer keeps running where only the term is new: otherwise a node that cannot win
 * could, by raising the term again and again, keep the one that can from ever timing out. It is
 * set anew where there is a leader to wait for, or where a leadership ends.
 */
export function becomeFollower(core: Core, term: number, leader: NodeId | undefined): void {
  assert(term >= core.currentTerm, 'the term never falls')
  assert(leader !== core.id, 'nobody follows itself')
  if (term > core.currentTerm) enterTerm(core, term)
  const led = core.role.kind === 'leader'
  change(core, { kind: 'follower', leader })
  if (led || leader !== undefined) resetElectionTimer(core)
}

/** Asks around before it disturbs anybody. Term and vote stay. */
export function becomePreCandidate(core: Core): void {
  assert(core.role.kind !== 'leader', 'a leader does not stand for election')
  assert(isPromotable(core), 'only voters stand for election')
  // A pre-vote promises nothing, so the own one needs no persist.
  change(core, { kind: 'preCandidate', votes: new Map([[core.id, true]]) })
  resetElectionTimer(core)
}

/**
 * Stands for election in the next term, after a pre-vote that was won, or because the leader asked
 * for it. The own vote counts once it is durable.
 */
export function becomeCandidate(core: Core): void {
  const { role } = core
  const isAsked = role.kind === 'follower' && role.leader !== undefined
  assert(role.kind === 'preCandidate' || isAsked, 'candidates have won a pre-vote, or were asked')
  assert(isPromotable(core), 'only voters stand for election')
  assert(Number.isSafeInteger(core.currentTerm + 1), 'terms do not run out')
  enterTerm(core, core.currentTerm + 1)
  core.votedFor = core.id
  change(core, { kind: 'candidate', votes: new Map() })
  resetElectionTimer(core)
}

/** Leads. The no-op is what lets it commit, and read, without a proposal (paper, section 8). */
export function becomeLeader(core: Core): void {
  const { log, currentTerm: term } = core
  assert(core.role.kind === 'candidate', 'only a candidate wins an election')
  assert(core.durable.currentTerm === term, 'a leader has its own vote on disk')
  assert(core.durable.votedFor === core.id, 'a leader has its own vote on disk')
  const noopIndex = log.lastIndex + 1
  const leader: Leader = {
    kind: 'leader',
    peers: new Map(core.configurations.peerIds.map((id) => [id, new Peer(id, noopIndex)])),
    noopIndex,
    uncommitted: new Uncommitted(),
    reads: { round: 0, confirming: undefined, waiting: [] },
    ownDisk: { durableIndex: log.durableIndex, ticksBehind: 0 },
    heartbeatElapsed: 0,
    transfer: undefined,
  }
  change(core, leader)
  log.append([{ term, index: noopIndex, kind: 'noop', data: new Uint8Array(0) }])
  core.flushDue = true
}

function enterTerm(core: Core, term: number): void {
  assert(term > core.currentTerm, 'a term is entered once')
  core.currentTerm = term
  core.votedFor = undefined
  core.outbox.dropWaiting()
}

function change(core: Core, role: Role): void {
  const left = core.role
  core.role = role
  refuseReads(core, left)
  beginHandover(core, left)
  maybeEndHandover(core)
}
