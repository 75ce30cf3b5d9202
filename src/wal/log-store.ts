/** All that a node's Raft group keeps on disk, as one: the log and the vote file beside it. */
import { assert } from '../assert.ts'
import { silentLogger } from '../logger.ts'
import type { Entry, EntryId, HardState } from '../raft/index.ts'
import { Poison, storageError } from './failure.ts'
import { hardStateProblem } from './live-log.ts'
import { reconcile } from './reconcile.ts'
import { replaceDamaged } from './recovering.ts'
import { emptyStart, type LogStart } from './segment-header.ts'
import { VoteFile } from './vote-file.ts'
import { Wal } from './wal.ts'
import type { Recovered, WalBatch, WalOptions } from './wal-types.ts'

/** As for the log, with `directory` the group's: `<data directory>/groups/0`. */
export type LogStoreOptions = WalOptions

/** An open log store. One `persist` at a time; `read` may run beside it. */
export class LogStore {
  readonly #wal: Wal
  readonly #voteFile: VoteFile
  readonly #poison = new Poison()
  #persisting: Promise<void> | undefined
  #closed = false

  private constructor(wal: Wal, voteFile: VoteFile) {
    this.#wal = wal
    this.#voteFile = voteFile
  }

  /**
   * Makes an empty log and vote file in a directory that has neither; with `start`, behind a base
   * and in a term.
   */
  static async create(options: LogStoreOptions & { readonly start?: LogStart }): Promise<void> {
    const { disk, directory, identity, start = emptyStart } = options
    const { currentTerm, votedFor } = start.hardState
    const vote = { currentTerm, votedFor, walFlush: 0 }
    const walDirectory = `${directory}/wal`
    try {
      await disk.makeDirectory(walDirectory)
      await disk.syncDirectory(directory)
      await VoteFile.create({ disk, directory, incarnation: identity.incarnation, vote })
    } catch (error) {
      throw storageError(`the log in ${directory} could not be made`, error)
    }
    await Wal.create({ ...options, directory: walDirectory })
  }

  /** Reads both back, settles what the node voted, and makes them agree, durably. */
  static async open(options: LogStoreOptions): Promise<{ log: LogStore; recovered: Recovered }> {
    const { disk, directory } = options
    const logger = options.logger ?? silentLogger
    const { incarnation } = options.identity
    const reading = await VoteFile.read({ disk, directory, incarnation })
    const votePath = `${directory}/vote`
    const { wal, recovered } = await Wal.open(
      { ...options, directory: `${directory}/wal` },
      (found) => void reconcile(found, reading, votePath),
    )
    try {
      const hardState = reconcile(recovered, reading, votePath)
      if (reading.kind !== 'certain') {
        const { offset } = reading
        logger.warn('the vote file was incomplete and is mended', { file: votePath, offset })
      }
      const vote = { ...hardState, walFlush: wal.lastFlush }
      const voteFile = await establish({ disk, directory, incarnation, vote })
      try {
        // Writes only where the log is behind: a commit index alone waits for the next flush.
        await wal.append({ hardState, entries: [], mustSync: false })
      } catch (error) {
        await voteFile.close()
        throw error
      }
      const log = new LogStore(wal, voteFile)
      return { log, recovered: { ...recovered, hardState, lastFlush: wal.lastFlush } }
    } catch (error) {
      await wal.close()
      throw error
    }
  }

  /** Puts a damaged log aside for an empty one behind `base`: see `recovering.ts`. */
  static async replaceDamaged(options: LogStoreOptions, base: EntryId): Promise<void> {
    await replaceDamaged(options, base)
  }

  /**
   * Makes a batch durable. The vote file comes first, and the log only when that is durable: so a
   * crash leaves at most one of them incomplete, and the other one is certain.
   */
  async persist(batch: WalBatch): Promise<void> {
    assert(!this.#closed, 'a closed log is not written to')
    assert(this.#persisting === undefined, 'batches are persisted one after the other')
    this.#persisting = this.#poison.guard('the log could not be written', async () => {
      if (batch.hardState !== undefined) await this.#saveVote(batch.hardState)
      await this.#wal.append(batch)
    })
    try {
      await this.#persisting
    } finally {
      this.#persisting = undefined
    }
  }

  async #saveVote(next: HardState): Promise<void> {
    const { vote } = this.#voteFile
    if (next.currentTerm === vote.currentTerm && next.votedFor === vote.votedFor) return
    const problem = hardStateProblem(vote, next)
    assert(problem === undefined, `a hard state follows the last one: ${problem ?? ''}`)
    const { currentTerm, votedFor } = next
    await this.#voteFile.save({ currentTerm, votedFor, walFlush: this.#wal.lastFlush })
  }

  /** The live entries from `from` to `to`, both included; none from the base back: see `Wal.read`. */
  async read(from: number, to: number, bytesMax: number): Promise<Entry[]> {
    this.#poison.check()
    return this.#wal.read(from, to, bytesMax)
  }

  /**
   * Drops the oldest segments of the log, as far as they hold nothing above `upTo`, durably; never
   * the one that is being written. What goes must be committed and durable in the state. Returns
   * the base after it, which is unchanged where nothing could go. May run beside `persist` and
   * `read`; one at a time. A failure is final, as for `persist`.
   */
  async compact(upTo: number): Promise<EntryId> {
    assert(!this.#closed, 'a closed log is not compacted')
    return this.#poison.guard('the log could not be compacted', () => this.#wal.compact(upTo))
  }

  /**
   * Replaces the whole log by an empty one behind `base`, durably. Term and vote stay, the commit
   * index becomes that of the base. A crash at any moment leaves the old log or the new one. Only for
   * a log that lacks the entry `base` or ends with it, and knows of no commit behind it: anything
   * else would forget what may have been acknowledged, and is an assertion. Nothing else runs beside.
   */
  async reset(base: EntryId): Promise<void> {
    assert(!this.#closed, 'a closed log is not reset')
    assert(this.#persisting === undefined, 'nothing is written while a log is reset')
    this.#persisting = this.#poison.guard('the log could not be reset', () => this.#wal.reset(base))
    try {
      await this.#persisting
    } finally {
      this.#persisting = undefined
    }
  }

  /** The last entry that is gone from the log; index 0: none is. */
  get base(): EntryId {
    return this.#wal.base
  }

  /** Bytes of log on disk. */
  get bytes(): number {
    return this.#wal.bytes
  }

  /** Number of entries in the log, those behind the base. */
  get entries(): number {
    return this.#wal.lastIndex - this.#wal.base.index
  }

  /** Index of the last durable entry. */
  get lastIndex(): number {
    return this.#wal.lastIndex
  }

  /** Waits for what is under way, and closes the files. May be called more than once. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // Its caller hears of a failure; closing has to go on all the same.
    await this.#persisting?.catch(() => {})
    try {
      await this.#wal.close()
    } finally {
      await this.#voteFile.close()
    }
  }
}

async function establish(options: Parameters<typeof VoteFile.establish>[0]): Promise<VoteFile> {
  try {
    return await VoteFile.establish(options)
  } catch (error) {
    throw storageError(`${options.directory}/vote could not be mended`, error)
  }
}
