/** One node of a simulated group: its core, its disk, and what is under way between the two. */
import type { ConfigurationAt, Entry, EntryId } from '../../../src/raft/index.ts'
import type { Fetch, Raft, Ready } from '../../../src/raft/index.ts'
import { decodeConfiguration } from '../../../src/raft/index.ts'
import { MemoryDisk } from './disk.ts'
import type { SimSnapshot } from './sim-snapshots.ts'

/** A node; `raft` is undefined while it is down. */
export class SimNode {
  readonly id: string
  readonly isNewcomer: boolean
  readonly disk = new MemoryDisk()
  /** Was told that it is no member any more: it ended for good. */
  isOut = false
  /** Lost its log, and was not readmitted since: on disk. */
  isRecovering = false
  /** Transfers that it began in this life and whose end it was not told. */
  transfers = 0
  raft: Raft | undefined
  persisting: Ready | undefined
  toApply: Entry[] = []
  fetches: Fetch[] = []
  appliedIndex = 0
  /** The configurations that the state went through. */
  configs: ConfigurationAt[] = []
  /** Followers that need a snapshot; what is ready for them; what is being fetched. */
  wanted: string[] = []
  readonly exports = new Map<string, SimSnapshot>()
  fetching: { readonly from: string; readonly id: EntryId; left: number } | undefined
  /** The disk is compacted up to here, and the core was not told yet. */
  compacted: EntryId | undefined
  /** What survives of the state machine. */
  appliedDurable = 0
  readonly readFloor = new Map<number, number>()
  waitingReads: { floor: number; readIndex: number }[] = []
  last = { term: 0, commit: 0, role: '', matches: new Map<string, number>() }

  constructor(id: string, isNewcomer: boolean) {
    this.id = id
    this.isNewcomer = isNewcomer
  }

  /** Whether the state is behind where the log begins: only a snapshot can help. */
  get lacksState(): boolean {
    return this.appliedDurable < this.disk.base.index
  }

  /** Whether anything of it is lost and not back yet. */
  get isDamaged(): boolean {
    return this.lacksState || this.isRecovering
  }

  /** Whether nothing is lost, and it knows of no configuration above that index. */
  isWhole(index: number): boolean {
    const isSettled = this.disk.entries.every(
      (entry) => entry.kind !== 'config' || entry.index <= index,
    )
    return !this.isDamaged && isSettled
  }

  /** The entry at an index that the disk holds, or begins behind. */
  idAt(index: number): EntryId {
    const { base } = this.disk
    const term = index === base.index ? base.term : this.disk.at(index)?.term
    if (term === undefined) throw new Error(`${this.id} does not hold ${index}`)
    return { term, index }
  }

  noteConfiguration({ kind, index, data }: Entry): void {
    const configuration = kind === 'config' ? decodeConfiguration(data) : undefined
    if (configuration !== undefined) this.configs.push({ index, configuration })
  }

  /** All that goes with the process; of the state, `appliedDurable` stays. */
  stop(appliedDurable: number): void {
    this.raft = undefined
    this.persisting = undefined
    this.toApply = []
    this.fetches = []
    this.waitingReads = []
    this.readFloor.clear()
    this.transfers = 0
    this.wanted = []
    this.exports.clear()
    this.fetching = undefined
    this.compacted = undefined
    this.appliedDurable = appliedDurable
    this.configs = this.configs.filter(({ index }) => index <= appliedDurable)
  }

  /** The log is gone, as far as the state does not hold it. Term and vote stay. */
  loseLog(): void {
    const base = this.appliedDurable === 0 ? { term: 0, index: 0 } : this.idAt(this.appliedDurable)
    this.disk.reset(base)
    this.isRecovering = true
  }

  /** Goes on from a snapshot. The log is kept where it holds the snapshot's entry. */
  restore({ id, configuration }: SimSnapshot): void {
    this.appliedDurable = id.index
    this.configs = configuration === undefined ? [] : [configuration]
    if (!this.disk.holds(id)) this.disk.reset(id)
  }
}
