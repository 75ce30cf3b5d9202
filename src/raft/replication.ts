/**
 * The leader's side of replication (paper, section 5.3; thesis, section 10.2.1).
 *
 * Handlers only note what they learned and set `flushDue`; `flushReplication` sends, once for each
 * Ready. So proposals and acknowledgements of one turn leave as one message per follower.
 */
import { assert, unreachable } from '../assert.ts'
import type { Core, Leader } from './core.ts'
import { addressed, send } from './core.ts'
import { tellCommit } from './heartbeat.ts'
import { afterLeaderCommit } from './membership.ts'
import { entryBytes } from './log.ts'
import type { AppendEntriesAccepted, AppendEntriesRejected, HeartbeatResult } from './messages.ts'
import type { Peer, ReplicateFetch } from './progress.ts'
import { isQuorum, jointValue } from './quorum.ts'
import { handleRoundAck, maybeStartRound } from './reads.ts'
import { confirmRecoveries, maybeReadmit, meetAnswer } from './recovery.ts'
import { feelFrom, noteAccepted } from './snapshots.ts'
import { maybeAsk } from './transfer.ts'
import { becomeFollower } from './transitions.ts'
import type { Entry, NodeId } from './types.ts'

/**
 * What `propose` answers. Unless it was accepted, nothing was taken in. `transferring`: the
 * leadership is being handed over, or will be again here within an election timeout.
 */
export type ProposeResult =
  | {
      readonly type: 'accepted'
      readonly term: number
      readonly firstIndex: number
      readonly lastIndex: number
    }
  | { readonly type: 'notLeader'; readonly leader: NodeId | undefined }
  | { readonly type: 'overloaded' }
  | { readonly type: 'transferring'; readonly to: NodeId }

/** Takes commands into the leader's log, one entry each: all of them or none. */
export function appendProposal(
  core: Core,
  role: Leader,
  data: readonly Uint8Array[],
): ProposeResult {
  assert(data.length > 0, 'a proposal has commands')
  // Every entry more is one that the other lacks (`redpanda#2606`).
  if (role.transfer !== undefined) return { type: 'transferring', to: role.transfer.to }
  const { log, currentTerm: term } = core
  const firstIndex = log.lastIndex + 1
  const entries = data.map((bytes, offset): Entry => ({
    term,
    index: firstIndex + offset,
    kind: 'commands',
    data: bytes,
  }))
  let bytes = 0
  for (const entry of entries) bytes += entryBytes(entry)
  if (!role.uncommitted.hasRoom(entries.length, bytes, core.limits)) return { type: 'overloaded' }
  // A majority without this node can commit, and so free room above, for as long as the own disk
  // stands still. What it has not written yet has a cap of its own.
  const unstable = log.unstableBytes
  if (unstable > 0 && unstable + bytes > core.limits.unstableBytesMax) return { type: 'overloaded' }
  log.append(entries)
  const { lastIndex } = log
  assert(lastIndex === firstIndex + data.length - 1, 'every command became one entry')
  role.uncommitted.add({ lastIndex, entries: entries.length, bytes })
  core.flushDue = true
  return { type: 'accepted', term, firstIndex, lastIndex }
}

/** A follower holds, durably, our log up to an index. */
export function handleAccepted(core: Core, message: AppendEntriesAccepted): void {
  const found = meetAnswer(core, message)
  if (found === undefined) return
  const { role, peer } = found
  // It cannot hold more of our log than there is. To count it would commit what is not there.
  if (message.matchIndex > core.log.lastIndex) {
    core.ignored.malformed++
    return
  }
  heard(peer)
  peer.answered = true
  peer.accepted(message.matchIndex)
  noteAccepted(core, peer)
  peer.endRound(core.ticks)
  core.flushDue = true
  maybeReadmit(core, peer)
  maybeAsk(core, role)
  maybeCommitQuorum(core, role)
}

/**
 * The follower lacks the entry that our message was to follow. Its hint and our own log together
 * skip a whole term per round trip (paper, end of section 5.3).
 */
export function handleRejected(core: Core, message: AppendEntriesRejected): void {
  const found = meetAnswer(core, message)
  if (found === undefined) return
  const { peer } = found
  const { rejectedIndex, hint } = message
  if (hint.index > rejectedIndex) {
    core.ignored.malformed++
    return
  }
  heard(peer)
  if (!isCurrentRejection(peer, rejectedIndex)) return
  peer.answered = true
  const agreed = core.log.newestAtOrBelow(hint)
  assert(agreed.index <= rejectedIndex, 'a rejection leads back')
  feelFrom(core, peer, Math.max(agreed.index, peer.matchIndex) + 1)
  core.flushDue = true
}

