/**
 * The filter of one keyspace, with its making: at the start, and again when it has filled with
 * keys that are gone.
 *
 * A filter may say "surely absent" only of a key that no row can have. While one is made, a key is
 * in one of three places: in the database as of the snapshot, which is read through; in the
 * overlay at that moment, which is added first; or put later, and then `add` gives it to the
 * filter in the making as well. The snapshot is taken in the same step as the other two, so no key
 * falls between them; a token that did would be applied twice.
 */
import { assert } from '../assert.ts'
import { keyspaceRange } from './database.ts'
import type { RowSnapshot, StateDatabase } from './database.ts'
import { FingerprintFilter } from './fingerprint-filter.ts'

const keysPerStep = 512

export class KeyFilter {
  readonly #keyspace: number
  readonly #entriesMax: number
  #ready: FingerprintFilter | undefined
  #next: FingerprintFilter | undefined

  constructor(keyspace: number, entriesMax: number) {
    this.#keyspace = keyspace
    this.#entriesMax = entriesMax
  }

  /** Whether it can rule anything out. */
  get ready(): boolean {
    return this.#ready !== undefined
  }

  /** Worth making anew if it holds at most `live` keys: it is full of others, and says nothing. */
  wantsRebuild(live: number): boolean {
    return this.#next === undefined && this.#ready?.full === true && live * 2 < this.#entriesMax
  }

  add(key: Uint8Array): void {
    this.#ready?.add(key)
    this.#next?.add(key)
  }

  /** False: there is no row with this key. */
  mayContain(key: Uint8Array): boolean {
    return this.#ready?.mayContain(key) ?? true
  }

  /** Must be called in one step with the taking of `snapshot`; closes it when done. */
  async build(
    database: StateDatabase,
    snapshot: RowSnapshot,
    overlaid: Iterable<Uint8Array>,
    stopped: () => boolean,
  ): Promise<void> {
    assert(this.#next === undefined, 'a filter is made once at a time')
    const next = new FingerprintFilter(this.#entriesMax)
    this.#next = next
    for (const key of overlaid) next.add(key)
    const keys = database.db.keys(keyspaceRange(this.#keyspace, snapshot))
    try {
      // Beyond its cap it says nothing, so there is no use in reading on.
      while (!next.full && !stopped()) {
        const chunk = await keys.nextv(keysPerStep)
        if (chunk.length === 0) break
        for (const key of chunk) next.add(key.subarray(1))
        await database.pause()
      }
    } finally {
      await keys.close()
      await snapshot.close()
      this.#next = undefined
    }
    if (!stopped()) this.#ready = next
  }
}
