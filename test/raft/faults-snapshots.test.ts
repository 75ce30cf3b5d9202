/**
 * Goal: bugs that Raft implementations are known to have had do not come back here: logs that begin
 * later, and snapshots.
 * Method: one test for each, named by what must hold, with the public report where there is one.
 */
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/raft/index.ts'
import { config } from './support/alone.ts'
import { entriesOfTerms, entry } from './support/disk.ts'
import { Group, electionTicks } from './support/group.ts'
import { help, lagging, logOf, peer } from './support/lagging.ts'
import { beat, context, led, newcomer } from './support/led.ts'
import { empty, header } from './support/messages.ts'
import { Raft } from '../../src/raft/index.ts'

describe('a follower that lacks what the log no longer has', () => {
  test('gets no entries until it has the snapshot (openraft#1795)', () => {
    const group = led({}, {}, {}, newcomer)
    group.propose('n1', 'a', 'b', 'c')
    group.deliver()
    group.compact('n1', 4)
    group.change('n1', { type: 'addLearner', id: 'n4', context })
    const appends: Message[] = []
    for (let n = 0; n < 20; n++) {
      group.tick('n1', 3)
      appends.push(...group.wire.filter(({ to, type }) => to === 'n4' && type === 'appendEntries'))
      group.deliver()
    }
    // Probes from where the leader's log has something to compare, and nothing that skips a gap.
    for (const message of appends) {
      if (message.type === 'appendEntries') expect(message.prevLog.index).toBeGreaterThanOrEqual(4)
    }
    expect(group.node('n4').status).toMatchObject({ lastIndex: 0, commitIndex: 0 })
    expect(peer(group, 'n4')).toMatchObject({ state: 'snapshot', close: false })

    help(group, 10)

    expect(group.node('n4').status).toMatchObject({ baseIndex: 5, lastIndex: 5, appliedIndex: 5 })
    expect(group.node('n4').raft.configuration.configuration.learners).toEqual(['n4'])
    beat(group)
    expect(group.change('n1', { type: 'promote', id: 'n4' }).type).toBe('accepted')
  })

  test('is never parked, whichever one message of each type is lost (etcd-io/raft#31)', () => {
    const types = ['installSnapshot', 'appendEntriesAccepted', 'appendEntries', 'heartbeat']
    for (const type of [...types, 'heartbeatResult', 'appendEntriesRejected']) {
      const group = lagging()
      let lost = 0
      for (let n = 0; n < 20; n++) {
        group.tick('n1', 3)
        const isFirst = (message: Message): boolean =>
          lost === 0 && message.type === type && [message.to, message.from].includes('n3')
        lost += group.drop(isFirst)
        group.deliver()
        if (group.node('n1').wanted.delete('n3')) group.offer('n1', 'n3')
        group.install('n3')
      }
      group.propose('n1', 'x')
      group.deliver()

      expect([type, group.node('n3').status.lastIndex]).toEqual([type, 6])
      expect([type, peer(group, 'n3')?.state]).toEqual([type, 'replicate'])
    }
  })

  test('asks again where its asking was lost (etcd-io/raft#31)', () => {
    const group = led({}, {}, {})
    group.propose('n1', 'a', 'b', 'c')
    group.deliver()
    beat(group)
    group.compact('n3', 2)
    group.loseState('n3')
    let lost = 0
    for (let n = 0; n < 6 * electionTicks; n++) {
      for (const id of ['n1', 'n3']) group.tick(id)
      if (lost === 0) lost += group.drop(({ type }) => type === 'snapshotNeeded')
      group.deliver()
    }

    expect(lost).toBe(1)
    expect([...group.node('n1').wanted]).toEqual(['n3'])
  })

  test('counts as there by its heartbeats, and is forgotten once it is removed', () => {
    const group = lagging()
    group.isolate('n2')
    for (let n = 0; n < 30; n++) beat(group)
    expect(group.node('n1').status).toMatchObject({ role: 'leader', term: 1 })

    group.heal()
    beat(group)
    expect(group.change('n1', { type: 'remove', id: 'n3' }).type).toBe('accepted')
    group.deliver()

    expect(peer(group, 'n3')).toBeUndefined()
    expect(group.offer('n1', 'n3')).toBe(false)
    expect(group.wire.filter(({ type }) => type === 'installSnapshot')).toEqual([])
  })

  test('is left alone by a leader that lost its term meanwhile', () => {
    const group = lagging()
    group.step({ type: 'heartbeat', ...header('n2', 'n1', 9), round: 0, leaderCommit: 0 })

    expect(group.offer('n1', 'n3')).toBe(false)
    group.node('n1').raft.snapshotLost('n3')
    expect(group.node('n1').raft.hasReady()).toBe(false)
  })

  test('catches up where transfers last longer than the log is kept (hashicorp/raft#444)', () => {
    const group = lagging()
    // Each time that it has installed one, the log has gone on past it; then it is spared once.
    for (let round = 0; round < 5; round++) {
      help(group, 1)
      const { snapshotIndex } = peer(group, 'n3') ?? {}
      group.propose('n1', 'more', 'and more')
      group.deliver()
      group.compact('n1', group.node('n1').status.appliedIndex)
      // The one that is under way stays good: the follower does not begin anew each time.
      expect(peer(group, 'n3')?.snapshotIndex).toBe(snapshotIndex)
      help(group, 8)
    }
    expect(peer(group, 'n3')).toMatchObject({ state: 'replicate' })
    expect(group.node('n3').status.appliedIndex).toBe(group.node('n1').status.appliedIndex)
  })

  test('gets what it was sent before as often as it starts again (logcabin#174, openraft#808)', () => {
    const group = lagging()
    expect(group.node('n1').wanted.delete('n3')).toBe(true)
    group.offer('n1', 'n3')
    for (let n = 0; n < 5; n++) {
      group.deliver()
      group.tick('n1', electionTicks)
      group.deliver()
      expect(group.node('n3').offered?.snapshot).toEqual({ term: 1, index: 5 })
      group.restart('n3')
      expect(group.node('n3').offered).toBeUndefined()
    }
    help(group, 10)

    expect(logOf(group, 'n3')).toBe('(5) ')
    // One need, one snapshot: it was not asked for another.
    expect(group.node('n1').wanted.size).toBe(0)
  })

  test('an offer too old to join on is refused, and a newer one is asked for after a while', () => {
    const group = lagging()
    const { raft } = group.node('n1')
    const old = { term: 1, index: 3 }
    expect(group.node('n1').wanted.delete('n3')).toBe(true)

    expect(raft.offerSnapshot('n3', old)).toBe(false)

    group.work('n1')
    expect(group.node('n1').wanted.size).toBe(0)
    group.tick('n1', electionTicks)
    expect(group.node('n1').wanted).toEqual(new Set(['n3']))
    expect(() => raft.offerSnapshot('n3', { term: 1, index: 99 })).toThrow('of what was applied')
    expect(() => raft.offerSnapshot('n3', { term: 9, index: 5 })).toThrow('an entry of the log')
  })

  test('a read of the log that finds it gone costs one round, and does no harm', () => {
    const terms = [1, 1, 1, 1]
    const group = new Group([{ terms, tailMax: 0, appliedIndex: 4 }, { terms }, {}])
    const leader = group.node('n1')
    leader.holdsFetches = true
    group.elect('n1')
    expect(leader.fetches).toMatchObject([{ purpose: 'replicate', from: 1 }])

    // The disk is ahead of the core, and answers with nothing.
    const base = leader.disk.compact(2)
    group.answerFetches('n1')
    expect(leader.raft.hasReady()).toBe(false)
    leader.raft.compacted(base)
    group.work('n1')

    expect(peer(group, 'n3')).toMatchObject({ state: 'snapshot', matchIndex: 0 })
    expect(leader.wanted).toEqual(new Set(['n3']))
  })
})

