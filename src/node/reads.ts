/**
 * Reads on their way to being safe (thesis 6.4): the reads of one turn share one read index; once
 * a quorum has confirmed it and the state machine has reached it, they are served.
 */
import type { ReadIndexStart, ReadState } from '../raft/index.ts'
import type { Clock } from '../ports.ts'
import type { WireError } from '../transport/index.ts'
import { wireError } from './replies.ts'

/** One thing that waits to read. */
export interface PendingRead {
  /** Monotonic ms after which nobody waits for the answer. */
  readonly deadline: number
  /** Called once, when the state may be read. */
  serve(): void
  /** Called once instead, when it may not. */
  fail(error: WireError): void
}

interface WaitingForIndex {
  /** Undefined: until the state may be read at all. */
  readonly index: number | undefined
  readonly reads: readonly PendingRead[]
}

/** Serving goes on in the next turn of the event loop after so long: heartbeats come in between. */
const turnMs = 5

interface ReadsOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'soon'>
  readonly waitingMax: number
  readonly readIndex: () => ReadIndexStart
  readonly appliedIndex: () => number
  /** Whether the state is as far as readers have seen it before. */
  readonly isReadable: () => boolean
}

export class Reads {
  readonly #options: ReadsOptions
  /** Reads of this turn, which have no read index yet. */
  #gathered: PendingRead[] = []
  readonly #confirming = new Map<number, readonly PendingRead[]>()
  #waiting: WaitingForIndex[] = []
  /** Those that may be served now. */
  #due: PendingRead[] = []
  /** How many of them were served. */
  #served = 0
  /** When serving began in this turn; undefined: it has not. */
  #servingSince: number | undefined
  #stopped = false
  #count = 0

  constructor(options: ReadsOptions) {
    this.#options = options
  }

  /** A read that must see everything acknowledged before it was made. */
  addLinearizable(read: PendingRead): void {
    if (this.#refusedAtCap(read)) return
    this.#count++
    this.#gathered.push(read)
  }

  /** A read that is content with the state as it is. */
  addStale(read: PendingRead): void {
    if (this.#refusedAtCap(read)) return
    this.#count++
    if (this.#options.isReadable()) {
      this.#due.push(read)
      this.#serveDue()
      return
    }
    this.#waiting.push({ index: undefined, reads: [read] })
  }

  /** The end of a turn: one read index for all that was gathered. */
  startGathered(): void {
    if (this.#gathered.length === 0) return
    const reads = this.#gathered
    this.#gathered = []
    const started = this.#options.readIndex()
    switch (started.type) {
      case 'accepted':
        this.#confirming.set(started.requestId, reads)
        return
      case 'noLeader':
        this.#fail(reads, wireError('QUORATE_NO_QUORUM', 'there is no leader', notApplied))
        return
      case 'overloaded':
        this.#fail(
          reads,
          wireError('QUORATE_OVERLOADED', 'too many reads wait for the quorum', {
            details: { retryAfter: 50 },
          }),
        )
        return
    }
  }

  /** The core confirmed, or gave up, a read index. */
  onReadState(state: ReadState): void {
    const reads = this.#confirming.get(state.requestId)
    // Not ours any more: all its reads are past their deadline.
    if (reads === undefined) return
    this.#confirming.delete(state.requestId)
    if (state.refused) {
      this.#fail(
        reads,
        wireError(
          'QUORATE_NO_QUORUM',
          'the leadership changed before the read was safe',
          notApplied,
        ),
      )
      return
    }
    this.#waiting.push({ index: state.readIndex, reads })
    this.onApplied()
  }

  /** The state machine moved on, or may be read from now on. */
  onApplied(): void {
    if (this.#waiting.length === 0) return
    const applied = this.#options.appliedIndex()
    const isReadable = this.#options.isReadable()
    const isDue = ({ index }: WaitingForIndex): boolean =>
      index === undefined ? isReadable : index <= applied
    const due = this.#waiting.filter(isDue)
    if (due.length === 0) return
    this.#waiting = this.#waiting.filter((waiting) => !isDue(waiting))
    for (const { reads } of due) for (const read of reads) this.#due.push(read)
    this.#serveDue()
  }

  /** Serves for a few ms of each turn: one frame may ask for a quarter of a million rows. */
  #serveDue(): void {
    const { clock } = this.#options
    if (this.#due.length === 0 || this.#stopped) return
    if (this.#servingSince === undefined) {
      this.#servingSince = clock.monotonic()
      clock.soon(() => {
        this.#servingSince = undefined
        this.#serveDue()
      })
    }
    const until = this.#servingSince + turnMs
    // What one finds may be the end of the node, and of all that waits: see `failAll`.
    while (this.#served < this.#due.length && clock.monotonic() < until) {
      const read = this.#due[this.#served++]
      this.#count--
      read?.serve()
    }
    this.#due = this.#due.slice(this.#served)
    this.#served = 0
  }

  /** Drops what nobody waits for any longer, before it costs anything. */
  expire(now: number): void {
    for (const [requestId, reads] of this.#confirming) {
      if (!anyExpired(reads, now)) continue
      const open = this.#failExpired(reads, now)
      if (open.length === 0) this.#confirming.delete(requestId)
      else this.#confirming.set(requestId, open)
    }
    if (this.#waiting.some((waiting) => anyExpired(waiting.reads, now))) {
      this.#waiting = this.#waiting
        .map(({ index, reads }) => ({ index, reads: this.#failExpired(reads, now) }))
        .filter(({ reads }) => reads.length > 0)
    }
  }

  /** The node stops: nothing will be served any more. */
  failAll(error: WireError): void {
    this.#stopped = true
    const due = this.#due.slice(this.#served)
    this.#due = []
    this.#served = 0
    const all = [due, ...this.#confirming.values(), ...this.#waiting.map(({ reads }) => reads)]
    this.#confirming.clear()
    this.#waiting = []
    for (const reads of all) this.#fail(reads, error)
    const gathered = this.#gathered
    this.#gathered = []
    this.#fail(gathered, error)
  }

  #refusedAtCap(read: PendingRead): boolean {
    if (this.#count < this.#options.waitingMax) return false
    read.fail(
      wireError('QUORATE_OVERLOADED', 'too many reads wait', { details: { retryAfter: 50 } }),
    )
    return true
  }

  #failExpired(reads: readonly PendingRead[], now: number): readonly PendingRead[] {
    const expired = reads.filter((read) => read.deadline <= now)
    this.#fail(
      expired,
      wireError('QUORATE_NO_QUORUM', 'no quorum confirmed the read within its time', notApplied),
    )
    return reads.filter((read) => read.deadline > now)
  }

  #fail(reads: readonly PendingRead[], error: WireError): void {
    this.#count -= reads.length
    for (const read of reads) read.fail(error)
  }
}

const notApplied = { outcome: 'not-applied' } as const

function anyExpired(reads: readonly PendingRead[], now: number): boolean {
  return reads.some((read) => read.deadline <= now)
}
