/**
 * Cluster time: the time that entries are stamped with, and the only time that apply ever sees.
 *
 * A leader's stamp is the last stamp of the log plus its own monotonic time since, slewed towards
 * its wall clock: at most twice as fast as real time, at least half as fast, never back. So a
 * clock that is a year off moves retention and session expiry by no more than the time for which
 * that node led, and the pause before it. A follower reckons in the same way between any two stamps
 * of its leader, and is set right by each: what it gathered would be a leap on the day it leads.
 */
import type { Clock } from '../ports.ts'

export class ClusterClock {
  readonly #clock: Clock
  /** The newest stamp that stands in the log. */
  #logStamp: number
  /** The time last told, or seen, and the monotonic moment at which it was reached. */
  #stamp: number
  #reachedAt: number

  /** `lastStamp`: the newest stamp in the log; 0 for a new cluster, which starts at wall time. */
  constructor(clock: Clock, lastStamp: number) {
    this.#clock = clock
    this.#logStamp = lastStamp
    this.#stamp = lastStamp
    this.#reachedAt = clock.monotonic()
  }

  /** A stamp was seen in the log: time never stands before it. */
  observe(stamp: number): void {
    this.#logStamp = Math.max(this.#logStamp, stamp)
    if (stamp > this.#stamp) this.#moveTo(stamp, this.#clock.monotonic())
  }

  /** A new stamp of the leader's, seen by a follower: it holds, whatever was reckoned before. */
  follow(stamp: number): void {
    if (stamp <= this.#logStamp) return
    this.#logStamp = stamp
    this.#moveTo(stamp, this.#clock.monotonic())
  }

  /** Cluster time now, whole ms. Each call may move it on, none moves it back; only `follow` may. */
  now(): number {
    const monotonic = this.#clock.monotonic()
    const elapsed = Math.max(0, monotonic - this.#reachedAt)
    const wall = this.#clock.wall()
    if (this.#stamp === 0) {
      this.#moveTo(Math.max(1, wall), monotonic)
      return this.#stamp
    }
    const slowest = this.#stamp + elapsed / 2
    const fastest = this.#stamp + elapsed * 2
    const next = Math.floor(Math.min(Math.max(wall, slowest), fastest))
    // Below one whole ms nothing moves, so that the remainder is not lost to rounding.
    if (next > this.#stamp) this.#moveTo(next, monotonic)
    return this.#stamp
  }

  #moveTo(stamp: number, monotonic: number): void {
    this.#stamp = stamp
    this.#reachedAt = monotonic
  }
}
