/**
 * Removes the rows of tokens that are long forgotten: with each flush a few, round and round
 * through the keyspace. It looks at twice as many rows as were added, so rows of the dead never
 * outnumber those of the living for long.
 *
 * Removal must be invisible. A row goes only in a batch whose own applied row has a horizon that
 * has outlived it: after a crash the log is replayed from that applied row, and would otherwise
 * miss a token that was still known there, and apply a second call with it.
 */
import { assert } from '../assert.ts'
import type { StateDatabase } from './database.ts'
import { keyspaces, parse, readToken, unseal } from './layout.ts'
import { outlived } from './live-counts.ts'
import type { Frozen } from './overlay.ts'

const rowsPerFlushMin = 64
const rowsPerFlushMax = 4096

export class TokenSweep {
  readonly #database: StateDatabase
  /** The last key that was looked at. */
  #cursor: Uint8Array = Uint8Array.of(keyspaces.tokens)

  constructor(database: StateDatabase) {
    this.#database = database
  }

  /**
   * Keys to remove in this generation's batch, ahead of what the generation puts: a token that is
   * used again after it was forgotten keeps its new row.
   */
  async step(frozen: Frozen): Promise<Uint8Array[]> {
    const rows = Math.min(rowsPerFlushMax, rowsPerFlushMin + 2 * frozen.overlay.tokens.size)
    const horizon = frozen.applied.tokenHorizon
    const dead: Uint8Array[] = []
    const iterator = this.#database.db.iterator({
      gt: this.#cursor,
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
          const payload = unseal(this.#database.location, key, row)
          const { base } = parse(this.#database.location, key, payload, readToken)
          if (outlived(base, horizon)) dead.push(key)
          this.#cursor = key
        }
      }
    } finally {
      await iterator.close()
    }
    assert(seen <= rows, 'a step is bounded')
    if (seen < rows) this.#cursor = Uint8Array.of(keyspaces.tokens)
    return dead
  }
}
