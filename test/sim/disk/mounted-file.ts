/** An open file of one process on a simulated disk. */
import type { DiskFile } from '../../../src/ports.ts'
import { randomBetween } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { MemoryFile, SyncPoint } from '../../suites/memory-file.ts'
import { DiskError } from '../../suites/memory-tree.ts'
import type { DiskOperation } from '../../suites/memory-disk.ts'
import { staleCopy } from './damage.ts'
import { chance } from './operations.ts'
import type { DiskTiming, Life, Operation } from './operations.ts'
import { planned, SimFile } from './platter.ts'
import type { OpenMode, Platter } from './platter.ts'

const pageBytes = 4096

export class MountedFile implements DiskFile {
  readonly #platter: Platter
  readonly #life: Life
  readonly #file: MemoryFile
  readonly #path: string
  readonly #mode: OpenMode
  #open = true

  constructor(platter: Platter, life: Life, file: MemoryFile, path: string, mode: OpenMode) {
    this.#platter = platter
    this.#life = life
    this.#file = file
    this.#path = path
    this.#mode = mode
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    return this.#run('read', 'readMs', (failure) => {
      if (failure === undefined) return this.#file.read(offset, length)
      if (failure.error === 'stale') return this.#stale(offset, length)
      throw planned(failure, this.#path)
    })
  }

  write(buffers: readonly Uint8Array[], offset: number): Promise<void> {
    let length = 0
    for (const buffer of buffers) length += buffer.length
    return this.#run(
      'write',
      'writeMs',
      (failure) => {
        const asked = failure === undefined ? length : Math.min(length, failure.shortBytes ?? 0)
        const fits = this.#room(offset, asked)
        this.#put(buffers, offset, fits)
        if (failure !== undefined) throw planned(failure, this.#path)
        if (fits < asked) throw new DiskError('ENOSPC', this.#path)
      },
      (random) => {
        // The kernel copies page by page, and looks for a SIGKILL between two.
        const pages = Math.ceil(((offset % pageBytes) + length) / pageBytes)
        const copied = randomBetween(random, 0, pages + 1) * pageBytes - (offset % pageBytes)
        this.#put(buffers, offset, this.#room(offset, Math.max(0, Math.min(length, copied))))
      },
    )
  }

  truncate(length: number): Promise<void> {
    const cut = (): void => this.#file.truncate(length)
    const effect: Operation<void>['effect'] = (failure) => {
      if (failure !== undefined) throw planned(failure, this.#path)
      cut()
    }
    return this.#run('truncate', 'otherMs', effect, (random) => {
      if (chance(random)) cut()
    })
  }

  sync(): Promise<void> {
    const point: SyncPoint = this.#file.beginSync()
    const { journal, synced } = this.#platter
    const names = journal.now
    const end = (): void => {
      this.#file.endSync(point)
      journal.commit(names)
      synced(this.#file)
    }
    return this.#run(
      'sync',
      'syncMs',
      (failure) => {
        if (failure === undefined) return end()
        this.#file.failSync(point)
        throw planned(failure, this.#path)
      },
      (random) => {
        // Seldom: what is left half done tells more.
        if (chance(random) && chance(random)) end()
      },
    )
  }

  async close(): Promise<void> {
    await Promise.resolve()
    this.#open = false
  }

  #stale(offset: number, length: number): Uint8Array {
    return staleCopy(this.#file, offset, length, this.#platter.spared())
  }

  /** How many bytes of a write there is room for; they are taken. */
  #room(offset: number, length: number): number {
    const { free } = this.#platter
    if (free === undefined || length === 0) return length
    let fits = length
    while (fits > 0 && this.#file.growth(offset, fits) > free) {
      const over = (offset + fits) % pageBytes
      fits = Math.max(0, fits - (over === 0 ? pageBytes : over))
    }
    if (fits < length) this.#platter.operations.troubled = true
    if (fits > 0) this.#platter.free = free - this.#file.growth(offset, fits)
    return fits
  }

  #put(buffers: readonly Uint8Array[], offset: number, length: number): void {
    let at = 0
    for (const buffer of buffers) {
      if (at >= length) return
      const part = at + buffer.length <= length ? buffer : buffer.subarray(0, length - at)
      this.#file.write(part, offset + at)
      at += part.length
    }
  }

  #run<T>(
    name: DiskOperation,
    range: keyof DiskTiming,
    effect: Operation<T>['effect'],
    atDeath?: (random: SeededRandom) => void,
  ): Promise<T> {
    const isChange = atDeath !== undefined
    const file = this.#file
    const queue =
      isChange && file instanceof SimFile ? file[name === 'sync' ? 'syncs' : 'writes'] : undefined
    return this.#platter.operations.run(this.#life, {
      name,
      path: this.#path,
      range,
      ...(queue === undefined ? {} : { queue }),
      effect: (failure) => {
        if (!this.#open) throw new DiskError('EBADF', `${this.#path} is not open`)
        if (isChange && this.#mode === 'read') throw new DiskError('EBADF', 'read only')
        return effect(failure)
      },
      ...(atDeath === undefined ? {} : { atDeath }),
    })
  }
}
