/**
 * The state machine: applies committed entries, in order, and answers what became of each command.
 *
 * Its owner's duties:
 *
 * 1. Apply entries without a gap, from `appliedIndex + 1` on, and never one that isn't committed.
 * 2. Stop applying while `overlayFull`, and go on after `drained()`.
 * 3. Keep the log from `durableIndex`, the index of the last `barrier()`, on: a crash may take the
 *    state back to it. After a start, compare `appliedIndex` with what the log still has.
 * 4. Close exports that nobody reads from any more: LevelDB keeps what they show.
 * 5. On any error that `apply` throws, or that `onFailure` reports: stop. On `QUORATE_CORRUPT`
 *    from `open`: begin an empty state and apply the log anew.
 */
import { assert, unreachable } from '../assert.ts'
import { decodeEntry, defaultSettings } from '../command/index.ts'
import type { Answer, Digests, Settings } from '../command/index.ts'
import type { Logger } from '../logger.ts'
import type { Entry } from '../raft/index.ts'
import type { StateDatabase } from './database.ts'
import { effectsAfter } from './effects.ts'
import { checkClusterVersion, Executor } from './executor.ts'
import type { ConfigurationRow } from './layout.ts'
import { loadRows } from './load.ts'
import { Marks } from './marks.ts'
import { RowStore } from './row-store.ts'
import { Scrubber } from './scrub.ts'
import type { ScrubOptions, ScrubResult } from './scrub.ts'
import { SessionTable } from './sessions.ts'
import { Standing } from './standing.ts'
import { Exports } from './state-export.ts'
import type { StateExport } from './state-export.ts'
import { StateReader } from './state-reader.ts'

/** Options of `StateMachine.open`. */
export interface StateMachineOptions {
  readonly database: StateDatabase
  /** At this size what was applied goes to LevelDB, in one batch. Default 1 MiB. */
  readonly overlayFlushBytes?: number
  /** At this size applying waits. Default 32 MiB. */
  readonly overlayBytesMax?: number
  readonly logger: Logger
  /** The database failed in the background: every later call throws. */
  readonly onFailure?: (error: unknown) => void
}

/** What became of an entry: an answer for each of its commands, in order. */
export interface AppliedEntry {
  readonly index: number
  readonly term: number
  readonly answers: readonly Answer[]
}

/** Figures for status and metrics. */
export interface StateStatus {
  readonly tokens: number
  readonly sessions: number
  readonly overlayBytes: number
  readonly filtersReady: boolean
}

interface Parts {
  readonly standing: Standing
  readonly sessions: SessionTable
  readonly store: RowStore
  readonly database: StateDatabase
  readonly history: Uint8Array | undefined
}

export class StateMachine {
  readonly reader: StateReader
  readonly #standing: Standing
  readonly #sessions: SessionTable
  readonly #store: RowStore
  readonly #executor: Executor
  readonly #marks: Marks
  readonly #exports: Exports
  readonly #scrubber: Scrubber
  /**
   * Hex, 32 digits: under which numbers of revisions and entries are never used for two things. Set
   * by a restore; undefined: the cluster's id serves.
   */
  readonly historyId: string | undefined
  #failure: { readonly error: unknown } | undefined

  private constructor({ standing, sessions, store, database, history }: Parts) {
    this.#standing = standing
    this.#sessions = sessions
    this.#store = store
    this.#executor = new Executor(standing, store, sessions)
    this.#marks = new Marks(database, standing, store)
    this.#exports = new Exports(database, store)
    this.#scrubber = new Scrubber(database, () => store.closing)
    this.historyId = history === undefined ? undefined : Buffer.from(history).toString('hex')
    this.reader = new StateReader(database, standing, store, this.#marks)
  }

  /**
   * Reads where the state stands. Throws `QUORATE_CORRUPT` where a row isn't what was written. The
   * database is the machine's from here on: it is closed if this fails.
   */
  static async open(options: StateMachineOptions): Promise<StateMachine> {
    try {
      return await StateMachine.#load(options)
    } catch (error) {
      await options.database.close()
      throw error
    }
  }

  static async #load(options: StateMachineOptions): Promise<StateMachine> {
    const { database, logger } = options
    const stored = await loadRows(database)
    const settings = stored.settings ?? defaultSettings
    checkClusterVersion(settings.clusterVersion)
    const standing = new Standing(stored.applied, settings, stored.configuration)
    const sessions = new SessionTable(standing)
    const store = new RowStore({
      database,
      standing,
      sessions,
      flushed: stored.applied,
      overlayFlushBytes: options.overlayFlushBytes ?? 1_048_576,
      overlayBytesMax: options.overlayBytesMax ?? 33_554_432,
      onFailure: (error) => options.onFailure?.(error),
    })
    await stored.loadInto(store, sessions)
    store.buildFilters()
    logger.debug('state opened', { index: standing.index, revision: standing.revision })
    const { history } = stored
    return new StateMachine({ standing, sessions, store, database, history })
  }

  get appliedIndex(): number {
    return this.#standing.index
  }

  get appliedTerm(): number {
    return this.#standing.term
  }

  get revision(): number {
    return this.#standing.revision
  }

  get clusterTime(): number {
    return this.#standing.clusterTime
  }

