/**
 * A follower's side of snapshots (paper, section 7 and figure 13).
 *
 * The core only says whether a snapshot is wanted. The node fetches its rows, and starts again on
 * them: then the log begins behind the snapshot, or goes on over it where it holds its entry.
 */
import { assert } from '../assert.ts'
import type { Core } from './core.ts'
import { addressed, send } from './core.ts'
import { acknowledgeLeader, maybeCommit } from './follower.ts'
import type { InstallSnapshot } from './messages.ts'
import type { EntryId } from './types.ts'

/**
 * Whether to go on from a snapshot would be a step forward, and lose nothing that this node has
 * acknowledged. Where it holds the entry already, the log by itself leads there.
 */
export function isSnapshotUseful({ stateMissing, log, commitIndex }: Core, id: EntryId): boolean {
  if (log.matches(id)) return stateMissing
  return id.index > commitIndex
}

/** The leader offers a snapshot. Who has come as far says so; it then gets entries again. */
export function handleInstallSnapshot(core: Core, message: InstallSnapshot): void {
  const { from, snapshot } = message
  if (!isWellFormed(message)) {
    core.ignored.malformed++
    return
  }
  acknowledgeLeader(core, from)
  if (isSnapshotUseful(core, snapshot)) {
    noteOffer(core, message)
    return
  }
  // Too old to join on: the request for another one, which says so, is repeated.
  if (core.stateMissing) return
  const { log } = core
  // A snapshot is of committed entries, and up to that the logs of all agree.
  if (log.matches(snapshot)) maybeCommit(core, snapshot.index)
  assert(core.commitIndex >= snapshot.index, 'what is not useful is there')
  const matchIndex = core.commitIndex
  send(core, { type: 'appendEntriesAccepted', ...addressed(core, from), matchIndex })
}

/** The fetch broke off: the next offer is told again, whatever it offers. */
export function failSnapshot(core: Core): void {
  core.offer = undefined
}

/** One tick: a follower without its state asks the leader, and goes on to ask. */
export function tickStateMissing(core: Core): void {
  const { role, ticks, currentTerm: term } = core
  if (!core.stateMissing || role.kind !== 'follower' || role.leader === undefined) return
  const { asked } = core
  const isRecent = asked !== undefined && ticks - asked.at < core.timing.electionTicksMin
  if (isRecent && asked.term === term) return
  core.asked = { term, at: ticks }
  const baseIndex = core.log.base.index
  send(core, { type: 'snapshotNeeded', ...addressed(core, role.leader), baseIndex })
}

/** The same offer is repeated while it is being fetched, and told once. */
function noteOffer(core: Core, { from, term, snapshot }: InstallSnapshot): void {
  const { offer } = core
  const isKnown =
    offer !== undefined &&
    offer.from === from &&
    offer.snapshot.term === snapshot.term &&
    offer.snapshot.index === snapshot.index
  if (!isKnown) core.offer = { from, term, snapshot, isTold: false }
}

function isWellFormed({ snapshot: { term, index }, term: current }: InstallSnapshot): boolean {
  if (!Number.isSafeInteger(term) || !Number.isSafeInteger(index)) return false
  return term >= 1 && index >= 1 && term <= current
}
