/**
 * S7: a node gives one vote in a term, over all its lives (paper, section 5.2 and figure 2). A
 * vote is given where it is durable, where it is sent, and where somebody leads; once durable it is
 * not forgotten within its term. What a node only means to vote, it may have forgotten after a
 * crash.
 */
import type { Message, RaftStatus, Ready } from '../../../src/raft/index.ts'
import type { Check, NodeView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import type { DurableVotes } from './durable-votes.ts'

/** S7; see the head of the file. It is also what fills the record of durable votes. */
export class OneVote implements Check {
  readonly name = 'S7'
  readonly #durable: DurableVotes
  /** By node: the candidate of each term. There are as many as a lifetime has terms. */
  readonly #votes = new Map<string, Map<number, string>>()

  constructor(durable: DurableVotes) {
    this.#durable = durable
  }

  onDurable(node: NodeView): void {
    const { id, durable, damaged } = node
    const { currentTerm, votedFor, voteFile } = durable
    if (votedFor !== undefined) this.#vote(id, currentTerm, votedFor)
    if (voteFile?.votedFor !== undefined) this.#vote(id, voteFile.term, voteFile.votedFor)
    const inLog = this.#durable.inLog(id, currentTerm)
    if (votedFor === undefined && inLog !== undefined && !damaged) {
      this.#fail(`the disk of ${id} forgot its vote for ${inLog} in term ${currentTerm}`)
    }
    this.#durable.note(node)
  }

  onStart({ id }: NodeView, { term, votedFor }: RaftStatus): void {
    if (votedFor !== undefined) this.#vote(id, term, votedFor)
    const before = this.#durable.inLog(id, term)
    if (votedFor !== undefined || before === undefined) return
    this.#fail(`${id} starts without its vote for ${before} in term ${term}`)
  }

  onReady({ id }: NodeView, { roleChange }: Ready): void {
    if (roleChange?.role === 'leader') this.#vote(id, roleChange.term, id)
  }

  onSend({ id }: NodeView, message: Message): void {
    if (message.type === 'requestVote') this.#vote(id, message.term, id)
    if (message.type !== 'requestVoteResult' || !message.granted) return
    this.#vote(id, message.term, message.to)
  }

  #vote(id: string, term: number, candidate: string): void {
    let votes = this.#votes.get(id)
    if (votes === undefined) {
      votes = new Map()
      this.#votes.set(id, votes)
    }
    const before = votes.get(term)
    if (before === undefined) votes.set(term, candidate)
    else if (before !== candidate) {
      this.#fail(`${id} votes for ${before} and for ${candidate} in term ${term}`)
    }
  }

  #fail(what: string): never {
    throw new Violation(this.name, what)
  }
}
