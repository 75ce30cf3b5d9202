/**
 * Goal: the checks of reads (S12) and of starts (S13) are silent while the protocol is kept, and
 * each objects to the smallest thing that breaks it.
 * Method: scripts of events over fake nodes and disks, told to all checks alike; what each of them
 * said is compared word by word.
 */
import { describe, expect, test } from 'vitest'
import type { Ready } from '../../../src/raft/index.ts'
import { a, entry, noop, replicated, Scenario } from './protocol-fakes.ts'

/** A member stands by n1, the leader of term 1. */
function answer(scenario: Scenario, from: string, term = 1): void {
  scenario.send({ type: 'heartbeatResult', from, to: 'n1', term, round: 1 })
}

describe('S12, the index of a read', () => {
  test('reads at what was known, reads that are refused, and one that ended with its node', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.readIndex('n2', 1)
    answer(scenario, 'n2')
    scenario.readState('n2', 1, 2)
    scenario.readIndex('n2', 2)
    scenario.readState('n2', 2, undefined)
    scenario.readIndex('n2', 3)
    scenario.end('n2')
    scenario.start('n2')
    scenario.readIndex('n2', 3)
    answer(scenario, 'n2')
    scenario.readState('n2', 3, 2)
    expect(scenario.found).toEqual([])
  })

  test('a commit behind the start of the read need not be covered', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop])
    scenario.readIndex('n2', 1)
    scenario.commit('n1', [a])
    answer(scenario, 'n2')
    scenario.readState('n2', 1, 1)
    expect(scenario.found).toEqual([])
  })

  test('a read below a commit that another node knew', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.readIndex('n2', 1)
    scenario.readState('n2', 1, 1)
    expect(scenario.found).toEqual(['S12: n2 reads at 1, and 2 was committed before it asked'])
  })

  test('outcomes of no read, two outcomes, and an id used twice', () => {
    const scenario = replicated()
    scenario.readState('n2', 7, 1)
    scenario.readIndex('n2', 1)
    scenario.readIndex('n2', 1)
    answer(scenario, 'n2')
    scenario.readState('n2', 1, 1)
    scenario.readState('n2', 1, 1)
    scenario.readIndex('n1', 2)
    scenario.start('n1')
    scenario.readState('n1', 2, 2)
    expect(scenario.found).toEqual([
      'S12: n2 ends read 7, which is not open',
      'S12: n2 uses the read id 1 twice',
      'S12: n2 ends read 1, which is not open',
      'S12: n1 ends read 2, which is not open',
    ])
  })

  test('a read that no majority confirmed: answers were late, or to another term', () => {
    const scenario = replicated()
    answer(scenario, 'n2')
    scenario.readIndex('n1', 1)
    scenario.durable('n2', (log) => log.vote(2, undefined))
    answer(scenario, 'n2', 2)
    scenario.readState('n1', 1, 0)
    const what = 'reads at 0, and no majority answered its leader since it asked'
    expect(scenario.found).toEqual([`S12: n1 ${what}`])
  })

  test('one member counts once', () => {
    const scenario = new Scenario(5)
    scenario.startAll()
    scenario.elect('n1', 1, ['n1', 'n2', 'n3'])
    scenario.readIndex('n1', 1)
    for (const from of ['n2', 'n2']) answer(scenario, from)
    scenario.readState('n1', 1, 0)
    scenario.readIndex('n1', 2)
    for (const from of ['n2', 'n3']) answer(scenario, from)
    scenario.readState('n1', 2, 0)
    const what = 'reads at 0, and no majority answered its leader since it asked'
    expect(scenario.found).toEqual([`S12: n1 ${what}`])
  })

  test('a single node confirms by itself', () => {
    const scenario = new Scenario(1)
    scenario.startAll()
    scenario.readIndex('n1', 1)
    scenario.readState('n1', 1, 0)
    expect(scenario.found).toEqual([])
  })

  test('more reads than the cap', () => {
    const scenario = replicated()
    scenario.node('n2').caps({ raft: { readsMax: 2 } })
    for (const read of [1, 2, 3]) scenario.readIndex('n2', read)
    expect(scenario.found).toEqual(['S12: n2 has 3 reads open, at most 2'])
  })
})

