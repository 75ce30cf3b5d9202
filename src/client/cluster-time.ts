/**
 * The cluster's time as this client knows it: what a node said last, plus monotonic time since.
 * Sessions are born and tokens are dated in it, never in this machine's wall clock.
 */
import type { Clock } from '../ports.ts'

export class ClusterTime {
  readonly #clock: Clock
  #sample: number | undefined
  #sampledAt = 0
  #tokenTimeMax = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * A node told its time. A follower that was cut off lags, perhaps by hours, and a session born
   * in its past would be expired at birth: only what is ahead of the estimate moves it.
   */
  observe(clusterTime: number): void {
    if (this.#sample === undefined || clusterTime > this.now()) this.reset(clusterTime)
  }

  /**
   * The leader refused our time: its own holds, also backwards. While a cluster has no leader its
   * time stands still, and this client's estimate runs ahead of it.
   */
  reset(clusterTime: number): void {
    this.#sample = clusterTime
    this.#sampledAt = this.#clock.monotonic()
  }

  /**
   * The leader refused a token as too far ahead. If that was our estimate, tokens are dated anew;
   * such a token has had no effect, so no fence has to reach as far.
   */
  resetTokens(clusterTime: number): void {
    this.reset(clusterTime)
    this.#tokenTimeMax = 0
  }

  /** Cluster time now, whole ms. */
  now(): number {
    if (this.#sample === undefined) return 0
    return Math.floor(this.#sample + this.#clock.monotonic() - this.#sampledAt)
  }

  /** The time of a token that is made now. */
  tokenTime(): number {
    this.#tokenTimeMax = Math.max(this.#tokenTimeMax, this.now())
    return this.#tokenTimeMax
  }
}
