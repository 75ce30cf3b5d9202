/**
 * Feeds committed entries to the state machine, in order, beside the persistence of later ones.
 *
 * A chunk is applied at once if nothing is ahead of it, so that a lone write is answered in the
 * same turn; a long queue is worked off in small steps between which the event loop turns, so that
 * heartbeats are never late because of it. At the overlay's cap it waits for LevelDB.
 */
import { assert } from '../assert.ts'
import type { Clock } from '../ports.ts'
import type { Entry } from '../raft/index.ts'
import type { AppliedEntry, StateMachine } from '../state/index.ts'

const chunkEntriesMax = 256
const chunkBytesMax = 262_144

interface ApplierOptions {
  readonly clock: Clock
  readonly state: StateMachine
  /** Called after each chunk, with what became of its entries. */
  readonly onApplied: (entries: readonly AppliedEntry[]) => void
  /** The state machine failed: the node cannot go on. */
  readonly onFailure: (error: unknown) => void
}

export class Applier {
  readonly #options: ApplierOptions
  #queue: Entry[] = []
  #busy = false
  #stopped = false

  constructor(options: ApplierOptions) {
    this.#options = options
  }

  /** Entries the core handed out as committed: contiguous with those before. */
  push(entries: readonly Entry[]): void {
    if (entries.length === 0) return
    const last = this.#queue.at(-1)?.index ?? this.#options.state.appliedIndex
    assert(entries[0]?.index === last + 1, 'committed entries are handed out without a gap')
    for (const entry of entries) this.#queue.push(entry)
    if (!this.#busy) this.#step()
  }

  stop(): void {
    this.#stopped = true
    this.#queue = []
  }

  #step(): void {
    const { clock, state, onApplied, onFailure } = this.#options
    this.#busy = false
    if (this.#stopped || this.#queue.length === 0) return
    this.#busy = true
    if (state.overlayFull) {
      state.drained().then(() => this.#step(), onFailure)
      return
    }
    try {
      onApplied(state.apply(this.#takeChunk()))
    } catch (error) {
      onFailure(error)
      return
    }
    if (this.#queue.length > 0) clock.soon(() => this.#step())
    else this.#busy = false
  }

  #takeChunk(): Entry[] {
    let bytes = 0
    let count = 0
    for (const entry of this.#queue) {
      bytes += entry.data.byteLength
      if (count > 0 && (bytes > chunkBytesMax || count >= chunkEntriesMax)) break
      count++
    }
    return this.#queue.splice(0, count)
  }
}
