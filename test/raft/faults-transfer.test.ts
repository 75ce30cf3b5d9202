/**
 * Goal: bugs that Raft implementations are known to have had do not come back here: the leadership
 * handed over.
 * Method: one test for each, named by what must hold, with the public report where there is one.
 */
import { describe, expect, test } from 'vitest'
import { leaderOf, runClock } from './support/clock.ts'
import type { Group } from './support/group.ts'
import { electionTicks, heartbeatTicks } from './support/group.ts'
import { beat, led, withLearner } from './support/led.ts'
import { empty, header } from './support/messages.ts'

describe('the leadership handed over', () => {
  test('under steady writes, and no acknowledged write is lost (redpanda#2606, hashicorp#487)', () => {
    const group = led({}, {}, {}, {}, {})
    let done = 0
    let written = 0
    for (let round = 0; round < 100; round++) {
      const leader = leaderOf(group)?.split('/')[0] ?? 'nobody'
      const node = group.node(leader)
      if (group.propose(leader, `w${round}`).type === 'accepted') written++
      // Some messages of before are still on their way.
      group.deliver(() => true, round % 7)
      group.transfer(leader)
      expect(group.propose(leader, 'late').type).toBe('transferring')
      group.deliver()
      runClock(group, heartbeatTicks, round)
      if (node.transfers.at(-1)?.outcome === 'done') done++
    }

    expect(done).toBeGreaterThanOrEqual(99)
    expect(written).toBe(100)
    const texts = group.node('n1').applied.map(({ data }) => new TextDecoder().decode(data))
    expect(texts.filter((text) => text.startsWith('w'))).toHaveLength(100)
  })

  test('is asked for once the other holds the whole log, however links reorder (redpanda#2606)', () => {
    const group = led({}, {}, {})
    const asked = (): boolean => group.wire.some(({ type }) => type === 'timeoutNow')
    group.propose('n1', 'w')
    group.transfer('n1', 'n2')
    expect(asked()).toBe(false)
    // All but the entry arrives, as on a link of its own, which is slower.
    for (let n = 0; n < 3; n++) {
      group.tick('n1', heartbeatTicks)
      expect(asked()).toBe(false)
      group.deliver(({ type }) => type !== 'appendEntries')
    }
    expect(leaderOf(group)).toBe('n1/1')
    group.deliver()

    expect(leaderOf(group)).toBe('n2/2')
  })

  test('ends with the leadership, by the loss of the quorum (hashicorp/raft#696)', () => {
    const group = led({}, {}, {})
    const { raft } = group.node('n1')
    group.isolate('n1')
    // The longest that a quorum may be silent: the leadership ends with the next tick, when the
    // transfer has hardly begun.
    group.tick('n1', 2 * electionTicks)
    expect(group.transfer('n1', 'n2')).toEqual({ type: 'started', to: 'n2' })
    expect(raft.status()).toMatchObject({ role: 'leader', transferTo: 'n2' })
    group.tick('n1')

    expect(raft.status()).toMatchObject({ role: 'follower', transferTo: undefined })
    expect(group.propose('n1', 'x').type).toBe('notLeader')
    // It leads again before the transfer would have timed out.
    group.wire = []
    group.heal()
    group.elect('n1')
    expect(raft.status()).toMatchObject({ role: 'leader', transferTo: undefined })
    expect(group.propose('n1', 'x').type).toBe('accepted')
    expect(group.node('n1').transfers).toEqual([{ to: 'n2', outcome: 'otherLeader' }])
  })

  test('ends with the leadership, by a higher term (hashicorp/raft#696)', () => {
    const group = led({}, {}, {})
    group.cut.add('n1>n2')
    group.transfer('n1', 'n2')
    group.step({ type: 'heartbeat', ...header('n3', 'n1', 9), round: 0, leaderCommit: 0 })

    expect(group.node('n1').transfers).toEqual([{ to: 'n2', outcome: 'otherLeader' }])
    expect(group.propose('n1', 'x').type).toBe('notLeader')
  })

  test('ends with the leadership, and is not there when it leads again (hashicorp/raft#696)', () => {
    const group = led({}, {}, {})
    const { raft } = group.node('n1')
    group.cut.add('n1>n2')
    group.transfer('n1', 'n2')
    group.step({
      type: 'requestVote',
      ...header('n3', 'n1', 5),
      lastLog: { term: 1, index: 1 },
      transfer: true,
    })
    expect(raft.status()).toMatchObject({ role: 'follower', term: 5, transferTo: undefined })
    group.wire = []
    for (const id of ['n2', 'n3']) group.tick(id, electionTicks)
    group.heal()
    group.elect('n1')

    expect(group.propose('n1', 'x').type).toBe('accepted')
    expect(group.node('n1').transfers).toHaveLength(1)
  })

  test('the one who takes over is elected although the old leader is gone (hashicorp/raft#605)', () => {
    const group = led({}, {}, {})
    group.transfer('n1', 'n2')
    group.deliver(({ type }) => type === 'timeoutNow', 1)
    group.isolate('n1')
    group.deliver()

    expect(leaderOf(group)).toBe('n2/2')
  })

  test('a slow follower does not block writes for longer than an election timeout', () => {
    const group = led({}, {}, {})
    group.cut.add('n1>n2')
    group.transfer('n1', 'n2')
    let blocked = 0
    while (blocked < 100 && group.propose('n1', 'x').type === 'transferring') {
      blocked++
      group.tick('n1')
      group.deliver()
    }

    expect(blocked).toBeLessThanOrEqual(2 * electionTicks + 1)
    expect(group.node('n1').transfers).toEqual([{ to: 'n2', outcome: 'timedOut' }])
  })

  test('goes to the voter that holds the most, never to a learner, and to nobody silent', () => {
    const group = withLearner()
    group.cut.add('n1>n2')
    group.propose('n1', 'x')
    group.deliver()
    expect(group.transfer('n1')).toEqual({ type: 'started', to: 'n3' })

    const three = led({}, {}, {})
    three.isolate('n2')
    for (let n = 0; n < 4; n++) beat(three)
    expect(three.transfer('n1', 'n2')).toEqual({ type: 'refused', reason: 'unreachable' })
    expect(led({}).transfer('n1')).toEqual({ type: 'refused', reason: 'unreachable' })
  })

  test.each<[string, (group: Group) => void]>([
    [
      'late, of a term that is over',
      (group) => group.step({ type: 'timeoutNow', ...header('n1', 'n2', 0) }),
    ],
    [
      'of who is not the leader',
      (group) => group.step({ type: 'timeoutNow', ...header('n3', 'n2', 1) }),
    ],
    ['to a learner', (group) => group.step({ type: 'timeoutNow', ...header('n1', 'n4', 1) })],
    [
      'to one that was removed',
      (group) => {
        group.step({ type: 'removed', ...header('n1', 'n3', 1), configIndex: 99 })
        group.step({ type: 'timeoutNow', ...header('n1', 'n3', 1) })
      },
    ],
  ])('a request to take over %s is not followed', (_what, ask) => {
    const group = withLearner()
    const before = leaderOf(group)

    ask(group)
    group.deliver()

    expect(leaderOf(group)).toBe(before)
    expect(group.ids.map((id) => group.node(id).status.term)).toEqual([1, 1, 1, 1])
  })

  test('goes to another one where the first did not take it up', () => {
    const group = led({}, {}, {})
    // It has room for no writes, so it would be of no use as a leader.
    group.node('n2').raft.reluctant = true
    const to: string[] = []
    for (let n = 0; n < 2; n++) {
      group.transfer('n1')
      to.push(group.node('n1').status.transferTo ?? 'nobody')
      group.deliver()
      runClock(group, 3 * electionTicks, n)
    }

    expect(to).toEqual(['n2', 'n3'])
    expect(leaderOf(group)?.split('/')[0]).toBe('n3')
  })

  test('a request to take over that comes twice makes one election', () => {
    const group = led({}, {}, {})
    group.transfer('n1', 'n2')
    const [ask] = group.wire.filter(({ type }) => type === 'timeoutNow')
    if (ask === undefined) throw new Error('nobody was asked')
    group.wire.push(ask)
    group.deliver()
    group.step(ask)
    group.deliver()

    expect(leaderOf(group)).toBe('n2/2')
  })

  test('only an election that the leader asked for passes by those who hear it', () => {
    const group = led({}, {}, {})
    const lastLog = { term: 1, index: 1 }
    group.step({ type: 'requestVote', ...header('n2', 'n3', 2), lastLog, transfer: false })
    expect(group.node('n3').status.term).toBe(1)

    group.step({ type: 'requestVote', ...header('n2', 'n3', 2), lastLog, transfer: true })
    expect(group.node('n3').status).toMatchObject({ term: 2, votedFor: 'n2' })

    // And nobody votes for a log that is behind, whoever asked.
    group.step({ type: 'requestVote', ...header('n3', 'n1', 3), lastLog: empty, transfer: true })
    expect(group.node('n1').status).toMatchObject({ term: 3, votedFor: undefined })
  })
})
