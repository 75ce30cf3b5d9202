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

/**
 * The durable log of one machine. An entry that a compaction took away was durable, and the node
 * has to know it from its state: it stays here.
 */
export interface DurableLog {
  /** Nothing is known up to this entry: the log was reset behind it, or made so. Index 0: it was not. */
  readonly base?: { readonly index: number; readonly term: number }
  /** That of the base where there is no entry. */
  readonly lastIndex: number
  /** Undefined outside `base.index + 1` to `lastIndex`. */
  at(index: number): DurableEntry | undefined
  /** The newest hard state in the log; term 0 before the first. */
  readonly currentTerm: number
  readonly votedFor: string | undefined
  readonly commitIndex: number
  /** The newest in the vote file, which holds term and vote once more. */
  readonly voteFile: { readonly term: number; readonly votedFor: string | undefined } | undefined
  /** Behind this entry the log on the disk begins: a compaction took what was before. */
  readonly front?: number
  /** Bytes of all its segments, as the process sees them. */
  readonly bytes?: number
}

const noBase = { index: 0, term: 0 }

/** The base of a log; index 0 where it has none. */
export function baseOf({ base = noBase }: DurableLog): { index: number; term: number } {
  return base
}
