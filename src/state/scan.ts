/** A scan: pages of records in the order of their keys, all as they were at one revision. */
import { assert } from '../assert.ts'
import type { KeyRange, ScanRow } from '../command/index.ts'
import type { StateDatabase } from './database.ts'
import { keyspaces, readData, rowKey, unseal } from './layout.ts'
import type { Pinned } from './pins.ts'

/** Rows taken from LevelDB at once; it stops earlier once they are some 16 KiB. */
const rowsPerStep = 256

/** One page of a scan. */
export interface ScanPage {
  readonly rows: readonly ScanRow[]
  /** Nothing comes after. */
  readonly done: boolean
}

export class Scan {
  /** The revision at which it reads. */
  readonly revision: number
  readonly #location: string
  readonly #keysOnly: boolean
  readonly #pinned: Pinned
  readonly #iterator: ReturnType<typeof openIterator>
  readonly #onClose: () => void
  /** Read, but beyond the last page. At most one step's rows. */
  #ahead: ScanRow[] = []
  #reading = false
  #closed = false

  constructor(database: StateDatabase, pinned: Pinned, range: KeyRange, onClose: () => void) {
    assert(range.limit >= 0, 'a limit is not negative')
    this.revision = pinned.applied.revision
    this.#location = database.location
    this.#keysOnly = range.keysOnly
    this.#pinned = pinned
    this.#iterator = openIterator(database, pinned, range)
    this.#onClose = onClose
  }

  /** The next rows: as many as both caps allow, and at least one if there is one. */
  async next(bytesMax: number, rowsMax: number): Promise<ScanPage> {
    assert(!this.#closed, 'a closed scan is not read')
    assert(!this.#reading, 'a scan is read one page at a time')
    assert(bytesMax >= 1 && rowsMax >= 1, 'a page has room')
    this.#reading = true
    try {
      const rows: ScanRow[] = []
      let bytes = 0
      for (;;) {
        if (this.#ahead.length === 0) this.#ahead = await this.#step(rowsMax - rows.length)
        if (this.#ahead.length === 0) return { rows, done: true }
        let taken = 0
        for (const row of this.#ahead) {
          bytes += row.key.length + row.value.length
          if (rows.length >= rowsMax || (rows.length > 0 && bytes > bytesMax)) break
          rows.push(row)
          taken++
        }
        this.#ahead.splice(0, taken)
        if (this.#ahead.length > 0 || rows.length >= rowsMax) return { rows, done: false }
      }
    } finally {
      this.#reading = false
    }
  }

  /** Lets go of its view of the database. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#onClose()
    await this.#iterator.close()
    await this.#pinned.snapshot.close()
  }

  async #step(rowsMax: number): Promise<ScanRow[]> {
    const chunk = await this.#iterator.nextv(Math.max(1, Math.min(rowsPerStep, rowsMax)))
    return chunk.map(([key, row]) => {
      const { value, revision } = readData(unseal(this.#location, key, row))
      // The value is read all the same: without it the checksum says nothing about the key.
      return {
        key: key.subarray(1),
        value: this.#keysOnly ? new Uint8Array(0) : value,
        revision,
      }
    })
  }
}

function openIterator(database: StateDatabase, { snapshot }: Pinned, range: KeyRange) {
  const { gt, gte, lt, lte, reverse, limit } = range
  const lower =
    gt !== undefined
      ? { gt: rowKey(keyspaces.data, gt) }
      : { gte: gte === undefined ? Uint8Array.of(keyspaces.data) : rowKey(keyspaces.data, gte) }
  const upper =
    lt !== undefined
      ? { lt: rowKey(keyspaces.data, lt) }
      : lte !== undefined
        ? { lte: rowKey(keyspaces.data, lte) }
        : { lt: Uint8Array.of(keyspaces.data + 1) }
  // -1 is LevelDB's word for all.
  const rows = Number.isFinite(limit) ? limit : -1
  return database.db.iterator({ ...lower, ...upper, reverse, limit: rows, snapshot })
}
