/**
 * Deadlines of many calls on one timer. A timer of its own for each call would cost more than the
 * call: with 10,000 in flight, nearly all are answered long before their time is up, so putting an
 * entry in and taking it out again must be cheap, and firing may be coarse.
 *
 * A hashed wheel (Varghese and Lauck, 1987): entries hang in the slot of their tick, as intrusive
 * lists. One timer of the clock stands at the next tick that has entries; with none there is none.
 */
import type { Cancel, Clock } from '../ports.ts'

/** How coarse deadlines are: an entry fires up to this much late, never early. */
const tickMs = 8
/** One turn of the wheel is 8 seconds; later entries stay in their slot for another turn. */
const slotCount = 1024

/** Where an entry hangs. Kept apart from slot numbers, which begin at 0. */
const idle = -1
const due = -2

/** One deadline. What has one extends this; it can stand at one moment at a time. */
export abstract class WheelEntry {
  slot = idle
  tick = 0
  previous: WheelEntry | undefined = undefined
  next: WheelEntry | undefined = undefined

  /** Whether a moment is set. */
  get waiting(): boolean {
    return this.slot >= 0
  }

  /** The moment has come. */
  abstract onDue(now: number): void
}

/** A deadline that calls back. */
export class Alarm extends WheelEntry {
  readonly #callback: (now: number) => void

  constructor(callback: (now: number) => void) {
    super()
    this.#callback = callback
  }

  onDue(now: number): void {
    this.#callback(now)
  }
}

export class Wheel {
  readonly #clock: Clock
  readonly #heads: (WheelEntry | undefined)[] = Array.from({ length: slotCount })
  #count = 0
  /** All entries up to this tick have fired. */
  #doneTick = 0
  #armedTick = Infinity
  #cancel: Cancel | undefined
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many entries wait. */
  get size(): number {
    return this.#count
  }

  /** Sets the entry's moment; a moment set before is forgotten. */
  set(entry: WheelEntry, dueAt: number, now: number): void {
    this.clear(entry)
    if (this.#count === 0) this.#doneTick = Math.floor(now / tickMs)
    entry.tick = Math.max(Math.ceil(dueAt / tickMs), this.#doneTick + 1)
    this.#link(entry)
    if (entry.tick < this.#armedTick) this.#arm(entry.tick, now)
  }

  /** The entry does not fire any more. */
  clear(entry: WheelEntry): void {
    const { slot, previous, next } = entry
    entry.slot = idle
    if (slot < 0) return
    if (previous === undefined) this.#heads[slot] = next
    else previous.next = next
    if (next !== undefined) next.previous = previous
    entry.previous = undefined
    entry.next = undefined
    this.#count--
  }

  /** Nothing fires any more, and no timer keeps the process alive. */
  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  #link(entry: WheelEntry): void {
    const slot = entry.tick % slotCount
    const head = this.#heads[slot]
    entry.slot = slot
    entry.next = head
    if (head !== undefined) head.previous = entry
    this.#heads[slot] = entry
    this.#count++
  }

  #arm(tick: number, now: number): void {
    this.#cancel?.()
    if (this.#closed) return
    this.#armedTick = tick
    // A process that was stopped for a while finds answers in its sockets, and its deadlines past:
    // `soon` has the answers handed over first, so that no call is given up that has its answer.
    this.#cancel = this.#clock.timer(tick * tickMs - now, () =>
      this.#clock.soon(() => this.#fire()),
    )
  }

  #fire(): void {
    if (this.#closed) return
    this.#cancel?.()
    this.#cancel = undefined
    this.#armedTick = Infinity
    const now = this.#clock.monotonic()
    const entries = this.#takeDue(Math.floor(now / tickMs))
    for (const entry of entries) {
      // One that fired before it may have cleared or moved it.
      if (entry.slot !== due) continue
      entry.slot = idle
      entry.onDue(now)
    }
    this.#armNext(now)
  }

  #takeDue(nowTick: number): WheelEntry[] {
    const entries: WheelEntry[] = []
    const last = Math.min(nowTick, this.#doneTick + slotCount)
    for (let tick = this.#doneTick + 1; tick <= last; tick++) {
      let entry = this.#heads[tick % slotCount]
      while (entry !== undefined) {
        const { next } = entry
        if (entry.tick <= nowTick) {
          this.clear(entry)
          entry.slot = due
          entries.push(entry)
        }
        entry = next
      }
    }
    this.#doneTick = Math.max(this.#doneTick, nowTick)
    return entries.sort((a, b) => a.tick - b.tick)
  }

  #armNext(now: number): void {
    if (this.#count === 0) return
    for (let tick = this.#doneTick + 1; tick <= this.#doneTick + slotCount; tick++) {
      if (this.#heads[tick % slotCount] === undefined) continue
      if (tick < this.#armedTick) this.#arm(tick, now)
      return
    }
  }
}
