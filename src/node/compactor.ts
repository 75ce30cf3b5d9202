/**
 * Keeps the log within its bounds: what the state holds durably is dropped at the log's front
 * (thesis, chapter 5). The state is a cache that a crash takes back to its last barrier, so a
 * barrier comes first, and nothing above it is ever dropped.
 *
 * A follower that lags within reason, and one that is offered a snapshot, need what stands behind
 * it. For the one the log is kept up to three quarters of its cap, for the other up to nine tenths; a
 * follower that is further behind, or away, gets a snapshot. While one takes its snapshot, and catches
 * up, the log may outgrow its cap, within bounds: it would need another snapshot, and again. Where the
 * snapshot is large so is what is written meanwhile, and the log may become as large as it: only then
 * is another one the shorter way.
 */
import type { Logger } from '../logger.ts'
import type { EntryId } from '../raft/index.ts'

/** How often the log's size is looked at. */
const lookEveryMs = 250
/** So many times its cap a log may take for followers that are being brought back, at least. */
const owedCapsMax = 4
/**
 * A log that does not grow is looked at so often where it has to shrink, above its cap or on a disk
 * that is nearly full: what was in the way may have gone.
 */
const againEveryMs = 5_000

/** The log, as far as this matters. */
interface CompactableLog {
  readonly bytes: number
  readonly entries: number
  readonly base: EntryId
  readonly lastIndex: number
  compact(upTo: number): Promise<EntryId>
}

interface CompactorOptions {
  readonly logger: Logger
  readonly log: CompactableLog
  readonly state: { readonly durableIndex: number; barrier(): Promise<void> }
  readonly walMaxBytes: number
  readonly walEntriesMax: number
  readonly walKeepEntries: number
  /** Bytes by which the log must grow before it is worth another attempt: it goes by segments. */
  readonly stepBytes: number
  /**
   * Entries behind this one are needed by a follower that is there; Infinity: by none. `pressed`: of
   * those alone that do not stand still.
   */
  readonly followersNeed: (pressed: boolean) => number
  /** Entries behind this one are needed to go on from a snapshot under way; Infinity: none is. */
  readonly snapshotsNeed: () => number
  /** The same of those alone that take it, or catch up behind it. */
  readonly owedIndex: () => number
  /** Bytes of the largest snapshot that one of them has got so far; 0: there is none. */
  readonly owedBytes: () => number
  readonly onCompacted: (base: EntryId) => void
  readonly onFailure: (error: unknown) => void
  /** The state's barrier failed. */
  readonly onStateFailure: (error: unknown) => void
}

export class Compactor {
  readonly #options: CompactorOptions
  #lookedAt = -Infinity
  /** Nothing could be dropped at a size below this. */
  #notBeforeBytes = 0
  #triedAt = -Infinity
  /** When everything that could go went for the last time. */
  #pressedAt = -Infinity
  #running: Promise<void> | undefined
  /** What was asked for while another one ran. */
  #next: Promise<void> | undefined
  #stopped = false

  constructor(options: CompactorOptions) {
    this.#options = options
  }

  /**
   * Called often. `pressed`: the disk is nearly full, so nothing is kept in case; but what a follower
   * that is there still lacks is, unless it stands still: in its place it would need a whole
   * snapshot, on a disk like this.
   */
  tick(now: number, pressed: boolean): void {
    if (this.#running !== undefined || now - this.#lookedAt < lookEveryMs) return
    this.#lookedAt = now
    if (!this.#isDue(now) && !(pressed && this.#mayGain(now))) return
    this.#triedAt = now
    if (pressed) this.#pressedAt = now
    void this.#start(pressed)
  }

  /** Drops what may go, whatever the size; resolves when that is done. */
  compactNow(): Promise<void> {
    // What runs began before they asked: all who ask while it does share the one after it.
    this.#next ??= this.#runNext()
    return this.#next
  }

  async #runNext(): Promise<void> {
    do await this.#running
    while (this.#running !== undefined)
    this.#next = undefined
    if (!this.#stopped) await this.#start(true)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  #isDue(now: number): boolean {
    const filled = this.#filled
    if (this.#options.log.bytes >= this.#notBeforeBytes) return filled >= 0.5
    return filled > 1 && now - this.#triedAt >= againEveryMs
  }

  /** 1: the log is at its cap, by bytes or by entries. */
  get #filled(): number {
    const { log, walMaxBytes, walEntriesMax } = this.#options
    return Math.max(log.bytes / walMaxBytes, log.entries / walEntriesMax)
  }

  /** An attempt before the disk was nearly full kept more than one does now. */
  #mayGain(now: number): boolean {
    const { log, stepBytes } = this.#options
    if (log.bytes > this.#notBeforeBytes) return true
    return log.bytes > stepBytes && now - this.#pressedAt >= againEveryMs
  }

  #start(pressed: boolean): Promise<void> {
    const running = this.#run(pressed).finally(() => {
      this.#running = undefined
    })
    this.#running = running
    return running
  }

  async #run(pressed: boolean): Promise<void> {
    const { log, state, stepBytes, logger, onCompacted, onFailure, onStateFailure } = this.#options
    try {
      await state.barrier()
    } catch (error) {
      if (!this.#stopped) onStateFailure(error)
      return
    }
    if (this.#stopped) return
    try {
      const before = log.base.index
      const base = await log.compact(Math.min(state.durableIndex, this.#keepBehind(pressed)))
      this.#notBeforeBytes = log.bytes + stepBytes
      if (base.index === before) return
      logger.debug('compacted the log', { base: base.index, bytes: log.bytes })
      if (!this.#stopped) onCompacted(base)
    } catch (error) {
      if (!this.#stopped) onFailure(error)
    }
  }

  #isOwedTooMuch(pressed: boolean): boolean {
    const { log, walMaxBytes, walEntriesMax, owedBytes } = this.#options
    if (log.entries >= owedCapsMax * walEntriesMax) return true
    const capsBytes = owedCapsMax * walMaxBytes
    return log.bytes >= (pressed ? capsBytes : Math.max(capsBytes, owedBytes()))
  }

  /** What stands behind this index is kept for somebody, if there is room. */
  #keepBehind(pressed: boolean): number {
    const { log, walKeepEntries, followersNeed, snapshotsNeed, owedIndex } = this.#options
    const filled = this.#filled
    if (this.#isOwedTooMuch(pressed)) return Infinity
    if (filled >= 0.9) return owedIndex()
    const snapshots = snapshotsNeed()
    if (filled >= 0.75) return snapshots
    const needed = Math.min(snapshots, followersNeed(pressed))
    return pressed ? needed : Math.min(needed, log.lastIndex - walKeepEntries)
  }
}
