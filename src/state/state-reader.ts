/** The one way to read the state: point reads see what is applied, scans what is flushed for them. */
import type { Digests, KeyRange, Row, Settings, TokenVerdict } from '../command/index.ts'
import { QuorateError } from '../errors.ts'
import type { StateDatabase } from './database.ts'
import { verdictOfKnown } from './executor.ts'
import type { Marks } from './marks.ts'
import type { RowStore } from './row-store.ts'
import { Scan } from './scan.ts'
import type { Standing } from './standing.ts'

/** Scans open at the same time, those that are being opened included. */
const scansMax = 128

export class StateReader {
  readonly #database: StateDatabase
  readonly #standing: Standing
  readonly #store: RowStore
  readonly #marks: Marks
  #scans = 0

  constructor(database: StateDatabase, standing: Standing, store: RowStore, marks: Marks) {
    this.#database = database
    this.#standing = standing
    this.#store = store
    this.#marks = marks
  }

  /** The revision that point reads see. */
  get revision(): number {
    return this.#standing.revision
  }

  get settings(): Settings {
    return this.#standing.settings
  }

  /** The record under a key, as of the last entry applied. */
  get(key: Uint8Array): Row | undefined {
    this.#store.assertUsable()
    return this.#store.get(key)
  }

  /**
   * What is known of a token, as of the last entry applied. Without its `time` a token that
   * nothing is known of is `absent`, which then says only: not since the horizon.
   */
  token(token: Uint8Array, time?: number): TokenVerdict {
    this.#store.assertUsable()
    const horizon = this.#standing.tokenHorizon
    const row = this.#store.token(token)
    if (row !== undefined) return verdictOfKnown(row, horizon)
    if (time !== undefined && time < horizon) return { status: 'expired', horizon }
    return { status: 'absent', horizon, fenced: false }
  }

  /** Opens a scan of the state as it is now, or a little later. It must be closed. */
  async openScan(range: KeyRange): Promise<Scan> {
    if (this.#scans >= scansMax) {
      throw new QuorateError('QUORATE_SCANS_FULL', `this node has ${scansMax} open scans`)
    }
    this.#scans++
    const release = (): void => {
      this.#scans--
    }
    try {
      return new Scan(this.#database, await this.#store.pin(), range, release)
    } catch (error) {
      release()
      throw error
    }
  }

  /** The digests at a mark that was applied; undefined if it was not, or is forgotten. */
  digestAt(mark: Uint8Array): Promise<Digests> | undefined {
    return this.#marks.digestAt(mark)
  }
}
