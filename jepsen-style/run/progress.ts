/** Tells about a run while it goes on: about twice a second, and never in the way of it. */
import type { Cluster } from '../cluster/cluster.ts'
import { late, within, type RunClock } from './clock.ts'
import type { Faults } from './faults.ts'
import type { Journal } from './journal.ts'
import type { Phase, Progress } from './ports.ts'

const tellMs = 500
/** How long the nodes may take to say who leads, ms. */
const leaderMsMax = 1_500

/** What there is to tell of. */
export interface ProgressOptions {
  readonly clock: RunClock
  readonly journal: Journal
  readonly totalMs: number
  /** Absent: nobody listens, and nobody is asked. */
  readonly tell: ((progress: Progress) => void) | undefined
}

/** Asks and tells from `begin` to `end`. */
export class ProgressTeller {
  readonly #options: ProgressOptions
  readonly #over = new AbortController()
  #telling: Promise<void> = Promise.resolve()
  #phase: Phase = 'starting'
  #loadSince: number | undefined
  #perSecond = 0
  #leader: string | undefined
  #cluster: Cluster | undefined
  #faults: Faults | undefined

  constructor(options: ProgressOptions) {
    this.#options = options
  }

  begin(): void {
    const { tell } = this.#options
    if (tell === undefined) return
    tell(this.#progress())
    this.#telling = this.#tellUntilOver(tell)
  }

  phase(phase: Phase): void {
    this.#phase = phase
    if (phase === 'running') this.#loadSince = this.#options.clock.now()
    this.#options.tell?.(this.#progress())
  }

  watch(cluster: Cluster): void {
    this.#cluster = cluster
  }

  watchFaults(faults: Faults): void {
    this.#faults = faults
  }

  async end(): Promise<void> {
    this.#over.abort()
    await this.#telling
  }

  async #tellUntilOver(tell: (progress: Progress) => void): Promise<void> {
    const { clock, journal } = this.#options
    let before = 0
    let at = clock.now()
    while (!this.#over.signal.aborted) {
      await clock.sleep(tellMs, this.#over.signal)
      this.#leader = await this.#askForLeader()
      const { ok, failed, unknown } = journal.counts
      const answers = ok + failed + unknown
      const now = clock.now()
      this.#perSecond = ((answers - before) * 1000) / Math.max(1, now - at)
      before = answers
      at = now
      if (!this.#over.signal.aborted) tell(this.#progress())
    }
  }

  async #askForLeader(): Promise<string | undefined> {
    if (this.#cluster === undefined || this.#over.signal.aborted) return undefined
    try {
      const leader = await within(this.#options.clock, leaderMsMax, this.#cluster.leader())
      return leader === late ? undefined : leader
    } catch {
      // Nobody can be asked at the moment: then nobody is known to lead.
      return undefined
    }
  }

  #progress(): Progress {
    const { clock, journal, totalMs } = this.#options
    return {
      phase: this.#phase,
      elapsedMs: this.#loadSince === undefined ? 0 : clock.now() - this.#loadSince,
      totalMs,
      calls: journal.counts,
      perSecond: this.#perSecond,
      faults: this.#faults?.underWay ?? [],
      faultsBegun: this.#faults?.begun ?? 0,
      leader: this.#leader,
    }
  }
}
