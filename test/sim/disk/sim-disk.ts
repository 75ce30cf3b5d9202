/**
 * The disk of one simulated machine. It outlives the processes that mount it, one after the other,
 * keeps apart what is durable and what only seems to be, takes its time, and fails on demand:
 * it loses what was not synced, tears, rots, is slow, full, or gives errors.
 */
import type { Disk } from '../../../src/ports.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { KeepUnsynced, MemoryFile } from '../../suites/memory-file.ts'
import {
  crashDirectory,
  DiskError,
  isFile,
  lookUp,
  newDirectory,
  steps,
} from '../../suites/memory-tree.ts'
import type { Directory } from '../../suites/memory-tree.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Process } from '../kernel/process.ts'
import { damageDisk } from './damage.ts'
import type { Damage, DamageKind, DamageTarget } from './damage.ts'
import type { DurableLog } from './durable-log.ts'
import { DurableWal } from './durable-wal.ts'
import { Journal } from './journal.ts'
import { MountedDisk } from './mounted-disk.ts'
import type { Platter } from './platter.ts'
import { Operations } from './operations.ts'
import type { DiskFailure, DiskTiming } from './operations.ts'

/** What a disk is made of. */
export interface SimDiskOptions {
  readonly kernel: Kernel
  /** Of the machine, for messages. */
  readonly name: string
  readonly random: SeededRandom
  readonly timing: DiskTiming
  /** The data directory whose log is followed. Default: `/data`. */
  readonly dataDirectory?: string
}

/** How a power cut treats what was not synced, and names. */
export interface PowerCut {
  /** What it happens to spare of the bytes that no sync covered, and of the names. */
  readonly keep: KeepUnsynced
  /** `strict`: what the disk promises. `ext4`: what its journal does besides. */
  readonly style: 'strict' | 'ext4'
}

export class SimDisk {
  readonly name: string
  /** Called in the step in which `durable` has changed, before the process hears of it. */
  onDurable: (() => void) | undefined
  readonly #root: Directory = newDirectory()
  readonly #wal: DurableWal
  readonly #operations: Operations
  readonly #journal = new Journal()
  readonly #platter: Platter
  readonly #dataDirectory: string
  readonly #random: SeededRandom

  constructor(options: SimDiskOptions) {
    const { kernel, name, random, timing, dataDirectory = '/data' } = options
    this.name = name
    this.#dataDirectory = dataDirectory
    this.#wal = new DurableWal(this.#root, `${dataDirectory}/groups/0`)
    this.#operations = new Operations(kernel, random.fork(), timing)
    this.#random = random.fork()
    this.#platter = {
      root: this.#root,
      journal: this.#journal,
      operations: this.#operations,
      free: undefined,
      synced: (file) => this.#synced(file),
      spared: () => this.#wal.flushes.at(-1),
    }
  }

  /** What is durable of log and vote. */
  get durable(): DurableLog {
    return this.#wal
  }

  /** How often each operation was asked for. */
  get counts(): Operations['counts'] {
    return this.#operations.counts
  }

  /**
   * Errors were planned or given in the present life, or space is short: a process may end itself
   * for that.
   */
  get troubled(): boolean {
    return this.#operations.troubled || this.#platter.free !== undefined
  }

  /** The disk for a process. One process at a time; for the same one it is the same disk. */
  mount(process: Process): Disk {
    return new MountedDisk(this.#platter, process)
  }

  /**
   * The process is gone; open files and locks go with it. What it wrote is still in the page
   * cache: it is read by the next one, and lost in a power cut that comes before it is synced.
   */
  kill(): void {
    this.#operations.end()
  }

  /** Power is gone, and with it all that was not durable, as far as chance does not save it. */
  powerCut({ keep, style }: PowerCut): void {
    this.#operations.end()
    if (style === 'ext4') this.#journal.crash(keep, this.#random)
    crashDirectory(this.#root, keep, this.#random)
    this.#journal.forget()
    this.#synced(undefined)
  }

  /** Syncs take this many times as long; 1 is normal. */
  slow(factor: number): void {
    this.#operations.slow(factor)
  }

  /** No sync of a file that begins from now on ends before this many ms have passed. */
  stallSyncs(ms: number): void {
    this.#operations.stallSyncs(ms)
  }

  /** Plans a failure; it is forgotten when the process ends. */
  failNext(failure: DiskFailure): void {
    this.#operations.fail(failure)
  }

  /**
   * How many bytes are left: what would take more gets ENOSPC, a write after a part of it.
   * Undefined: enough. It outlives processes.
   */
  setFree(bytes: number | undefined): void {
    this.#platter.free = bytes
  }

  /**
   * The n-th operation from now that changes anything, and all later ones of this life, never end;
   * in the middle of it the callback kills the process.
   */
  killAt(nth: number, onKill: () => void): void {
    this.#operations.killAt(nth, onKill)
  }

  /** In order from now on, with space enough. Damage stays. */
  heal(): void {
    this.#operations.heal()
    this.#platter.free = undefined
  }

  /** Damages what is there, durably; undefined where there was nothing to damage in this way. */
  damage(kind: DamageKind, target: DamageTarget, random: SeededRandom): Damage | undefined {
    const site = { root: this.#root, path: this.#dataDirectory, wal: this.#wal }
    return damageDisk(site, kind, target, random)
  }

  /** The bytes of a file as a process would read them. */
  peek(path: string): Uint8Array {
    const file = lookUp(this.#root, path)
    if (file === undefined || !isFile(file)) throw new DiskError('ENOENT', path)
    return file.read(0, file.size)
  }

  /** The bytes of a file of the data directory that are durable; undefined: it is not there. */
  durableFile(path: string): Uint8Array | undefined {
    let node: Directory | MemoryFile | undefined = this.#root
    for (const name of steps(`${this.#dataDirectory}/${path}`)) {
      node = node === undefined || isFile(node) ? undefined : node.durable.get(name)
    }
    return node === undefined || !isFile(node) ? undefined : node.readDurable(0, node.size)
  }

  /** The generation of the state that the pointer names, durably. */
  liveGeneration(): number | undefined {
    const pointer = this.durableFile('groups/0/current')
    const found = pointer && /"generation":\s*(\d+)/.exec(Buffer.from(pointer).toString('latin1'))
    return found ? Number(found[1]) : undefined
  }

  #synced(file: MemoryFile | undefined): void {
    if (this.#wal.advance(file)) this.onDurable?.()
  }
}
