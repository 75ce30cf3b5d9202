/**
 * Goal: S10 objects where an effect has no call that may have had it, where a call has two, and
 * where a name does not keep what it promises. Method: the smallest histories, right and wrong.
 * What the model itself would never answer is put into a replay by hand.
 */
import { describe, expect, it } from 'vitest'
import type { Answer } from '../../../src/command/index.ts'
import type { AppliedEntry } from '../../../src/state/index.ts'
import { once, token } from '../../state/support.ts'
import type { Outcome } from '../workload/history.ts'
import { callTag, onceTag } from '../workload/values.ts'
import {
  batchOf,
  del,
  failedWith,
  messageOf,
  putRequest,
  putTag,
  start,
  Story,
  writtenAt,
} from './client-fakes.ts'
import type { ReplayedCommand } from './replay.ts'
import { Names } from './s10-names.ts'

const [v1, v2] = [1, 2].map((call) => callTag(call, 0, 20)) as [string, string]
const shared = 't1#0.0:5'

/** One put of one call, committed so many times under different names, and its outcome. */
function copies(count: number, outcome: Outcome | undefined): string[] {
  const story = new Story()
  const call = story.begin(putRequest('a', v1))
  for (let i = 0; i < count; i++) story.commit(story.write(1, putTag('a', v1)))
  if (outcome !== undefined) story.end(call, outcome)
  return story.found().filter((message) => message.startsWith('S10'))
}

