/** The values that the consensus core shares with log, transport and node. Plain data. */

/** A member's name, `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`; unique within a cluster for ever. */
export type NodeId = string

/** Where an entry stands and which leader made it: two logs that agree on it agree up to it. */
export interface EntryId {
  readonly term: number
  readonly index: number
}

/** `noop`: a new leader's first; `commands`: for the state machine; `config`: membership. */
export type EntryKind = 'noop' | 'commands' | 'config'

/** One entry of the replicated log. `data` is opaque here, and empty for a no-op. */
export interface Entry extends EntryId {
  readonly kind: EntryKind
  readonly data: Uint8Array
}

/**
 * What must survive a crash besides the entries (paper, figure 2). `commitIndex` is a hint that
 * saves work after a restart: losing it is safe.
 */
export interface HardState {
  readonly currentTerm: number
  /** The candidate that got this node's vote in `currentTerm`. */
  readonly votedFor: NodeId | undefined
  readonly commitIndex: number
}

/** Who takes part, as the newest config entry of a log says; `configuration.ts` tells more. */
export interface Configuration {
  /** Whose majority decides. Empty only on a newcomer that was told nothing yet. */
  readonly voters: readonly NodeId[]
  /** While voters change: the ones before, of whom every decision needs a majority as well. */
  readonly votersOutgoing: readonly NodeId[]
  /** Who gets the log and is never counted. */
  readonly learners: readonly NodeId[]
  /** What all are to know of a member, such as its addresses: opaque here. Members without: none. */
  readonly contexts: ReadonlyMap<NodeId, Uint8Array>
}

/** A configuration and the index of the entry that brought it; 0: the first, from no entry. */
export interface ConfigurationAt {
  readonly index: number
  readonly configuration: Configuration
}

/** From `firstIndex` on, up to the next run, entries are of `term`: the whole log's terms. */
export interface TermRun {
  readonly term: number
  readonly firstIndex: number
}
