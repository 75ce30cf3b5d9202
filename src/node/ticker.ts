/**
 * Turns real time into ticks of the core.
 *
 * A node that was stopped for a while (a long collection, SIGSTOP, a starved machine) wakes with
 * heartbeats waiting in its sockets. It must read them before it judges a time-out, or it would
 * start an election that nothing justifies (etcd#7617). So a due tick is not delivered by the
 * timer itself but after pending input, and however long the stall was, one wake delivers no more
 * than `ticksPerWakeMax` of the ticks it missed.
 */
import type { Cancel, Clock } from '../ports.ts'

const ticksPerWakeMax = 3

export class Ticker {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #onTick: () => void
  #cancel: Cancel | undefined
  #lastTick: number
  #stopped = false

  constructor(options: { clock: Clock; tickMs: number; onTick: () => void }) {
    this.#clock = options.clock
    this.#tickMs = options.tickMs
    this.#onTick = options.onTick
    this.#lastTick = options.clock.monotonic()
  }

  start(): void {
    this.#lastTick = this.#clock.monotonic()
    this.#arm()
  }

  stop(): void {
    this.#stopped = true
    this.#cancel?.()
  }

  #arm(): void {
    const due = this.#lastTick + this.#tickMs - this.#clock.monotonic()
    this.#cancel = this.#clock.timer(Math.max(0, due), () => {
      this.#clock.soon(() => this.#deliver())
    })
  }

  #deliver(): void {
    if (this.#stopped) return
    const now = this.#clock.monotonic()
    const missed = Math.floor((now - this.#lastTick) / this.#tickMs)
    const ticks = Math.min(missed, ticksPerWakeMax)
    this.#lastTick = missed > ticksPerWakeMax ? now : this.#lastTick + ticks * this.#tickMs
    for (let i = 0; i < ticks; i++) {
      if (this.#stopped) return
      this.#onTick()
    }
    if (!this.#stopped) this.#arm()
  }
}
