/**
 * A disk in memory that keeps apart what is durable and what only seems to be, and fails on demand.
 *
 * - A file's bytes are durable after `sync`, a directory's names after `syncDirectory`.
 * - `crash` loses what is not durable: all of it, none of it, or some of it by chance, sector by
 *   sector and in any order for bytes, a prefix of the changes for the names of a directory.
 * - A failed sync behaves as on ext4: the bytes stay readable, are taken for clean, and never
 *   reach the disk unless they are written again (Rebello and others, ATC'20).
 * - Every operation is counted, and the n-th of a kind can be made to fail, or be the last one
 *   before the process dies.
 */
import { assert, present } from '../../src/assert.ts'
import { QuorateError } from '../../src/errors.ts'
import type { Disk, DiskFile, DiskLock, DiskSpace, Random } from '../../src/ports.ts'
import { MemoryFile, type KeepUnsynced } from './memory-file.ts'
import {
  change,
  cloneDirectory,
  crashDirectory,
  DiskError,
  isFile,
  lookUp,
  newDirectory,
  parentOf,
  steps,
  type Directory,
  type Node,
} from './memory-tree.ts'

export type { KeepUnsynced } from './memory-file.ts'

/** What can be counted and made to fail. */
export type DiskOperation =
  | 'makeDirectory'
  | 'list'
  | 'size'
  | 'readFile'
  | 'open'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'space'
  | 'lock'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'

const changing: ReadonlySet<DiskOperation> = new Set([
  'makeDirectory',
  'open',
  'rename',
  'remove',
  'syncDirectory',
  'write',
  'truncate',
  'sync',
])

/** One planned failure. */
export interface PlannedFailure {
  /** `any` counts every operation, `change` those that change something. */
  readonly operation: DiskOperation | 'any' | 'change'
  /** The n-th from now on, counted from 1. */
  readonly nth: number
  /** `kill`: neither this operation nor any later one ever ends well: the process is gone. */
  readonly error: 'EIO' | 'ENOSPC' | 'kill'
  /** For a write: how many bytes still get through. Default: none. */
  readonly shortBytes?: number
}

/** The disk of one machine; processes on it come and go by `crash` and `restart`. */
export class MemoryDisk implements Disk {
  #root: Directory = newDirectory()
  #process = 0
  #killed = false
  #locks = new Set<string>()
  #planned: { failure: PlannedFailure; left: number }[] = []
  /** How often each operation was asked for. */
  readonly counts = new Map<DiskOperation, number>()

  // Faults.

  /** Plans a failure; several can be planned. */
  fail(failure: PlannedFailure): void {
    assert(failure.nth >= 1, 'operations are counted from 1')
    this.#planned.push({ failure, left: failure.nth })
  }

  /** Forgets planned failures that have not come yet. */
  healFaults(): void {
    this.#planned = []
  }

  /** How many operations were asked for that change something. */
  get changes(): number {
    let sum = 0
    for (const [operation, count] of this.counts) if (changing.has(operation)) sum += count
    return sum
  }

  /** The process is gone, the machine goes on: nothing is lost. Open files and locks go with it. */
  restart(): void {
    this.#process += 1
    this.#killed = false
    this.#locks = new Set()
    this.healFaults()
  }