describe('a follower whose log begins later', () => {
  function compacted(): Group {
    const group = led({}, {}, {})
    group.propose('n1', 'a', 'b', 'c', 'd')
    group.deliver()
    beat(group)
    group.compact('n3', 4)
    return group
  }

  test.each([
    ['before the base, ending before it', 1, 2, 5],
    ['before the base, ending at it', 1, 3, 5],
    ['before the base, going past it', 1, 4, 5],
    ['from the first entry on', 0, 5, 5],
    ['from the first entry on, empty', 0, 0, 5],
    ['right behind the base', 4, 1, 5],
  ])('takes a request %s for no conflict (openraft 71a290cd)', (_, prev, count, match) => {
    const group = compacted()
    const before = logOf(group, 'n3')
    const terms = Array.from({ length: count }, () => 1)
    const leader = group.node('n1').disk

    group.step({
      type: 'appendEntries',
      ...header('n1', 'n3', 1),
      prevLog: prev === 0 ? empty : { term: 1, index: prev },
      entries: terms.map((_term, at) => leader.at(prev + 1 + at) ?? entry(0, 0)),
      leaderCommit: 5,
    })

    expect(logOf(group, 'n3')).toBe(before)
    expect(group.wire).toMatchObject([{ type: 'appendEntriesAccepted', matchIndex: match }])
  })

  test('what it has beyond what is committed is not vouched for', () => {
    const start = { base: { term: 1, index: 4 }, terms: [1, 2, 2], hardState: { commitIndex: 5 } }
    const group = new Group([{}, {}, start])
    const request = { type: 'appendEntries', ...header('n1', 'n3', 3), leaderCommit: 2 } as const

    group.step({ ...request, prevLog: { term: 1, index: 2 }, entries: [entry(3, 1)] })

    expect(group.wire).toMatchObject([{ type: 'appendEntriesAccepted', matchIndex: 5 }])
  })

  test('a leader that disagrees on what is gone broke Raft: the node stops', () => {
    const group = compacted()

    expect(() =>
      group.step({
        type: 'appendEntries',
        ...header('n1', 'n3', 2),
        prevLog: { term: 1, index: 3 },
        entries: [entry(4, 2), entry(5, 2)],
        leaderCommit: 0,
      }),
    ).toThrow('a leader agrees on what is committed')
  })

  test('an offer of what it has is answered, and changes nothing (etcd#18055)', () => {
    const group = compacted()
    const before = logOf(group, 'n3')
    for (const index of [1, 3, 4, 5]) {
      const snapshot = { term: 1, index }
      group.step({ type: 'installSnapshot', ...header('n1', 'n3', 1), snapshot })
    }

    expect(group.node('n3').offered).toBeUndefined()
    expect(logOf(group, 'n3')).toBe(before)
    expect(group.wire).toMatchObject(
      Array.from({ length: 4 }, () => ({ type: 'appendEntriesAccepted', matchIndex: 5 })),
    )
  })

  test('an older snapshot that was fetched is not gone back to (etcd#18055)', () => {
    const group = lagging()
    group.offer('n1', 'n3')
    group.deliver()
    const first = group.node('n3').offered
    group.propose('n1', 'e')
    group.deliver()
    group.node('n1').raft.snapshotLost('n3')
    group.work('n1')
    group.offer('n1', 'n3')
    group.deliver()
    group.install('n3')
    beat(group)

    group.node('n3').offered = first
    expect(first?.snapshot.index).toBe(5)
    expect(group.install('n3')).toBe(false)
    expect(logOf(group, 'n3')).toBe('(6) ')
  })
})

