/**
 * Watches how much room the disk has. Below a floor the node takes no more writes, while it can
 * still say so: a disk that is really full stops it in the middle of a flush. What stands between
 * the floor and nothing is for LevelDB, which compacts on after the last write, on copies, and asks
 * nobody; and for what was taken already. What votes need is far below the floor, so the group keeps
 * a leader and goes on reading; with room the node goes on by itself.
 */
import type { Disk, DiskSpace as Room } from '../ports.ts'

const lookEveryMs = 500
/** With less than so many floors free it looks more often: a load may write megabytes between. */
const closeFloors = 4
const closeLookEveryMs = 100
/**
 * With so much more than the floor writes are taken again: not to and fro at the edge. Little more,
 * because a compaction takes much for a moment, and gives it back: what is free then must do.
 */
const relief = 17 / 16
/** Of the floor: below it nothing large is written at all, and the rest is LevelDB's. */
const leastPart = 3 / 4

interface DiskSpaceOptions {
  readonly disk: Disk
  readonly path: string
  /** Bytes; 0: never full. */
  readonly floorBytes: number
}

export class DiskSpace {
  readonly #options: DiskSpaceOptions
  #lookedAt = -Infinity
  #looking: Promise<void> | undefined
  #freeBytes: number | undefined
  #isLow = false
  #isNearlyGone = false

  constructor(options: DiskSpaceOptions) {
    this.#options = options
  }

  /** As last seen; undefined where nobody can tell. */
  get freeBytes(): number | undefined {
    return this.#freeBytes
  }

  /** Below the floor: no new writes. */
  get isLow(): boolean {
    return this.#isLow
  }

  /**
   * Well below the floor: not even records that a leader sends are taken. A leader with a disk like
   * this one has stopped before, so that what it had taken is still committed.
   */
  get isNearlyGone(): boolean {
    return this.#isNearlyGone
  }

  /** Called often. */
  tick(now: number): void {
    const { disk, path, floorBytes } = this.#options
    if (floorBytes === 0 || this.#looking !== undefined) return
    const isClose = (this.#freeBytes ?? Infinity) < closeFloors * floorBytes
    if (now - this.#lookedAt < (isClose ? closeLookEveryMs : lookEveryMs)) return
    this.#lookedAt = now
    this.#looking = disk.space(path).then(
      (room) => this.#see(room),
      // Whoever cannot tell how much is free does not refuse writes because of it.
      () => this.#see(undefined),
    )
  }

  async stop(): Promise<void> {
    await this.#looking
  }

  #see(room: Room | undefined): void {
    const { floorBytes } = this.#options
    this.#looking = undefined
    this.#freeBytes = room?.free
    const free = room?.free ?? Infinity
    this.#isLow = free < (this.#isLow ? floorBytes * relief : floorBytes)
    const least = floorBytes * leastPart
    this.#isNearlyGone = free < (this.#isNearlyGone ? least * relief : least)
  }
}
