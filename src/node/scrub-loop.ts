/**
 * Reads the whole state again and again, slowly: a row that nobody asks for would otherwise rot
 * unseen until the other copies of it have rotted, too.
 */
import { QuorateError } from '../errors.ts'
import type { Cancel, Clock } from '../ports.ts'
import type { Logger } from '../logger.ts'
import type { StateMachine } from '../state/index.ts'
import { isOverloaded } from './damage.ts'

/** Between the end of a pass and the next one; also before the first. */
const restMs = 60_000

interface ScrubLoopOptions {
  readonly clock: Clock
  readonly logger: Logger
  readonly state: StateMachine
  /** 0: never. */
  readonly bytesPerSecond: number
  /** Rot was found, or the state failed. */
  readonly onFailure: (error: unknown) => void
}

export class ScrubLoop {
  readonly #options: ScrubLoopOptions
  #running: Promise<void> | undefined
  #cancel: Cancel = () => {}
  /** Wakes whoever waits, when the loop is stopped. */
  #wakeUp: () => void = () => {}
  #stopped = false

  constructor(options: ScrubLoopOptions) {
    this.#options = options
  }

  start(): void {
    if (this.#options.bytesPerSecond > 0) this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel()
    this.#wakeUp()
    await this.#running
  }

  async #run(): Promise<void> {
    const { state, logger, bytesPerSecond, onFailure } = this.#options
    for (;;) {
      await this.#wait(restMs)
      if (this.#stopped) return
      try {
        const found = await state.scrub({ bytesPerSecond, wait: (ms) => this.#pace(ms) })
        logger.debug('the state was read through', { rows: found.rows, bytes: found.bytes })
      } catch (error) {
        if (this.#stopped) return
        if (isOverloaded(error)) continue
        onFailure(error)
        return
      }
    }
  }

  /** A pass ends where it stands when the node does. */
  async #pace(ms: number): Promise<void> {
    await this.#wait(ms)
    if (this.#stopped) throw new QuorateError('QUORATE_STOPPING', 'the node is stopping')
  }

  async #wait(ms: number): Promise<void> {
    if (this.#stopped) return
    await new Promise<void>((resolve) => {
      this.#wakeUp = resolve
      this.#cancel = this.#options.clock.timer(ms, resolve)
    })
  }
}