describe('what a snapshot does to the log', () => {
  test('a conflicting tail goes, and with it all that was not of the leader (openraft#1892)', () => {
    const leader = { base: { term: 3, index: 5 }, terms: [3] }
    const group = new Group([leader, leader, { terms: [1, 1, 1, 2, 2, 2, 2, 2] }])
    group.elect('n1')
    help(group, 12)
    group.propose('n1', 'x')
    group.deliver()

    expect(logOf(group, 'n3')).toBe('(7) 8/4')
    expect(group.node('n3').status).toMatchObject({ commitIndex: 8, appliedIndex: 8 })
  })

  test('a log that agrees with it stays, and is not replaced (openraft#1892)', () => {
    const leader = { base: { term: 3, index: 5 }, terms: [3, 3] }
    const group = new Group([leader, leader, { terms: [1, 1, 1, 1, 3, 3] }])
    const snapshot = { term: 3, index: 5 }
    expect(group.node('n3').raft.isSnapshotUseful(snapshot)).toBe(false)

    group.step({ type: 'installSnapshot', ...header('n1', 'n3', 3), snapshot })

    // That there is a snapshot says that its entry is committed.
    expect(group.node('n3').status).toMatchObject({ commitIndex: 5, lastIndex: 6, baseIndex: 0 })
    expect(group.wire).toMatchObject([{ type: 'appendEntriesAccepted', matchIndex: 5 }])
    group.wire = []
    group.elect('n1')
    help(group, 3)
    expect(logOf(group, 'n3')).toBe('(0) 1/1 2/1 3/1 4/1 5/3 6/3 7/3 8/4')
  })

  test('offers that make no sense, and asks that make none, are not used', () => {
    const group = led({}, {}, {})
    for (const snapshot of [
      { term: 0, index: 3 },
      { term: 1, index: 0 },
      { term: 9, index: 3 },
      { term: 1, index: 1.5 },
    ]) {
      group.step({ type: 'installSnapshot', ...header('n1', 'n3', 1), snapshot })
    }
    group.step({ type: 'snapshotNeeded', ...header('n3', 'n1', 1), baseIndex: -1 })

    expect(group.node('n3').status.ignored.malformed).toBe(4)
    expect(group.node('n1').status.ignored.malformed).toBe(1)
    expect(group.node('n3').offered).toBeUndefined()
    expect(group.node('n1').wanted.size).toBe(0)
  })

  test('an offer of an earlier term is answered like any stale leader', () => {
    const group = led({}, {}, {})
    const snapshot = { term: 1, index: 1 }
    group.step({ type: 'heartbeat', ...header('n2', 'n3', 5), round: 0, leaderCommit: 0 })
    group.wire = []

    group.step({ type: 'installSnapshot', ...header('n1', 'n3', 1), snapshot })

    expect(group.wire).toMatchObject([{ type: 'appendEntriesRejected', term: 5, to: 'n1' }])
  })

  test('an offer is told once its term is on disk', () => {
    const group = led({}, {}, {})
    const n3 = group.node('n3')
    n3.isSlow = true
    const snapshot = { term: 4, index: 40 }
    group.step({ type: 'installSnapshot', ...header('n2', 'n3', 7), snapshot })
    expect(n3.offered).toBeUndefined()

    group.sync('n3')

    expect(n3.offered).toEqual({ from: 'n2', term: 7, snapshot })
  })
})

