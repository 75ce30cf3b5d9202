/**
 * Virtual time: everything that happens in a lifetime is an event here, run one after the other,
 * each with all promise chains that it sets going, in one synchronous run.
 *
 * Nothing is simulated beside it: ports resolve their promises, deliver their frames and ring
 * their timers by events of a process (`Process.post`), so that a process which is stopped, slow
 * or dead is so in every respect.
 */
import type { Cancel } from '../../../src/ports.ts'
import { settlePromises } from './drain.ts'
import { EventHeap } from './heap.ts'
import type { Event } from './heap.ts'
import { Trace } from './trace.ts'
import type { TraceField } from './trace.ts'

/** Events at one moment: more would mean that something keeps itself busy without time passing. */
const eventsPerMomentMax = 200_000

/** A lifetime did something that no time can pass over. */
export class Stuck extends Error {}

export class Kernel {
  readonly trace: Trace
  readonly #heap = new EventHeap()
  #now = 0
  #order = 0
  #atThisMoment = 0
  #running: string | undefined
  /** Events run so far. */
  events = 0
  /** What went wrong outside any promise chain that somebody holds. The first one counts. */
  crash: { readonly error: unknown; readonly where: string } | undefined

  constructor(trace: Trace = new Trace()) {
    this.trace = trace
  }

  /** True time in ms, from 0 on. Clocks of processes run at rates of their own. */
  get now(): number {
    return this.#now
  }

  note(what: string, ...fields: readonly TraceField[]): void {
    this.trace.note(this.#now, what, ...fields)
  }

  /** Something in the world, beside all processes: a fault, a frame on the wire. */
  after(ms: number, callback: () => void): Cancel {
    const event: Event = { at: this.#now + Math.max(0, ms), order: this.#order++, callback }
    this.#heap.push(event)
    return () => {
      event.callback = undefined
    }
  }

  /** Lets time pass until then; stops early once there was a crash. */
  runTo(end: number): void {
    settlePromises()
    while (this.crash === undefined) {
      const next = this.#heap.peek()
      if (next === undefined || next.at > end) break
      this.#step()
    }
    if (this.crash === undefined) this.#now = Math.max(this.#now, end)
  }

  /** Lets time pass until it holds, at most to `end`; whether it holds. */
  runUntil(holds: () => boolean, end: number): boolean {
    settlePromises()
    for (;;) {
      if (this.crash !== undefined) return false
      if (holds()) return true
      const next = this.#heap.peek()
      if (next === undefined || next.at > end) break
      this.#step()
    }
    this.#now = Math.max(this.#now, end)
    return holds()
  }

  /**
   * Runs it right now, on behalf of a process; what it throws is a crash. Promise chains go on when
   * it is over, and never in the middle of something else.
   */
  run(where: string, callback: () => void): void {
    const outer = this.#running
    this.#running = where
    try {
      callback()
    } catch (error) {
      this.crash ??= { error, where }
    }
    if (outer === undefined) settlePromises()
    this.#running = outer
  }

  /** On whose behalf code runs at the moment; undefined between events. */
  get running(): string | undefined {
    return this.#running
  }

  #step(): void {
    const event = this.#heap.pop()
    if (event?.callback === undefined) return
    if (event.at > this.#now) this.#atThisMoment = 0
    if (++this.#atThisMoment > eventsPerMomentMax) {
      this.crash ??= { error: new Stuck(`events never end at ${this.#now} ms`), where: 'kernel' }
      return
    }
    this.#now = Math.max(this.#now, event.at)
    this.events++
    try {
      event.callback()
    } catch (error) {
      this.crash ??= { error, where: 'the world' }
    }
    settlePromises()
  }
}
