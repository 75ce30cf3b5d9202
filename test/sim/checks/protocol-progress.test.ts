/**
 * Goal: the checks of what is applied, of what only grows, and of what counts (S4, S5, S6) are
 * silent while the protocol is kept, and each objects to the smallest thing that breaks it.
 * Method: scripts of events over fake nodes and disks, told to all checks alike; what each of them
 * said is compared word by word.
 */
import { describe, expect, test } from 'vitest'
import type { Entry, Message } from '../../../src/raft/index.ts'
import { a, append, b, entry, noop, replicated, Scenario } from './protocol-fakes.ts'

function accepted(from: string, term: number, matchIndex: number): Message {
  return { type: 'appendEntriesAccepted', from, to: 'n1', term, matchIndex }
}

describe('S4, one state', () => {
  function committed(): Scenario {
    const scenario = replicated()
    for (const id of ['n1', 'n2']) scenario.commit(id, [noop, a])
    return scenario
  }

  test('groups of different size that come to the same, and again after a restart', () => {
    const scenario = committed()
    scenario.apply('n1', [noop, a], 'two')
    scenario.apply('n2', [noop], 'one')
    scenario.apply('n2', [a], 'two')
    scenario.end('n1')
    scenario.start('n1', { commitIndex: 2 })
    scenario.commit('n1', [noop, a])
    scenario.apply('n1', [noop], 'one')
    scenario.apply('n1', [], 'nothing')
    expect(scenario.found).toEqual([])
  })

  test('two states after one entry', () => {
    const scenario = committed()
    scenario.apply('n1', [noop], 'one')
    scenario.apply('n2', [noop], 'another')
    expect(scenario.found).toEqual(['S4: n1 and n2 differ after 1'])
  })

  test('another entry than the committed one', () => {
    const scenario = committed()
    scenario.apply('n1', [noop, entry(2, 1, 'other')], 'two')
    expect(scenario.found).toEqual(['S4: n1 applies another entry at 2'])
  })

  test('an entry that is not committed', () => {
    const scenario = committed()
    scenario.apply('n1', [noop, a, b], 'three')
    expect(scenario.found).toEqual([
      'S4: n1 applies entry 3, which is not committed',
      'S5: n1 applies 3, got up to 2',
    ])
  })

  test('answers to another entry', () => {
    const scenario = committed()
    scenario.tell((check) =>
      check.onApplied?.(scenario.node('n1'), [noop], [{ index: 1, term: 2, answers: [] }], 'one'),
    )
    expect(scenario.found).toEqual(['S4: n1 answers entry 1 of term 1 as another one'])
  })
})

describe('S5, what only grows', () => {
  test('terms back: in a life, in its hard state, on disk, at a start', () => {
    const scenario = replicated()
    scenario.ready('n3', { roleChange: { role: 'follower', term: 3, leader: undefined } })
    scenario.ready('n3', { roleChange: { role: 'follower', term: 2, leader: undefined } })
    scenario.ready('n3', { hardState: { currentTerm: 1, votedFor: undefined, commitIndex: 0 } })
    scenario.durable('n3', (log) => log.vote(3, undefined))
    scenario.durable('n3', (log) => log.vote(2, undefined))
    expect(scenario.found).toEqual([
      'S5: n3 went from term 3 back to 2',
      'S5: n3 went from term 3 back to 1',
      'S5: n3 went from term 3 back to 2 on disk',
    ])
    const again = new Scenario()
    again.startAll()
    again.durable('n3', (log) => log.vote(3, undefined))
    again.start('n3', { term: 2 })
    expect(again.found[0]).toBe('S5: n3 starts in term 2 after 3')
  })

  test('commit indexes back', () => {
    const scenario = replicated()
    const hardState = { currentTerm: 1, votedFor: 'n1', commitIndex: 2 }
    scenario.ready('n1', { hardState })
    scenario.ready('n1', { hardState: { ...hardState, commitIndex: 1 } })
    scenario.node('n1').shows({ term: 1 }, 2)
    const ready = scenario.ready('n1', {})
    scenario.node('n1').shows({ term: 1 }, 1)
    scenario.advance('n1', ready)
    expect(scenario.found).toEqual([
      'S5: n1 went from commit 2 to 1',
      'S5: n1 went from commit 2 back to 1',
    ])
  })

  test.each<[string, readonly Entry[]]>([
    ['S5: n1 hands out entry 1 behind 1', [noop, noop]],
    ['S5: n1 hands out entry 2 behind 0', [a]],
  ])('%s', (what, entries) => {
    const scenario = replicated()
    scenario.commit('n2', [noop, a])
    scenario.commit('n1', entries)
    expect(scenario.found).toEqual([what])
  })

  test('entries applied twice', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop])
    scenario.apply('n1', [noop], 'one')
    scenario.apply('n1', [noop], 'one')
    expect(scenario.found).toEqual(['S5: n1 applies 1 behind 1'])
  })

  test('entries that do not follow each other, or are ahead of their term', () => {
    const scenario = replicated()
    scenario.ready('n1', { entries: [a, entry(2, 1, 'a')] })
    scenario.ready('n1', { entries: [entry(3, 2)] })
    expect(scenario.found).toEqual([
      'S5: n1 persists entry 2 behind 2',
      'S5: n1 in term 1 has an entry of a later one',
    ])
  })

  test('starts that contradict themselves', () => {
    const scenario = new Scenario()
    scenario.start('n1', { appliedIndex: 1 })
    scenario.start('n2', { commitIndex: 1 })
    scenario.start('n3', { durableIndex: 1 })
    expect(scenario.found).toEqual([
      'S5: n1 starts with more applied than committed',
      'S5: n2 starts with more committed than there is',
      'S5: n3 starts with a log that is not durable',
    ])
  })

  const peer = {
    id: 'n2',
    matchIndex: 2,
    nextIndex: 3,
    state: 'probe',
    snapshotIndex: undefined,
    recovering: false,
    active: true,
    learner: false,
    close: true,
  } as const
  const whole = { role: 'leader', term: 1, lastIndex: 2, durableIndex: 2, commitIndex: 2 } as const

  test('a leader whose status is in order', () => {
    const scenario = replicated()
    scenario.node('n1').shows({ ...whole, appliedIndex: 0, peers: [peer] })
    scenario.ready('n1', {})
    expect(scenario.found).toEqual([])
  })

  test.each([
    [{ appliedIndex: 1 }, 'applied what it did not hand out'],
    [{ commitIndex: 3 }, 'has more committed than there is'],
    [{ durableIndex: 3 }, 'has more on disk than there is'],
    [{ peers: [{ ...peer, matchIndex: 3 }] }, 'has match ≥ next for n2'],
    [{ peers: [{ ...peer, nextIndex: 4 }] }, 'has next beyond its log for n2'],
    [{ peers: [{ ...peer, id: 'n3' }] }, 'counts 2 on n3, whose disk ends at 0'],
  ])('a status with %o', (status, what) => {
    const scenario = replicated()
    scenario.start('n1')
    scenario.node('n1').shows({ ...whole, ...status })
    scenario.ready('n1', {})
    expect(scenario.found).toEqual([`S5: n1 ${what}`])
  })

  test('entries handed out beyond the commit index', () => {
    const scenario = replicated()
    scenario.node('n2').shows({ term: 1, lastIndex: 2, durableIndex: 2, commitIndex: 1 })
    scenario.ready('n2', { committedEntries: [noop, a] })
    expect(scenario.found).toEqual(['S5: n2 handed out what is not committed'])
  })

  test('a status that went back', () => {
    const scenario = replicated()
    scenario.start('n1')
    scenario.commit('n1', [noop, a])
    const looks = (status: object): void => {
      scenario.node('n1').shows({ ...whole, ...status })
      for (let ready = 0; ready < 16; ready++) scenario.ready('n1', {})
    }
    looks({ peers: [peer] })
    looks({ peers: [{ ...peer, matchIndex: 1 }] })
    looks({ commitIndex: 1 })
    scenario.start('n1', { commitIndex: 2 })
    scenario.commit('n1', [noop, a])
    looks({ commitIndex: 1 })
    expect(scenario.found).toEqual([
      'S5: n1 has a match that went back for n2',
      'S5: n1 has a commit index that went back',
      'S5: n1 has a commit index that went back',
    ])
  })

  test('what a follower cut in a later term, or damage took, is not held against the leader', () => {
    const scenario = replicated()
    scenario.durable('n3', (log) => log.vote(2, undefined))
    scenario.node('n1').shows({ ...whole, peers: [{ ...peer, id: 'n3' }] })
    scenario.ready('n1', {})
    expect(scenario.found).toEqual([])
  })
})