describe('what a node with a base starts with', () => {
  const entries = entriesOfTerms([2, 2], 5)
  const log = {
    base: { term: 1, index: 4 },
    termRuns: [{ term: 2, firstIndex: 5 }],
    lastIndex: 6,
    tail: entries,
  }
  const hardState = { currentTerm: 2, votedFor: undefined, commitIndex: 0 }

  test.each([
    ['the state holds what the log lacks', { appliedIndex: 3 }],
    ['the state holds what the log lacks', { appliedIndex: 4, stateMissing: true }],
    ['cover the log', { log: { ...log, base: { term: 1, index: 3 } } }],
    ['terms in a log never fall', { log: { ...log, base: { term: 3, index: 4 } } }],
    ['what is committed is in the log', { log: { ...log, termRuns: [], tail: [], lastIndex: 3 } }],
    ['a base is an entry, or nothing', { log: { ...log, base: { term: 0, index: 4 } } }],
  ])('is refused unless %s', (message, changes) => {
    expect(() => new Raft(config({ hardState, log, appliedIndex: 4, ...changes }))).toThrow(message)
  })

  test('what is gone is committed, whatever the hard state says', () => {
    const raft = new Raft(config({ hardState, log, appliedIndex: 4 }))

    expect(raft.status()).toMatchObject({ commitIndex: 4, baseIndex: 4, lastIndex: 6 })
    expect(() => raft.compacted({ term: 2, index: 5 })).toThrow('is in the state')
    expect(() => raft.compacted({ term: 1, index: 3 })).toThrow('the base never falls')
    raft.compacted({ term: 1, index: 4 })
  })
})
