/**
 * The schedule of faults: when each begins, of which class it is, and for how long it lasts, all
 * drawn in advance, so that single faults can be left out to find out which of them matter.
 */
import { randomBetween, SeededRandom } from '../../../src/random.ts'
import { begin } from './faults.ts'
import type { Begun } from './faults.ts'
import type { FaultClass } from './swarm.ts'
import type { World } from './world.ts'

/** One fault of a schedule. */
export interface Scheduled {
  /** 1, 2, 3, …: what `--keep` takes. */
  readonly number: number
  readonly at: number
  readonly ms: number
  readonly fault: FaultClass
  /** Of the fault's own draws: leaving others out does not change them. */
  readonly seed: number
}

/** How many faults there may be in one lifetime. */
const faultsMax = 400
/** Faults that must happen in every lifetime of some length, for without them little is tested. */
const certain: readonly FaultClass[] = ['kill-leader', 'kill-leader', 'kill-leader']

/** Draws the faults that begin from `from` to `to`, ms. */
export function drawSchedule(world: World, seed: number, from: number, to: number): Scheduled[] {
  const { swarm } = world
  const random = new SeededRandom(seed ^ 0xfa017)
  const schedule: Scheduled[] = []
  const between = (min: number, max: number): number => randomBetween(random, min, max + 1)
  const span = to - from
  for (let at = from; at < to && schedule.length < faultsMax;) {
    const fault = swarm.faults[randomBetween(random, 0, swarm.faults.length)] as FaultClass
    const ms = between(swarm.faultMsMin, swarm.faultMsMax)
    const number = schedule.length + 1
    schedule.push({ number, at, ms, fault, seed: random.uint32() })
    at += between(swarm.faultEveryMsMin, swarm.faultEveryMsMax)
  }
  for (const [i, fault] of certain.entries()) {
    const at = from + Math.floor((span * (i + 1)) / (certain.length + 1))
    const number = schedule.length + 1
    schedule.push({ number, at, ms: 500, fault, seed: random.uint32() })
  }
  return schedule
}

export class Nemesis {
  readonly #world: World
  readonly #heals = new Map<number, () => void>()
  /** The numbers above this are those of faults that every lifetime has. */
  #drawn = 0
  /** Faults that began. */
  begun = 0

  constructor(world: World) {
    this.#world = world
  }

  /** Plans the faults of a schedule; `keep`: only those with these numbers. */
  plan(schedule: readonly Scheduled[], keep: ReadonlySet<number> | undefined): void {
    const { kernel } = this.#world
    this.#drawn = schedule.length - certain.length
    for (const each of schedule) {
      if (keep !== undefined && !keep.has(each.number)) continue
      kernel.after(each.at - kernel.now, () => this.#begin(each))
    }
  }

  /** Undoes everything that is still in force. What is dead stays dead. */
  healAll(): void {
    for (const number of this.#heals.keys()) this.#heal(number)
  }

  #begin({ number, ms, fault, seed }: Scheduled): void {
    const { kernel, swarm } = this.#world
    const isCertain = number > this.#drawn
    if (!isCertain && this.#heals.size >= swarm.faultsAtOnceMax) return
    const found = this.#firstPossible(fault, seed, ms)
    if (found === undefined) return
    const { begun } = found
    this.begun++
    kernel.note('fault', number, found.fault, begun.what, ms)
    this.#heals.set(number, begun.heal)
    kernel.after(ms, () => this.#heal(number))
  }

  /** Where a fault has no victim now, the next class that has one: else a lifetime grows thin. */
  #firstPossible(
    drawn: FaultClass,
    seed: number,
    ms: number,
  ): { readonly fault: FaultClass; readonly begun: Begun } | undefined {
    const { faults } = this.#world.swarm
    const at = Math.max(0, faults.indexOf(drawn))
    for (const fault of [drawn, ...faults.slice(at + 1), ...faults.slice(0, at)]) {
      const begun = begin(this.#world, fault, new SeededRandom(seed), ms)
      if (begun !== undefined) return { fault, begun }
    }
    return undefined
  }

  #heal(number: number): void {
    const heal = this.#heals.get(number)
    if (heal === undefined) return
    this.#heals.delete(number)
    this.#world.kernel.note('heal', number)
    heal()
  }
}
