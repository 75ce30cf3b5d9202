/**
 * What is durable of a node's log and vote, read from the bytes that reached the disk by a decoder
 * of its own (`docs/storage-format.md`): the truth against which the node's promises are held.
 */

/** Where an entry stands, and what it is. */
export interface DurableEntry {
  readonly index: number
  readonly term: number
  /** A 32-bit hash of kind and data. */
  readonly hash: number
}

/** The durable log of one machine. */
export interface DurableLog {
  readonly lastIndex: number
  /** Undefined outside 1 to `lastIndex`. */
  at(index: number): DurableEntry | undefined
  /** The newest hard state in the log; term 0 before the first. */
  readonly currentTerm: number
  readonly votedFor: string | undefined
  readonly commitIndex: number
  /** The newest in the vote file, which holds term and vote once more. */
  readonly voteFile: { readonly term: number; readonly votedFor: string | undefined } | undefined
}
