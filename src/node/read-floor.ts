/**
 * How far a node must have come before it tells what it holds without asking the leader: a restart,
 * or a lost log, must not take readers back to before what they have seen.
 */
export class ReadFloor {
  #index: number
  #term = Infinity

  /** `index`: what was known to be committed; Infinity: that is lost, and nothing is readable. */
  constructor(index: number) {
    this.#index = index
  }

  /**
   * A node that had lost its log holds again all that it ever had, in this term. What readers have
   * seen of it is committed, and within that; the rest may yet be replaced, so that the index is
   * never reached. But an entry of a later term is applied behind all that was committed before it
   * (paper, section 5.4).
   */
  restored(lastIndex: number, term: number): void {
    this.#index = lastIndex
    this.#term = term
  }

  /** Whether a state that holds this entry, the last one applied, may be read. */
  isReached(applied: { readonly appliedIndex: number; readonly appliedTerm: number }): boolean {
    return applied.appliedIndex >= this.#index || applied.appliedTerm > this.#term
  }
}
