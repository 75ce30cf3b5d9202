/** Who listens to what happens to a client. */
import { usageError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { StatusEvent } from './types.ts'

/** More listeners than this are a leak. */
const listenersMax = 64

/** What is told of a client's life. */
export type StatusListener = (event: StatusEvent) => void

export class StatusEvents {
  readonly #listeners = new Set<StatusListener>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Whether anybody listens: events that come with each retry are not made for nobody. */
  get heard(): boolean {
    return this.#listeners.size > 0
  }

  /** Adds a listener and returns what removes it. */
  on(listener: StatusListener): () => void {
    if (typeof listener !== 'function') throw usageError('a status listener is a function')
    if (this.#listeners.size >= listenersMax && !this.#listeners.has(listener)) {
      throw usageError(`more than ${listenersMax} status listeners: remove those not needed`)
    }
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  emit(event: StatusEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        // A listener's mistake must not end the call in whose midst it was told.
        this.#logger.warn('a status listener threw', { error: String(error) })
      }
    }
  }

  clear(): void {
    this.#listeners.clear()
  }
}
