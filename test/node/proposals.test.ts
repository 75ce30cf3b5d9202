/**
 * Goal: every write is answered exactly once, and as is true: by its own entry's answer, or by
 * what is known of the entry that took its place.
 * Method: the waiting list alone, with a scripted core.
 */
import { describe, expect, test } from 'vitest'
import { decodeEntry } from '../../src/command/index.ts'
import { defaultProposalLimits, Proposals } from '../../src/node/proposals.ts'
import type { ProposalLimits } from '../../src/node/proposals.ts'
import { wireError } from '../../src/node/replies.ts'
import type { ProposeResult } from '../../src/raft/index.ts'
import type { Reply } from '../../src/transport/index.ts'

class Script {
  readonly replies: Reply[] = []
  readonly proposed: Uint8Array[] = []
  term = 3
  nextIndex = 10
  refuse: ProposeResult | undefined
  readonly proposals: Proposals

  constructor(limits: Partial<ProposalLimits> = {}) {
    this.proposals = new Proposals({
      limits: { ...defaultProposalLimits, ...limits },
      stamp: () => 1_000,
      notLeader: () => wireError('QUORATE_NOT_LEADER', 'n2 leads'),
      propose: (data) => {
        if (this.refuse !== undefined) return this.refuse
        this.proposed.push(...data)
        const firstIndex = this.nextIndex
        this.nextIndex += data.length
        return { type: 'accepted', term: this.term, firstIndex, lastIndex: this.nextIndex - 1 }
      },
    })
  }

  write(
    count: number,
    options: { bytes?: number; operations?: number; deadline?: number } = {},
  ): void {
    const session = { reply: (reply: Reply) => void this.replies.push(reply) }
    this.proposals.submit(
      Array.from({ length: count }, (_, i) => ({
        session,
        requestId: i + 1,
        command: new Uint8Array(options.bytes ?? 10),
        operations: options.operations ?? 1,
        deadline: options.deadline ?? 5_000,
      })),
    )
  }

  codes(): (string | undefined)[] {
    return this.replies.map((reply) => (reply.kind === 'error' ? reply.error.code : reply.kind))
  }
}

const answer = { status: 'applied', revision: 1 } as const

describe('waiting writes', () => {
  test('the writes of one turn are one entry, answered together once it is applied', () => {
    const script = new Script()
    script.write(3)
    expect(script.proposed).toHaveLength(1)
    expect(decodeEntry(script.proposed[0]!).commands).toHaveLength(3)
    expect(script.replies).toEqual([])

    script.proposals.applied({ index: 10, term: 3 }, [answer, answer, answer], 1_000)

    expect(script.codes()).toEqual(['answer', 'answer', 'answer'])
    expect(script.replies.map((reply) => reply.id)).toEqual([1, 2, 3])
    expect(script.proposals.waitingCount).toBe(0)
  })

  test('an entry of another term at the index does not answer the write (redisraft#52)', () => {
    const script = new Script()
    script.write(1)
    script.proposals.applied({ index: 10, term: 4 }, [answer], 1_000)
    expect(script.replies).toMatchObject([
      { kind: 'error', error: { code: 'QUORATE_LEADERSHIP_LOST', outcome: 'not-applied' } },
    ])
  })

  test('a leader that steps down knows nothing of its waiting writes', () => {
    const script = new Script()
    script.write(2)
    script.proposals.leadershipLost()
    expect(script.replies).toMatchObject([
      { kind: 'error', error: { code: 'QUORATE_LEADERSHIP_LOST', outcome: 'unknown' } },
      { kind: 'error', error: { code: 'QUORATE_LEADERSHIP_LOST', outcome: 'unknown' } },
    ])
    script.proposals.applied({ index: 10, term: 3 }, [answer, answer], 1_000)
    expect(script.replies).toHaveLength(2)
  })

  test('what is past its deadline is unknown, and forgotten', () => {
    const script = new Script()
    script.write(1, { deadline: 5_000 })
    script.proposals.expire(4_999)
    expect(script.replies).toEqual([])
    script.proposals.expire(5_000)
    expect(script.replies).toMatchObject([
      { kind: 'error', error: { code: 'QUORATE_NO_QUORUM', outcome: 'unknown' } },
    ])
    expect(script.proposals.waitingCount).toBe(0)
  })

  test('large turns become several entries, each within its bounds', () => {
    const script = new Script({ entryBytesMax: 1_000, operationsPerEntryMax: 50 })
    script.write(120, { bytes: 10 })
    expect(script.proposed.map((data) => decodeEntry(data).commands.length)).toEqual([50, 50, 20])
    const large = new Script({ entryBytesMax: 1_000 })
    large.write(3, { bytes: 900 })
    expect(large.proposed).toHaveLength(3)
    const huge = new Script({ entryBytesMax: 1_000 })
    huge.write(1, { bytes: 5_000 })
    expect(huge.proposed).toHaveLength(1)
  })

  test('an entry is applied in one step, so what batches change is counted together', () => {
    const script = new Script({ operationsPerEntryMax: 1_000 })
    script.write(7, { operations: 300 })
    expect(script.proposed.map((data) => decodeEntry(data).commands.length)).toEqual([3, 3, 1])
    const huge = new Script({ operationsPerEntryMax: 1_000 })
    huge.write(2, { operations: 5_000 })
    expect(huge.proposed).toHaveLength(2)
  })

  test.each([
    [{ type: 'notLeader', leader: undefined }, 'QUORATE_NOT_LEADER'],
    [{ type: 'overloaded' }, 'QUORATE_OVERLOADED'],
  ] as const)('a refusal by the core is told at once: %o', (refusal, code) => {
    const script = new Script()
    script.refuse = refusal
    script.write(2)
    expect(script.codes()).toEqual([code, code])
    expect(script.proposals.waitingCount).toBe(0)
  })

  test('at the cap of waiting writes a clear refusal', () => {
    const script = new Script({ waitingMax: 5 })
    script.write(4)
    script.write(2)
    expect(script.replies).toMatchObject([
      { error: { code: 'QUORATE_OVERLOADED', outcome: 'not-applied' } },
      { error: { code: 'QUORATE_OVERLOADED', outcome: 'not-applied' } },
    ])
    expect(script.proposed).toHaveLength(1)
  })
})
