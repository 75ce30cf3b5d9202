/**
 * A process of the operating system, in one life: it can be stopped, slowed down and killed, and
 * has a clock that may run wrong. All that reaches it comes through `post`.
 */
import type { Cancel, Clock } from '../../../src/ports.ts'
import type { Kernel } from './kernel.ts'

/**
 * In which phase of an event loop something is handed over: after a stall, timers ring before
 * sockets and files are looked at, and `soon` comes after both.
 */
export type Phase = 'timer' | 'input' | 'soon'

/** How a machine's clocks go wrong. They outlive its processes. */
export class MachineClock {
  /** Ticks of this machine's clock per true ms. */
  #rate: number
  /** Its monotonic reading at `#since`. */
  #base: number
  #since = 0
  /** Wall clock at monotonic 0; a jump changes it. */
  wallOffset: number
  readonly #kernel: Kernel

  constructor(kernel: Kernel, options: { rate?: number; base?: number; wallOffset?: number } = {}) {
    this.#kernel = kernel
    this.#rate = options.rate ?? 1
    this.#base = options.base ?? 0
    this.wallOffset = options.wallOffset ?? 1_767_225_600_000
  }

  get rate(): number {
    return this.#rate
  }

  set rate(rate: number) {
    this.#base = this.monotonic()
    this.#since = this.#kernel.now
    this.#rate = rate
  }

  monotonic(): number {
    return this.#base + (this.#kernel.now - this.#since) * this.#rate
  }

  wall(): number {
    return Math.floor(this.wallOffset + this.monotonic())
  }
}

/**
 * No timer rings sooner, and all ring later by so much: a division by the clock's rate may round
 * down, and a timer that rings a hair too early would be set again, for no time at all, for ever.
 */
const timerGrainMs = 0.001

export class Process {
  readonly name: string
  readonly kernel: Kernel
  readonly clock: Clock
  /** Nobody may take consensus messages from it. */
  disowned = false
  #alive = true
  #stopped = false
  #timers: (() => void)[] = []
  #inputs: (() => void)[] = []
  #soons: (() => void)[] = []
  #soonPlanned = false
  readonly #deaths: (() => void)[] = []

  constructor(kernel: Kernel, name: string, machine: MachineClock) {
    this.kernel = kernel
    this.name = name
    this.clock = {
      monotonic: () => machine.monotonic(),
      wall: () => machine.wall(),
      timer: (delayMs, callback) =>
        this.postAfter(Math.max(0, delayMs) / machine.rate + timerGrainMs, 'timer', callback),
      soon: (callback) => this.#soon(callback),
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  get stopped(): boolean {
    return this.#stopped
  }

  /** Hands something over, within an event of the kernel: now, or once the process goes on. */
  post(phase: Exclude<Phase, 'soon'>, callback: () => void): void {
    if (!this.#alive) return
    if (!this.#stopped) return this.kernel.run(this.name, callback)
    if (phase === 'timer') this.#timers.push(callback)
    else this.#inputs.push(callback)
  }

  /** Hands something over `ms` of true time from now. */
  postAfter(ms: number, phase: Exclude<Phase, 'soon'>, callback: () => void): Cancel {
    let wanted = true
    const cancel = this.kernel.after(ms, () =>
      this.post(phase, () => {
        if (wanted) callback()
      }),
    )
    return () => {
      wanted = false
      cancel()
    }
  }

  /** A promise that resolves as an input of this process; it stays open if the process dies. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.postAfter(ms, 'input', resolve)
    })
  }

  /** SIGSTOP, a garbage collection, a long step: nothing runs until `resume`. */
  stop(): void {
    this.#stopped = true
  }

  /** Goes on: timers that are due first, then what has arrived, then what was to come `soon`. */
  resume(): void {
    if (!this.#stopped || !this.#alive) return
    this.#stopped = false
    for (const phase of [this.#timers, this.#inputs]) {
      while (phase.length > 0 && this.#alive && !this.#stopped) {
        const callback = phase.shift()
        if (callback !== undefined) this.kernel.run(this.name, callback)
      }
    }
    if (this.#soons.length > 0) this.#planSoon()
  }

  /** SIGKILL: nothing of it ever runs again. */
  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    this.#timers = []
    this.#inputs = []
    this.#soons = []
    for (const told of this.#deaths) told()
  }

  /** The operating system cleans up: sockets are closed, locks let go. */
  onDeath(told: () => void): void {
    this.#deaths.push(told)
  }

  #soon(callback: () => void): void {
    if (!this.#alive) return
    this.#soons.push(callback)
    if (!this.#stopped) this.#planSoon()
  }

  #planSoon(): void {
    if (this.#soonPlanned) return
    this.#soonPlanned = true
    // An event of this moment that is planned last comes after all input of this moment.
    this.kernel.after(0, () => {
      this.#soonPlanned = false
      if (!this.#alive || this.#stopped) return
      const batch = this.#soons
      this.#soons = []
      for (const callback of batch) {
        if (this.#alive) this.kernel.run(this.name, callback)
      }
    })
  }
}
