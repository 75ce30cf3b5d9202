/** One node of a simulated group: its core, its disk, and what is under way between the two. */
import type { Entry, Fetch, Raft, Ready } from '../../../src/raft/index.ts'
import { MemoryDisk } from './disk.ts'

/** A node; `raft` is undefined while it is down. */
export class SimNode {
  readonly id: string
  readonly isNewcomer: boolean
  readonly disk = new MemoryDisk()
  /** Was told that it is no member any more: it ended for good. */
  isOut = false
  /** Transfers that it began in this life and whose end it was not told. */
  transfers = 0
  raft: Raft | undefined
  persisting: Ready | undefined
  toApply: Entry[] = []
  fetches: Fetch[] = []
  appliedIndex = 0
  /** What survives of the state machine. */
  appliedDurable = 0
  readonly readFloor = new Map<number, number>()
  waitingReads: { floor: number; readIndex: number }[] = []
  last = { term: 0, commit: 0, role: '', matches: new Map<string, number>() }

  constructor(id: string, isNewcomer: boolean) {
    this.id = id
    this.isNewcomer = isNewcomer
  }
}
