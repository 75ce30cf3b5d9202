/**
 * The clients' side of a run: each slot makes one call after the other through its own client.
 * A call of which nobody knows how it ended stays open for ever, and so its process ends with it:
 * the slot goes on under a number that was never used (`process` mod `clients` is the slot).
 */
import type { Client } from 'quorate'
import type { Chance, Completion, Invocation, WorkloadRun } from '../workloads/workload.ts'
import { messageOf } from './cleanup.ts'
import { checkedCompletion } from './given.ts'
import type { RunClock } from './clock.ts'
import type { Journal } from './journal.ts'

/** How long a slot waits where its workload has nothing to do at the moment, ms. */
const idleMs = 20
/** A slot that has fallen behind its rate by more than this forgets the calls it owes, ms. */
const arrearsMsMax = 1_000
/** After a call that failed, up to this pause, ms: failing at once must not fill the history. */
const failurePauseMsMax = 50

/** What the callers need. */
export interface CallersOptions {
  readonly workload: WorkloadRun
  /** One a slot. */
  readonly clients: readonly Client[]
  /** Calls a second in all; 0: as many as can be made. */
  readonly rate: number
  readonly chanceOf: (name: string) => Chance
  readonly clock: RunClock
  readonly journal: Journal
  /** Aborted: no further call begins. */
  readonly stop: AbortSignal
}

/** How the calling ended. */
export interface CallersEnd {
  /** The first process number that was never used. */
  readonly nextProcess: number
  /** Why it ended before it was told to. */
  readonly error: string | undefined
}

/** Resolves when `stop` is aborted and every call has ended; a slot that fails ends the others. */
export async function callUntil(options: CallersOptions): Promise<CallersEnd> {
  const { clients } = options
  const failed = new AbortController()
  const stop = AbortSignal.any([options.stop, failed.signal])
  const slots = clients.map((client, slot) => new Slot({ ...options, stop }, client, slot))
  let error: string | undefined
  await Promise.all(
    slots.map(async (slot) => {
      try {
        await slot.callUntilStopped()
      } catch (cause) {
        error ??= messageOf(cause)
        failed.abort()
      }
    }),
  )
  const used = slots.map((slot) => slot.process)
  return { nextProcess: Math.max(clients.length - 1, ...used) + 1, error }
}

/** One slot: its client, and the process number under which it calls at the moment. */
class Slot {
  readonly #options: CallersOptions
  readonly #client: Client
  readonly #slot: number
  process: number

  constructor(options: CallersOptions, client: Client, slot: number) {
    this.#options = options
    this.#client = client
    this.#slot = slot
    this.process = slot
  }

  async callUntilStopped(): Promise<void> {
    const { workload, clients, clock, journal, stop, rate, chanceOf } = this.#options
    const chance = chanceOf(`arrivals/${this.#slot}`)
    const arrivals = new Arrivals(rate / clients.length, chance, clock.now())
    while (!stop.aborted && !journal.full) {
      await arrivals.next(clock, stop)
      await journal.room()
      if (stop.aborted) return
      const invocation = workload.next(this.#slot)
      if (invocation === undefined) {
        await clock.sleep(idleMs, stop)
        continue
      }
      const call = { client: this.#client, slot: this.#slot, process: this.process }
      const { type } = await callOnce({ workload, invocation, journal, ...call })
      if (type === 'info') this.process += clients.length
      if (type !== 'ok') await clock.sleep(chance.between(1, failurePauseMsMax), stop)
    }
  }
}

/** One call from its `invoke` to its end. */
export interface OneCall {
  readonly workload: WorkloadRun
  readonly client: Client
  readonly invocation: Invocation
  readonly slot: number
  readonly process: number
  readonly journal: Journal
}

/** Makes it, and writes both ends into the history. */
export async function callOnce(call: OneCall): Promise<Completion> {
  const { workload, client, invocation, slot, process, journal } = call
  const end = journal.begin(process, invocation)
  try {
    const completion = checkedCompletion(await workload.perform(client, invocation, slot))
    end(completion)
    return completion
  } catch (error) {
    // A mistake of the workload, not of the cluster: the run is told, and the call stays open.
    end({ type: 'info', error: messageOf(error) })
    throw new Error(`the workload failed in ${invocation.f}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** When a slot calls: as a Poisson process, whatever the answers take (an open loop). */
class Arrivals {
  readonly #perSecond: number
  readonly #chance: Chance
  #due: number

  constructor(perSecond: number, chance: Chance, now: number) {
    this.#perSecond = perSecond
    this.#chance = chance
    this.#due = now
  }

  async next(clock: RunClock, stop: AbortSignal): Promise<void> {
    if (this.#perSecond === 0) return
    const gapMs = (-Math.log(1 - this.#chance.fraction()) * 1000) / this.#perSecond
    this.#due = Math.max(this.#due + gapMs, clock.now() - arrearsMsMax)
    const wait = this.#due - clock.now()
    if (wait > 0) await clock.sleep(wait, stop)
  }
}
