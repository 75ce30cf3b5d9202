/** What a node does with what a leader sends (paper, figure 2, AppendEntries receiver). */
import { assert } from '../assert.ts'
import type { Core } from './core.ts'
import { decodeConfiguration } from './configuration-codec.ts'
import { addressed, resetElectionTimer, send } from './core.ts'
import { beforeFirst, entryBytes } from './log.ts'
import type { AppendEntries, Heartbeat, InstallSnapshot } from './messages.ts'
import { noteCommitted } from './removal.ts'
import { becomeFollower } from './transitions.ts'
import type { Entry, NodeId } from './types.ts'

/** Appends, or says where the logs may agree. */
export function handleAppendEntries(core: Core, message: AppendEntries): void {
  const { log } = core
  const { prevLog, entries, from } = message
  if (!isWellFormed(message)) {
    core.ignored.malformed++
    return
  }
  acknowledgeLeader(core, from)
  const { base } = log
  const gone = base.index - prevLog.index
  if (gone > 0) {
    // What is gone from this log was committed, so it is the same in the leader's: never a conflict
    // (`openraft#1892`, `openraft` 71a290cd). Only what comes after it is looked at.
    const atBase = entries[gone - 1]
    assert((atBase?.term ?? base.term) === base.term, 'a leader agrees on what is committed')
    if (entries.length > gone) {
      handleAppendEntries(core, { ...message, prevLog: base, entries: entries.slice(gone) })
      return
    }
    const header = addressed(core, from)
    send(core, { type: 'appendEntriesAccepted', ...header, matchIndex: core.commitIndex })
    return
  }
  if (!log.matches(prevLog)) {
    // Whatever is committed is in the log of every later leader (paper, section 5.4.3).
    assert(prevLog.index > core.commitIndex, 'a leader agrees on what is committed')
    const hint = log.newestAtOrBelow(prevLog)
    const rejectedIndex = prevLog.index
    send(core, { type: 'appendEntriesRejected', ...addressed(core, from), rejectedIndex, hint })
    return
  }
  // From the first entry that differs on, all differ (paper, section 5.3, log matching).
  const at = entries.findIndex((entry) => !log.matches(entry))
  const missing = at === -1 ? [] : at === 0 ? entries : entries.slice(at)
  if (exceedsUnstable(core, missing)) {
    core.ignored.overloaded++
    return
  }
  if (missing.length > 0) replaceSuffix(core, missing)
  // Up to here the logs agree. Beyond it this log may hold entries that the leader does not have,
  // so neither the acknowledgement nor the commit index may go further (`databend#3914`).
  const matchIndex = prevLog.index + entries.length
  assert(matchIndex <= log.lastIndex, 'what was sent is in the log now')
  maybeCommit(core, Math.min(message.leaderCommit, matchIndex))
  send(core, { type: 'appendEntriesAccepted', ...addressed(core, from), matchIndex })
}

/** Answers a heartbeat: it proves the leadership and carries a commit index. */
export function handleHeartbeat(core: Core, message: Heartbeat): void {
  acknowledgeLeader(core, message.from)
  const { leaderCommit, round, from } = message
  // The leader saw us acknowledge that much in this term, and within a term nothing is cut. A
  // number beyond the log contradicts that: it is not taken over, and it is not worth a crash.
  if (leaderCommit <= core.log.lastIndex) maybeCommit(core, leaderCommit)
  else core.ignored.malformed++
  send(core, { type: 'heartbeatResult', ...addressed(core, from), round })
}

/**
 * A leader of an earlier term learns ours by an ordinary answer, and steps down. It also frees a
 * node that is stuck at a higher term than a working leader: only so can the two meet in a term.
 */
export function answerStaleLeader(
  core: Core,
  message: AppendEntries | Heartbeat | InstallSnapshot,
): void {
  assert(message.term < core.currentTerm, 'the message is of an earlier term')
  const header = addressed(core, message.from)
  if (message.type === 'heartbeat') {
    send(core, { type: 'heartbeatResult', ...header, round: message.round })
    return
  }
  const asked = message.type === 'appendEntries' ? message.prevLog : message.snapshot
  const rejectedIndex = asked.index
  send(core, { type: 'appendEntriesRejected', ...header, rejectedIndex, hint: beforeFirst })
}

/** Somebody leads this term: its followers wait for it, and candidates give up. */
export function acknowledgeLeader(core: Core, leader: NodeId): void {
  const { role } = core
  // Two leaders in a term: votes were forgotten somewhere. To go on would lose committed entries.
  assert(role.kind !== 'leader', 'a term has one leader')
  if (role.kind === 'follower' && role.leader === leader) {
    resetElectionTimer(core)
    return
  }
  assert(role.kind !== 'follower' || role.leader === undefined, 'a term has one leader')
  becomeFollower(core, core.currentTerm, leader)
}

/** Gaps, falling terms, or entries of the future: nothing of such a message is used. */
function isWellFormed({ prevLog, entries, term, leaderCommit }: AppendEntries): boolean {
  if (!isNatural(prevLog.index) || !isNatural(prevLog.term) || !isNatural(leaderCommit))
    return false
  if ((prevLog.index === 0) !== (prevLog.term === 0)) return false
  let last = prevLog
  for (const entry of entries) {
    if (entry.index !== last.index + 1 || entry.term < last.term || entry.term < 1) return false
    if (entry.kind === 'config' && decodeConfiguration(entry.data) === undefined) return false
    last = entry
  }
  return last.term <= term
}

function isNatural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

/**
 * Appends what is missing. An existing suffix is cut only where it conflicts: a late or repeated
 * message must not cut entries that were acknowledged since (`redpanda#17731`).
 */
function replaceSuffix(core: Core, missing: readonly Entry[]): void {
  const { log, configurations } = core
  const first = missing[0]
  assert(first !== undefined, 'something is missing')
  assert(first.index > core.commitIndex, 'committed entries are never replaced')
  if (first.index <= log.lastIndex) {
    log.truncateFrom(first.index)
    configurations.truncateFrom(first.index)
  }
  log.append(missing)
  for (const entry of missing) if (entry.kind === 'config') configurations.append(entry)
}

/** Whether the disk is so far behind that memory must not take more in. */
function exceedsUnstable(core: Core, missing: readonly Entry[]): boolean {
  if (core.log.unstableBytes === 0) return false
  let bytes = core.log.unstableBytes
  for (const entry of missing) bytes += entryBytes(entry)
  return missing.length > 0 && bytes > core.limits.unstableBytesMax
}

/** The leader has committed up to `index`, and the logs agree up to there. */
export function maybeCommit(core: Core, index: number): void {
  assert(index <= core.log.lastIndex, 'what is committed is in the log')
  if (index <= core.commitIndex) return
  core.commitIndex = index
  noteCommitted(core)
}
