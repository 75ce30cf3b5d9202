/** What all processes on one simulated disk share. */
import { MemoryFile } from '../../suites/memory-file.ts'
import { DiskError } from '../../suites/memory-tree.ts'
import type { Directory } from '../../suites/memory-tree.ts'
import type { Extent } from './damage.ts'
import type { Journal } from './journal.ts'
import type { DiskFailure, Operations, Queue } from './operations.ts'

/** A file whose writes end one after the other, and so do its syncs, beside them. */
export class SimFile extends MemoryFile {
  readonly writes: Queue = { busyUntil: 0 }
  readonly syncs: Queue = { busyUntil: 0 }
}

/** The disk below the port. */
export interface Platter {
  readonly root: Directory
  readonly journal: Journal
  readonly operations: Operations
  /** Bytes that are left; undefined: enough. */
  free: number | undefined
  /** A sync has ended; `file`: whose, where it was one's. */
  readonly synced: (file: MemoryFile | undefined) => void
  /** What a stale read must not take: see `damage.ts`. */
  readonly spared: () => Extent | undefined
}

/** As what a file is opened. */
export type OpenMode = 'create' | 'write' | 'read'

/** The error of an operation that was to fail. */
export function planned(failure: DiskFailure, path: string): DiskError {
  return new DiskError(failure.error, `planned, ${path}`)
}
