/**
 * Plays the plan of faults on a cluster: draws each when its time has come, begins it, asks until it
 * was seen to work, and heals it. Faults overlap up to a cap, and never two that take the same node.
 * Whatever happens, every fault that was begun is healed before this is over.
 */
import type { Cluster } from '../cluster/cluster.ts'
import type { Fault, Nemesis, Scene } from '../nemesis/nemesis.ts'
import type { Links } from '../network/links.ts'
import type { FaultSpan } from '../report/run-record.ts'
import type { Chance } from '../workloads/workload.ts'
import { messageOf } from './cleanup.ts'
import { late, within, type RunClock } from './clock.ts'
import type { Journal } from './journal.ts'
import { lastsMsMin, type PlannedFault } from './plan.ts'
import { Recovery } from './recovery.ts'

/** How often a fault is asked whether it was seen, ms. */
const askMs = 100
/** A fault that was not seen yet goes on for up to this much longer, ms. */
const unseenGraceMs = 15_000
/** How long a fault may take to begin and to heal, ms; some start nodes and wait for them. */
const beginMsMax = 60_000
const healMsMax = 60_000
/** How often healing is tried before the run gives up on it. */
const healTries = 3
/** Before a kind that did not fit is left for the next one, ms: so that this is no busy loop. */
const passMs = 200

/** What the conductor needs. */
export interface FaultsOptions {
  readonly plan: Iterator<PlannedFault, never>
  readonly nemesisOf: (name: string) => Nemesis
  readonly cluster: Cluster
  readonly links: Links
  readonly chanceOf: (name: string) => Chance
  readonly clock: RunClock
  readonly journal: Journal
  /** Faults at once. */
  readonly overlap: number
  /** No fault begins so late that it could not last its least time, ms since the run began. */
  readonly endsAt: number
  /** Aborted: everything is healed at once. */
  readonly stop: AbortSignal
}

/** What came of the faults. */
export interface FaultsEnd {
  readonly spans: readonly FaultSpan[]
  /** What went wrong with them, one line each; the run fails. */
  readonly problems: readonly string[]
  /** Kinds that were planned but never fitted, with how often. */
  readonly passed: ReadonlyMap<string, number>
}

/** The conductor of one run. */
export class Faults {
  readonly #options: FaultsOptions
  readonly #underWay = new Map<number, FaultSpan & { readonly takes: readonly string[] }>()
  readonly #lives = new Set<Promise<void>>()
  readonly #spans: FaultSpan[] = []
  readonly #problems: string[] = []
  readonly #passed = new Map<string, number>()
  readonly #damaged = new Set<string>()
  readonly #recovery: Recovery

  constructor(options: FaultsOptions) {
    this.#options = options
    this.#recovery = new Recovery(options.journal)
  }

