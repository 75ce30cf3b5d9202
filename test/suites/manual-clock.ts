/**
 * A clock that moves only when it is told to. Timers and `soon` callbacks run inside `run` and
 * `advance`, timers in the order of their moments and, at one moment, in that in which they were
 * made; promises settle between any two of them. So a test that uses it is the same every time.
 */
import type { Cancel, Clock } from '../../src/ports.ts'

interface Alarm {
  readonly due: number
  readonly order: number
  readonly callback: () => void
}

/** How many callbacks one `advance` may run: a loop that never rests fails instead of hanging. */
const callbacksMax = 1_000_000

export class ManualClock implements Clock {
  /** What `wall()` is at monotonic 0. A test may set it, to make the wall clock jump. */
  wallOffset: number
  #now = 0
  #order = 0
  #ran = 0
  readonly #alarms = new Set<Alarm>()
  #soon: (() => void)[] = []

  constructor(wallOffset = 1_767_225_600_000) {
    this.wallOffset = wallOffset
  }

  monotonic(): number {
    return this.#now
  }

  wall(): number {
    return Math.floor(this.wallOffset + this.#now)
  }

  timer(delayMs: number, callback: () => void): Cancel {
    const alarm = { due: this.#now + Math.max(0, delayMs), order: this.#order++, callback }
    this.#alarms.add(alarm)
    return () => this.#alarms.delete(alarm)
  }

  soon(callback: () => void): void {
    this.#soon.push(callback)
  }

  /** Timers that wait. Zero when all has been closed properly. */
  get timers(): number {
    return this.#alarms.size
  }

  /** Runs what is due now, until nothing is left but timers of later moments. */
  async run(): Promise<void> {
    await this.advance(0)
  }

  /**
   * Moves time on, running what falls due on the way. At each moment timers come first, and with
   * them the frames that arrive then; when no more are due, what was to be called `soon`.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    this.#ran = 0
    for (;;) {
      await settlePromises()
      const next = this.#next()
      if (next !== undefined && next.due <= this.#now) {
        this.#ring(next)
      } else if (this.#soon.length > 0) {
        const batch = this.#soon
        this.#soon = []
        for (const callback of batch) this.#call(callback)
      } else if (next !== undefined && next.due <= end) {
        this.#now = next.due
        this.#ring(next)
      } else break
    }
    this.#now = end
  }

  /** Time passes and nothing runs, as when the process stands still; all is late afterwards. */
  stall(ms: number): void {
    this.#now += ms
  }

  /** Moves time on in steps until the promise settles; fails after `ms`. */
  async until<T>(promise: Promise<T>, ms = 60_000): Promise<T> {
    const state = { settled: false }
    const mark = (): void => {
      state.settled = true
    }
    promise.then(mark, mark)
    const end = this.#now + ms
    await this.run()
    while (!state.settled && this.#now < end) await this.advance(1)
    if (!state.settled) throw new Error(`still waiting after ${ms} ms of the manual clock`)
    return await promise
  }

  #ring(alarm: Alarm): void {
    this.#alarms.delete(alarm)
    this.#call(alarm.callback)
  }

  #next(): Alarm | undefined {
    let first: Alarm | undefined
    for (const alarm of this.#alarms) {
      if (first === undefined || alarm.due < first.due) first = alarm
      else if (alarm.due === first.due && alarm.order < first.order) first = alarm
    }
    return first
  }

  #call(callback: () => void): void {
    if (++this.#ran > callbacksMax) throw new Error('the callbacks never end')
    callback()
  }
}

/** Every promise chain that can go on without a timer or input has gone on after this. */
export function settlePromises(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
