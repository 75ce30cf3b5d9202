/**
 * A state database in memory that crashes as LevelDB over a real disk may: what it opens with
 * afterwards is a prefix of whole batches, and holds at least what stood at the last barrier.
 *
 * Every batch since the barrier is kept as it was written, and the database is made anew from a
 * prefix of them.
 */
import { MemoryLevel } from 'memory-level'
import type { RowDatabase, StateDatabase } from '../../src/state/index.ts'

interface Change {
  readonly key: string
  /** Undefined: the row was removed. */
  readonly value: Uint8Array | undefined
}

/** Options of `new MemoryDatabase()`. */
export interface MemoryDatabaseOptions {
  /** Resolves in a later turn; a simulation gives its own. Default: at once. */
  readonly pause?: () => Promise<void>
}

/** The disk below a state database: it outlives crashes. */
export class MemoryDatabase {
  readonly #pause: () => Promise<void>
  /** What a crash cannot take, by hex key. */
  readonly #durable = new Map<string, Uint8Array>()
  /** What it may take. */
  #batches: Change[][] = []
  /** Counts crashes: a database that was open before one writes into nothing. */
  #life = 0
  #open: RowDatabase | undefined

  constructor(options: MemoryDatabaseOptions = {}) {
    this.#pause = options.pause ?? (() => Promise.resolve())
  }

  /** How many batches there are that a crash may take. */
  get volatileBatches(): number {
    return this.#batches.length
  }

  /** Loses all batches since the last barrier but the first `keep`. */
  crash(keep = 0): void {
    this.#life++
    this.#makeDurable(this.#batches.slice(0, keep))
    this.#batches = []
  }

  /** Everything is lost, as when a damaged state is thrown away. */
  wipe(): void {
    this.crash()
    this.#durable.clear()
  }

  /** Changes a stored row behind everybody's back; undefined: it is gone. Call it after a crash. */
  tamper(key: string, change: (row: Uint8Array) => Uint8Array | undefined): void {
    const row = this.rows().get(key)
    if (row === undefined) throw new Error('there is no such row')
    this.#batches.push([{ key, value: change(row) }])
  }

  /** Writes fail from now on. */
  failWrites(error: Error): void {
    this.#open?.hooks.prewrite.add(() => {
      throw error
    })
  }

  /** All rows by hex key, as they would be found by a reader that is not stopped. */
  rows(): Map<string, Uint8Array> {
    const rows = new Map(this.#durable)
    for (const batch of this.#batches) applyTo(rows, batch)
    return rows
  }

  /** Opens what is there. What was open before is cut off. */
  async open(): Promise<StateDatabase> {
    this.#life++
    const life = this.#life
    const db: RowDatabase = new MemoryLevel<Uint8Array, Uint8Array>({
      keyEncoding: 'view',
      valueEncoding: 'view',
      storeEncoding: 'view',
    })
    await db.open()
    const rows = [...this.rows()]
    await db.batch(
      rows.map(([key, value]) => ({ type: 'put', key: Buffer.from(key, 'hex'), value })),
    )
    db.on('write', (operations: readonly { type: string; key: unknown; value?: unknown }[]) => {
      if (this.#life === life) this.#batches.push(operations.map(changeOf))
    })
    this.#open = db
    return {
      db,
      location: 'memory',
      barrier: async () => {
        // What is written when it begins, not what is written while it takes its time.
        const count = this.#batches.length
        await this.#pause()
        if (this.#life === life) this.#makeDurable(this.#batches.splice(0, count))
      },
      pause: this.#pause,
      close: async () => {
        await db.close()
      },
    }
  }

  #makeDurable(batches: readonly Change[][]): void {
    for (const batch of batches) applyTo(this.#durable, batch)
  }
}

function applyTo(rows: Map<string, Uint8Array>, batch: readonly Change[]): void {
  for (const { key, value } of batch) {
    if (value === undefined) rows.delete(key)
    else rows.set(key, value)
  }
}

function changeOf({ type, key, value }: { type: string; key: unknown; value?: unknown }): Change {
  if (!(key instanceof Uint8Array)) throw new Error('keys are bytes')
  const name = Buffer.from(key).toString('hex')
  if (type !== 'put') return { key: name, value: undefined }
  if (!(value instanceof Uint8Array)) throw new Error('values are bytes')
  return { key: name, value: Uint8Array.from(value) }
}
