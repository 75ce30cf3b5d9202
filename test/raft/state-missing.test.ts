/**
 * Goal: a node whose state is gone, and whose log no longer begins at 1, keeps its promises, takes no
 * part where it would need the state, and gets one.
 * Method: a small group, moved by hand; `cluster.test.ts` does it at random.
 */
import { describe, expect, test } from 'vitest'
import { leaderOf, patience, runClock } from './support/clock.ts'
import type { Group } from './support/group.ts'
import { electionTicks } from './support/group.ts'
import { logOf, peer } from './support/lagging.ts'
import { beat, led, withLearner } from './support/led.ts'
import { header } from './support/messages.ts'

describe('a node whose state is missing', () => {
  function missing(): Group {
    const group = led({}, {}, {})
    group.propose('n1', 'a', 'b', 'c')
    group.deliver()
    beat(group)
    group.compact('n3', 3)
    group.loseState('n3')
    beat(group)
    group.tick('n3')
    group.deliver()
    return group
  }

  test('never stands for election, not even when asked to', () => {
    const group = missing()
    group.step({ type: 'timeoutNow', ...header('n1', 'n3', 1) })
    group.tick('n3', 10 * electionTicks)
    expect(group.node('n3').status).toMatchObject({ role: 'follower', term: 1, stateMissing: true })

    // With it gone, the two others decide; with one of them gone, its vote is there.
    group.crash('n1')
    runClock(group, patience, 1)
    expect(leaderOf(group)?.split('/')[0]).toBe('n2')
  })

  test('nobody leads where all voters miss theirs', () => {
    const group = missing()
    for (const id of ['n1', 'n2']) {
      group.compact(id, 3)
      group.loseState(id)
    }
    runClock(group, 3 * patience, 1)

    expect(leaderOf(group)).toBeUndefined()
  })

  test('applies nothing, hands nothing out, and refuses reads', () => {
    const group = missing()
    const { applied } = group.node('n3')
    const before = applied.length
    group.propose('n1', 'x')
    group.deliver()
    beat(group)

    expect(applied).toHaveLength(before)
    expect(group.node('n3').status).toMatchObject({ commitIndex: 5, appliedIndex: 0 })
    expect(group.read('n3').type).toBe('noLeader')
  })

  test('is not given a snapshot from before its log, which could not join on', () => {
    const group = missing()
    group.compact('n1', 2)
    group.tick('n3')
    group.deliver()
    const { raft } = group.node('n1')

    expect(raft.offerSnapshot('n3', { term: 1, index: 2 })).toBe(false)
    expect(group.node('n3').raft.isSnapshotUseful({ term: 1, index: 2 })).toBe(false)
    expect(raft.offerSnapshot('n3', { term: 1, index: 4 })).toBe(true)
    group.work('n1')
    group.deliver()

    // The log goes on where it is: what was acknowledged stays.
    expect(group.install('n3')).toBe(true)
    expect(logOf(group, 'n3')).toBe('(3) 4/1')
    expect(group.node('n3').status).toMatchObject({ stateMissing: false, appliedIndex: 4 })
  })

  test('asks every leader anew, and a leader that hears it no more forgets', () => {
    const group = missing()
    const asks = (): number => group.wire.filter(({ type }) => type === 'snapshotNeeded').length
    group.tick('n3')
    expect(asks()).toBe(0)
    group.crash('n1')
    group.wire = []
    runClock(group, patience, 1)
    expect(leaderOf(group)?.split('/')[0]).toBe('n2')
    expect(group.node('n2').wanted).toEqual(new Set(['n3']))

    group.offer('n2', 'n3')
    group.deliver()
    group.install('n3')
    runClock(group, 10 * electionTicks, 1)
    const [, n3] = group.node('n2').status.peers
    expect(n3).toMatchObject({ id: 'n3', state: 'replicate', snapshotIndex: undefined })
  })

  test('one that is cut off keeps its offer', () => {
    const group = missing()
    group.offer('n1', 'n3')
    group.deliver()
    group.isolate('n3')
    for (let n = 0; n < 40; n++) beat(group)
    expect(peer(group, 'n3')).toMatchObject({ state: 'snapshot', snapshotIndex: 4 })
  })

  test('a learner without a state is not promoted', () => {
    const group = withLearner()
    group.compact('n4', 2)
    group.loseState('n4')
    beat(group)
    group.tick('n4')
    group.deliver()
    group.deliver()

    expect(group.change('n1', { type: 'promote', id: 'n4' })).toMatchObject({ reason: 'lagging' })
  })
})
