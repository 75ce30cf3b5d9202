/**
 * Every vote that was ever durable, in both places where a node keeps it. A vote in the log alone,
 * or in the vote file alone, can be lost with one torn sector, so neither is enough to rely on.
 */
import type { NodeView } from '../world/observer.ts'

interface Votes {
  readonly inLog: Map<number, string>
  readonly inFile: Map<number, string>
}

/** By node and term. There are as many as a lifetime has terms. */
export class DurableVotes {
  readonly #byNode = new Map<string, Votes>()

  /** Notes what is durable on the node now. */
  note({ id, durable }: NodeView): void {
    let votes = this.#byNode.get(id)
    if (votes === undefined) {
      votes = { inLog: new Map(), inFile: new Map() }
      this.#byNode.set(id, votes)
    }
    const { currentTerm, votedFor, voteFile } = durable
    if (votedFor !== undefined) votes.inLog.set(currentTerm, votedFor)
    if (voteFile?.votedFor !== undefined) votes.inFile.set(voteFile.term, voteFile.votedFor)
  }

  /** The vote that the node's log held in that term. */
  inLog(id: string, term: number): string | undefined {
    return this.#byNode.get(id)?.inLog.get(term)
  }

  /** Whether the node's vote for that candidate was made durable in both places. */
  has(id: string, term: number, candidate: string): boolean {
    const votes = this.#byNode.get(id)
    if (votes === undefined) return false
    return votes.inLog.get(term) === candidate && votes.inFile.get(term) === candidate
  }
}
