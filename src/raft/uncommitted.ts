/** Counts what a leader took in and has not committed: its memory while there is no quorum. */
import { assert } from '../assert.ts'
import type { RaftLimits } from './config.ts'

interface Proposal {
  readonly lastIndex: number
  readonly entries: number
  readonly bytes: number
}

/** Proposals of this leadership that are not committed yet, in order. */
export class Uncommitted {
  readonly #proposals: Proposal[] = []
  #entries = 0
  #bytes = 0

  get entries(): number {
    return this.#entries
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether there is room. A lone proposal may be of any size, else it could never be made. */
  hasRoom(entries: number, bytes: number, limits: RaftLimits): boolean {
    if (this.#proposals.length === 0) return true
    if (this.#entries + entries > limits.uncommittedEntriesMax) return false
    return this.#bytes + bytes <= limits.uncommittedBytesMax
  }

  add(proposal: Proposal): void {
    assert((this.#proposals.at(-1)?.lastIndex ?? 0) < proposal.lastIndex, 'proposals are in order')
    assert(proposal.entries > 0 && proposal.bytes > 0, 'a proposal has entries')
    this.#proposals.push(proposal)
    this.#entries += proposal.entries
    this.#bytes += proposal.bytes
  }

  committed(commitIndex: number): void {
    let done = 0
    for (const proposal of this.#proposals) {
      if (proposal.lastIndex > commitIndex) break
      this.#entries -= proposal.entries
      this.#bytes -= proposal.bytes
      done++
    }
    if (done > 0) this.#proposals.splice(0, done)
    assert(this.#entries >= 0 && this.#bytes >= 0, 'counts of bytes are not negative')
    assert(this.#proposals.length > 0 || this.#bytes === 0, 'nothing uncommitted counts nothing')
  }
}