/** A probe has one question out; a stream never goes back behind what matches. The rest is late. */
function isCurrentRejection({ progress, matchIndex, nextIndex }: Peer, index: number): boolean {
  if (index <= matchIndex) return false
  switch (progress.kind) {
    case 'probe':
      return progress.sent && index === nextIndex - 1
    case 'replicate':
      return index < nextIndex
    // Nothing is sent that could be rejected.
    case 'snapshot':
      return false
    default:
      return unreachable(progress)
  }
}

/** A follower lives, and confirms read rounds. If something got lost on the way, feel for it. */
export function handleHeartbeatResult(core: Core, message: HeartbeatResult): void {
  const found = meetAnswer(core, message)
  if (found === undefined) return
  const { role, peer } = found
  if (message.round > role.reads.round) {
    core.ignored.malformed++
    return
  }
  heard(peer)
  handleRoundAck(core, role, message)
  confirmRecoveries(core, role)
  maybeReadmit(core, peer)
  if (!peer.stalled) return
  peer.stalled = false
  if (peer.progress.kind === 'snapshot') return
  // Without entries: they may be on their way still, and a slow link must not get them twice. If
  // they are there the answer frees the window; if not it is a rejection that leads to a probe.
  sendAppend(core, peer, [])
}

/** Counts ticks without an answer. A leader that a quorum does not answer gives up: check-quorum. */
export function tickCheckQuorum(core: Core, role: Leader): void {
  for (const peer of role.peers.values()) peer.ticksSinceAnswer++
  const answers = (id: NodeId): boolean => {
    const silent = id === core.id ? 0 : (role.peers.get(id)?.vouchedSilence ?? Infinity)
    return silent <= core.timing.electionTicksMax
  }
  if (isQuorum(core.configurations.current, answers)) return
  becomeFollower(core, core.currentTerm, undefined)
}

/**
 * Gives up a leadership that can no longer answer anybody: the others commit, while the own disk
 * has stood still for two election timeouts. What is committed is applied only where it is durable,
 * so that every write and read would wait for this disk, for ever if it hangs; and since the
 * heartbeats go on, nobody else would stand for election (`etcd#7617`). Where the commit index is
 * not ahead, the disk is not what is missing, or no other quorum could do without it.
 */
export function tickOwnDisk(core: Core, { ownDisk }: Leader): void {
  const { commitIndex, timing, log, configurations } = core
  const standsStill = commitIndex > log.durableIndex && ownDisk.durableIndex === log.durableIndex
  ownDisk.ticksBehind = standsStill ? ownDisk.ticksBehind + 1 : 0
  ownDisk.durableIndex = log.durableIndex
  if (ownDisk.ticksBehind <= 2 * timing.electionTicksMax) return
  // The configuration may have changed since they did.
  if (!isQuorum(configurations.current, (id) => id !== core.id)) return
  becomeFollower(core, core.currentTerm, undefined)
}

/**
 * Commits what a quorum holds, but only up to an entry of the own term: an entry of an earlier
 * term on a majority can still be replaced (paper, section 5.4.2 and figure 8). The leader's own
 * share is what is durable here, not what it has in memory, and it has one only as a voter.
 */
export function maybeCommitQuorum(core: Core, role: Leader): void {
  const { current } = core.configurations
  const matchIndex = (id: NodeId): number =>
    id === core.id ? core.log.durableIndex : (role.peers.get(id)?.vouchedIndex ?? 0)
  const index = jointValue(current, matchIndex)
  if (index <= core.commitIndex || core.log.termAt(index) !== core.currentTerm) return
  assert(index >= role.noopIndex, 'entries of the own term begin with the no-op')
  const holds = (id: NodeId): boolean => matchIndex(id) >= index
  assert(isQuorum(current, holds), 'a quorum of voters holds it')
  core.commitIndex = index
  role.uncommitted.committed(index)
  core.flushDue = true
  afterLeaderCommit(core, role)
}

