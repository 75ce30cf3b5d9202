/**
 * Time for tests of runs: nobody waits, it jumps to the next moment at which somebody wants to be
 * woken, once all that could happen before has happened, files included.
 */
import type { RunClock } from '../../../jepsen-style/run/clock.ts'

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export class VirtualClock implements RunClock {
  #now = 0
  #pumping = false
  readonly #sleepers = new Set<Sleeper>()

  now(): number {
    return this.#now
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const sleeper = { at: this.#now + Math.max(0, ms), wake }
      const sleepers = this.#sleepers
      function wake(): void {
        sleepers.delete(sleeper)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      signal?.addEventListener('abort', wake, { once: true })
      sleepers.add(sleeper)
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    setImmediate(() => {
      this.#pumping = false
      if (!process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'))) {
        // Of those that are due at once, the one that fell asleep first.
        const [next] = [...this.#sleepers].sort((a, b) => a.at - b.at)
        if (next !== undefined) this.#now = next.at
        next?.wake()
      }
      if (this.#sleepers.size > 0) this.#pump()
    })
  }
}
