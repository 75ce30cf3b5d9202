/**
 * What has to be put back when a run is over, however it ends. Steps run in the reverse order of
 * their opening, each in its own time, and one that fails does not keep the others from running.
 */
import { late, within, type RunClock } from './clock.ts'

/** How long one step may take, ms: a process that is stopped has a grace of its own before. */
const stepMsMax = 15_000

/** A stack of things to put back. */
export class Cleanup {
  readonly #steps: { readonly what: string; readonly step: () => Promise<void> }[] = []
  readonly #clock: RunClock

  constructor(clock: RunClock) {
    this.#clock = clock
  }

  /** Remembers a step; `what` names it where it fails: "stopping the nodes". */
  defer(what: string, step: () => Promise<void>): void {
    this.#steps.push({ what, step })
  }

  /** Runs what is left, newest first. Never rejects; resolves with what went wrong, in words. */
  async run(): Promise<readonly string[]> {
    const wrong: string[] = []
    for (let next = this.#steps.pop(); next !== undefined; next = this.#steps.pop()) {
      try {
        const ended = await within(this.#clock, stepMsMax, next.step())
        if (ended === late) wrong.push(`${next.what} took longer than ${stepMsMax / 1000} s`)
      } catch (error) {
        wrong.push(`${next.what} failed: ${messageOf(error)}`)
      }
    }
    return wrong
  }
}

/** What an error says of itself. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
