/**
 * The leader's side of snapshots (paper, section 7 and figure 13; thesis, chapter 5).
 *
 * A follower needs one where the log no longer holds what it lacks, or where it says that its state
 * is missing. The node is told once, takes a snapshot, and hands in what it has ready; that is
 * offered again and again, an election timeout apart, because offers get lost and followers start
 * again. The rows go between the nodes beside all this. Nothing but the follower's acknowledgement
 * ends it: it then holds, durably, what the snapshot stands for.
 */
import { assert, unreachable } from '../assert.ts'
import type { Core, Leader } from './core.ts'
import { addressed, send } from './core.ts'
import type { SnapshotNeeded } from './messages.ts'
import type { Peer, SnapshotNeed } from './progress.ts'
import type { EntryId, NodeId } from './types.ts'

/** Feels for the place where the logs agree, unless that is behind where the log begins. */
export function feelFrom(core: Core, peer: Peer, nextIndex: number): void {
  if (nextIndex > core.log.base.index) peer.becomeProbe(nextIndex)
  else peer.becomeSnapshot()
}

/** The log on disk begins later than before. Who needs what is gone has to get a snapshot. */
export function compactLog(core: Core, base: EntryId): void {
  assert(base.index <= core.apply.appliedIndex, 'what is gone from the log is in the state')
  core.log.compact(base)
  if (core.role.kind !== 'leader') return
  for (const peer of core.role.peers.values()) {
    if (peer.progress.kind !== 'snapshot' && peer.nextIndex <= base.index) peer.becomeSnapshot()
  }
  core.flushDue = true
}

/** A follower has lost its state. It may hold the log, and then goes on to get it. */
export function handleSnapshotNeeded(core: Core, message: SnapshotNeeded): void {
  const { role } = core
  const peer = role.kind === 'leader' ? role.peers.get(message.from) : undefined
  if (peer === undefined) return
  if (!Number.isSafeInteger(message.baseIndex) || message.baseIndex < 0) {
    core.ignored.malformed++
    return
  }
  const need = peer.needsSnapshot()
  need.isAsked = true
  need.quietTicks = 0
  need.least = Math.max(need.least, message.baseIndex)
  if (need.stage.kind === 'offered' && need.stage.snapshot.index < need.least) renew(need)
}

/** The node has a snapshot ready for a follower. Says whether it is of use. */
export function offerSnapshot(core: Core, to: NodeId, snapshot: EntryId): boolean {
  const { role, log, apply } = core
  const peer = role.kind === 'leader' ? role.peers.get(to) : undefined
  const need = peer?.need
  if (peer === undefined || need === undefined) return false
  assert(snapshot.index <= apply.appliedIndex, 'a snapshot is of what was applied')
  const isKnown = snapshot.index >= log.base.index
  assert(!isKnown || log.matches(snapshot), 'a snapshot ends with an entry of the log')
  // Entries would be missing between the snapshot and the log, there or here.
  const joinsHere = peer.progress.kind !== 'snapshot' || isKnown
  if (snapshot.index < need.least || !joinsHere) {
    need.stage = { kind: 'useless', ticks: 0 }
    return false
  }
  need.stage = { kind: 'offered', snapshot, ticks: 0 }
  send(core, { type: 'installSnapshot', ...addressed(core, to), snapshot })
  return true
}

/** The node cannot serve what it offered, or can't take one now. */
export function loseSnapshot(core: Core, to: NodeId): void {
  const need = core.role.kind === 'leader' ? core.role.peers.get(to)?.need : undefined
  if (need !== undefined) renew(need)
}

/** Whether `takeWanted` would name somebody. */
export function isSnapshotWanted({ role }: Core): boolean {
  if (role.kind !== 'leader') return false
  for (const { need } of role.peers.values()) if (need?.stage.kind === 'wanted') return true
  return false
}

/** For whom the node is to have a snapshot ready: each is named once for each need. */
export function takeWanted({ role }: Core): readonly NodeId[] {
  const wanted: NodeId[] = []
  if (role.kind !== 'leader') return wanted
  for (const { id, need } of role.peers.values()) {
    if (need?.stage.kind !== 'wanted') continue
    need.stage = { kind: 'awaited' }
    wanted.push(id)
  }
  return wanted
}

/** A follower acknowledged: it may have what it needed a snapshot for. */
export function noteAccepted(core: Core, peer: Peer): void {
  const { need, progress, matchIndex } = peer
  if (need === undefined || progress.kind !== 'snapshot') return
  if (matchIndex >= core.log.base.index) {
    // It acknowledged this in our term, so it is no guess that what comes next joins on.
    peer.becomeProbe(matchIndex + 1)
    peer.becomeReplicate(false)
    if (!need.isAsked) peer.need = undefined
  } else if (need.stage.kind === 'offered' && matchIndex >= need.stage.snapshot.index) {
    // The log was compacted past the snapshot before it had arrived.
    renew(need)
  }
}

/** One tick of a leader: repeats offers, and forgets who asked and does so no more. */
export function tickSnapshots(core: Core, role: Leader): void {
  for (const peer of role.peers.values()) {
    if (peer.need === undefined) continue
    tickAsked(core, peer, peer.need)
    if (peer.need !== undefined) tickStage(core, peer, peer.need)
  }
}

/** Who got its state back asks no more. One that is cut off could not ask: that proves nothing. */
function tickAsked({ timing }: Core, peer: Peer, need: SnapshotNeed): void {
  if (peer.ticksSinceAnswer <= 2 * timing.heartbeatTicks) need.quietTicks++
  if (!need.isAsked || need.quietTicks <= 4 * timing.electionTicksMax) return
  need.isAsked = false
  need.least = 0
  if (peer.progress.kind !== 'snapshot') peer.need = undefined
}

function tickStage(core: Core, peer: Peer, need: SnapshotNeed): void {
  const { stage } = need
  switch (stage.kind) {
    // The node was told, or will be with the next Ready.
    case 'wanted':
    case 'awaited':
      return
    case 'useless':
      stage.ticks++
      if (stage.ticks >= core.timing.electionTicksMin) renew(need)
      return
    case 'offered': {
      stage.ticks++
      if (stage.ticks < core.timing.electionTicksMin) return
      stage.ticks = 0
      const { snapshot } = stage
      send(core, { type: 'installSnapshot', ...addressed(core, peer.id), snapshot })
      return
    }
    default:
      return unreachable(stage)
  }
}

function renew(need: SnapshotNeed): void {
  need.stage = { kind: 'wanted' }
}