  /** The machine loses power: what is not durable is lost, as far as `keep` does not save it. */
  crash(options: { readonly keepUnsynced: KeepUnsynced; readonly random?: Random }): void {
    crashDirectory(this.#root, options.keepUnsynced, options.random)
    this.restart()
  }

  /** A copy of the disk as it is, without open files, locks and planned failures. */
  clone(): MemoryDisk {
    const copy = new MemoryDisk()
    copy.#root = cloneDirectory(this.#root)
    return copy
  }

  // Damage, done to what is there, durably.

  /** The bytes of a file as they are read now. */
  peek(path: string): Uint8Array {
    return this.#file(path).read(0, this.#file(path).size)
  }

  /** Replaces the content of a file, or makes it. */
  plant(path: string, bytes: Uint8Array): void {
    const { parent, name } = this.#parent(path)
    const file = new MemoryFile()
    file.truncate(bytes.length)
    file.write(bytes, 0)
    file.sync()
    parent.current.set(name, file)
    parent.durable.set(name, file)
  }

  /** Takes a file or directory away, durably. */
  unplant(path: string): void {
    const { parent, name } = this.#parent(path)
    parent.current.delete(name)
    parent.durable.delete(name)
  }

  /** Flips one bit of a file, counted from the lowest bit of its first byte. */
  flipBit(path: string, bit: number): void {
    const file = this.#file(path)
    const at = Math.floor(bit / 8)
    const byte = present(file.read(at, 1)[0], 'the bit is in the file')
    file.damage(Uint8Array.of(byte ^ (1 << (bit % 8))), at)
  }

  /** Overwrites part of a file. */
  damage(path: string, bytes: Uint8Array, offset: number): void {
    this.#file(path).damage(bytes, offset)
  }

  /** Zeroes a 512-byte sector of a file. */
  zeroSector(path: string, sector: number): void {
    this.#file(path).damage(new Uint8Array(512), sector * 512)
  }

  /** Every file there is. */
  paths(): string[] {
    const out: string[] = []
    const visit = (directory: Directory, prefix: string): void => {
      for (const [name, node] of [...directory.current].sort(([a], [b]) => (a < b ? -1 : 1))) {
        if (isFile(node)) out.push(`${prefix}${name}`)
        else visit(node, `${prefix}${name}/`)
      }
    }
    visit(this.#root, '')
    return out
  }

  // The port.

  async makeDirectory(path: string): Promise<void> {
    await this.#enter('makeDirectory', path)
    let directory = this.#root
    for (const name of steps(path)) {
      let next = directory.current.get(name)
      if (next === undefined) {
        const made = newDirectory()
        change(directory, (names) => names.set(name, made))
        next = made
      }
      if (isFile(next)) throw new DiskError('EEXIST', `${path} is in the way of a directory`)
      directory = next
    }
  }

  async list(path: string): Promise<readonly string[] | undefined> {
    await this.#enter('list', path)
    const node = this.#lookUp(path)
    if (node === undefined) return undefined
    if (isFile(node)) throw new DiskError('ENOTDIR', path)
    return [...node.current.keys()].sort()
  }

  async size(path: string): Promise<number | undefined> {
    await this.#enter('size', path)
    const node = this.#lookUp(path)
    return node !== undefined && isFile(node) ? node.size : undefined
  }

  async readFile(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
    await this.#enter('readFile', path)
    const node = this.#lookUp(path)
    if (node === undefined || !isFile(node)) return undefined
    if (node.size > bytesMax) throw new DiskError('EFBIG', `${path} has over ${bytesMax} bytes`)
    return node.read(0, node.size)
  }

  async open(path: string, mode: 'create' | 'write' | 'read'): Promise<DiskFile> {
    await this.#enter('open', path)
    const { parent, name } = this.#parent(path)
    let node = parent.current.get(name)
    if (mode === 'create') {
      if (node !== undefined) throw new DiskError('EEXIST', path)
      const made = new MemoryFile()
      change(parent, (names) => names.set(name, made))
      node = made
    }
    if (node === undefined) throw new DiskError('ENOENT', path)
    if (!isFile(node)) throw new DiskError('EISDIR', path)
    return this.#handle(node, path, mode)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#enter('rename', from)
    const source = this.#parent(from)
    const target = this.#parent(to)
    if (source.parent !== target.parent) throw new DiskError('EXDEV', 'renames stay in a directory')
    const node = source.parent.current.get(source.name)
    if (node === undefined) throw new DiskError('ENOENT', from)
    change(source.parent, (names) => {
      names.delete(source.name)
      names.set(target.name, node)
    })
  }

  async remove(path: string): Promise<void> {
    await this.#enter('remove', path)
    if (this.#lookUp(path) === undefined) return
    const { parent, name } = this.#parent(path)
    change(parent, (names) => names.delete(name))
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#enter('syncDirectory', path)
    const node = this.#lookUp(path)
    if (node === undefined) throw new DiskError('ENOENT', path)
    if (isFile(node)) throw new DiskError('ENOTDIR', path)
    for (const apply of node.pending) apply(node.durable)
    node.pending = []
  }

  /** As a test sets it: nothing runs out by itself. */
  room: DiskSpace | undefined

  async space(path: string): Promise<DiskSpace | undefined> {
    await this.#enter('space', path)
    return this.room
  }

  async lock(path: string): Promise<DiskLock> {
    await this.#enter('lock', path)
    const key = steps(path).join('/')
    if (this.#locks.has(key)) throw new QuorateError('QUORATE_LOCKED', `${path} is locked`)
    const locks = this.#locks
    locks.add(key)
    return {
      release: async () => {
        await Promise.resolve()
        locks.delete(key)
      },
    }
  }

  #handle(file: MemoryFile, path: string, mode: 'create' | 'write' | 'read'): DiskFile {
    const process = this.#process
    let open = true
    const enter = async (operation: DiskOperation): Promise<PlannedFailure | undefined> => {
      const failure = await this.#count(operation, path)
      if (process !== this.#process || !open) throw new DiskError('EBADF', `${path} is not open`)
      if (mode === 'read' && changing.has(operation)) throw new DiskError('EBADF', 'read only')
      return failure
    }
    return {
      read: async (offset, length) => {
        throwPlanned(await enter('read'), path)
        return file.read(offset, length)
      },
      write: async (buffers, offset) => {
        const bytes = Buffer.concat(buffers)
        const failure = await enter('write')
        file.write(
          failure === undefined ? bytes : bytes.subarray(0, failure.shortBytes ?? 0),
          offset,
        )
        throwPlanned(failure, path)
      },
      truncate: async (length) => {
        throwPlanned(await enter('truncate'), path)
        file.truncate(length)
      },
      sync: async () => {
        const failure = await enter('sync')
        if (failure === undefined) file.sync()
        else if (failure.error !== 'kill') file.failSync()
        throwPlanned(failure, path)
      },
      close: async () => {
        await Promise.resolve()
        open = false
      },
    }
  }

  async #enter(operation: DiskOperation, path: string): Promise<void> {
    throwPlanned(await this.#count(operation, path), path)
  }

  async #count(operation: DiskOperation, path: string): Promise<PlannedFailure | undefined> {
    const process = this.#process
    await Promise.resolve()
    if (this.#killed || process !== this.#process) throw new DiskError('KILLED', path)
    this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1)
    let hit: PlannedFailure | undefined
    for (const planned of this.#planned) {
      const { failure } = planned
      const counts =
        failure.operation === 'any' ||
        failure.operation === operation ||
        (failure.operation === 'change' && changing.has(operation))
      if (!counts) continue
      planned.left -= 1
      if (planned.left === 0) hit ??= failure
    }
    if (hit?.error === 'kill') this.#killed = true
    return hit
  }

  #lookUp(path: string): Node | undefined {
    return lookUp(this.#root, path)
  }

  #parent(path: string): { parent: Directory; name: string } {
    return parentOf(this.#root, path)
  }

  #file(path: string): MemoryFile {
    const node = this.#lookUp(path)
    if (node === undefined || !isFile(node)) throw new DiskError('ENOENT', path)
    return node
  }
}

function throwPlanned(failure: PlannedFailure | undefined, path: string): void {
  if (failure !== undefined) throw new DiskError(failure.error.toUpperCase(), `planned, ${path}`)
}
