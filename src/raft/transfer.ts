/**
 * The leader's side of handing the leadership over (thesis, section 3.10): it stops taking
 * proposals, brings the other to the end of its log, and asks it to stand for election at once.
 *
 * Where nothing comes of it within an election timeout, the leader takes proposals again. The
 * state of that is part of the role, so that no way of losing the leadership can leave it behind
 * (`hashicorp/raft#696`). How it ended is known only once somebody leads the next term.
 */
import { assert } from '../assert.ts'
import { isMember } from './configuration.ts'
import type { Core, Leader, Role, TransferResult } from './core.ts'
import { addressed, knownLeader, send } from './core.ts'
import type { Peer } from './progress.ts'
import type { NodeId } from './types.ts'

/** Why no transfer was started. */
export type TransferRefusal =
  /** One is under way. */
  | 'inProgress'
  /** The node that was named leads already. */
  | 'alreadyLeader'
  | 'unknownMember'
  /** A learner, or a voter that is about to go. */
  | 'notVoter'
  /** The node that was named, or every other voter, has not answered lately, or has no state. */
  | 'unreachable'

/** What `transferLeadership` answers. Once started, a result comes with some Ready. */
export type TransferStart =
  | { readonly type: 'started'; readonly to: NodeId }
  | { readonly type: 'notLeader'; readonly leader: NodeId | undefined }
  | { readonly type: 'refused'; readonly reason: TransferRefusal }

/** Begins to hand over, to the most caught-up voter if nobody is named. */
export function startTransfer(core: Core, role: Leader, named: NodeId | undefined): TransferStart {
  if (role.transfer !== undefined) return { type: 'refused', reason: 'inProgress' }
  const refusal = named === undefined ? undefined : refusalOf(core, named)
  if (refusal !== undefined) return { type: 'refused', reason: refusal }
  const peer = named === undefined ? mostCaughtUp(core, role) : role.peers.get(named)
  if (peer === undefined || !mayTakeOver(core, peer)) {
    return { type: 'refused', reason: 'unreachable' }
  }
  role.transfer = { to: peer.id, startedAt: core.ticks, asked: false }
  maybeAsk(core, role)
  core.flushDue = true
  return { type: 'started', to: peer.id }
}

/** Whether a follower is there and counts, by what was heard of it in this term. */
export function hasAnsweredLately(core: Core, peer: Peer): boolean {
  return peer.hasAnswered && peer.vouchedSilence <= core.timing.electionTicksMax
}

/** One that waits for its state would not stand for election. */
function mayTakeOver(core: Core, peer: Peer): boolean {
  return hasAnsweredLately(core, peer) && !(peer.need?.isAsked ?? false)
}

/**
 * The other voter that holds the most of the log and is there; undefined if none is. One that did
 * not take the leadership up comes after all others: it may have a reason that lasts.
 */
export function mostCaughtUp(core: Core, role: Leader): Peer | undefined {
  let best: Peer | undefined
  for (const id of core.configurations.current.voters) {
    const peer = role.peers.get(id)
    if (peer === undefined || !mayTakeOver(core, peer)) continue
    if (best === undefined || isBetter(peer, best)) best = peer
  }
  return best
}

function isBetter(peer: Peer, best: Peer): boolean {
  if (peer.declined !== best.declined) return best.declined
  return peer.matchIndex > best.matchIndex
}

/** Asks the other to take over once it holds the whole log. */
export function maybeAsk(core: Core, role: Leader): void {
  const { transfer } = role
  if (transfer === undefined || transfer.asked) return
  const peer = role.peers.get(transfer.to)
  if (peer === undefined || peer.matchIndex < core.log.lastIndex) return
  transfer.asked = true
  send(core, { type: 'timeoutNow', ...addressed(core, transfer.to) })
}

/** One tick: asks again with each heartbeat, as messages get lost, and gives up in time. */
export function tickTransfer(core: Core): void {
  maybeEndHandover(core)
  const { role } = core
  if (role.kind !== 'leader' || role.transfer === undefined) return
  const { to, startedAt } = role.transfer
  if (core.ticks - startedAt > core.timing.electionTicksMax) {
    role.transfer = undefined
    const peer = role.peers.get(to)
    if (peer !== undefined) peer.declined = true
    endTransfer(core, { to, outcome: 'timedOut' })
    return
  }
  if (role.heartbeatElapsed === 0) role.transfer.asked = false
  maybeAsk(core, role)
}

/** The role changes. A leader that was handing over waits to see who leads next. */
export function beginHandover(core: Core, left: Role): void {
  if (left.kind !== 'leader' || left.transfer === undefined) return
  assert(core.handover === undefined, 'one transfer at a time')
  const until = core.ticks + core.timing.electionTicksMax
  core.handover = { to: left.transfer.to, until }
}

/** Ends the wait once somebody leads, or in time. */
export function maybeEndHandover(core: Core): void {
  const { handover } = core
  if (handover === undefined) return
  const leader = knownLeader(core)
  if (leader === undefined && core.ticks <= handover.until) return
  core.handover = undefined
  const outcome =
    leader === undefined ? 'timedOut' : leader === handover.to ? 'done' : 'otherLeader'
  endTransfer(core, { to: handover.to, outcome })
}

function endTransfer(core: Core, result: TransferResult): void {
  core.transfers.push(result)
}

function refusalOf(core: Core, named: NodeId): TransferRefusal | undefined {
  const { current } = core.configurations
  if (named === core.id) return 'alreadyLeader'
  if (!isMember(current, named)) return 'unknownMember'
  return current.voters.includes(named) ? undefined : 'notVoter'
}
