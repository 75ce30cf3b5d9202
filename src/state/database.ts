/** What the state machine needs of its database: any `abstract-level`, and a durability barrier. */
import type { AbstractLevel, AbstractSnapshot } from 'abstract-level'
import { AssertionError } from '../assert.ts'
import { QuorateError } from '../errors.ts'

/** Keys and values are bytes. */
export type RowDatabase = AbstractLevel<string | Buffer | Uint8Array, Uint8Array, Uint8Array>

/** A view of the database as it was at one moment, whatever is written after it. */
export type RowSnapshot = AbstractSnapshot

/**
 * A database that may lose its newest batches in a crash, but only whole ones and only those after
 * the last barrier: what it opens with is a prefix of what was written.
 */
export interface StateDatabase {
  readonly db: RowDatabase
  /** Where it is, for messages: a directory. */
  readonly location: string
  /** Resolves when everything that was written before is durable. */
  barrier(): Promise<void>
  /**
   * Resolves in a later turn of the event loop. Long work is cut into steps by it, so that no step
   * keeps a heartbeat waiting.
   */
  pause(): Promise<void>
  close(): Promise<void>
}

/** How LevelDB cuts what it writes. Bytes; on a small disk small, because it works on copies. */
export interface DatabaseSizes {
  /** Gathered in memory, and in a log beside it, before it becomes a table. */
  readonly writeBufferBytes: number
  /** Of a table that a compaction writes. */
  readonly tableBytes: number
}

/**
 * Options to read a whole keyspace once. LevelDB would otherwise drop from its cache what is in
 * use for what is not read again; other databases ignore the wish.
 */
export function keyspaceRange(
  keyspace: number,
  snapshot: RowSnapshot,
): { gte: Uint8Array; lt: Uint8Array; snapshot: RowSnapshot; fillCache: boolean } {
  return {
    gte: Uint8Array.of(keyspace),
    lt: Uint8Array.of(keyspace + 1),
    snapshot,
    fillCache: false,
  }
}

/** As above, for all rows there are. */
export function wholeRange(snapshot: RowSnapshot): {
  gte: Uint8Array
  snapshot: RowSnapshot
  fillCache: boolean
} {
  return { gte: Uint8Array.of(0), snapshot, fillCache: false }
}

/**
 * What a database's own error is to others: a failure of storage. Ours, and assertions that failed,
 * stay what they are.
 */
export function databaseFailure(location: string, error: unknown): Error {
  if (error instanceof QuorateError || error instanceof AssertionError) return error
  const what = error instanceof Error ? error.message : String(error)
  const message = `the database ${location} failed: ${what}`
  return new QuorateError('QUORATE_STORAGE', message, { cause: error })
}