  /** Those that are about now, and how many there were. */
  get underWay(): readonly FaultSpan[] {
    return [...this.#underWay.values()].map(({ takes: _takes, ...span }) => span)
  }

  get begun(): number {
    return this.#spans.length + this.#underWay.size
  }

  /** Plays the plan until its time is over; resolves when all is healed. Never rejects. */
  async play(): Promise<void> {
    const { clock, stop, endsAt, overlap, plan } = this.#options
    while (!stop.aborted) {
      if (this.#lives.size >= overlap) {
        await Promise.race(this.#lives)
        continue
      }
      const { value: planned } = plan.next()
      if (clock.now() + planned.pauseMs + lastsMsMin > endsAt) break
      await clock.sleep(planned.pauseMs, stop)
      if (!stop.aborted) await this.#launch(planned)
    }
    await Promise.all(this.#lives)
  }

  /** What came of it; to be asked when the calls have ended, which show when service was back. */
  end(): FaultsEnd {
    // One that is still there at the end could not be healed in time.
    const spans = [...this.#spans, ...this.underWay]
      .map((span) => {
        const firstSuccessMs = this.#recovery.firstSuccessMs(span.fault)
        return { ...span, ...(firstSuccessMs !== undefined && { firstSuccessMs }) }
      })
      .sort((a, b) => a.fault - b.fault)
    return { spans, problems: this.#problems, passed: this.#passed }
  }

  /** Draws a fault and lets it live beside the others; passes it over where none fits. */
  async #launch(planned: PlannedFault): Promise<void> {
    const { clock, stop } = this.#options
    const fault = await this.#draw(planned)
    if (fault === undefined) {
      this.#passed.set(planned.nemesis, (this.#passed.get(planned.nemesis) ?? 0) + 1)
      await clock.sleep(passMs, stop)
      return
    }
    const life = this.#live(planned, fault).finally(() => {
      this.#underWay.delete(planned.number)
      this.#lives.delete(life)
    })
    this.#lives.add(life)
  }

  async #draw(planned: PlannedFault): Promise<Fault | undefined> {
    const { cluster, links, chanceOf, nemesisOf, clock } = this.#options
    const busy = this.#taken()
    const scene: Scene = {
      cluster,
      links,
      chance: chanceOf(`fault/${planned.number}`),
      damaged: this.#damaged,
      busy,
      isTaken: (node) => this.#taken().has(node),
    }
    try {
      const fault = await within(clock, beginMsMax, nemesisOf(planned.nemesis).draw(scene))
      if (fault === late) throw new Error('it took too long')
      // A kind that overlooks what is busy must not break the fault of another one.
      return fault?.takes.some((node) => busy.has(node)) === true ? undefined : fault
    } catch (error) {
      this.#problems.push(`${planned.nemesis} could not be drawn: ${messageOf(error)}`)
      return undefined
    }
  }

  /** The nodes that faults under way have for themselves. */
  #taken(): ReadonlySet<string> {
    return new Set([...this.#underWay.values()].flatMap((each) => each.takes))
  }

  /** One fault from its beginning to its healing. Never rejects. */
  async #live(planned: PlannedFault, fault: Fault): Promise<void> {
    const { journal, clock } = this.#options
    const { number, nemesis } = planned
    const name = `fault ${number} (${nemesis})`
    const note = (phase: 'begin' | 'seen' | 'heal', detail: string): number => {
      try {
        return journal.fault(nemesis, { fault: number, phase, detail })
      } catch (error) {
        // The disk of the harness has failed: what was begun has to be healed all the same.
        this.#problems.push(`${name} could not be written down: ${messageOf(error)}`)
        return clock.now()
      }
    }
    const { detail, takes } = fault
    const begin = note('begin', detail)
    this.#underWay.set(number, { fault: number, nemesis, detail, begin, takes })
    let seen: string | undefined
    try {
      await this.#bounded(beginMsMax, fault.begin(), 'beginning')
      this.#recovery.inForce(number, clock.now())
      seen = await this.#watch(planned, fault)
      if (seen !== undefined) note('seen', seen)
    } catch (error) {
      this.#problems.push(`${name} failed: ${messageOf(error)}`)
    }
    const healed = await this.#heal(name, fault)
    const heal = healed ? note('heal', 'healed') : undefined
    this.#spans.push({
      fault: number,
      nemesis,
      detail,
      begin,
      ...(heal !== undefined && { heal }),
      ...(seen !== undefined && { seen }),
    })
  }

  /** Lets the fault last, asking whether it was seen; resolves with what showed it. */
  async #watch(planned: PlannedFault, fault: Fault): Promise<string | undefined> {
    const { clock, stop, endsAt } = this.#options
    const start = clock.now()
    // One that took beyond the end to begin still has its time to be seen.
    const lastsMs = Math.max(0, Math.min(planned.lastsMs, endsAt - start))
    let seen: string | undefined
    for (;;) {
      seen ??= await this.#bounded(beginMsMax, fault.seen(), 'looking at it')
      const lasted = clock.now() - start
      const enough = lasted >= lastsMs + (seen === undefined ? unseenGraceMs : 0)
      if (enough || stop.aborted) return seen
      const left = lastsMs - lasted
      await clock.sleep(seen === undefined || left <= 0 ? askMs : left, stop)
    }
  }

  async #heal(name: string, fault: Fault): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#bounded(healMsMax, fault.heal(), 'healing')
        return true
      } catch (error) {
        if (tries < healTries) continue
        this.#problems.push(`${name} could not be healed: ${messageOf(error)}`)
        return false
      }
    }
  }

  async #bounded<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
    const ended = await within(this.#options.clock, ms, work)
    if (ended === late) throw new Error(`${what} took longer than ${ms / 1000} s`)
    return ended
  }
}
