/**
 * Goal: the checks of logs (S2, S3) are silent while the protocol is kept, and each objects to
 * the smallest thing that breaks it.
 * Method: scripts of events over fake nodes and disks, told to all checks alike; what each of them
 * said is compared word by word.
 */
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { entryHash } from '../disk/entry-hash.ts'
import { CommittedLog } from './committed.ts'
import { termRuns } from './leaderships.ts'
import { a, append, b, entry, FakeLog, noop, replicated, Scenario } from './protocol-fakes.ts'

describe('the committed log', () => {
  test('is filled in order, and the first to tell is right', () => {
    const log = new CommittedLog()
    expect(log.add(a)).toBeUndefined()
    expect(log.add(noop)).toEqual({ ...noop, hash: entryHash(noop) })
    expect(log.add(entry(1, 2))?.term).toBe(1)
    expect(log.add(a)?.data).toBe(a.data)
    expect([...log.entries].map(({ index }) => index)).toEqual([1, 2])
    expect([log.lastIndex, log.maxCommitted]).toEqual([2, 2])
    expect([log.at(0), log.at(3)]).toEqual([undefined, undefined])
  })

  test('knows how far it was committed before a term', () => {
    const log = new CommittedLog()
    log.know(5, 2)
    log.know(4, 2)
    log.know(3, 1)
    log.know(9, 4)
    expect([1, 2, 3, 4, 5].map((term) => log.knownBefore(term))).toEqual([0, 3, 5, 5, 9])
    expect(log.maxCommitted).toBe(9)
  })

  test('a hash tells kinds and contents apart', () => {
    const kinds = (['noop', 'commands', 'config'] as const).map((kind) => entry(1, 1, 'x', kind))
    const hashes = [...kinds, entry(1, 1, 'y', 'noop')].map((one) => entryHash(one))
    expect(new Set(hashes).size).toBe(4)
    const empty = [new TextEncoder().encode(''), new Uint8Array(0), Uint8Array.of(1).subarray(1)]
    const hashesOfEmpty = empty.map((data) => entryHash({ kind: 'noop', data }))
    expect(hashesOfEmpty).toEqual(empty.map(() => crc32(Uint8Array.of(1))))
  })

  test('runs of terms are found by bisection', () => {
    const log = new FakeLog()
    log.write([1, 1, 2, 4, 4, 4, 5].map((term, at) => entry(at + 1, term)))
    const expected = [1, 2, 4, 5].map((term, at) => ({ term, firstIndex: [1, 3, 4, 7][at] }))
    expect(termRuns(log, 7)).toEqual(expected)
    expect(termRuns(log, 6)).toEqual(expected.slice(0, 3))
    expect(termRuns(log, 0)).toEqual([])
  })
})

describe('S2, log matching', () => {
  test('logs that agree, and one whose tail a later leader replaces', () => {
    const scenario = replicated()
    scenario.write(['n1'], [b])
    scenario.elect('n2', 2, ['n2', 'n3'])
    scenario.write(['n2', 'n1'], [entry(3, 2)])
    scenario.send(
      append('n2', 2, { to: 'n1', prevLog: { term: 1, index: 2 }, entries: [entry(3, 2)] }),
    )
    expect(scenario.found).toEqual([])
  })

  test('another content in the same place', () => {
    const scenario = replicated()
    scenario.write(['n3'], [noop, entry(2, 1, 'other')])
    expect(scenario.found).toEqual(['S2: entry 2 of term 1 has another content on n3'])
  })

  test('another entry before', () => {
    const scenario = new Scenario()
    scenario.write(['n1'], [entry(1, 1), entry(2, 3)])
    scenario.write(['n3'], [entry(1, 2), entry(2, 3)])
    expect(scenario.found).toEqual(['S2: entry 2 of term 3 has another entry before it on n3'])
  })

  test('a term below the one before', () => {
    const scenario = new Scenario()
    scenario.write(['n1'], [entry(1, 2), entry(2, 1)])
    expect(scenario.found).toEqual(['S2: entry 2 of n1 is of term 1, the one before of 2'])
  })

  test('a hole', () => {
    const scenario = new Scenario()
    scenario.durable('n1', (log) => {
      log.write([noop, a])
      log.at = () => undefined
    })
    expect(scenario.found).toContain('S2: n1 has no entry 1')
  })

  test('an entry that changes below others', () => {
    const scenario = replicated()
    scenario.durable('n1', (log) => {
      log.entries[0] = { index: 1, term: 1, hash: 0 }
    })
    scenario.durable('n1', () => {})
    scenario.durable('n1', () => {})
    expect(scenario.found).toContain('S2: entry 1 of n1 changed below entry 3')
  })

  test('a leader that sends what its log does not have', () => {
    const scenario = replicated()
    scenario.elect('n2', 2, ['n2', 'n3'])
    scenario.send(append('n2', 2, { to: 'n1', prevLog: { term: 2, index: 2 } }))
    expect(scenario.found).toEqual([
      'S2: n2 in term 2 sends on entry 2 as of term 2, its log has 1',
    ])
  })

  test('a leader that sends on a gap, or with one', () => {
    const scenario = replicated()
    scenario.send(append('n1', 1, { entries: [a] }))
    scenario.send(append('n1', 1, { entries: [noop, b] }))
    expect(scenario.found).toEqual([
      'S2: n1 in term 1 sends 1 entries, 2 to 2, behind 0',
      'S2: n1 in term 1 sends 2 entries, 1 to 3, behind 0',
    ])
  })
})

