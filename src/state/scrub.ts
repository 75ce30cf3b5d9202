/**
 * The scrubber: reads every row now and then, so that rot is found while another node still has the
 * row. It reads a stretch at a time, each from the state as it is by then: a pass takes hours, and
 * LevelDB would have to keep all that was replaced meanwhile for one that is pinned. Every row that
 * stands throughout a pass is read in it; one that is replaced was written anew just now.
 */
import { assert } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import { databaseFailure } from './database.ts'
import type { StateDatabase } from './database.ts'
import { badRow, keyspaces, unseal } from './layout.ts'

const rowsPerStep = 64
/** Read between two waits, at least. */
const stretchBytes = 65_536
const known = new Set<number | undefined>(Object.values(keyspaces))

/** How a pass goes. */
export interface ScrubOptions {
  /** Bytes of rows read a second, on average. */
  readonly bytesPerSecond: number
  /** Resolves after so many milliseconds: the rate is kept by it. */
  readonly wait: (ms: number) => Promise<void>
}

/** What a whole pass read. */
export interface ScrubResult {
  readonly rows: number
  readonly bytes: number
}

export class Scrubber {
  readonly #database: StateDatabase
  readonly #stopped: () => boolean
  #running = false

  constructor(database: StateDatabase, stopped: () => boolean) {
    this.#database = database
    this.#stopped = stopped
  }

  /** One pass. */
  async run({ bytesPerSecond, wait }: ScrubOptions): Promise<ScrubResult> {
    assert(bytesPerSecond > 0, 'a pass gets on')
    if (this.#running) throw new QuorateError('QUORATE_OVERLOADED', 'a pass is under way')
    this.#running = true
    try {
      const total = { rows: 0, bytes: 0 }
      let after: Uint8Array | undefined = Uint8Array.of()
      while (after !== undefined) {
        const stretch: Stretch = await this.#stretch(after)
        total.rows += stretch.rows
        total.bytes += stretch.bytes
        after = stretch.last
        if (after !== undefined) await wait((stretch.bytes * 1000) / bytesPerSecond)
      }
      return total
    } catch (error) {
      throw this.#stopped() ? stopping(error) : databaseFailure(this.#database.location, error)
    } finally {
      this.#running = false
    }
  }

  async #stretch(after: Uint8Array): Promise<Stretch> {
    if (this.#stopped()) throw stopping()
    const { db, location } = this.#database
    // What is read once would drive what is in use out of LevelDB's cache.
    const unread = { fillCache: false }
    const iterator = db.iterator({ gt: after, ...unread })
    const read: { rows: number; bytes: number } = { rows: 0, bytes: 0 }
    let last = after
    try {
      while (read.bytes < stretchBytes) {
        const chunk = await iterator.nextv(rowsPerStep)
        if (chunk.length === 0) return { ...read, last: undefined }
        for (const [key, row] of chunk) {
          unseal(location, key, row)
          if (!known.has(key[0])) throw badRow(location, key, 'there is no such keyspace')
          read.rows++
          read.bytes += key.length + row.length
          last = key
        }
        await this.#database.pause()
      }
      return { ...read, last }
    } finally {
      await iterator.close()
    }
  }
}

interface Stretch {
  readonly rows: number
  readonly bytes: number
  /** The last key read; undefined: it was the last there is. */
  readonly last: Uint8Array | undefined
}

function stopping(cause?: unknown): QuorateError {
  return new QuorateError('QUORATE_STOPPING', 'the state machine is closed', { cause })
}
