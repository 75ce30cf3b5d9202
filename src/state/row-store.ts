/**
 * The rows: what is applied and not written yet, and below it LevelDB.
 *
 * Changes gather in the active overlay. A flush freezes it and writes it as ONE atomic batch that
 * ends with the applied row, so LevelDB always holds the state after some entry, whole. Frozen
 * generations are written one after the other, in order; there are at most two: one that is being
 * written, and one that a mark has cut off at its very index.
 */
import { assert } from '../assert.ts'
import { byteString } from '../command/index.ts'
import type { Row } from '../command/index.ts'
import { QuorateError } from '../errors.ts'
import { databaseFailure } from './database.ts'
import type { StateDatabase } from './database.ts'
import { KeyFilter } from './key-filter.ts'
import { keyspaces, parse, readData, readToken, rowKey, unseal } from './layout.ts'
import type { AppliedRow, TokenRow } from './layout.ts'
import { LiveCounts, minuteOf } from './live-counts.ts'
import { frozenRows, Overlay } from './overlay.ts'
import type { Frozen } from './overlay.ts'
import type { SessionTable } from './sessions.ts'
import type { Standing } from './standing.ts'
import { Pins } from './pins.ts'
import type { Pinned } from './pins.ts'
import { TokenSweep } from './token-sweep.ts'

const rowsPerStep = 256
const bytesPerStep = 262_144
const frozenMax = 2
/** Some 32 MB; with more records the filter says nothing. */
const dataFilterEntriesMax = 6_000_000
/** Some 64 MB: above the default of live tokens. */
const tokenFilterEntriesMax = 12_000_000

/** What a store is made of. */
export interface RowStoreOptions {
  readonly database: StateDatabase
  readonly standing: Standing
  readonly sessions: SessionTable
  readonly flushed: AppliedRow
  readonly overlayFlushBytes: number
  readonly overlayBytesMax: number
  /** Called once if LevelDB fails. Nothing works from then on. */
  readonly onFailure: (error: unknown) => void
}

export class RowStore {
  readonly #options: RowStoreOptions
  readonly #database: StateDatabase
  readonly #standing: Standing
  readonly #dataFilter = new KeyFilter(keyspaces.data, dataFilterEntriesMax)
  readonly #tokenFilter = new KeyFilter(keyspaces.tokens, tokenFilterEntriesMax)
  readonly #tokens = new LiveCounts(true)
  readonly #sweep: TokenSweep
  #active = new Overlay()
  /** Oldest first. Invariant: at most `frozenMax`. */
  readonly #frozen: Frozen[] = []
  #flushed: AppliedRow
  #durableIndex: number
  #draining: Promise<void> | undefined
  readonly #pins = new Pins()
  /** Work beside the flushes: filters in the making, barriers. */
  readonly #background = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined
  #closing = false

  constructor(options: RowStoreOptions) {
    assert(options.overlayFlushBytes >= 1, 'an overlay is flushed at some size')
    assert(options.overlayBytesMax >= options.overlayFlushBytes, 'it is flushed before it is full')
    this.#options = options
    this.#database = options.database
    this.#standing = options.standing
    this.#flushed = options.flushed
    this.#durableIndex = options.flushed.index
    this.#sweep = new TokenSweep(options.database)
    this.#tokens.advance(options.standing.tokenHorizon)
  }

  /** Tokens that count against the cap. */
  get tokens(): number {
    return this.#tokens.total
  }

  get overlayBytes(): number {
    return this.#frozen.reduce((sum, each) => sum + each.overlay.bytes, this.#active.bytes)
  }

  get overlayFull(): boolean {
    return this.overlayBytes >= this.#options.overlayBytesMax
  }

  /** A crash does not take the state back behind this index. */
  get durableIndex(): number {
    return this.#durableIndex
  }

  get filtersReady(): boolean {
    return this.#dataFilter.ready && this.#tokenFilter.ready
  }