  get settings(): Settings {
    return this.#standing.settings
  }

  /**
   * The newest configuration applied: the index of its entry, and the entry's bytes. undefined: no
   * entry brought one yet.
   */
  get configuration(): ConfigurationRow | undefined {
    return this.#standing.configuration
  }

  /**
   * What a crash can't take back: what was applied at the last barrier or, before the first one,
   * what was found at the start.
   */
  get durableIndex(): number {
    return this.#store.durableIndex
  }

  /** Hex. */
  get effectsDigest(): string {
    return Buffer.from(this.#standing.effects).toString('hex')
  }

  /** Applying must wait for `drained`. */
  get overlayFull(): boolean {
    return this.#store.overlayFull
  }

  /**
   * Marks up to this index are replayed ones, and their digests are not taken again. The owner
   * sets it, once, to the last index that may have been applied before the start.
   */
  set liveFrom(index: number) {
    this.#marks.replayTo(index)
  }

  /**
   * Marks up to this index were committed before this node took part, and their digests are not
   * taken: it meets them while it catches up, one after the other. The owner sets it once it knows;
   * `Infinity` while nobody can tell.
   */
  set committedBefore(index: number) {
    this.#marks.committedBefore(index)
  }

  /** Told of each mark that is passed from now on, with what its digests come to. */
  set onMark(listener: (id: Uint8Array, digests: Promise<Digests>) => void) {
    this.#marks.onMark = listener
  }

  /** The log got new entries from this index on, in place of any that it had there. */
  appended(index: number): void {
    this.#marks.newFrom(index)
  }

  /** Applies committed entries. Answers may be sent when it returns. */
  apply(entries: readonly Entry[]): readonly AppliedEntry[] {
    if (this.#failure !== undefined) throw this.#failure.error
    this.#store.assertUsable()
    assert(!this.#store.overlayFull, 'applying waits while the overlay is full')
    try {
      return entries.map((entry) => this.#applyEntry(entry))
    } catch (error) {
      // An entry is applied by half: nothing that is read or written from here on would be right.
      this.#failure = { error }
      throw error
    }
  }

  /** Resolves when the overlay is below its cap. */
  async drained(): Promise<void> {
    await this.#store.drained()
  }

  /** Resolves when LevelDB holds what was applied before the call; not durably. */
  async flush(): Promise<void> {
    this.#assertWhole()
    await this.#store.flush()
  }

  /** Resolves when what was applied before the call is durable. */
  async barrier(): Promise<void> {
    this.#assertWhole()
    await this.#store.barrier()
  }

  /**
   * Pins the state as it is now, or a little later, to be read frame by frame. At most five are
   * open: one more, or one before anything was applied, rejects with `QUORATE_OVERLOADED`. It must
   * be closed; at the latest it is together with the machine.
   */
  async openExport(): Promise<StateExport> {
    this.#assertWhole()
    return await this.#exports.open()
  }

  /**
   * Reads all rows once, slowly, and verifies their seals. Rejects with `QUORATE_CORRUPT` where one
   * isn't what was written, with `QUORATE_STOPPING` when the machine is closed, and with
   * `QUORATE_OVERLOADED` while another pass goes on.
   */
  async scrub(options: ScrubOptions): Promise<ScrubResult> {
    this.#assertWhole()
    return await this.#scrubber.run(options)
  }

  /** Writes everything down, durably, and closes the database. */
  async close(): Promise<void> {
    await this.#store.close(this.#failure === undefined, () => this.#idle())
  }

  /** Closes the database as it is: what was not written is applied again from the log. */
  async abandon(): Promise<void> {
    await this.#store.close(false, () => this.#idle())
  }

  async #idle(): Promise<void> {
    await Promise.all([this.#marks.idle(), this.#exports.closeAll()])
  }

  status(): StateStatus {
    return {
      tokens: this.#store.tokens,
      sessions: this.#sessions.count,
      overlayBytes: this.#store.overlayBytes,
      filtersReady: this.#store.filtersReady,
    }
  }

  #assertWhole(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #applyEntry(entry: Entry): AppliedEntry {
    const standing = this.#standing
    assert(entry.index === standing.index + 1, 'entries are applied without a gap')
    assert(entry.term >= standing.term, 'terms never go back')
    const answers: Answer[] = []
    switch (entry.kind) {
      case 'noop':
        break
      case 'commands': {
        const { stamp, commands } = decodeEntry(entry.data)
        standing.advance(stamp)
        this.#store.advance()
        this.#sessions.advance()
        const before = this.#store.activeBytes
        for (const command of commands) answers.push(this.#executor.execute(command))
        this.#store.entryApplied(before, entry.data.length)
        break
      }
      case 'config':
        // A copy: a view would keep all that was received with it in memory.
        standing.configuration = { index: entry.index, data: new Uint8Array(entry.data) }
        this.#store.configurationChanged(entry.data.length)
        break
      default:
        unreachable(entry.kind)
    }
    standing.index = entry.index
    standing.term = entry.term
    standing.effects = effectsAfter(standing.effects, entry, standing.revision, answers)
    const marks = this.#executor.takeMarks()
    if (marks.length > 0) this.#marks.pass(marks)
    this.#store.maybeFlush()
    return { index: entry.index, term: entry.term, answers }
  }
}