describe('S13, a start finds what was durable', () => {
  /** n2 has two entries, and a write of a third one and of a vote on its way. */
  function writing(): { scenario: Scenario; ready: Ready } {
    const scenario = replicated()
    const ready = scenario.ready('n2', {
      hardState: { currentTerm: 2, votedFor: 'n3', commitIndex: 1 },
      entries: [entry(2, 2), entry(3, 2)],
    })
    return { scenario, ready }
  }

  test('all of it, and nothing that was on its way', () => {
    const { scenario } = writing()
    scenario.end('n2')
    scenario.start('n2')
    expect(scenario.found).toEqual([])
  })

  test('all of it, with the flush that was on its way', () => {
    const { scenario, ready } = writing()
    scenario.end('n2')
    scenario.durable('n2', (log) => {
      log.vote(2, 'n3')
      log.write(ready.entries)
    })
    scenario.start('n2')
    expect(scenario.found).toEqual([])
  })

  test('the vote on its way, from the vote file, without the entries', () => {
    const { scenario } = writing()
    scenario.durable('n2', (log) => {
      log.voteFile = { term: 2, votedFor: 'n3' }
    })
    scenario.end('n2')
    scenario.durable('n2', (log) => log.vote(2, 'n3'))
    scenario.start('n2')
    expect(scenario.found).toEqual([])
  })

  test('a flush that was told to be durable stays', () => {
    const { scenario, ready } = writing()
    scenario.durable('n2', (log) => {
      log.vote(2, 'n3')
      log.write(ready.entries)
    })
    scenario.advance('n2', ready)
    scenario.end('n2')
    scenario.durable('n2', (log) => {
      log.entries.length = 1
    })
    scenario.start('n2')
    const what = 'had 3 entries on its disk, and starts with 1 entries, the first 1 of which it had'
    expect(scenario.found).toEqual([`S13: n2 ${what}`])
  })

  test('half of the flush on its way', () => {
    const { scenario, ready } = writing()
    scenario.end('n2')
    scenario.durable('n2', (log) => log.write(ready.entries.slice(0, 1)))
    scenario.start('n2')
    const what = 'had 2 entries on its disk, and starts with 2 entries, the first 1 of which it had'
    expect(scenario.found).toEqual([`S13: n2 ${what}`])
  })

  test('the flush on its way with other content, or on another log', () => {
    for (const found of [
      [noop, entry(2, 2), entry(3, 2, 'other')],
      [entry(1, 2), entry(2, 2), entry(3, 2)],
    ]) {
      const { scenario } = writing()
      scenario.end('n2')
      scenario.durable('n2', (log) => log.write(found))
      scenario.start('n2')
      expect(scenario.found.some((what) => what.startsWith('S13: n2 had 2 entries'))).toBe(true)
    }
  })

  test('a flush of which nobody knows any more', () => {
    const { scenario, ready } = writing()
    scenario.advance('n2', ready)
    scenario.end('n2')
    scenario.durable('n2', (log) => log.write(ready.entries))
    scenario.start('n2')
    const what = 'had 2 entries on its disk, and starts with 3 entries, the first 1 of which it had'
    expect(scenario.found).toEqual([`S13: n2 ${what}`])
  })

  test('damage is no excuse', () => {
    const { scenario } = writing()
    scenario.end('n2')
    scenario.node('n2').damaged = true
    scenario.durable('n2', (log) => {
      log.entries.length = 1
    })
    scenario.start('n2')
    const what = 'had 2 entries on its disk, and starts with 1 entries, the first 1 of which it had'
    expect(scenario.found).toEqual([`S13: n2 ${what}`])
  })

  test('a core that was given another log, term or vote than the disk has', () => {
    const scenario = replicated()
    scenario.start('n2', { lastIndex: 1, durableIndex: 1 })
    scenario.start('n2', { term: 2 })
    scenario.start('n2', { votedFor: 'n2' })
    expect(scenario.found.filter((what) => what.startsWith('S13'))).toEqual([
      'S13: n2 starts with 1 entries, its disk holds 2',
      'S13: n2 starts in term 2, its disk holds 1 and 1',
      'S13: n2 starts with another vote than its disk holds',
    ])
  })

  test('a log and a vote file that do not agree when the node acts on them', () => {
    const scenario = replicated()
    scenario.durable('n2', (log) => {
      log.voteFile = { term: 2, votedFor: 'n3' }
    })
    scenario.start('n2')
    scenario.start('n2', { term: 2, votedFor: 'n3' })
    scenario.durable('n2', (log) => {
      log.currentTerm = 2
    })
    scenario.start('n2', { term: 2, votedFor: 'n3' })
    expect(scenario.found.filter((what) => what.startsWith('S13'))).toEqual([
      'S13: n2 starts in term 1, its disk holds 1 and 2',
      'S13: n2 starts in term 2, its disk holds 1 and 2',
      'S13: n2 starts with another vote than its disk holds',
    ])
  })

  test('a term or vote that it never had', () => {
    const { scenario } = writing()
    scenario.end('n2')
    scenario.durable('n2', (log) => log.vote(2, 'n2'))
    scenario.start('n2')
    expect(scenario.found).toContain(
      'S13: n2 had term 1 with a vote for n1, and starts in 2 with n2',
    )
  })
})