  /** Throws if LevelDB has failed: what is in memory would never be written. */
  assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#closing) throw new QuorateError('QUORATE_STOPPING', 'the state machine is closed')
  }

  /** Takes in a stored minute of live tokens. */
  loadTokenMinute(minute: number, count: number): void {
    assert(minute >= minuteOf(this.#standing.tokenHorizon), 'only live minutes are stored')
    this.#tokens.load(minute, count)
  }

  /** Starts making the filters, in the background. */
  buildFilters(): void {
    this.#build(this.#dataFilter, [])
    this.#build(this.#tokenFilter, [])
  }

  // What apply does. All of it happens in memory, but for lookups that no filter rules out.

  put(key: Uint8Array, value: Uint8Array, revision: number): void {
    this.#active.put(key, value, revision)
    this.#dataFilter.add(key)
  }

  delete(key: Uint8Array, revision: number, operation: number): void {
    this.#active.delete(key, revision, operation)
  }

  putToken(token: Uint8Array, row: TokenRow): void {
    this.#active.putToken(token, row)
    this.#tokenFilter.add(token)
    this.#tokens.add(row.base, 1)
  }

  settingsChanged(): void {
    this.#active.settingsChanged = true
  }

  configurationChanged(bytes: number): void {
    this.#active.configurationChanged = true
    this.#active.grow(bytes)
  }

  /** A command was taken in: it changes a session at least. */
  grow(bytes: number): void {
    this.#active.grow(bytes)
  }

  /** What the active overlay counts. */
  get activeBytes(): number {
    return this.#active.bytes
  }

  /**
   * An entry of so many bytes was applied; `before`: what the active overlay counted before it. A
   * key, a value, a token or a command that a session remembers is a view, and any one of them keeps
   * the whole entry in memory, however little of it has changed a row.
   */
  entryApplied(before: number, bytes: number): void {
    this.#active.growTo(before + bytes)
  }

  /** The token horizon has moved. */
  advance(): void {
    this.#tokens.advance(this.#standing.tokenHorizon)
  }

  /** The record under a key. */
  get(key: Uint8Array): Row | undefined {
    const name = byteString(key)
    const change = this.#find((overlay) => overlay.data.get(name))
    if (change !== undefined) {
      const { value, revision } = change
      return value === undefined ? undefined : { value, revision }
    }
    if (!this.#dataFilter.mayContain(key)) return undefined
    const stored = this.#stored(rowKey(keyspaces.data, key))
    return stored === undefined ? undefined : readData(stored)
  }

  /** What a token has done, if that is not forgotten. */
  token(token: Uint8Array): TokenRow | undefined {
    const name = byteString(token)
    const row = this.#find((overlay) => overlay.tokens.get(name))?.row ?? this.#storedToken(token)
    // Never whether a row is still there: what is behind the horizon is forgotten on every node in
    // the same moment, whenever each of them cleans up.
    return row === undefined || row.base < this.#standing.tokenHorizon ? undefined : row
  }

  // Flushing.

  /** Called after each entry: starts a flush once there is enough for one. */
  maybeFlush(): void {
    if (this.#frozen.length > 0 || this.#active.bytes < this.#options.overlayFlushBytes) return
    this.#freeze()
    this.#drainInBackground()
  }

  /**
   * Cuts the state off at this very entry, so that `pin`, called in the same step, pins exactly
   * that. False if a cut is being waited for already.
   */
  cut(): boolean {
    if (this.#frozen.length >= frozenMax) return false
    this.#freeze()
    this.#drainInBackground()
    return true
  }

  /** Resolves when LevelDB holds everything that was applied before the call. */
  async flush(): Promise<void> {
    const index = this.#standing.index
    this.assertUsable()
    await this.#flushTo(index)
  }

  /** Resolves when the overlay is below its cap again. */
  async drained(): Promise<void> {
    while (this.overlayFull) await this.#flushTo(this.#standing.index)
  }

  /**
   * Pins the state at, or after, what was applied before the call. The snapshot is taken in the
   * step in which a flush completes, so it holds exactly the state that the applied row names.
   */
  async pin(): Promise<Pinned> {
    this.assertUsable()
    const index = this.#standing.index
    if (this.#frozen.length === 0 && this.#flushed.index === index) return this.#pinNow()
    const pinned = this.#pins.wait(index)
    // Its failure reaches the waiter through `#fail`.
    this.#flushTo(index).catch(() => {})
    return await pinned
  }

  /** Resolves when everything that was applied before the call is durable. */
  async barrier(): Promise<void> {
    await this.flush()
    // What is written while the barrier is being made may not be behind it.
    const { index } = this.#flushed
    const made = this.#database.barrier()
    this.#beside(made.catch(() => {}))
    try {
      await made
    } catch (error) {
      throw this.#fail(error)
    }
    this.#durableIndex = Math.max(this.#durableIndex, index)
  }

  /**
   * Writes everything down, unless that is not `wanted` or LevelDB has failed; ends what reads in
   * the background, `readers` among it, and closes.
   */
  async close(wanted: boolean, readers: () => Promise<void>): Promise<void> {
    if (this.#closing) return
    try {
      if (wanted && this.#failure === undefined) await this.barrier()
    } finally {
      this.#closing = true
      await this.#draining?.catch(() => {})
      await Promise.allSettled([...this.#background, readers()])
      this.#pins.reject(new QuorateError('QUORATE_STOPPING', 'the state machine is closed'))
      await this.#database.close()
    }
  }

  get closing(): boolean {
    return this.#closing
  }

  #find<T>(look: (overlay: Overlay) => T | undefined): T | undefined {
    const found = look(this.#active)
    if (found !== undefined) return found
    for (let i = this.#frozen.length - 1; i >= 0; i--) {
      const frozen = this.#frozen[i]
      const older = frozen === undefined ? undefined : look(frozen.overlay)
      if (older !== undefined) return older
    }
    return undefined
  }

  #storedToken(token: Uint8Array): TokenRow | undefined {
    if (!this.#tokenFilter.mayContain(token)) return undefined
    const key = rowKey(keyspaces.tokens, token)
    const payload = this.#stored(key)
    if (payload === undefined) return undefined
    return parse(this.#database.location, key, payload, readToken)
  }

  #stored(key: Uint8Array): Uint8Array | undefined {
    const row = this.#database.db.getSync(key)
    return row === undefined ? undefined : unseal(this.#database.location, key, row)
  }

  #freeze(): void {
    assert(this.#frozen.length < frozenMax, 'there is room for one more frozen generation')
    const { index, settings, configuration } = this.#standing
    const newest = this.#frozen.at(-1)?.applied ?? this.#flushed
    assert(newest.index <= index, 'generations are frozen in the order of the log')
    // The settings stand in every state from the first batch on: a later build with other
    // defaults must not give an old state another meaning.
    const first = newest.index === 0
    this.#frozen.push({
      overlay: this.#active,
      applied: this.#standing.applied(this.#tokens.total),
      settings: first || this.#active.settingsChanged ? settings : undefined,
      configuration: this.#active.configurationChanged ? configuration : undefined,
      minutes: this.#tokens.takeChanged(),
      outlivedTokens: this.#tokens.outlived,
      sessions: this.#options.sessions.freeze(),
    })
    this.#active = new Overlay()
  }

  async #flushTo(index: number): Promise<void> {
    while (this.#flushed.index < index) {
      this.assertUsable()
      if (this.#frozen.length === 0) this.#freeze()
      await this.#drain()
    }
  }

  #drain(): Promise<void> {
    this.#draining ??= this.#writeFrozen().finally(() => {
      this.#draining = undefined
    })
    return this.#draining
  }

  #drainInBackground(): void {
    // Whoever waits hears of a failure, and so does everybody who comes later.
    this.#drain().catch(() => {})
  }

  async #writeFrozen(): Promise<void> {
    try {
      for (let next = this.#frozen[0]; next !== undefined; next = this.#frozen[0]) {
        await this.#write(next)
        // From here to the end of this step LevelDB holds exactly this generation.
        this.#frozen.shift()
        assert(next.applied.index >= this.#flushed.index, 'what is written only grows')
        this.#flushed = next.applied
        this.#pins.settle(this.#flushed.index, () => this.#pinNow())
        this.#maybeRebuild()
      }
    } catch (error) {
      throw this.#fail(error)
    }
  }

  async #write(frozen: Frozen): Promise<void> {
    await this.#database.pause()
    const batch = this.#database.db.batch()
    for (const key of await this.#sweep.step(frozen)) batch.del(key)
    let rows = 0
    let bytes = 0
    for (const { key, value } of frozenRows(frozen)) {
      if (value === undefined) batch.del(key)
      else batch.put(key, value)
      rows++
      bytes += key.length + (value?.length ?? 0)
      if (rows < rowsPerStep && bytes < bytesPerStep) continue
      rows = 0
      bytes = 0
      await this.#database.pause()
    }
    await batch.write()
  }

  #pinNow(): Pinned {
    return { snapshot: this.#database.db.snapshot(), applied: this.#flushed }
  }

  /** Fail-stop: nothing is tried again, because nobody knows what LevelDB has made of it. */
  #fail(error: unknown): unknown {
    if (this.#failure !== undefined) return this.#failure.error
    const failure = databaseFailure(this.#database.location, error)
    this.#failure = { error: failure }
    this.#pins.reject(failure)
    this.#options.onFailure(failure)
    return failure
  }

  #maybeRebuild(): void {
    if (this.#closing || !this.#tokenFilter.wantsRebuild(this.#tokens.total)) return
    // Right after a write, when the overlays are at their smallest.
    const overlays = [this.#active, ...this.#frozen.map((each) => each.overlay)]
    this.#build(
      this.#tokenFilter,
      overlays.flatMap((overlay) => [...overlay.tokens.values()].map(({ token }) => token)),
    )
  }

  #build(filter: KeyFilter, overlaid: Iterable<Uint8Array>): void {
    const snapshot = this.#database.db.snapshot()
    this.#beside(
      filter
        .build(this.#database, snapshot, overlaid, () => this.#closing)
        .catch((error: unknown) => {
          this.#fail(error)
        }),
    )
  }

  /** Work that never rejects, and that closing waits for. */
  #beside(work: Promise<void>): void {
    const counted = work.finally(() => this.#background.delete(counted))
    this.#background.add(counted)
  }
}
