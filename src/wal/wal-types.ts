/** What goes into a log, and what comes out of it at a start. */
import type { Logger } from '../logger.ts'
import type { Disk } from '../ports.ts'
import type { Entry, EntryId, HardState, TermRun } from '../raft/index.ts'
import type { TornFlush } from './read-log.ts'
import type { LogIdentity } from './segment-header.ts'

/** What a log needs to be opened or made. */
export interface WalOptions {
  readonly disk: Disk
  readonly directory: string
  readonly identity: LogIdentity
  /** Length of new segments, a multiple of 512. Default: 64 MiB. */
  readonly segmentBytes?: number | undefined
  /** How many bytes of the newest entries `open` hands over. Default: 16 MiB. */
  readonly tailBytesMax?: number | undefined
  readonly logger?: Logger | undefined
}

/** What a log held when it was opened. */
export interface Recovered {
  /** The last entry that is gone from the log; index 0: none is. The state must have applied it. */
  readonly base: EntryId
  /** The last one written; its commit index is from `base.index` to `lastIndex`. */
  readonly hardState: HardState
  /** The terms of all entries behind the base. */
  readonly termRuns: readonly TermRun[]
  /** Index of the last entry; that of the base where there is none. */
  readonly lastIndex: number
  /** All config entries behind the base, oldest first. */
  readonly configEntries: readonly Entry[]
  /** The newest entries, without gaps, as many as fit; the older ones are read when needed. */
  readonly tail: readonly Entry[]
  /** The number of the last flush. */
  readonly lastFlush: number
  /** Where the log ends. */
  readonly end: { readonly file: string; readonly offset: number }
  /** An incomplete last flush, which was cut. */
  readonly tornFlush: TornFlush | undefined
}

/** What one flush makes durable. */
export interface WalBatch {
  readonly hardState?: HardState | undefined
  /** Contiguous; the first one replaces everything from its index on. */
  readonly entries: readonly Entry[]
  /** False: nothing in here is needed after a crash, and it may wait for the next flush. */
  readonly mustSync: boolean
}
