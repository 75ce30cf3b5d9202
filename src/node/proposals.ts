/**
 * Writes on their way through the log: what arrived in one turn becomes one entry, or a few, and
 * whoever waits for it is answered once it is applied.
 *
 * Waiters are keyed by index **and** term. Another leader may have put another entry at the index
 * (redisraft#52): then the waiting write surely has no effect, and is told so.
 */
import { assert } from '../assert.ts'
import { encodeEntry } from '../command/index.ts'
import type { Answer } from '../command/index.ts'
import type { ProposeResult } from '../raft/index.ts'
import type { WireError } from '../transport/index.ts'
import type { ReplyTo } from './replies.ts'
import { wireError } from './replies.ts'

/** One client's write, checked and ready for the log. */
export interface PendingWrite {
  readonly session: ReplyTo
  readonly requestId: number
  readonly command: Uint8Array
  /** Changes of keys that it stands for. */
  readonly operations: number
  /** Monotonic ms after which nobody waits for the answer. */
  readonly deadline: number
}

interface WaitingEntry {
  readonly term: number
  readonly writes: readonly PendingWrite[]
  readonly deadline: number
}

/** Bounds of one node's proposals. */
export interface ProposalLimits {
  readonly entryBytesMax: number
  /**
   * Of all its commands together: an entry is applied in one step, some 10 µs for each, and the
   * event loop should not wait longer than a few ms. Only a batch, which is one command, may.
   */
  readonly operationsPerEntryMax: number
  /** Writes that wait for an answer at once. */
  readonly waitingMax: number
}

export const defaultProposalLimits: ProposalLimits = {
  entryBytesMax: 1_048_576,
  operationsPerEntryMax: 512,
  waitingMax: 65_536,
}

interface ProposalsOptions {
  readonly limits: ProposalLimits
  readonly propose: (data: readonly Uint8Array[]) => ProposeResult
  readonly stamp: () => number
  /** Where the leader is, for those who asked the wrong node. */
  readonly notLeader: () => WireError
}

export class Proposals {
  readonly #options: ProposalsOptions
  readonly #waiting = new Map<number, WaitingEntry>()
  #waitingCount = 0

  constructor(options: ProposalsOptions) {
    this.#options = options
  }

  get waitingCount(): number {
    return this.#waitingCount
  }

  /** Proposes the writes of one turn. Every one of them is answered, now or later, exactly once. */
  submit(writes: readonly PendingWrite[]): void {
    const { limits } = this.#options
    let start = 0
    while (start < writes.length) {
      let bytes = 0
      let operations = 0
      let end = start
      for (; end < writes.length; end++) {
        bytes += writes[end]?.command.byteLength ?? 0
        operations += writes[end]?.operations ?? 0
        const full = bytes > limits.entryBytesMax || operations > limits.operationsPerEntryMax
        if (full && end > start) break
      }
      this.#submitEntry(writes.slice(start, end))
      start = end
    }
  }

  #submitEntry(writes: readonly PendingWrite[]): void {
    assert(writes.length > 0, 'an entry holds at least one command')
    if (this.#waitingCount + writes.length > this.#options.limits.waitingMax) {
      failAll(writes, overloaded('too many writes wait for the quorum'))
      return
    }
    const commands = writes.map((write) => write.command)
    const result = this.#options.propose([encodeEntry(this.#options.stamp(), commands)])
    switch (result.type) {
      case 'accepted': {
        assert(!this.#waiting.has(result.firstIndex), 'an index is proposed once per leadership')
        const deadline = writes.reduce((latest, write) => Math.max(latest, write.deadline), 0)
        this.#waiting.set(result.firstIndex, { term: result.term, writes, deadline })
        this.#waitingCount += writes.length
        return
      }
      case 'notLeader':
        failAll(writes, this.#options.notLeader())
        return
      case 'overloaded':
        failAll(writes, overloaded('too much is written that no quorum has confirmed yet'))
        return
      case 'transferring':
        failAll(writes, overloaded('the leadership is being handed over'))
        return
    }
  }

  /** The entry at `index` was applied; `answers` are those of its commands, in order. */
  applied(
    entry: { index: number; term: number },
    answers: readonly Answer[],
    clusterTime: number,
  ): void {
    const waiting = this.#waiting.get(entry.index)
    if (waiting === undefined) return
    this.#forget(entry.index, waiting)
    if (waiting.term !== entry.term) {
      failAll(
        waiting.writes,
        wireError(
          'QUORATE_LEADERSHIP_LOST',
          'another leader took the place of this write in the log',
          {
            outcome: 'not-applied',
          },
        ),
      )
      return
    }
    assert(answers.length === waiting.writes.length, 'every command of an entry has an answer')
    for (const [i, write] of waiting.writes.entries()) {
      const answer = answers[i]
      assert(answer !== undefined, 'answers are dense')
      write.session.reply({ id: write.requestId, kind: 'answer', answer, clusterTime })
    }
  }

  /** This node no longer leads: whether its writes will be committed is the next leader's affair. */
  leadershipLost(): void {
    for (const [index, waiting] of this.#waiting) {
      this.#forget(index, waiting)
      failAll(
        waiting.writes,
        wireError(
          'QUORATE_LEADERSHIP_LOST',
          'the leader stepped down before the write was decided',
        ),
      )
    }
  }

  /** Nobody waits any longer for what is past its deadline; whether it takes effect is open. */
  expire(now: number): void {
    for (const [index, waiting] of this.#waiting) {
      if (waiting.deadline > now) continue
      this.#forget(index, waiting)
      failAll(
        waiting.writes,
        wireError('QUORATE_NO_QUORUM', 'no quorum confirmed the write within its time'),
      )
    }
  }

  #forget(index: number, waiting: WaitingEntry): void {
    this.#waiting.delete(index)
    this.#waitingCount -= waiting.writes.length
    assert(this.#waitingCount >= 0, 'waiting writes are counted once')
  }
}

function failAll(writes: readonly PendingWrite[], error: WireError): void {
  for (const write of writes) {
    write.session.reply({ id: write.requestId, kind: 'error', error })
  }
}

/** `retryAfter` is a guess at how long a backlog takes to drain, in ms. */
function overloaded(message: string): WireError {
  return wireError('QUORATE_OVERLOADED', message, { details: { retryAfter: 50 } })
}
