/**
 * Linearizable reads without log entries (thesis, section 6.4).
 *
 * A read is safe at index i if i covers every commit acknowledged before the read began, which
 * the leader of the time knows, and if the one who names i was the leader then. The leader proves
 * that by a round of heartbeats sent after the read was registered. Two traps are avoided:
 *   - A new leader does not know the commit index before an entry of its own term is committed
 *     (`etcd#7331`): its reads wait for that.
 *   - An answer to an earlier round must not confirm a later read (`etcd-io/raft#397`): rounds are
 *     numbers that only grow within a term, never something that the reader chooses, and answers
 *     of other terms do not count.
 */
import { assert } from '../assert.ts'
import type { Core, Leader, Role } from './core.ts'
import { addressed, hasNoop, knownLeader, send } from './core.ts'
import type { NodeId } from './types.ts'
import { broadcastHeartbeat } from './heartbeat.ts'
import type { HeartbeatResult, ReadIndexRequest, ReadIndexResult } from './messages.ts'
import type { ReadIndexRefused } from './messages.ts'
import { jointValue } from './quorum.ts'
import { maybeTellRemoved } from './removal.ts'

/** What `readIndex` answers. `noLeader`: none is known, or this node waits for its state. */
export type ReadIndexStart =
  | { readonly type: 'accepted'; readonly requestId: number }
  | { readonly type: 'noLeader' }
  | { readonly type: 'overloaded' }

/** Begins a read, on the leader itself or by asking it. */
export function startRead(core: Core): ReadIndexStart {
  const leader = knownLeader(core)
  // Without a state, the index that the read may be served at would never come.
  if (leader === undefined || core.stateMissing) return { type: 'noLeader' }
  const { reads, role } = core
  const underWay = reads.outstanding.size + reads.states.length
  if (underWay >= core.limits.readsMax) return { type: 'overloaded' }
  if (role.kind === 'leader' && isFull(core, role)) return { type: 'overloaded' }
  const requestId = reads.nextRequestId
  assert(Number.isSafeInteger(requestId), 'request ids do not run out')
  reads.nextRequestId++
  reads.outstanding.set(requestId, core.ticks)
  if (role.kind === 'leader') register(core, role, core.id, requestId)
  else send(core, { type: 'readIndexRequest', ...addressed(core, leader), requestId })
  return { type: 'accepted', requestId }
}

/** A follower asks. Only the leader of the very term that it asks in may answer. */
export function handleReadIndexRequest(core: Core, message: ReadIndexRequest): void {
  const { role } = core
  const { requestId, from: origin } = message
  const serves = role.kind === 'leader' && message.term === core.currentTerm
  if (serves && !isFull(core, role)) register(core, role, origin, requestId)
  else send(core, { type: 'readIndexRefused', ...addressed(core, origin), requestId })
  if (serves) maybeTellRemoved(core, origin)
}

/** The leader confirmed a read of ours. */
export function handleReadIndexResult(core: Core, message: ReadIndexResult): void {
  // Unknown ids: expired, answered before, or of an earlier life of this node.
  if (!core.reads.outstanding.delete(message.requestId)) return
  const { requestId, readIndex } = message
  core.reads.states.push({ requestId, refused: false, readIndex })
}

/** The node that we asked cannot serve. */
export function handleReadIndexRefused(core: Core, message: ReadIndexRefused): void {
  refuseLocal(core, message.requestId)
}

/** An answer to a heartbeat of this term: it confirms the rounds up to its own. */
export function handleRoundAck(core: Core, role: Leader, message: HeartbeatResult): void {
  assert(message.term === core.currentTerm, 'rounds count within a term')
  assert(message.round <= role.reads.round, 'no round is acknowledged before it is sent')
  role.peers.get(message.from)?.ackRound(message.round)
  maybeConfirm(core, role)
}

/**
 * Starts the next round for the reads that wait, unless one is out. All that arrived meanwhile
 * share it, so the cost per read falls as the load grows.
 */
export function maybeStartRound(core: Core, role: Leader): void {
  const { reads } = role
  // Who had yet to answer the one that is out may be no voter any more.
  maybeConfirm(core, role)
  if (reads.confirming !== undefined || reads.waiting.length === 0) return
  if (core.commitIndex < role.noopIndex) return
  assert(hasNoop(core.log, role, core.currentTerm), 'the no-op is of the own term')
  reads.round++
  reads.confirming = { round: reads.round, readIndex: core.commitIndex, reads: reads.waiting }
  reads.waiting = []
  broadcastHeartbeat(core, role)
  maybeConfirm(core, role)
}

/** Counts the acknowledged rounds, its own included, and answers the reads of a confirmed one. */
export function maybeConfirm(core: Core, role: Leader): void {
  const { confirming, round } = role.reads
  if (confirming === undefined) return
  const ackedRound = (id: NodeId): number =>
    id === core.id ? round : (role.peers.get(id)?.vouchedRound ?? 0)
  if (jointValue(core.configurations.current, ackedRound) < confirming.round) return
  assert(confirming.readIndex >= role.noopIndex, 'reads wait for a commit of the own term')
  assert(confirming.readIndex <= core.commitIndex, 'the commit index never falls')
  role.reads.confirming = undefined
  core.flushDue = true
  const { readIndex } = confirming
  for (const { origin, requestId } of confirming.reads) {
    if (origin !== core.id) {
      send(core, { type: 'readIndexResult', ...addressed(core, origin), requestId, readIndex })
    } else if (core.reads.outstanding.delete(requestId)) {
      core.reads.states.push({ requestId, refused: false, readIndex })
    }
  }
}

/**
 * Refuses reads that have waited for longer than an election takes: the request or its answer
 * was lost, or the leader cannot commit. On a leader, also those that wait for others.
 */
export function expireReads(core: Core): void {
  const oldest = core.ticks - core.timing.electionTicksMax
  for (const [requestId, startedAt] of core.reads.outstanding) {
    if (startedAt >= oldest) break
    refuseLocal(core, requestId)
  }
  if (core.role.kind !== 'leader') return
  const { reads } = core.role
  if ((reads.waiting[0]?.registeredAt ?? oldest) >= oldest) return
  reads.waiting = reads.waiting.filter((read) => read.registeredAt >= oldest)
}

/** The node stops being what it was, as `left` says: no read of before can be confirmed now. */
export function refuseReads(core: Core, left: Role): void {
  for (const requestId of core.reads.outstanding.keys()) refuseLocal(core, requestId)
  assert(core.reads.outstanding.size === 0, 'every read has exactly one outcome')
  if (left.kind !== 'leader') return
  for (const { origin, requestId } of [
    ...(left.reads.confirming?.reads ?? []),
    ...left.reads.waiting,
  ]) {
    if (origin === core.id) continue
    send(core, { type: 'readIndexRefused', ...addressed(core, origin), requestId })
  }
}

function register(core: Core, role: Leader, origin: NodeId, requestId: number): void {
  role.reads.waiting.push({ origin, requestId, registeredAt: core.ticks })
  core.flushDue = true
}

function isFull(core: Core, role: Leader): boolean {
  const { waiting, confirming } = role.reads
  return waiting.length + (confirming?.reads.length ?? 0) >= core.limits.readsMax
}

function refuseLocal(core: Core, requestId: number): void {
  if (!core.reads.outstanding.delete(requestId)) return
  core.reads.states.push({ requestId, refused: true })
}
