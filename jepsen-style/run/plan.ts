/**
 * The plan of a run's faults: which kind comes when, and for how long. It is drawn from the seed
 * alone, so that a run can be played again; whom a fault hits is drawn when it begins, because that
 * depends on who leads by then.
 */
import type { Chance } from '../workloads/workload.ts'

/** One fault that is to come. */
export interface PlannedFault {
  /** From 1. */
  readonly number: number
  readonly nemesis: string
  /** Ms to wait, once there is room for another fault, before it begins. */
  readonly pauseMs: number
  /** Ms for which it lasts once it is in force. */
  readonly lastsMs: number
}

/** What a plan is drawn for. */
export interface PlanOptions {
  /** Names of the kinds; at least one. */
  readonly nemeses: readonly string[]
  /** The pause between faults in the middle, ms; drawn from half of it to one and a half. */
  readonly everyMs: number
  /** How long a fault lasts at most, ms. Default `lastsMsMax`. */
  readonly lastsMsMax?: number
}

/** The pause between faults, where there is time enough, ms. */
const everyMsDefault = 3_000
/** A fault lasts at least this long, ms: many election time-outs. */
export const lastsMsMin = 1_000
/** And at most this long: longer than the client's calls wait in a row is no other case. */
export const lastsMsMax = 4_000

/** How a run of so many seconds gets round to each of so many kinds. */
export function paceOf(
  seconds: number,
  kinds: number,
  everyMs: number | undefined,
): { readonly everyMs: number; readonly lastsMsMax: number } {
  const share = (seconds * 1000) / Math.max(1, kinds)
  const pause = Math.round(everyMs ?? Math.min(everyMsDefault, share / 3))
  // Some is left over for what beginning and healing take.
  const room = Math.round(0.8 * (share - 1.5 * pause))
  return { everyMs: pause, lastsMsMax: Math.max(lastsMsMin, Math.min(lastsMsMax, room)) }
}

/**
 * The faults to come, without an end. Kinds are dealt like cards: each comes once, in a drawn
 * order, before any comes again, so that a short run misses as few as can be.
 */
export function* planFaults(options: PlanOptions, chance: Chance): Generator<PlannedFault, never> {
  const { nemeses, everyMs, lastsMsMax: longest = lastsMsMax } = options
  if (nemeses.length === 0) throw new Error('a plan needs at least one kind of fault')
  for (let number = 1; ;) {
    for (const nemesis of shuffled(nemeses, chance)) {
      const pauseMs = Math.round(everyMs * (0.5 + chance.fraction()))
      const lastsMs = chance.between(lastsMsMin, Math.max(lastsMsMin + 1, longest))
      yield { number, nemesis, pauseMs, lastsMs }
      number++
    }
  }
}

/** The values in a drawn order (Fisher and Yates). */
function shuffled<T>(values: readonly T[], chance: Chance): readonly T[] {
  const left = [...values]
  const dealt: T[] = []
  while (left.length > 0) dealt.push(...left.splice(chance.between(0, left.length), 1))
  return dealt
}
