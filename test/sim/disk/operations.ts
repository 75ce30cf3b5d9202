/**
 * How operations on a disk come and go: each takes its time, some fail, and what was under way when
 * its process died may have happened or not. What an operation does to files is not known here.
 *
 * An operation takes effect in the moment in which it ends, which is within its duration as the
 * process sees it, and its process hears of that as an input: a process that is stopped hears of it
 * later, a dead one never.
 */
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { DiskOperation } from '../../suites/memory-disk.ts'
import { DiskError } from '../../suites/memory-tree.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Process } from '../kernel/process.ts'

/** From, to: ms. */
export type Range = readonly [number, number]

/** How long operations take. */
export interface DiskTiming {
  readonly readMs: Range
  readonly writeMs: Range
  readonly syncMs: Range
  readonly otherMs: Range
}

/** A failure to come. */
export interface DiskFailure {
  /** `any` counts every operation, `change` those that change something, `read` whole files too. */
  readonly operation: DiskOperation | 'any' | 'change'
  /** The n-th from now on, counted from 1. */
  readonly nth: number
  /** `stale`: a read that gives one sector as it was before it was last written. */
  readonly error: 'EIO' | 'ENOSPC' | 'stale'
  /** For a write: how many bytes still get through. Default: none. */
  readonly shortBytes?: number
}

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

/** What orders operations: those with the same queue end one after the other. */
export interface Queue {
  /** When the last one of them ends. */
  busyUntil: number
}

/** One operation, as its caller means it. */
export interface Operation<T> {
  readonly name: DiskOperation
  readonly path: string
  readonly range: keyof DiskTiming
  readonly queue?: Queue
  /** What it does, in the moment in which it ends. `failure`: it is to fail, having done this. */
  readonly effect: (failure: DiskFailure | undefined) => T
  /** What may be seen of it when its process died in the middle. Undefined: nothing. */
  readonly atDeath?: (random: SeededRandom) => void
}

/** Planned at once. */
const plannedMax = 1_000

/** A process, as the disk knows it. */
export interface Life {
  readonly process: Process
  readonly locks: Set<string>
  dead: boolean
  /** Its last operation has begun: it and all later ones never end. */
  frozen: boolean
  readonly flights: Set<Operation<unknown>>
}

export class Operations {
  readonly #kernel: Kernel
  readonly #random: SeededRandom
  readonly #timing: DiskTiming
  #life: Life | undefined
  #planned: { readonly failure: DiskFailure; left: number }[] = []
  #kill: { left: number; readonly onKill: () => void } | undefined
  #slowness = 1
  #syncsStalledUntil = 0
  /** How often each was asked for. */
  readonly counts = new Map<DiskOperation, number>()
  /** A failure was planned, or happened, in the present life. */
  troubled = false

  constructor(kernel: Kernel, random: SeededRandom, timing: DiskTiming) {
    this.#kernel = kernel
    this.#random = random
    this.#timing = timing
  }

  get alive(): boolean {
    return this.#life !== undefined
  }

  fail(failure: DiskFailure): void {
    if (failure.nth < 1) throw new Error('operations are counted from 1')
    this.troubled = true
    if (this.#planned.length < plannedMax) this.#planned.push({ failure, left: failure.nth })
  }

  killAt(nth: number, onKill: () => void): void {
    this.#kill = { left: nth, onKill }
  }

  /** Syncs take this many times as long. */
  slow(factor: number): void {
    this.#slowness = factor
  }

  /** No sync that begins from now on ends before. */
  stallSyncs(ms: number): void {
    this.#syncsStalledUntil = this.#kernel.now + ms
  }

  /** In order from now on; what was planned is forgotten. */
  heal(): void {
    this.#planned = []
    this.#kill = undefined
    this.#slowness = 1
    this.#syncsStalledUntil = 0
  }

  /** A process begins to use the disk. */
  begin(process: Process): Life {
    if (this.#life?.process === process) return this.#life
    this.end()
    const life: Life = {
      process,
      locks: new Set(),
      dead: !process.alive,
      frozen: false,
      flights: new Set(),
    }
    this.#life = life
    process.onDeath(() => {
      if (this.#life === life) this.end()
    })
    return life
  }

  /** The process is gone. What was under way may have happened; what was planned is forgotten. */
  end(): void {
    const life = this.#life
    this.#life = undefined
    this.#planned = []
    this.#kill = undefined
    this.troubled = false
    if (life === undefined) return
    life.dead = true
    for (const flight of life.flights) {
      if (flight.queue !== undefined) flight.queue.busyUntil = 0
      flight.atDeath?.(this.#random)
    }
    life.flights.clear()
  }

  run<T>(life: Life, operation: Operation<T>): Promise<T> {
    if (life.dead || life.frozen) return new Promise(() => {})
    const failure = this.#failureOf(operation.name)
    const ends = this.#endOf(operation)
    life.flights.add(operation)
    if (this.#killsAt(operation.name)) {
      life.frozen = true
      const onKill = this.#kill?.onKill
      this.#kill = undefined
      this.#kernel.after((ends - this.#kernel.now) * randomFraction(this.#random), () => {
        if (!life.dead) onKill?.()
      })
      return new Promise(() => {})
    }
    return new Promise((resolve, reject) => {
      this.#kernel.after(ends - this.#kernel.now, () => {
        if (life.dead) return
        life.flights.delete(operation)
        let tell: () => void
        try {
          const value = operation.effect(failure)
          tell = () => resolve(value)
        } catch (error) {
          if (!(error instanceof DiskError) && !isRefusal(error)) throw error
          tell = () => reject(error)
        }
        life.process.post('input', tell)
      })
    })
  }

  #endOf({ range, queue, name }: Operation<unknown>): number {
    const [from, to] = this.#timing[range]
    let ms = from + (to - from) * randomFraction(this.#random)
    const now = this.#kernel.now
    if (range === 'syncMs') ms *= this.#slowness
    let ends = now + ms
    if (name === 'sync') ends = Math.max(ends, this.#syncsStalledUntil)
    if (queue === undefined) return ends
    queue.busyUntil = Math.max(ends, queue.busyUntil)
    return queue.busyUntil
  }

  #killsAt(name: DiskOperation): boolean {
    return this.#kill !== undefined && changing.has(name) && --this.#kill.left === 0
  }

  #failureOf(name: DiskOperation): DiskFailure | undefined {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    let hit: DiskFailure | undefined
    for (const planned of this.#planned) {
      const { operation, error } = planned.failure
      const counts =
        operation === 'any' ||
        operation === name ||
        (operation === 'change' && changing.has(name)) ||
        (operation === 'read' && name === 'readFile')
      if (!counts || (error === 'stale' && name !== 'read' && name !== 'readFile')) continue
      planned.left--
      if (planned.left === 0) hit ??= planned.failure
    }
    if (hit !== undefined) this.#planned = this.#planned.filter(({ left }) => left > 0)
    return hit
  }
}

/** Of a lock: it is the port that refuses, not the disk. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'QUORATE_LOCKED'
}

/** A coin. */
export function chance(random: SeededRandom): boolean {
  return randomBetween(random, 0, 2) === 0
}
