/**
 * The middle of a run: calls and faults side by side, until the time is over; then everything is
 * healed while the calls go on, so that it shows when service is back; then they end.
 */
import type { Client } from 'quorate'
import type { Cluster } from '../cluster/cluster.ts'
import type { Nemesis } from '../nemesis/nemesis.ts'
import type { Links } from '../network/links.ts'
import type { Chance, WorkloadRun } from '../workloads/workload.ts'
import { callUntil } from './callers.ts'
import { late, within, type RunClock } from './clock.ts'
import { Faults, type FaultsEnd } from './faults.ts'
import type { Journal } from './journal.ts'
import { whyNotReady } from './not-ready.ts'
import type { Settled } from './options.ts'
import { paceOf, planFaults } from './plan.ts'
import type { Phase } from './ports.ts'

/** How long the nodes may take until all of them serve again, ms. */
const readyMsMax = 60_000
/** Each fault has its own bounds for each step; this is for what nobody thought of, ms. */
const faultsEndMsMax = 600_000
/** How long calls go on once all is whole, ms. */
const tailMs = 1_000
/** Calls end by their own time-out; this is added to it, ms. */
const callsEndMsMax = 10_000
/** What is left for each step once the user has interrupted the run, ms. */
const hurryMs = 3_000

/** What the load needs. */
export interface LoadOptions {
  readonly settled: Settled
  readonly workload: WorkloadRun
  readonly clients: readonly Client[]
  readonly cluster: Cluster
  readonly links: Links
  readonly nemeses: readonly Nemesis[]
  /** How many of them the run has to get round to. */
  readonly required: number
  readonly clock: RunClock
  readonly journal: Journal
  readonly chanceOf: (name: string) => Chance
  /** The user's interruption. */
  readonly signal: AbortSignal
  readonly onPhase: (phase: Phase) => void
}

/** What came of it. */
export interface LoadEnd extends FaultsEnd {
  /** The process number of the final reads; undefined: nobody serves them, or calls still go on. */
  readonly readAs: number | undefined
}

/** One load; `faults` can be asked about while it goes on. */
export class Load {
  readonly faults: Faults
  readonly #options: LoadOptions
  readonly #callsOver = new AbortController()
  readonly #stopCalls = new AbortController()
  /** The load ends before its time: the user wants it, or no calls are made any more. */
  readonly #early: AbortSignal

  constructor(options: LoadOptions) {
    this.#options = options
    this.#early = AbortSignal.any([options.signal, this.#callsOver.signal])
    const { settled, nemeses, required, clock, chanceOf } = options
    const names = nemeses.map(({ name }) => name)
    const pace = paceOf(settled.seconds, required, settled.everyMs)
    this.faults = new Faults({
      ...options,
      plan: planFaults({ nemeses: names, ...pace }, chanceOf('plan')),
      nemesisOf: (name) => found(nemeses, name),
      overlap: settled.overlap,
      endsAt: clock.now() + settled.seconds * 1000,
      stop: this.#early,
    })
  }

  /** Runs it to its end. Never rejects: what goes wrong is among the problems. */
  async run(): Promise<LoadEnd> {
    const { settled, workload, clients, clock, journal, chanceOf, signal, onPhase } = this.#options
    const problems: string[] = []
    onPhase('running')
    const stop = this.#stopCalls.signal
    const { rate } = settled
    const calls = callUntil({ workload, clients, rate, clock, journal, chanceOf, stop }).finally(
      () => this.#callsOver.abort(),
    )
    const faults = this.#options.nemeses.length === 0 ? undefined : this.faults.play()
    await clock.sleep(settled.seconds * 1000, this.#early)
    onPhase('healing')
    const serves = await this.#healed(faults, problems)
    if (serves) await clock.sleep(tailMs, this.#early)
    this.#stopCalls.abort()
    const hurry = { signal, ms: hurryMs }
    const ended = await within(clock, settled.timeoutMs + callsEndMsMax, calls, hurry)
    if (ended === late) {
      if (!signal.aborted) problems.push('the calls did not end by their time-out')
    } else if (ended.error !== undefined) problems.push(ended.error)
    // Every check holds of nothing.
    if (journal.counts.ok === 0 && !signal.aborted) {
      problems.push('not one call succeeded before the end: there is nothing to judge')
    }
    if (journal.full) problems.push('the history is full: give a lower rate, or less time')
    const end = this.faults.end()
    return {
      ...end,
      problems: [...end.problems, ...problems],
      readAs: serves && ended !== late ? ended.nextProcess : undefined,
    }
  }

  /** Waits until every fault is healed and every node serves; false: they do not. */
  async #healed(faults: Promise<void> | undefined, problems: string[]): Promise<boolean> {
    const { cluster, clock, signal } = this.#options
    const hurry = { signal, ms: hurryMs }
    if (faults !== undefined) await within(clock, faultsEndMsMax, faults, hurry)
    const ids = cluster.nodes.map(({ id }) => id)
    try {
      const ready = await within(clock, 2 * readyMsMax, cluster.ready(ids, readyMsMax), hurry)
      if (ready === true) return true
    } catch (error) {
      problems.push(`the cluster cannot be asked: ${String(error)}`)
      return false
    }
    if (!signal.aborted) {
      problems.push(
        `${whyNotReady(cluster, readyMsMax, 'after all was healed')}; see the nodes' logs`,
      )
    }
    return false
  }
}

function found(nemeses: readonly Nemesis[], name: string): Nemesis {
  const nemesis = nemeses.find((each) => each.name === name)
  if (nemesis === undefined) throw new Error(`there is no nemesis ${name}`)
  return nemesis
}
