/** The disk as one process has it: the `Disk` port over a tree of files in memory. */
import { QuorateError } from '../../../src/errors.ts'
import type { Disk, DiskFile, DiskLock, DiskSpace } from '../../../src/ports.ts'
import {
  DiskError,
  isFile,
  lookUp,
  newDirectory,
  parentOf,
  steps,
} from '../../suites/memory-tree.ts'
import type { Directory, Node } from '../../suites/memory-tree.ts'
import type { DiskOperation } from '../../suites/memory-disk.ts'
import type { Process } from '../kernel/process.ts'
import { staleCopy } from './damage.ts'
import { MountedFile } from './mounted-file.ts'
import { chance } from './operations.ts'
import type { Life, Operation } from './operations.ts'
import { planned, SimFile } from './platter.ts'
import type { OpenMode, Platter } from './platter.ts'

/** What a disk that runs full says its size is. */
const diskBytes = 1_073_741_824

export class MountedDisk implements Disk {
  readonly #platter: Platter
  readonly #life: Life

  constructor(platter: Platter, process: Process) {
    this.#platter = platter
    this.#life = platter.operations.begin(process)
  }

  makeDirectory(path: string): Promise<void> {
    return this.#change('makeDirectory', path, () => {
      let directory = this.#platter.root
      for (const name of steps(path)) {
        const next = directory.current.get(name) ?? this.#newDirectory(directory, name)
        if (isFile(next)) throw new DiskError('EEXIST', `${path} is in the way of a directory`)
        directory = next
      }
    })
  }

  list(path: string): Promise<readonly string[] | undefined> {
    return this.#look('list', path, (node) => {
      if (node === undefined) return undefined
      if (isFile(node)) throw new DiskError('ENOTDIR', path)
      return [...node.current.keys()].sort()
    })
  }

  size(path: string): Promise<number | undefined> {
    return this.#look('size', path, (node) =>
      node !== undefined && isFile(node) ? node.size : undefined,
    )
  }

  readFile(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
    return this.#run({
      name: 'readFile',
      path,
      range: 'readMs',
      effect: (failure) => {
        if (failure !== undefined && failure.error !== 'stale') throw planned(failure, path)
        const { root, spared } = this.#platter
        const file = lookUp(root, path)
        if (file === undefined || !isFile(file)) return undefined
        if (file.size > bytesMax) throw new DiskError('EFBIG', `${path} has over ${bytesMax} bytes`)
        return failure === undefined
          ? file.read(0, file.size)
          : staleCopy(file, 0, file.size, spared())
      },
    })
  }

  open(path: string, mode: OpenMode): Promise<DiskFile> {
    const open = (): DiskFile => {
      const { root, free } = this.#platter
      const { parent, name } = parentOf(root, path)
      let node = parent.current.get(name)
      if (mode === 'create') {
        if (node !== undefined) throw new DiskError('EEXIST', path)
        if (free !== undefined && free <= 0) throw this.#noSpace(path)
        const made = new SimFile()
        this.#platter.journal.change(parent, (names) => names.set(name, made))
        node = made
      }
      if (node === undefined) throw new DiskError('ENOENT', path)
      if (!isFile(node)) throw new DiskError('EISDIR', path)
      return new MountedFile(this.#platter, this.#life, node, path, mode)
    }
    return this.#change('open', path, open)
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change('rename', from, () => {
      const { root, journal } = this.#platter
      const source = parentOf(root, from)
      const target = parentOf(root, to)
      if (source.parent !== target.parent) {
        throw new DiskError('EXDEV', 'renames stay in a directory')
      }
      const node = source.parent.current.get(source.name)
      if (node === undefined) throw new DiskError('ENOENT', from)
      const replaced = source.parent.current.get(target.name)
      if (replaced !== undefined) this.#giveBack(replaced)
      journal.change(
        source.parent,
        (names) => {
          names.delete(source.name)
          names.set(target.name, node)
        },
        replaced !== undefined && isFile(node) ? node : undefined,
      )
    })
  }

  remove(path: string): Promise<void> {
    return this.#change('remove', path, () => {
      const node = lookUp(this.#platter.root, path)
      if (node === undefined) return
      const { parent, name } = parentOf(this.#platter.root, path)
      this.#giveBack(node)
      this.#platter.journal.change(parent, (names) => names.delete(name))
    })
  }

  syncDirectory(path: string): Promise<void> {
    const { root, journal } = this.#platter
    // Changes of names that have come before the call: later ones are not in it.
    const node = lookUp(root, path)
    const until = journal.now
    const end = (): void => {
      if (node === undefined) throw new DiskError('ENOENT', path)
      if (isFile(node)) throw new DiskError('ENOTDIR', path)
      journal.syncDirectory(node, until)
      this.#platter.synced(undefined)
    }
    return this.#run({
      name: 'syncDirectory',
      path,
      range: 'syncMs',
      effect: (failure) => {
        if (failure !== undefined) throw planned(failure, path)
        end()
      },
      atDeath: (random) => {
        if (chance(random)) quietly(end)
      },
    })
  }

  space(path: string): Promise<DiskSpace | undefined> {
    return this.#look('space', path, () => {
      const { free } = this.#platter
      return free === undefined ? undefined : { free, total: diskBytes }
    })
  }

  lock(path: string): Promise<DiskLock> {
    return this.#run({
      name: 'lock',
      path,
      range: 'otherMs',
      effect: (failure) => {
        if (failure !== undefined) throw planned(failure, path)
        const { locks } = this.#life
        const key = steps(path).join('/')
        if (locks.has(key)) throw new QuorateError('QUORATE_LOCKED', `${path} is locked`)
        locks.add(key)
        return {
          release: async () => {
            await Promise.resolve()
            locks.delete(key)
          },
        }
      },
    })
  }

  #newDirectory(directory: Directory, name: string): Directory {
    const made = newDirectory()
    this.#platter.journal.change(directory, (names) => names.set(name, made))
    return made
  }

  #giveBack(node: Node): void {
    if (this.#platter.free !== undefined && isFile(node)) this.#platter.free += node.allocated
  }

  #noSpace(path: string): DiskError {
    this.#platter.operations.troubled = true
    return new DiskError('ENOSPC', path)
  }

  #look<T>(name: DiskOperation, path: string, see: (node: Node | undefined) => T): Promise<T> {
    return this.#run({
      name,
      path,
      range: 'otherMs',
      effect: (failure) => {
        if (failure !== undefined) throw planned(failure, path)
        return see(lookUp(this.#platter.root, path))
      },
    })
  }

  /** A change of names: the kernel makes it whole or not at all. */
  #change<T>(name: DiskOperation, path: string, change: () => T): Promise<T> {
    return this.#run({
      name,
      path,
      range: 'otherMs',
      effect: (failure) => {
        if (failure !== undefined) throw planned(failure, path)
        return change()
      },
      atDeath: (random) => {
        if (chance(random)) quietly(change)
      },
    })
  }

  #run<T>(operation: Operation<T>): Promise<T> {
    return this.#platter.operations.run(this.#life, operation)
  }
}

/** For what the kernel goes on with when nobody is left to hear of its errors. */
function quietly(change: () => unknown): void {
  try {
    change()
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
  }
}
