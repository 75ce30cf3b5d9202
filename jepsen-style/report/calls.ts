/**
 * Pairs the lines of a history to calls as they stream by. Holds the calls under way only, so that
 * the length of a history costs no memory.
 */
import { nemesisProcess, type HistoryEvent } from '../history/event.ts'

/** How a call ended; `open`: no line says so, which counts as unknown. */
export type Outcome = 'ok' | 'fail' | 'info' | 'open'

/** One call, from its invocation to its completion, if it had one. */
export interface Call {
  readonly process: number
  readonly invoke: HistoryEvent
  readonly complete?: HistoryEvent
  readonly outcome: Outcome
}

/**
 * Calls under way that are remembered. More than any run has processes; a broken history that goes
 * beyond gives up its oldest as never answered.
 */
export const openCallsMax = 100_000

/** Pairs invocations and completions. */
export class Pairing {
  /** By process; a Map remembers the order of insertion, so the first is the oldest. */
  readonly #open = new Map<number, HistoryEvent>()

  /** Takes the next line; returns the calls that it ends (mostly none or one). */
  take(event: HistoryEvent): readonly Call[] {
    if (event.process === nemesisProcess) return []
    const { process } = event
    const before = this.#open.get(process)
    this.#open.delete(process)
    if (event.type !== 'invoke') {
      // A completion of nothing tells nothing that could be drawn.
      if (before === undefined) return []
      return [{ process, invoke: before, complete: event, outcome: event.type }]
    }
    this.#open.set(process, event)
    const abandoned: Call[] = []
    if (before !== undefined) abandoned.push({ process, invoke: before, outcome: 'open' })
    if (this.#open.size > openCallsMax) {
      for (const [process, invoke] of this.#open) {
        this.#open.delete(process)
        abandoned.push({ process, invoke, outcome: 'open' })
        break
      }
    }
    return abandoned
  }

  /** The calls that were still under way when the history ended, oldest first. */
  end(): readonly Call[] {
    const left = [...this.#open]
    this.#open.clear()
    return left.map(([process, invoke]) => ({ process, invoke, outcome: 'open' }))
  }
}
