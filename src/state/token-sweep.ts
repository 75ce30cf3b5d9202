/**
 * Removes the rows of tokens that are long forgotten: with each flush a few, in rounds through the
 * keyspace. It looks at twice as many rows as were added, so rows of the dead never outnumber those
 * of the living for long. While nothing can be dead it looks at none: to read two rows for each
 * that is written costs more than to write it.
 *
 * Removal must be invisible. A row goes only in a batch whose own applied row has a horizon that
 * has outlived it: after a crash the log is replayed from that applied row, and would otherwise
 * miss a token that was still known there, and apply a second call with it.
 */
import { assert } from '../assert.ts'
import type { StateDatabase } from './database.ts'
import { keyspaces, parse, readToken, tokenBase, unseal } from './layout.ts'
import { outlived } from './live-counts.ts'
import type { Frozen } from './overlay.ts'

const rowsPerFlushMin = 64
const rowsPerFlushMax = 4096

export class TokenSweep {
  readonly #database: StateDatabase
  /** The last key that the round under way has looked at; undefined: there is none under way. */
  #cursor: Uint8Array | undefined
  /** How many tokens were outlived in the generation written last: the dead that can be found. */
  #written = 0
  /** The same when the round under way began. */
  #begun = 0
  /** The same for the last round that has ended; undefined: there was none since the start. */
  #swept: number | undefined

  constructor(database: StateDatabase) {
    this.#database = database
  }

  /**
   * Keys to remove in this generation's batch, ahead of what the generation puts: a token that is
   * used again after it was forgotten keeps its new row. The generations before it are written.
   */
  async step(frozen: Frozen): Promise<readonly Uint8Array[]> {
    assert(frozen.outlivedTokens >= this.#written, 'the outlived only grow')
    const isClean = this.#cursor === undefined && this.#swept === this.#written
    const dead = isClean ? [] : await this.#look(frozen)
    this.#written = frozen.outlivedTokens
    return dead
  }

  async #look(frozen: Frozen): Promise<readonly Uint8Array[]> {
    if (this.#cursor === undefined) this.#begun = this.#written
    const rows = Math.min(rowsPerFlushMax, rowsPerFlushMin + 2 * frozen.overlay.tokens.size)
    const horizon = frozen.applied.tokenHorizon
    const dead: Uint8Array[] = []
    const iterator = this.#database.db.iterator({
      gt: this.#cursor ?? Uint8Array.of(keyspaces.tokens),
      lt: Uint8Array.of(keyspaces.tokens + 1),
      limit: rows,
    })
    let seen = 0
    try {
      for (;;) {
        const chunk = await iterator.nextv(256)
        if (chunk.length === 0) break
        seen += chunk.length
        for (const [key, row] of chunk) {
          if (this.#isDead(key, row, horizon)) dead.push(key)
          this.#cursor = key
        }
      }
    } finally {
      await iterator.close()
    }
    assert(seen <= rows, 'a step is bounded')
    if (seen < rows) {
      this.#cursor = undefined
      this.#swept = this.#begun
    }
    return dead
  }

  #isDead(key: Uint8Array, row: Uint8Array, horizon: number): boolean {
    // Nearly all are alive. Only what is to be removed is worth its checksum.
    const base = tokenBase(row)
    if (base !== undefined && !outlived(base, horizon)) return false
    const { location } = this.#database
    return outlived(parse(location, key, unseal(location, key, row), readToken).base, horizon)
  }
}