/** Counts anew, sends each follower what it lacks, as far as its window allows, and starts reads. */
export function flushReplication(core: Core, role: Leader): void {
  assert(core.role === role, 'only the leader replicates')
  core.flushDue = false
  // Whose word counts may have changed since the last answer: a recovery ends, a voter leaves.
  maybeCommitQuorum(core, role)
  if (core.role !== role) return
  maybeStartRound(core, role)
  for (const peer of role.peers.values()) {
    peer.beginRound(core.ticks, core.log.lastIndex)
    sendNext(core, peer)
  }
  if (core.timing.commitNotice !== 'atTick') tellCommit(core, role)
}

/** Entries that were asked for are here. They count only if the question still stands. */
export function handleFetched(core: Core, fetch: ReplicateFetch, entries: readonly Entry[]): void {
  const peer = core.role.kind === 'leader' ? core.role.peers.get(fetch.to) : undefined
  // By identity: a fetch of an earlier leadership must not answer one of this.
  if (peer === undefined || peer.fetch !== fetch) return
  peer.fetch = undefined
  // The disk has let go of them just now, and the node is about to say so: to ask again before
  // that would only turn in circles.
  if (entries.length === 0) return
  core.flushDue = true
  if (peer.progress.kind !== 'replicate' || peer.nextIndex !== fetch.from) return
  // A leader never cuts its own log, so what it asked for is still what it has.
  for (const [offset, entry] of entries.entries()) {
    assert(entry.index === fetch.from + offset, 'fetched entries are contiguous')
    assert(core.log.matches(entry), 'fetched entries are those of the log')
  }
  // Bytes were asked for; small entries may be more than the window has room for.
  const fitting = entries.slice(0, peer.progress.window.room(core.limits))
  if (fitting.length === 0) return
  sendAppend(core, peer, fitting)
  peer.streamed(fitting)
}

function heard(peer: Peer): void {
  peer.ticksSinceAnswer = 0
  peer.hasAnswered = true
}

function sendNext(core: Core, peer: Peer): void {
  switch (peer.progress.kind) {
    case 'probe':
      return sendProbe(core, peer)
    case 'replicate':
      return stream(core, peer)
    // What it needs is not there. The offers have their own pace.
    case 'snapshot':
      return
    default:
      return unreachable(peer.progress)
  }
}

/** One question, with entries where they are at hand. */
function sendProbe(core: Core, peer: Peer): void {
  const { log, limits } = core
  if (peer.progress.kind !== 'probe' || peer.progress.sent) return
  const entries = log.has(peer.nextIndex)
    ? log.slice(peer.nextIndex, log.lastIndex, {
        entriesMax: limits.inflightEntriesMax,
        bytesMax: limits.messageBytesMax,
      })
    : []
  sendAppend(core, peer, entries)
  peer.probed()
}

function stream(core: Core, peer: Peer): void {
  const { log, limits } = core
  // The cap on messages in the window bounds this loop.
  for (let sent = 0; sent < limits.inflightMessagesMax; sent++) {
    if (peer.progress.kind !== 'replicate' || peer.nextIndex > log.lastIndex) return
    const room = peer.progress.window.room(limits)
    if (room === 0 || peer.fetch !== undefined) return
    const { id: to, nextIndex: from } = peer
    if (!log.has(from)) {
      peer.fetch = { purpose: 'replicate', to, from, bytesMax: limits.messageBytesMax }
      core.fetches.push(peer.fetch)
      return
    }
    const bounds = { entriesMax: room, bytesMax: limits.messageBytesMax }
    const entries = log.slice(from, log.lastIndex, bounds)
    sendAppend(core, peer, entries)
    peer.streamed(entries)
  }
}

/** Sends entries that follow on what the peer is thought to hold. */
function sendAppend(core: Core, peer: Peer, entries: readonly Entry[]): void {
  const index = peer.nextIndex - 1
  const term = core.log.termAt(index)
  assert(term !== undefined, 'the entry before the next one is in the log')
  assert(entries.length === 0 || entries[0]?.index === peer.nextIndex, 'entries follow on prevLog')
  const leaderCommit = core.commitIndex
  // The follower takes over no more than it holds with this message.
  peer.commitSent = Math.max(peer.commitSent, Math.min(leaderCommit, index + entries.length))
  const header = addressed(core, peer.id)
  const prevLog = { term, index }
  send(core, { type: 'appendEntries', ...header, prevLog, entries, leaderCommit })
}
