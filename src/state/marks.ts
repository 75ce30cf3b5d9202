/**
 * Digests at marks. A mark in the log makes every node take its digests at that very index, so
 * that they can be compared; the reading goes on in the background, one mark at a time.
 */
import { assert } from '../assert.ts'
import { byteString } from '../command/index.ts'
import type { Digests } from '../command/index.ts'
import { QuorateError } from '../errors.ts'
import type { StateDatabase } from './database.ts'
import type { Pinned } from './pins.ts'
import { digestRows } from './rows-digest.ts'
import type { RowStore } from './row-store.ts'
import type { Standing } from './standing.ts'

/** Marks whose digests are kept. */
const marksMax = 4

export class Marks {
  readonly #database: StateDatabase
  readonly #standing: Standing
  readonly #store: RowStore
  /** In the order in which they were passed; the oldest goes. */
  readonly #results = new Map<string, Promise<Digests>>()
  #running: Promise<Digests> | undefined
  /** Marks up to here were in the log at the start, and nobody waits for their digests. */
  #liveFrom = 0
  /** Marks up to here were committed before this node took part; likewise. */
  #committedBefore = 0
  /** Told of each mark that is passed, with what its digests come to. */
  onMark: (id: Uint8Array, digests: Promise<Digests>) => void = () => {}

  constructor(database: StateDatabase, standing: Standing, store: RowStore) {
    this.#database = database
    this.#standing = standing
    this.#store = store
  }

  /** Entries up to this index were in the log at the start. */
  replayTo(index: number): void {
    this.#liveFrom = index
  }

  /**
   * Entries from this index on are new: a leader may put others in the place of what was in the log
   * at the start and was not committed, and somebody waits for the digests of marks among them.
   */
  newFrom(index: number): void {
    this.#liveFrom = Math.min(this.#liveFrom, index - 1)
  }

  /**
   * Entries up to this index were committed before this node took part: it only catches up with
   * them. What is committed is never replaced, so `newFrom` does not touch this.
   */
  committedBefore(index: number): void {
    this.#committedBefore = index
  }

  /** Marks were passed in the entry that was just applied. */
  pass(ids: readonly Uint8Array[]): void {
    const isOld = this.#standing.index <= Math.max(this.#liveFrom, this.#committedBefore)
    const result = isOld
      ? busy('the mark was passed while this node caught up with the others')
      : this.#begin()
    // Nobody may ever ask for it: that must not count as an unhandled rejection.
    result.catch(() => {})
    for (const id of ids) {
      this.#keep(byteString(id), result)
      if (!isOld) this.onMark(id, result)
    }
  }

  /**
   * The digests at a mark; undefined if it was not passed, or is forgotten. Rejects with
   * `QUORATE_OVERLOADED` where they were not taken: then another mark has to be written.
   */
  digestAt(id: Uint8Array): Promise<Digests> | undefined {
    return this.#results.get(byteString(id))
  }

  /** Resolves when nothing is being read. */
  async idle(): Promise<void> {
    // Whether it succeeded is the affair of whoever asks for its digests.
    await this.#running?.catch(() => {})
  }

  #begin(): Promise<Digests> {
    if (this.#running !== undefined || !this.#store.cut()) {
      return busy('a digest is being taken already')
    }
    const { index } = this.#standing
    const effects = Buffer.from(this.#standing.effects).toString('hex')
    const result = this.#store
      .pin()
      .then(async (pinned) => {
        assert(pinned.applied.index === index, 'the rows are those at the mark')
        return { index, effects, rows: await this.#read(pinned) }
      })
      .finally(() => {
        this.#running = undefined
      })
    this.#running = result
    return result
  }

  async #read({ snapshot, applied }: Pinned): Promise<string> {
    try {
      const stopped = (): boolean => this.#store.closing
      const rows = await digestRows(this.#database, snapshot, applied, stopped)
      if (rows !== undefined) return rows
      throw new QuorateError('QUORATE_STOPPING', 'the node stopped while it took a digest')
    } finally {
      await snapshot.close()
    }
  }

  #keep(id: string, result: Promise<Digests>): void {
    this.#results.delete(id)
    this.#results.set(id, result)
    for (const oldest of this.#results.keys()) {
      if (this.#results.size <= marksMax) break
      this.#results.delete(oldest)
    }
  }
}

function busy(message: string): Promise<never> {
  const details = { retryAfter: 1000 }
  return Promise.reject(new QuorateError('QUORATE_OVERLOADED', message, { details }))
}