describe('the effect of a call', () => {
  it('is there once if it was acknowledged', () => {
    expect(copies(1, writtenAt(1))).toEqual([])
    expect(copies(2, writtenAt(1))).toEqual([
      expect.stringContaining('at index 2 revision 2 took effect, and of those who asked'),
    ])
    expect(copies(0, writtenAt(1))).toEqual([
      'S10: call 1 (put by c1) was acknowledged at revision 1, where stands nothing',
    ])
  })

  it('may be there once if it was left open', () => {
    const unknown = failedWith('QUORATE_TIMEOUT', 'unknown')
    for (const outcome of [unknown, undefined]) {
      expect(copies(0, outcome)).toEqual([])
      expect(copies(1, outcome)).toEqual([])
      expect(copies(2, outcome)).toHaveLength(1)
    }
  })

  it('is not there if it was told so, not even later', () => {
    const failed = failedWith('QUORATE_NO_QUORUM', 'not-applied')
    expect(copies(0, failed)).toEqual([])
    expect(copies(1, failed)).toHaveLength(1)
    const story = new Story()
    const call = story.begin(putRequest('a', v1))
    story.end(call, failed)
    story.commit(story.write(1, putTag('a', v1)))
    expect(story.found()).toHaveLength(1)
  })

  it('does not come before the call', () => {
    const story = new Story()
    story.commit(story.write(1, putTag('a', v1)))
    story.begin(putRequest('a', v1))
    expect(story.found()).toEqual([expect.stringContaining('nobody asked by then')])
  })

  it('is what was asked for', () => {
    const story = new Story()
    story.begin(putRequest('a', v1))
    story.commit(story.write(1, putTag('b', v1)))
    expect(story.found()).toEqual([expect.stringContaining('no call asked for this')])
  })

  it('is told of to one call alone', () => {
    const story = new Story()
    const [one, two] = [1, 2].map(() =>
      story.begin(putRequest('o/1', onceTag(1, 0, 20), { once: true })),
    )
    story.commit(story.write(1, putTag('o/1', onceTag(1, 0, 20)), { identity: once }))
    story.end(one!, writtenAt(1))
    story.end(two!, writtenAt(1))
    expect(story.found()).toEqual([expect.stringContaining('were both told that revision 1')])
  })

  it('stands under a session of its own client', () => {
    const story = new Story()
    const calls = [story.begin(putRequest('a', v1), 1), story.begin(putRequest('a', v2), 2)]
    story.commit(story.write(1, putTag('a', v1)))
    story.commit(story.write(1, putTag('a', v2)))
    calls.forEach((call, i) => story.end(call, writtenAt(i + 1)))
    expect(story.found()).toEqual([expect.stringContaining('a session of another client')])
  })

  it('of a delete is that of one delete', () => {
    const request = { kind: 'delete', changes: [{ key: 'a', value: undefined }] } as const
    const deleted = (existed: boolean): Outcome => ({ ...writtenAt(2), existed }) as Outcome
    const story = new Story()
    story.end(story.begin(putRequest('a', v1)), failedWith('QUORATE_TIMEOUT', 'unknown'))
    story.commit(story.write(1, putTag('a', v1)))
    const calls = [story.begin(request), story.begin(request), story.begin(request)]
    for (let i = 0; i < 3; i++) story.commit(story.write(1, del('a')))
    story.end(calls[0]!, deleted(false))
    story.end(calls[1]!, deleted(true))
    story.end(calls[2]!, deleted(false))
    expect(story.found()).toEqual([])
    const twice = new Story()
    const call = twice.begin(request)
    twice.end(call, failedWith('QUORATE_NO_QUORUM', 'not-applied'))
    twice.begin(putRequest('a', v2))
    twice.commit(twice.write(1, putTag('a', v2)))
    twice.commit(twice.write(1, del('a')))
    expect(twice.found()).toEqual([expect.stringContaining('QUORATE_NO_QUORUM not-applied')])
  })

  it('of a batch of deletes that found nothing is none', () => {
    const changes = [{ key: 'a', value: undefined }]
    const story = new Story()
    story.end(story.begin(putRequest('a', v1)), failedWith('QUORATE_TIMEOUT', 'unknown'))
    story.commit(story.write(1, putTag('a', v1)))
    const calls = [story.begin({ kind: 'batch', changes }), story.begin({ kind: 'batch', changes })]
    story.commit(story.write(1, batchOf(del('a'))))
    story.commit(story.write(1, batchOf(del('a'))))
    for (const call of calls) story.end(call, writtenAt(2))
    expect(story.found()).toEqual([])
  })

  it('of a token is that of one of its calls', () => {
    const ended = (...outcomes: readonly Outcome[]): string[] => {
      const story = new Story()
      const identity = token('tok1', start)
      const request = putRequest('a', shared, { token: 'tok1', tokenTime: start })
      const calls = outcomes.map(() => story.begin(request))
      for (const _ of outcomes) story.commit(story.write(1, putTag('a', shared), { identity }))
      calls.forEach((call, i) => story.end(call, outcomes[i]!))
      return story.found()
    }
    const failed = failedWith('QUORATE_NO_QUORUM', 'not-applied')
    const unknown = failedWith('QUORATE_NO_QUORUM', 'unknown')
    expect(ended(writtenAt(1), writtenAt(1, 'duplicate'))).toEqual([])
    expect(ended(unknown, writtenAt(1, 'duplicate'))).toEqual([])
    expect(ended(failed, unknown)).toEqual([])
    expect(ended(failed, failed)).toEqual([expect.stringContaining('S10: "put token tok1')])
  })
})

describe('what nodes answer', () => {
  it('is what the rules say, each time it is applied', () => {
    const story = new Story()
    const command = story.write(1, putTag('a', v1))
    const answers = story.commit(command)
    const applied = (told: readonly Answer[], effects?: string): string[] => {
      const entry: AppliedEntry = { index: 1, term: 1, answers: told }
      const digest = effects ?? story.replay.effectsAt(1) ?? ''
      return story.checks.flatMap((check) =>
        messageOf(() => check.onApplied?.(story.nodes[0]!, story.entries, [entry], digest)),
      )
    }
    expect(applied(answers)).toEqual([])
    expect(applied(answers)).toEqual([])
    expect(applied([{ status: 'applied', revision: 2 }])).toEqual([
      'S10: n1 answers command 0 (write) of entry 1 with applied at revision 2, ' +
        'by the rules it is applied at revision 1',
    ])
    expect(applied([])).toEqual([expect.stringContaining('with nothing')])
    expect(applied(answers, 'ff')).toEqual([
      'S4: n1 comes to another digest than the rules do, at 1',
    ])
  })
})

