/** Which handler a message goes to, and what its term means before that (paper, section 5.1). */
import { unreachable } from '../assert.ts'
import { isMember } from './configuration.ts'
import type { Core } from './core.ts'
import { knownLeader } from './core.ts'
import {
  handleRemoved,
  handleRequestPreVote,
  handleRequestPreVoteResult,
  handleRequestVote,
  handleRequestVoteResult,
  handleTimeoutNow,
  hasLiveLeader,
  refuseStaleVote,
} from './election.ts'
import { answerStaleLeader, handleAppendEntries, handleHeartbeat } from './follower.ts'
import { handleInstallSnapshot } from './install.ts'
import type { Message } from './messages.ts'
import { handleReadIndexRefused, handleReadIndexRequest, handleReadIndexResult } from './reads.ts'
import { handleAccepted, handleHeartbeatResult, handleRejected } from './replication.ts'
import { handleReadmitted } from './recovery.ts'
import { handleSnapshotNeeded } from './snapshots.ts'
import { becomeFollower } from './transitions.ts'

/** Takes in one message. Those that do not concern this node are counted and left alone. */
export function dispatch(core: Core, message: Message): void {
  if (message.to !== core.id || message.from === core.id || !isHeeded(core, message)) {
    core.ignored.strangers++
    return
  }
  if (!Number.isSafeInteger(message.term) || message.term < 0) {
    core.ignored.malformed++
    return
  }
  if (message.term > core.currentTerm && !meetHigherTerm(core, message)) return
  if (message.term < core.currentTerm && !meetLowerTerm(core, message)) return
  handle(core, message)
}

/**
 * Whether a message counts, going by its sender. A node may be the last to hear of a configuration:
 * it takes entries from a leader, and votes for a candidate, that its own does not name (thesis,
 * section 4.1). But it asked only members, or its leader, so nobody else has anything to answer.
 */
function isHeeded(core: Core, message: Message): boolean {
  switch (message.type) {
    case 'appendEntries':
    case 'heartbeat':
    case 'requestPreVote':
    case 'requestVote':
    case 'readIndexRequest':
    case 'timeoutNow':
    case 'removed':
    case 'installSnapshot':
    case 'snapshotNeeded':
    case 'readmitted':
      return true
    case 'requestPreVoteResult':
    case 'requestVoteResult':
    case 'appendEntriesAccepted':
    case 'appendEntriesRejected':
    case 'heartbeatResult':
    case 'readIndexResult':
    case 'readIndexRefused':
      return (
        isMember(core.configurations.current, message.from) || knownLeader(core) === message.from
      )
    default:
      return unreachable(message)
  }
}

/** A later term: adopts it where it is proof of an election. Says whether to go on. */
function meetHigherTerm(core: Core, message: Message): boolean {
  switch (message.type) {
    // Questions prove nothing. Adopting the term of a pre-vote or of a read would let a node that
    // was cut off depose the leader just by coming back.
    case 'requestPreVote':
    case 'readIndexRequest':
    case 'removed':
      return true
    case 'requestVote':
      // Not even the term is taken over (thesis, section 4.2.3): it would end a leadership that
      // works. If it does not work, the timers of this node will say so.
      if (!message.transfer && hasLiveLeader(core)) {
        core.ignored.disruptive++
        return false
      }
      becomeFollower(core, message.term, undefined)
      return true
    case 'appendEntries':
    case 'heartbeat':
    case 'timeoutNow':
    case 'installSnapshot':
    case 'readmitted':
      becomeFollower(core, message.term, message.from)
      return true
    // An answer from a later term comes from a node that can never go back to ours.
    case 'requestPreVoteResult':
    case 'requestVoteResult':
    case 'appendEntriesAccepted':
    case 'appendEntriesRejected':
    case 'heartbeatResult':
    case 'readIndexResult':
    case 'readIndexRefused':
    case 'snapshotNeeded':
      becomeFollower(core, message.term, undefined)
      return true
    default:
      return unreachable(message)
  }
}

/** An earlier term: the sender learns ours where it asks for something. Says whether to go on. */
function meetLowerTerm(core: Core, message: Message): boolean {
  switch (message.type) {
    case 'requestPreVote':
    case 'readIndexRequest':
    case 'removed':
      return true
    case 'requestVote':
      refuseStaleVote(core, message)
      return false
    case 'appendEntries':
    case 'heartbeat':
    case 'installSnapshot':
      answerStaleLeader(core, message)
      return false
    // A pre-vote is answered in the voter's term, which may be below ours: the handler compares
    // the term that was proposed instead.
    case 'requestPreVoteResult':
      return true
    case 'requestVoteResult':
    case 'appendEntriesAccepted':
    case 'appendEntriesRejected':
    case 'heartbeatResult':
    case 'readIndexResult':
    case 'readIndexRefused':
    case 'timeoutNow':
    case 'snapshotNeeded':
    case 'readmitted':
      return false
    default:
      return unreachable(message)
  }
}

function handle(core: Core, message: Message): void {
  switch (message.type) {
    case 'requestPreVote':
      return handleRequestPreVote(core, message)
    case 'requestPreVoteResult':
      return handleRequestPreVoteResult(core, message)
    case 'requestVote':
      return handleRequestVote(core, message)
    case 'requestVoteResult':
      return handleRequestVoteResult(core, message)
    case 'appendEntries':
      return handleAppendEntries(core, message)
    case 'appendEntriesAccepted':
      return handleAccepted(core, message)
    case 'appendEntriesRejected':
      return handleRejected(core, message)
    case 'heartbeat':
      return handleHeartbeat(core, message)
    case 'heartbeatResult':
      return handleHeartbeatResult(core, message)
    case 'readIndexRequest':
      return handleReadIndexRequest(core, message)
    case 'readIndexResult':
      return handleReadIndexResult(core, message)
    case 'readIndexRefused':
      return handleReadIndexRefused(core, message)
    case 'timeoutNow':
      return handleTimeoutNow(core, message)
    case 'removed':
      return handleRemoved(core, message)
    case 'installSnapshot':
      return handleInstallSnapshot(core, message)
    case 'snapshotNeeded':
      return handleSnapshotNeeded(core, message)
    case 'readmitted':
      return handleReadmitted(core, message)
    default:
      return unreachable(message)
  }
}
