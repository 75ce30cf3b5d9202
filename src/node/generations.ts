/**
 * The generations of the state on disk: the live one, and those that are being made to take its
 * place. Which one is live stands in one small file, so that a switch is one atomic step: a crash
 * at any point leaves the old state or the new one.
 */
import type { Disk } from '../ports.ts'
import type { EntryId } from '../raft/index.ts'
import type { DatabaseSizes, StateDatabase } from '../state/index.ts'
import { stateDirectoryName, StatePointer } from '../wal/index.ts'

interface GenerationsOptions {
  readonly disk: Disk
  /** The directory of the Raft group. */
  readonly group: string
  readonly openDatabase: (directory: string, sizes?: DatabaseSizes) => Promise<StateDatabase>
  /** Of the databases that are opened; undefined: as they like. */
  readonly sizes?: DatabaseSizes
}

/** The live generation, and the snapshot that it came from, where it came from one. */
export interface LiveGeneration {
  readonly generation: number
  readonly snapshot: EntryId | undefined
}

export class Generations {
  readonly #options: GenerationsOptions
  readonly #pointer: StatePointer

  constructor(options: GenerationsOptions) {
    this.#options = options
    this.#pointer = new StatePointer({ disk: options.disk, directory: options.group })
  }

  /** Undefined: there is none yet. Throws `QUORATE_CORRUPT` where the pointer is damaged. */
  live(): Promise<LiveGeneration | undefined> {
    return this.#pointer.read()
  }

  /** Opens the database of a generation, or makes it. */
  open(generation: number): Promise<StateDatabase> {
    return this.#options.openDatabase(this.#path(generation), this.#options.sizes)
  }

  /** Above every number that is in use, so that nothing half-made is ever taken for whole. */
  async unused(): Promise<number> {
    return Math.max(0, ...(await this.#all())) + 1
  }

  /** Makes a generation the live one, durably. What it holds is durable already. */
  async switchTo(generation: number, snapshot?: EntryId): Promise<void> {
    await this.#options.disk.syncDirectory(this.#options.group)
    await this.#pointer.switchTo(generation, snapshot)
  }

  async remove(generation: number): Promise<void> {
    await this.#options.disk.remove(this.#path(generation))
  }

  /** Removes what replaced generations, and attempts at new ones, have left. */
  async removeAllBut(live: number): Promise<void> {
    for (const generation of await this.#all()) {
      if (generation !== live) await this.remove(generation)
    }
  }

  #path(generation: number): string {
    return `${this.#options.group}/${stateDirectoryName(generation)}`
  }

  async #all(): Promise<number[]> {
    const names = (await this.#options.disk.list(this.#options.group)) ?? []
    return names
      .map((name) => /^state-([1-9]\d{0,8})$/.exec(name)?.[1])
      .filter((number) => number !== undefined)
      .map(Number)
  }
}
