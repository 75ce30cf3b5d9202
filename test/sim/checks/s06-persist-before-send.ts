/**
 * S6, persist before send: at the moment at which a message leaves, the disk bears out what it
 * says (paper, figure 2: "updated on stable storage before responding to RPCs"; thesis 3.8).
 *
 * - Every message: its term is durable, in the log and in the vote file. After a crash the node
 *   must not be found at a lower term than it was heard in.
 * - A vote given, and whatever a candidate or leader sends: the vote is durable in both.
 * - An accepted append: the follower's disk holds what the leader's log does, up to there.
 * - Entries may leave before the leader's own fsync (thesis 10.2.1), but then it must not count
 *   itself (`etcd#14370`): a commit index that is told, or handed out, for the first time stands
 *   on the disks of a majority by then. And what is handed out stands on the own disk as well.
 *
 * A disk that was damaged is counted as if it held what it promised: only a minority ever is.
 */
import { unreachable } from '../../../src/assert.ts'
import type { AppendEntriesAccepted, Message, Ready } from '../../../src/raft/index.ts'
import type { Check, NodeView, WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { baseOf } from '../disk/durable-log.ts'
import { isQuorum, shownVoters } from './acting.ts'
import type { ActingConfigurations } from './acting.ts'
import type { CommittedLog } from './committed.ts'
import type { DurableVotes } from './durable-votes.ts'
import type { Leaderships } from './leaderships.ts'

/** What it is held against. */
export interface PersistBeforeSendParts {
  readonly world: WorldView
  readonly committed: CommittedLog
  readonly leaderships: Leaderships
  readonly votes: DurableVotes
  readonly acting: ActingConfigurations
}

/** S6; see the head of the file. */
export class PersistBeforeSend implements Check {
  readonly name = 'S6'
  readonly #parts: PersistBeforeSendParts
  /** Up to here a majority was found to hold the log when it was first said to be committed. */
  #verified = 0

  constructor(parts: PersistBeforeSendParts) {
    this.#parts = parts
  }

  onReady(node: NodeView, { committedEntries }: Ready): void {
    const last = committedEntries.at(-1)
    if (last === undefined) return
    const own = node.durable.at(last.index)
    if (own?.term !== last.term && !node.damaged) {
      this.#fail(node, `hands out entry ${last.index}, which is not on its own disk`)
    }
    this.#onMajority(node, last.index, last.term)
  }

  onDurable(node: NodeView): void {
    const { currentTerm, votedFor, voteFile } = node.durable
    if (node.damaged || currentTerm === 0) return
    // The vote file is written first, so that one of the two is whole after any crash.
    const isAhead = currentTerm > (voteFile?.term ?? 0)
    const isOther =
      currentTerm === voteFile?.term && votedFor !== undefined && votedFor !== voteFile.votedFor
    if (isAhead || isOther) {
      this.#fail(node, `has a vote of term ${currentTerm} in its log that its vote file lacks`)
    }
  }

  onSend(node: NodeView, message: Message): void {
    // What its disk was made to forget tells nothing; the others are held against it by S1 and S3.
    if (node.damaged) return
    const { durable } = node
    const { type, term } = message
    if (durable.currentTerm < term || (durable.voteFile?.term ?? 0) < term) {
      this.#fail(node, `sends ${type} in term ${term} before that term is durable`)
    }
    switch (message.type) {
      case 'requestVote':
      case 'readIndexResult':
      case 'timeoutNow':
        this.#voted(node, message, node.id)
        return
      case 'requestVoteResult':
        if (message.granted) this.#voted(node, message, message.to)
        return
      case 'appendEntries':
      case 'heartbeat':
        this.#voted(node, message, node.id)
        this.#announced(node, term, message.leaderCommit)
        return
      case 'appendEntriesAccepted':
        this.#accepted(node, message)
        return
      case 'appendEntriesRejected':
      case 'heartbeatResult':
      case 'requestPreVote':
      case 'requestPreVoteResult':
      case 'readIndexRequest':
      case 'readIndexRefused':
      case 'removed':
      case 'installSnapshot':
      case 'snapshotNeeded':
      case 'readmitted':
        return
      default:
        unreachable(message)
    }
  }

  #voted(node: NodeView, { type, term }: Message, candidate: string): void {
    if (this.#parts.votes.has(node.id, term, candidate)) return
    this.#fail(node, `sends ${type} in term ${term} before its vote for ${candidate} is durable`)
  }

  #accepted(node: NodeView, { term, matchIndex }: AppendEntriesAccepted): void {
    const { durable } = node
    // Once its disk is in a later term, a late answer says what stood there before.
    // What a log begins behind is committed, and so in the log of every leader.
    if (matchIndex <= baseOf(durable).index || durable.currentTerm > term) return
    const own = durable.at(matchIndex)
    if (own === undefined) {
      const what = `accepts entries up to ${matchIndex} in term ${term}`
      this.#fail(node, `${what}, and its disk ends at ${durable.lastIndex}`)
    }
    // `databend#3914`: the last index of the follower is not what matches.
    const leaders = this.#parts.leaderships.termAt(term, matchIndex)
    if (leaders === undefined || leaders === own.term) return
    const what = `accepts entry ${matchIndex}, of term ${own.term} on its disk`
    this.#fail(node, `${what}, of term ${leaders} in the log of the leader of ${term}`)
  }

  #announced(node: NodeView, term: number, commit: number): void {
    if (commit <= this.#verified) return
    const { committed, leaderships } = this.#parts
    const expected = committed.at(commit)?.term ?? leaderships.termAt(term, commit)
    if (expected !== undefined) this.#onMajority(node, commit, expected)
  }

  #onMajority(node: NodeView, index: number, term: number): void {
    if (index <= this.#verified) return
    const { world, committed } = this.#parts
    const hash = committed.at(index)?.hash
    const holds = (id: string): boolean => {
      const { durable, damaged } = world.node(id)
      if (damaged || index <= baseOf(durable).index) return true
      const entry = durable.at(index)
      return entry?.term === term && (hash === undefined || hash === entry.hash)
    }
    const deciding = this.#parts.acting.since(node.id, world.now)
    if (!deciding.some(({ configuration }) => isQuorum(configuration, holds))) {
      const holders = world.nodes.map(({ id }) => id).filter(holds)
      const of = deciding.map(({ configuration }) => shownVoters(configuration)).join('; ')
      const what = `entry ${index} of term ${term} is committed`
      this.#fail(node, `says that ${what}, and ${holders.join(' ')} hold it, of ${of}`)
    }
    this.#verified = index
  }

  #fail({ id }: NodeView, what: string): never {
    throw new Violation(this.name, `${id} ${what}`)
  }
}
