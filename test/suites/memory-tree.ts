/** Directories of the disk in memory: their names now, and those that a power cut leaves. */
import { assert, present } from '../../src/assert.ts'
import type { Random } from '../../src/ports.ts'
import { MemoryFile, type KeepUnsynced } from './memory-file.ts'

/** Names, and the changes to them that are not durable yet. */
export interface Directory {
  readonly current: Map<string, Node>
  readonly durable: Map<string, Node>
  /** Changes since the last sync, in order. */
  pending: ((names: Map<string, Node>) => void)[]
}

/** What a name stands for. */
export type Node = Directory | MemoryFile

/** An operating system's error. */
export class DiskError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

/** Steps of a path, with `.` and empty ones left out. */
export function steps(path: string): string[] {
  return path.split('/').filter((step) => step !== '' && step !== '.')
}

/** What a path names at present. */
export function lookUp(root: Directory, path: string): Node | undefined {
  let node: Node | undefined = root
  for (const name of steps(path)) {
    if (node === undefined || isFile(node)) return undefined
    node = node.current.get(name)
  }
  return node
}

/** The directory that holds, or is to hold, what a path names; it must be there. */
export function parentOf(root: Directory, path: string): { parent: Directory; name: string } {
  const all = steps(path)
  const name = present(all.pop(), 'the root has no name')
  const parent = lookUp(root, all.join('/'))
  if (parent === undefined) throw new DiskError('ENOENT', path)
  if (isFile(parent)) throw new DiskError('ENOTDIR', path)
  return { parent, name }
}

/** Whether it is a file. */
export function isFile(node: Node): node is MemoryFile {
  return node instanceof MemoryFile
}

/** An empty directory. */
export function newDirectory(): Directory {
  return { current: new Map(), durable: new Map(), pending: [] }
}

/** Changes names; durable after the next sync. */
export function change(directory: Directory, apply: (names: Map<string, Node>) => void): void {
  apply(directory.current)
  directory.pending.push(apply)
}

/** Takes back what is not durable, as far as `keep` does not save it. */
export function crashDirectory(
  directory: Directory,
  keep: KeepUnsynced,
  random: Random | undefined,
): void {
  let kept = 0
  if (keep === 'all') kept = directory.pending.length
  if (keep === 'sectors' || keep === 'prefix') {
    kept = present(random, 'chance needs a source').uint32() % (directory.pending.length + 1)
  }
  for (const apply of directory.pending.slice(0, kept)) apply(directory.durable)
  directory.pending = []
  directory.current.clear()
  for (const [name, node] of directory.durable) {
    directory.current.set(name, node)
    if (isFile(node)) node.crash(keep, random)
    else crashDirectory(node, keep, random)
  }
}

/** A copy with all that is in it. */
export function cloneDirectory(directory: Directory): Directory {
  assert(directory.pending.length === 0, 'a disk is copied when its names are durable')
  const copy = newDirectory()
  for (const [name, node] of directory.current) {
    const cloned = isFile(node) ? node.clone() : cloneDirectory(node)
    copy.current.set(name, cloned)
    copy.durable.set(name, cloned)
  }
  return copy
}
