/**
 * Goal: bugs that Raft implementations are known to have had do not come back here: changes of
 * members.
 * Method: one test for each, named by what must hold, with the public report where there is one.
 */
import { describe, expect, test } from 'vitest'
import { memberIds } from '../../src/raft/configuration.ts'
import type { Message } from '../../src/raft/index.ts'
import { leaderOf, patience, runClock } from './support/clock.ts'
import { Group, electionTicks } from './support/group.ts'
import { beat, context, led, newcomer, withLearner } from './support/led.ts'
import { header } from './support/messages.ts'

function voters(group: Group, id: string): string {
  const { voters: all, votersOutgoing } = group.node(id).raft.configuration.configuration
  return [all, votersOutgoing].map((list) => list.join(' ')).join(' / ')
}

describe('changes of members', () => {
  test('none before the leader committed an entry of its own term (Ongaro on raft-dev, 2015)', () => {
    const group = new Group([{}, {}, {}])
    group.campaign('n1')
    group.deliver(({ type }) => type.startsWith('request'))

    expect(group.change('n1', { type: 'remove', id: 'n3' })).toEqual({
      type: 'refused',
      reason: 'noCommitInTerm',
    })
    group.deliver()

    expect(group.change('n1', { type: 'remove', id: 'n3' }).type).toBe('accepted')
  })

  test('a new leader knows of the change under way, lets no other begin, and ends it', () => {
    const group = led({}, {}, {})
    group.cut.add('n1>n3')
    group.change('n1', { type: 'remove', id: 'n1' })
    group.deliver(({ to, type }) => to === 'n2' && type === 'appendEntries', 1)
    group.crash('n1')
    group.wire = []
    group.elect('n2')

    // The joint configuration was committed by the votes of n2 and n3, and left at once.
    expect(voters(group, 'n2')).toBe('n2 n3 / ')
    expect(group.node('n2').status.configurationSettled).toBe(true)

    const next = led({}, {}, {})
    next.change('n1', { type: 'remove', id: 'n3' })
    expect(next.change('n1', { type: 'remove', id: 'n2' })).toMatchObject({
      reason: 'changeInProgress',
    })
    next.deliver(({ to }) => to === 'n2', 1)
    next.deliver(({ to }) => to === 'n1', 1)
    // Joint is committed now, and what follows is not.
    expect(voters(next, 'n1')).toBe('n1 n2 / ')
    expect(next.change('n1', { type: 'remove', id: 'n2' })).toMatchObject({
      reason: 'changeInProgress',
    })
  })

  test('a candidate of a joint configuration needs the votes of both majorities (CCF)', () => {
    for (const silent of ['n3', 'n4']) {
      const group = withLearner()
      group.cut.add('n1>n3')
      group.change('n1', { type: 'replace', id: 'n3', by: 'n4' })
      group.deliver(({ to, type }) => to !== 'n1' && type === 'appendEntries')
      group.crash('n1')
      group.wire = []
      for (const id of ['n3', 'n4']) group.tick(id, electionTicks)
      group.campaign('n2')
      group.deliver(({ type }) => type.startsWith('requestPreVote'))
      expect(voters(group, 'n2')).toBe('n1 n2 n4 / n1 n2 n3')

      // The pre-vote was won with all of them; now one is silent.
      group.cut.add(`n2>${silent}`)
      group.deliver()
      const { role, term } = group.node('n2').status
      expect([silent, role]).toEqual([silent, 'candidate'])

      group.cut.clear()
      group.step({ type: 'requestVoteResult', ...header(silent, 'n2', term), granted: true })
      expect([silent, group.node('n2').status.role]).toEqual([silent, 'leader'])
    }
  })

  test('of six voters, whoever has the half-copied removal, one is elected (openraft#1796)', () => {
    for (const gone of ['n1', 'n6', 'n2']) {
      for (let step = 0; step < 60; step += 4) {
        for (const raised of [[], ['n6'], ['n5', 'n6']]) {
          const group = led({}, {}, {}, {}, {}, {})
          group.change('n1', { type: 'remove', id: gone })
          group.deliver(() => true, step)
          group.crash('n1')
          for (const id of raised) {
            // It stood for election in vain: a higher term, and the log as it was. Where two did,
            // nobody is elected without the vote of one of them.
            const { disk } = group.node(id)
            disk.hardState = { ...disk.hardState, currentTerm: 9, votedFor: id }
            group.restart(id)
          }
          group.wire = []

          let isSettled = false
          for (let n = 0; n < 10 && !isSettled; n++) {
            runClock(group, patience / 5, step * 10 + n)
            const leader = leaderOf(group)?.split('/')[0]
            if (leader === undefined) continue
            const { configurationSettled, commitIndex, lastIndex } = group.node(leader).status
            isSettled = configurationSettled && commitIndex === lastIndex
          }

          expect([gone, step, raised, isSettled]).toEqual([gone, step, raised, true])
        }
      }
    }
  })

  test('a node that starts again acts on the newest configuration of its log', () => {
    const group = led({}, {}, {})
    group.isolate('n1')
    group.change('n1', { type: 'remove', id: 'n3' })

    group.node('n1').tailMax = 0
    group.restart('n1')

    expect(voters(group, 'n1')).toBe('n1 n2 / n1 n2 n3')
    expect(group.node('n1').status.configurationSettled).toBe(false)
  })

  test('a config entry in the tail that was not given otherwise is refused at the start', () => {
    const group = led({}, {}, {})
    group.change('n1', { type: 'remove', id: 'n3' })
    const { disk } = group.node('n1')
    const forgetful = disk.entries.map((entry) => ({ ...entry }))
    disk.entries = Object.assign(forgetful, { filter: () => [] })

    expect(() => group.restart('n1')).toThrow('all config entries of the log are given')
  })

  test('bytes that are no configuration are not taken in', () => {
    const group = led({}, {}, {})
    const { raft } = group.node('n2')
    const bad = { index: 2, term: 1, kind: 'config' as const, data: Uint8Array.of(1, 2, 3) }
    const prevLog = { term: 1, index: 1 }

    raft.step({
      type: 'appendEntries',
      ...header('n1', 'n2', 1),
      prevLog,
      entries: [bad],
      leaderCommit: 1,
    })

    expect(raft.status()).toMatchObject({ lastIndex: 1, ignored: { malformed: 1 } })
  })

  test('a leader that removes itself may crash at any moment: the others go on', () => {
    for (let step = 0; step < 40; step++) {
      for (const comesBack of [false, true]) {
        const group = led({}, {}, {})
        group.change('n1', { type: 'remove', id: 'n1' })
        group.deliver(() => true, step)
        group.crash('n1')
        if (comesBack) group.restart('n1')
        runClock(group, 2 * patience, step)
        const leader = leaderOf(group)?.split('/')[0] ?? 'nobody'

        expect([`step ${step}`, group.propose(leader, 'x').type]).toEqual([
          `step ${step}`,
          'accepted',
        ])
        group.deliver()
        const { commitIndex, lastIndex, configurationSettled } = group.node(leader).status
        expect(commitIndex).toBe(lastIndex)
        expect(configurationSettled).toBe(true)
        if (!comesBack) continue
        // Its log may end with the very entry by which it went, which it does not know is committed.
        const isOut = !memberIds(group.node(leader).status.configuration.configuration).includes(
          'n1',
        )
        expect([`step ${step}`, group.node('n1').isRemoved]).toEqual([`step ${step}`, isOut])
      }
    }
  })

  test('a leader that was removed while it was cut off learns of it, whatever its log ends with', () => {
    const group = led({}, {}, {}, newcomer)
    group.isolate('n1')
    group.propose('n1', ...Array.from({ length: 20 }, (_, n) => `${n}`))
    group.change('n1', { type: 'addLearner', id: 'n4', context })
    runClock(group, patience, 1)
    const [leader = 'nobody'] = leaderOf(group)?.split('/') ?? []
    group.change(leader, { type: 'remove', id: 'n1' })
    group.deliver()
    const { configuration } = group.node(leader).status
    expect(memberIds(configuration.configuration)).toEqual(['n2', 'n3'])
    expect(configuration.index).toBeLessThan(group.node('n1').status.configuration.index)

    group.heal()
    runClock(group, patience, 1)

    expect(group.node('n1').isRemoved).toBe(true)
  })

  test('a voter that takes itself for a learner votes all the same (etcd#10998)', () => {
    const group = withLearner()
    // By the logs of n1 and n2 n4 is a voter; it does not know, nor does n3.
    for (const id of ['n3', 'n4']) group.cut.add(`n1>${id}`)
    group.change('n1', { type: 'promote', id: 'n4' })
    group.deliver()
    group.crash('n1')
    group.heal()
    for (const id of ['n3', 'n4']) group.tick(id, electionTicks)
    expect([voters(group, 'n2'), voters(group, 'n4')]).toEqual([
      'n1 n2 n3 n4 / n1 n2 n3',
      'n1 n2 n3 / ',
    ])

    // Three of the new four are needed, so all that are left.
    group.campaign('n2')
    group.deliver()

    expect(leaderOf(group)).toBe('n2/2')
    expect(voters(group, 'n4')).toBe('n1 n2 n3 n4 / ')
  })

  test('a learner is promoted only once it keeps up (thesis, section 4.2.1)', () => {
    const group = led({}, {}, {}, newcomer)
    group.propose('n1', 'a', 'b', 'c')
    group.deliver()
    group.isolate('n4')
    group.change('n1', { type: 'addLearner', id: 'n4', context })
    beat(group)
    const promote = () => group.change('n1', { type: 'promote', id: 'n4' })
    expect(promote()).toEqual({ type: 'refused', reason: 'lagging' })

    // Slow: what it gets is always older than an election timeout.
    group.heal()
    for (let n = 0; n < 3; n++) {
      group.propose('n1', `slow ${n}`)
      const forLearner = ({ to, from }: Message) => to === 'n4' || from === 'n4'
      for (let ticks = 0; ticks < 2 * electionTicks; ticks++) {
        group.tick('n1')
        group.deliver((message) => !forLearner(message))
        group.deliver((message) => forLearner(message) && message.type.startsWith('heartbeat'))
      }
      expect(promote()).toMatchObject({ type: 'refused', reason: 'lagging' })
      group.deliver()
    }

    group.propose('n1', 'quick')
    group.deliver()
    beat(group)
    expect(promote().type).toBe('accepted')
  })

  test('a learner never counts: neither for a commit, nor for a read, nor for the lead', () => {
    // Two of them: with the leader they would be three of five, were they counted.
    const group = led({}, {}, {}, newcomer, newcomer)
    for (const id of ['n4', 'n5']) {
      group.change('n1', { type: 'addLearner', id, context })
      group.deliver()
      beat(group)
    }
    const { commitIndex } = group.node('n1').status
    group.isolate('n2')
    group.isolate('n3')
    group.propose('n1', 'x')
    group.read('n1')
    group.deliver()
    expect(group.node('n5').status.lastIndex).toBe(commitIndex + 1)
    expect(group.node('n1').status.commitIndex).toBe(commitIndex)
    expect(group.node('n1').reads).toEqual([])

    for (let n = 0; n < 3 * electionTicks; n++) {
      group.tick('n1')
      group.deliver()
    }
    expect(group.node('n1').status.role).not.toBe('leader')
    // Nor do they stand for election.
    for (const id of ['n4', 'n5']) {
      group.tick(id, 5 * electionTicks)
      expect(group.node(id).status).toMatchObject({ role: 'follower', term: 1 })
    }
  })

  test('a removal that leaves no majority that answers is refused; a dead node can go', () => {
    const group = led({}, {}, {})
    group.isolate('n3')
    for (let n = 0; n < 8; n++) beat(group)

    expect(group.change('n1', { type: 'remove', id: 'n2' })).toEqual({
      type: 'refused',
      reason: 'losesQuorum',
    })
    expect(group.change('n1', { type: 'remove', id: 'n3' }).type).toBe('accepted')
    group.deliver()
    expect(voters(group, 'n1')).toBe('n1 n2 / ')
  })

  test('a node that was never heard of in this term does not count as there', () => {
    const group = led({}, {}, {})
    group.isolate('n3')
    group.restart('n2')
    group.tick('n2', electionTicks)
    group.crash('n1')
    group.restart('n1')
    group.campaign('n1')
    group.deliver()
    expect(group.node('n1').status).toMatchObject({ role: 'leader', commitIndex: 2 })

    expect(group.change('n1', { type: 'remove', id: 'n2' })).toMatchObject({
      reason: 'losesQuorum',
    })
  })

  test('growing 1 to 5 and shrinking to 1, one change after the other', () => {
    const group = led({}, newcomer, newcomer, newcomer, newcomer)
    for (const id of ['n2', 'n3', 'n4', 'n5']) {
      expect(group.change('n1', { type: 'addLearner', id, context }).type).toBe('accepted')
      group.deliver()
      beat(group)
      expect(group.change('n1', { type: 'promote', id }).type).toBe('accepted')
      group.deliver()
      beat(group)
    }
    expect(voters(group, 'n5')).toBe('n1 n2 n3 n4 n5 / ')

    for (const id of ['n5', 'n4', 'n3', 'n2']) {
      expect(group.change('n1', { type: 'remove', id }).type).toBe('accepted')
      group.deliver()
      beat(group)
      expect(group.node(id).isRemoved).toBe(true)
    }
    expect(voters(group, 'n1')).toBe('n1 / ')
    expect(group.node('n1').status.configurationSettled).toBe(true)
  })
})

