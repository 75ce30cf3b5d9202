/**
 * The mark that a node was removed from its cluster: a file in the group's directory, `removed`. A
 * node that is out hears of nothing any more, and its log may end before the entry that removed it:
 * without the mark it would start again, follow nobody, and serve what was true long ago.
 *
 * That the file is there is all that counts: it is begun only once the removal is certain. So there
 * is nothing in it that could be damaged; the line in it is for people.
 */
import type { Disk } from '../ports.ts'
import { storageError } from './failure.ts'

/** The mark; see the head of the file. */
export class Removed {
  readonly #disk: Disk
  readonly #directory: string

  /** `directory`: the group's. */
  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  get #file(): string {
    return `${this.#directory}/removed`
  }

  /** Whether it is there. */
  async read(): Promise<boolean> {
    return (await this.#disk.size(this.#file)) !== undefined
  }

  /** Makes it, durably. `configIndex`: of the configuration that is without this node. */
  async mark(configIndex: number): Promise<void> {
    try {
      if (await this.read()) return
      const file = await this.#disk.open(this.#file, 'create')
      try {
        await file.write([new TextEncoder().encode(`removed by entry ${configIndex}\n`)], 0)
        await file.sync()
      } finally {
        await file.close()
      }
      await this.#disk.syncDirectory(this.#directory)
    } catch (error) {
      throw storageError(`${this.#file} could not be written`, error)
    }
  }
}
