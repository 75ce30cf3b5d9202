/**
 * Fills an empty database with the frames of an export.
 *
 * The applied row, though first of the stream, is written last, in a batch of its own, when all was
 * verified; so whatever an import that was broken off leaves behind, rows without an applied row or
 * nothing at all, is never taken for a state: LevelDB keeps a prefix of whole batches.
 */
import { assert, present } from '../assert.ts'
import { QuorateError, usageError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { EntryId } from '../raft/index.ts'
import { databaseFailure } from './database.ts'
import type { StateDatabase } from './database.ts'
import {
  appliedKey,
  configurationKey,
  encodeApplied,
  encodeConfigurationRow,
  historyBytes,
  historyKey,
  keyspaces,
  seal,
} from './layout.ts'
import type { AppliedRow } from './layout.ts'
import { SnapshotReader } from './snapshot-reader.ts'
import type { SnapshotSummary } from './snapshot-reader.ts'

const batchBytesMax = 262_144
const batchRowsMax = 1024
const rowsPerStep = 128

/** Options of `StateImport.open`. */
export interface StateImportOptions {
  /** Empty. It is the import's from here on: closed at the end, however it ends. */
  readonly database: StateDatabase
  readonly logger: Logger
  /** Where given, a snapshot of any other entry is refused. */
  readonly expected?: EntryId | undefined
  /** What the frames come from, for messages. Default: `the snapshot`. */
  readonly name?: string | undefined
}

/**
 * What a restore changes, so that the new cluster uses no number for a second thing: the old one
 * may have gone on after the snapshot was taken.
 */
export interface SnapshotRewrite {
  /** Added to the applied index, and to the revision. */
  readonly indexStep: number
  readonly revisionStep: number
  /** The bytes of the config entry that is to stand at the new index. */
  readonly configuration: Uint8Array
  /** Hex, 32 digits. */
  readonly historyId: string
}

export class StateImport {
  readonly #database: StateDatabase
  readonly #logger: Logger
  readonly #reader: SnapshotReader
  #batch: ReturnType<StateDatabase['db']['batch']> | undefined
  #batchBytes = 0
  #batchRows = 0
  #offset = 0
  /** The frame that is being taken in. */
  #writing: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined
  #closed = false

  private constructor(options: StateImportOptions) {
    this.#database = options.database
    this.#logger = options.logger
    const { name = 'the snapshot', expected } = options
    this.#reader = new SnapshotReader({ name, expected })
  }

  /** Refuses a database that isn't empty, as a usage error. */
  static async open(options: StateImportOptions): Promise<StateImport> {
    const { database } = options
    try {
      const [first] = await database.db.keys({ limit: 1 }).all()
      if (first !== undefined) {
        throw usageError(`a snapshot goes into an empty database, ${database.location} is not`)
      }
      return new StateImport(options)
    } catch (error) {
      await database.close()
      throw databaseFailure(database.location, error)
    }
  }

  /** What was read, once the last frame was and all of it was found whole. */
  get summary(): SnapshotSummary | undefined {
    return this.#reader.summary
  }

  /**
   * Takes in the next frame, one at a time. `done`: it was the last, and all of it is whole.
   * Rejects with `QUORATE_CORRUPT` or `QUORATE_FORMAT_TOO_NEW`, as does every later call; what is
   * left to do then is `abort`.
   */
  async write(frame: Uint8Array): Promise<{ readonly done: boolean }> {
    assert(this.#writing === undefined, 'frames are taken in one at a time')
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#closed) throw new QuorateError('QUORATE_STOPPING', 'the import is over')
    this.#writing = this.#take(frame)
    try {
      await this.#writing
    } catch (error) {
      const failure = databaseFailure(this.#database.location, error)
      this.#failure = { error: failure }
      throw failure
    } finally {
      this.#writing = undefined
    }
    this.#offset += frame.length
    return { done: this.#reader.summary !== undefined }
  }

  /**
   * After the last frame: the state is whole, durable, and closed. Resolves with what it holds:
   * entry, revision and history as rewritten, counts and digest of what was read.
   */
  async finish(rewrite?: SnapshotRewrite): Promise<SnapshotSummary> {
    assert(!this.#closed && this.#failure === undefined, 'what is whole is finished once')
    const read = present(this.#reader.summary, 'all frames were taken in')
    const applied = present(this.#reader.applied, 'a snapshot has an applied row')
    try {
      const summary = await this.#complete(read, applied, rewrite)
      await this.#database.barrier()
      return summary
    } catch (error) {
      this.#failure = { error }
      throw databaseFailure(this.#database.location, error)
    } finally {
      this.#closed = true
      await this.#database.close()
    }
  }

  /** Ends it. The database is closed, and no state; its directory is the caller's to remove. */
  async abort(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#writing?.catch(() => {})
    await this.#batch?.close()
    await this.#database.close()
    this.#logger.debug('the import of a snapshot was broken off', { bytes: this.#offset })
  }

  async #take(frame: Uint8Array): Promise<void> {
    let steps = 0
    for (const { key, row } of this.#reader.read(frame, this.#offset)) {
      if (key[0] !== keyspaces.applied) await this.#put(key, row)
      steps++
      if (steps % rowsPerStep === 0) await this.#database.pause()
    }
    await this.#flush()
  }

  async #put(key: Uint8Array, row: Uint8Array): Promise<void> {
    const bytes = key.length + row.length
    // A larger row goes alone.
    const full = this.#batchBytes + bytes > batchBytesMax || this.#batchRows >= batchRowsMax
    if (full) await this.#flush()
    this.#batch ??= this.#database.db.batch()
    this.#batch.put(key, row)
    this.#batchBytes += bytes
    this.#batchRows++
  }

  async #flush(): Promise<void> {
    const batch = this.#batch
    this.#batch = undefined
    this.#batchBytes = 0
    this.#batchRows = 0
    await batch?.write()
  }

  async #complete(
    read: SnapshotSummary,
    applied: AppliedRow,
    rewrite: SnapshotRewrite | undefined,
  ): Promise<SnapshotSummary> {
    const put = (key: Uint8Array, payload: Uint8Array) => {
      batch.put(key, seal(key, payload))
    }
    const batch = this.#database.db.batch()
    const standing = rewrite === undefined ? applied : rewritten(applied, rewrite)
    const { index, term, revision } = standing
    if (rewrite !== undefined) {
      const history = Buffer.from(rewrite.historyId, 'hex')
      assert(history.length === historyBytes, 'the id of a history has its length')
      put(historyKey, history)
      put(configurationKey, encodeConfigurationRow({ index, data: rewrite.configuration }))
    }
    put(appliedKey, encodeApplied(standing))
    await batch.write()
    const historyId = rewrite?.historyId ?? read.historyId
    return { ...read, snapshot: { term, index }, revision, historyId }
  }
}

/** Time, horizons and the digest of what was decided go on as they are, on all nodes alike. */
function rewritten(applied: AppliedRow, rewrite: SnapshotRewrite): AppliedRow {
  const { indexStep, revisionStep } = rewrite
  assert(indexStep >= 0 && revisionStep >= 0, 'numbers only grow')
  const index = applied.index + indexStep
  const revision = applied.revision + revisionStep
  assert(Number.isSafeInteger(index) && Number.isSafeInteger(revision), 'numbers do not run out')
  return { ...applied, index, revision }
}