describe('S6, entries are durable before they count', () => {
  test('acknowledgements that the disk bears out, also late ones', () => {
    const scenario = replicated()
    scenario.send(accepted('n2', 1, 0))
    scenario.send(accepted('n2', 1, 2))
    scenario.durable('n2', (log) => {
      log.vote(2, undefined)
      log.entries.length = 1
    })
    scenario.send(accepted('n2', 1, 2))
    expect(scenario.found).toEqual([])
  })

  test('an acknowledgement before the disk has it', () => {
    const scenario = replicated()
    scenario.send(accepted('n2', 1, 3))
    expect(scenario.found).toEqual([
      'S6: n2 accepts entries up to 3 in term 1, and its disk ends at 2',
    ])
  })

  test('an acknowledgement of a tail that the leader does not have', () => {
    const scenario = replicated()
    scenario.elect('n3', 2, ['n2', 'n3'])
    scenario.write(['n3'], [entry(1, 2)])
    scenario.send(accepted('n2', 2, 2))
    expect(scenario.found).toEqual([
      'S6: n2 accepts entry 2, of term 1 on its disk, of term 2 in the log of the leader of 2',
    ])
  })

  test('a commit index that no majority holds, told or handed out', () => {
    const scenario = replicated(5)
    scenario.send(append('n1', 1, { leaderCommit: 2 }))
    scenario.commit('n1', [noop])
    scenario.write(['n3'], [noop])
    scenario.commit('n1', [a])
    const what = (index: number): string =>
      `S6: n1 says that entry ${index} of term 1 is committed, and n1 n2 hold it, of n1 n2 n3 n4 n5`
    expect(scenario.found).toEqual([what(2), what(1), what(2)])
  })

  test('holders have the very entry', () => {
    const scenario = replicated(5)
    scenario.write(['n4'], [noop, entry(2, 1, 'other')])
    scenario.commit('n1', [noop, a])
    expect(scenario.found).toContain(
      'S6: n1 says that entry 2 of term 1 is committed, and n1 n2 hold it, of n1 n2 n3 n4 n5',
    )
  })

  test('a damaged disk counts as what it promised', () => {
    const scenario = replicated(5)
    scenario.node('n5').damaged = true
    scenario.commit('n1', [noop, a])
    expect(scenario.found).toEqual([])
  })

  test('a single node counts itself only once it is durable', () => {
    const scenario = replicated(1)
    scenario.durable('n1', (log) => {
      log.entries.length = 1
    })
    scenario.commit('n1', [noop])
    scenario.commit('n1', [a])
    expect(scenario.found).toEqual(['S6: n1 hands out entry 2, which is not on its own disk'])
  })
})