describe('S3, committed for ever', () => {
  test('what is committed is handed out alike, and is with the next leader', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.send(append('n1', 1, { leaderCommit: 2 }))
    scenario.commit('n2', [noop])
    scenario.elect('n2', 2, ['n2', 'n3'])
    scenario.commit('n2', [{ ...a, data: Uint8Array.from(a.data) }])
    expect(scenario.found).toEqual([])
  })

  test('another entry in a committed place', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.write(['n3'], [entry(1, 2)])
    scenario.commit('n3', [entry(1, 2)])
    scenario.commit('n2', [noop, entry(2, 1, 'other')])
    expect(scenario.found).toEqual([
      'S3: at 1 an entry of term 1 is committed, n3 has another of 2',
      'S3: at 2 an entry of term 1 is committed, n2 has another of 1',
    ])
  })

  test('an entry handed out before the ones in front of it', () => {
    const scenario = replicated()
    scenario.start('n1', { appliedIndex: 1, commitIndex: 1 })
    scenario.commit('n1', [a])
    expect(scenario.found).toContain('S3: n1 hands out entry 2, but nobody any behind 0')
  })

  test('a leader without what was committed before its term', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.write(['n3'], [noop])
    scenario.elect('n3', 2, ['n2', 'n3'])
    const what = 'elected for term 2, but only holds 1 of 2 committed entries'
    expect(scenario.found).toEqual([`S3: n3 was ${what}`])
  })

  test('a leader that has other entries there', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.write(['n3'], [noop, entry(2, 2)])
    scenario.elect('n3', 3, ['n2', 'n3'])
    const what = 'elected for term 3, but only holds 1 of 2 committed entries'
    expect(scenario.found).toEqual([`S3: n3 was ${what}`])
  })

  test('a leader that tells of its election after a later one committed is in order', () => {
    const scenario = replicated()
    scenario.durable('n3', (log) => log.vote(2, 'n3'))
    scenario.durable('n2', (log) => log.vote(2, 'n3'))
    scenario.elect('n2', 3, ['n1', 'n2'])
    scenario.write(['n2', 'n1'], [entry(3, 3)])
    scenario.commit('n2', [noop, a, entry(3, 3)])
    scenario.ready('n3', { roleChange: { role: 'leader', term: 2, leader: 'n3' } })
    expect(scenario.found).toEqual([])
  })

  test('an old entry that is committed by counting (figure 8)', () => {
    const scenario = replicated()
    scenario.elect('n2', 2, ['n2', 'n3'])
    scenario.write(['n3'], [noop, a])
    scenario.send(append('n2', 2, { to: 'n3', prevLog: { term: 1, index: 2 }, leaderCommit: 2 }))
    const what = 'by counting, which is of an earlier term than its own, 2'
    expect(scenario.found).toEqual([`S3: n2 commits entry 2 ${what}`])
  })

  test('the same, told by its own hard state', () => {
    const scenario = replicated()
    scenario.elect('n2', 2, ['n2', 'n3'])
    scenario.ready('n2', { hardState: { currentTerm: 2, votedFor: 'n2', commitIndex: 1 } })
    const what = 'by counting, which is of an earlier term than its own, 2'
    expect(scenario.found).toEqual([`S3: n2 commits entry 1 ${what}`])
  })

  test('the same, told by what it hands out; but that may be less than it committed', () => {
    for (const commitIndex of [2, 3]) {
      const scenario = replicated()
      scenario.elect('n2', 2, ['n2', 'n3'])
      scenario.write(['n3'], [noop, a])
      scenario.write(['n2', 'n3'], [entry(3, 2)])
      scenario.node('n2').shows({ role: 'follower', commitIndex, lastIndex: 3 })
      scenario.commit('n2', [noop, a])
      const what = 'S3: n2 commits entry 2 by counting, which is of an earlier term than its own, 2'
      expect(scenario.found).toEqual(commitIndex === 2 ? [what] : [])
    }
  })

  test('a commit index that a start brings along is known', () => {
    const scenario = replicated()
    scenario.end('n2')
    scenario.start('n2', { commitIndex: 2 })
    scenario.elect('n2', 2, ['n2', 'n3'])
    scenario.commit('n2', [noop, a])
    expect(scenario.found).toEqual([])
    expect(scenario.committed.maxCommitted).toBe(2)
  })

  test('a disk that gives up a committed entry, at the end or below', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.durable('n1', () => {})
    scenario.durable('n1', (log) => log.write([entry(2, 2)]))
    expect(scenario.found).toEqual(['S3: the disk of n1 gave up the committed entry 2'])
    const below = replicated()
    below.commit('n1', [noop, a])
    below.durable('n1', () => {})
    for (let look = 0; look < 2; look++) {
      below.durable('n1', (log) => {
        log.entries[0] = { index: 1, term: 1, hash: 0 }
      })
    }
    expect(below.found).toContain('S3: the disk of n1 gave up the committed entry 1')
  })

  test('a damaged disk may give it up, but whoever has it may not lead', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.durable('n1', () => {})
    scenario.node('n1').damaged = true
    scenario.durable('n1', (log) => {
      log.entries.length = 1
    })
    expect(scenario.found).toEqual([])
    scenario.elect('n1', 2, ['n1', 'n3'])
    const what = 'elected for term 2, but only holds 1 of 2 committed entries'
    expect(scenario.found).toEqual([`S3: n1 was ${what}`])
  })
})
