/**
 * Feeds committed entries to the state machine, in order, beside the persistence of later ones.
 *
 * A chunk is applied at once if nothing is ahead of it, so that a lone write is answered in the
 * same turn; a long queue is worked off in small steps between which the event loop turns, so that
 * heartbeats are never late because of it. A step ends by the clock, not by bytes: a delete of ten
 * bytes may read LevelDB and take as long as a large put. At the overlay's cap it waits for LevelDB.
 */
import { assert } from '../assert.ts'
import type { Clock } from '../ports.ts'
import type { Entry } from '../raft/index.ts'
import type { AppliedEntry, StateMachine } from '../state/index.ts'

const chunkEntriesMax = 256
const chunkBytesMax = 262_144
/** An entry that is begun is applied whole; the next one then waits for the next step. */
const stepMs = 5

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

  /**
   * Entries the core handed out as committed: contiguous with those before. `later`: something more
   * urgent is to be done in this turn of the event loop.
   */
  push(entries: readonly Entry[], later: boolean): void {
    if (entries.length === 0) return
    const last = this.#queue.at(-1)?.index ?? this.#options.state.appliedIndex
    assert(entries[0]?.index === last + 1, 'committed entries are handed out without a gap')
    for (const entry of entries) this.#queue.push(entry)
    if (this.#busy) return
    this.#busy = true
    if (later) this.#options.clock.soon(() => this.#step())
    else this.#step()
  }

  stop(): void {
    this.#stopped = true
    this.#queue = []
  }

  #step(): void {
    const { clock, state, onApplied, onFailure } = this.#options
    if (this.#stopped) return
    if (state.overlayFull) {
      state.drained().then(() => this.#step(), onFailure)
      return
    }
    try {
      onApplied(this.#applyChunk())
    } catch (error) {
      onFailure(error)
      return
    }
    if (this.#queue.length > 0) clock.soon(() => this.#step())
    else this.#busy = false
  }

  /** Applies one entry at least, and more while bytes, number and time allow. */
  #applyChunk(): readonly AppliedEntry[] {
    const { clock, state } = this.#options
    const until = clock.monotonic() + stepMs
    const applied: AppliedEntry[] = []
    let bytes = 0
    for (const entry of this.#queue) {
      bytes += entry.data.byteLength
      const full = bytes > chunkBytesMax || applied.length >= chunkEntriesMax
      if (applied.length > 0 && (full || state.overlayFull || clock.monotonic() >= until)) break
      applied.push(...state.apply([entry]))
    }
    this.#queue.splice(0, applied.length)
    return applied
  }
}