describe('names in the log', () => {
  /** Answers as a state machine with a bug would give them. */
  function judged(change: (commands: ReplayedCommand[]) => void, story: Story): string[] {
    story.replay.advance()
    change(story.replay.commands)
    return messageOf(() => new Names(story.replay).atEnd())
  }

  const untouched = (): void => {}

  function alter(at: number, change: Partial<ReplayedCommand>) {
    return (commands: ReplayedCommand[]): void => {
      commands[at] = { ...commands[at]!, ...change }
    }
  }

  it('are calls that take effect once, with one answer', () => {
    const story = (): Story => {
      const made = new Story()
      made.commit(made.write(1, putTag('a', v1), { sequence: 1 }))
      made.commit(made.write(1, putTag('a', v1), { sequence: 1 }))
      return made
    }
    expect(judged(untouched, story())).toEqual([])
    const again: Answer = { status: 'applied', revision: 2 }
    expect(judged(alter(1, { answer: again, revision: 2 }), story())).toEqual([
      expect.stringContaining('was decided before, and takes effect now'),
    ])
    expect(judged(alter(1, { answer: again }), story())).toEqual([
      expect.stringContaining('applied at revision 1 before, now applied at revision 2'),
    ])
  })

  it('are sessions that stay expired', () => {
    const story = new Story()
    story.commit(story.write(1, putTag('a', v1)))
    story.commit(story.write(1, putTag('a', v2)))
    const code = 'QUORATE_SESSION_EXPIRED'
    const expired: Answer = { status: 'refused', code, decided: false }
    expect(judged(alter(0, { answer: expired, revision: undefined }), story)).toEqual([
      expect.stringContaining('the session had expired before'),
    ])
  })

  it('are tokens that take effect once, unless they come with a later time', () => {
    const story = (second: number): Story => {
      const made = new Story()
      const first = token('tok1', start)
      made.commit(made.write(1, putTag('a', shared), { identity: first }))
      made.time += 2 * 86_400_000
      made.commit(made.write(2, putTag('a', shared), { identity: token('tok1', second) }))
      return made
    }
    expect(judged(untouched, story(start + 2 * 86_400_000))).toEqual([])
    expect(judged(untouched, story(start))).toEqual([])
    const answer: Answer = { status: 'applied', revision: 2 }
    expect(judged(alter(1, { answer, revision: 2 }), story(start))).toEqual([
      'S10: token tok1 takes effect at index 2, and did at index 1',
    ])
  })

  it('are tokens that are over after a fence, or once they were too old', () => {
    const fenced = (): Story => {
      const made = new Story()
      made.commit(made.fence(1, 'tok1', start))
      const identity = token('tok1', start)
      made.commit(made.write(1, putTag('a', shared), { identity }))
      return made
    }
    const answer: Answer = { status: 'applied', revision: 1 }
    expect(judged(untouched, fenced())).toEqual([])
    expect(judged(alter(1, { answer, revision: 1 }), fenced())).toEqual([
      'S10: token tok1 takes effect at index 2, after a fence at index 1',
    ])
    const old = new Story()
    const identity = token('tok1', start - 2 * 86_400_000)
    old.commit(old.write(1, putTag('a', shared), { identity }))
    old.commit(old.write(1, putTag('a', shared), { identity }))
    expect(judged(alter(1, { answer, revision: 1 }), old)).toEqual([
      'S10: token tok1 takes effect at index 2, refused as too old at index 1',
    ])
  })

  it('are `once` keys without a record, and conditions that hold', () => {
    const story = (): Story => {
      const made = new Story()
      made.commit(made.write(1, putTag('o/1', onceTag(1, 0, 20)), { identity: once }))
      made.commit(made.write(1, putTag('o/1', onceTag(1, 0, 20)), { identity: once }))
      made.commit(made.write(1, putTag('o/1', v1, 1)))
      return made
    }
    expect(judged(untouched, story())).toEqual([])
    const answer: Answer = { status: 'applied', revision: 2 }
    expect(judged(alter(1, { answer, revision: 2 }), story())).toEqual([
      'S10: `once` created o/1 at index 2, where there was a record',
    ])
    const changes = [{ key: 'o/1', value: v1, ifRevision: 7 }]
    expect(judged(alter(2, { changes }), story())).toEqual([
      'S10: a write of o/1 if 7 took effect at index 3: it was 1',
    ])
  })
})