describe('a node that was removed', () => {
  function removedUnaware(): Group {
    const group = led({}, {}, {}, {})
    group.isolate('n4')
    group.change('n1', { type: 'remove', id: 'n4' })
    group.deliver()
    beat(group)
    group.heal()
    return group
  }

  test('disturbs nobody, even if it never hears of it (logcabin#56, consul#10970)', () => {
    const group = removedUnaware()
    const before = leaderOf(group)
    for (let round = 0; round < 200; round++) {
      for (const id of group.ids) group.tick(id)
      group.drop(({ type }) => type === 'removed')
      group.deliver(({ type }) => type !== 'removed')
    }

    expect(group.node('n4').isRemoved).toBe(false)
    expect(leaderOf(group)).toBe(before)
    expect(group.node('n4').status.term).toBe(1)
  })

  test('is told when it asks for votes, and asks no more', () => {
    const group = removedUnaware()
    runClock(group, patience, 1)
    expect(group.node('n4').isRemoved).toBe(true)

    group.tick('n4', 10 * electionTicks)

    expect(group.wire.filter(({ from }) => from === 'n4')).toEqual([])
    expect(group.node('n4').status).toMatchObject({ role: 'follower', removed: true })
  })

  test('is told though it never had a vote, or may not use it', () => {
    const learner = withLearner()
    const recovering = led({}, {}, {}, {})
    recovering.loseLog('n4')
    for (const group of [learner, recovering]) {
      group.isolate('n4')
      group.change('n1', { type: 'remove', id: 'n4' })
      group.deliver()
      beat(group)
      group.heal()
      const before = leaderOf(group)
      runClock(group, patience, 1)

      expect(group.node('n4').isRemoved).toBe(true)
      expect(leaderOf(group)).toBe(before)
      expect(group.node('n4').status).toMatchObject({ role: 'follower', term: 1 })
    }
  })

  test('is told when it asks for a read', () => {
    const group = removedUnaware()

    expect(group.read('n4').type).toBe('accepted')
    group.deliver()

    expect(group.node('n4').isRemoved).toBe(true)
    expect(group.node('n4').reads).toMatchObject([{ refused: false }])
  })

  test('what an older node says of a newcomer that it has not heard of does not count', () => {
    const group = withLearner()
    const { raft } = group.node('n4')
    const { index } = raft.configuration

    raft.step({ type: 'removed', ...header('n2', 'n4', 1), configIndex: index })
    expect(raft.status().removed).toBe(false)
    // Nor is a leader removed by hearsay.
    group.node('n1').raft.step({ type: 'removed', ...header('n2', 'n1', 9), configIndex: 99 })
    expect(group.node('n1').status).toMatchObject({ role: 'leader', term: 1, removed: false })

    raft.step({ type: 'removed', ...header('n2', 'n4', 1), configIndex: index + 1 })
    expect(raft.status().removed).toBe(true)
  })

  test('a newcomer that is no member yet cannot be told that it is none any more', () => {
    const group = led({}, newcomer)

    group.node('n2').raft.step({ type: 'removed', ...header('n1', 'n2', 1), configIndex: 7 })

    expect(group.node('n2').status.removed).toBe(false)
  })
})
