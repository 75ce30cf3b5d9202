/**
 * Goal: a node that has lost its log breaks no promise that it made while it had it, comes back by
 * itself where a quorum can do without it, and never where none can.
 * Method: a small group, moved by hand; `cluster.test.ts` does it at random.
 */
import { describe, expect, test } from 'vitest'
import type { HeartbeatResult, Message, Readmitted } from '../../src/raft/index.ts'
import { leaderOf, patience, runClock } from './support/clock.ts'
import type { Group } from './support/group.ts'
import { electionTicks, heartbeatTicks } from './support/group.ts'
import { beat, led, withLearner } from './support/led.ts'
import { header } from './support/messages.ts'

/** n1 leads three; n3 has just lost its log, and nobody has heard of that. */
function lost(): Group {
  const group = led({}, {}, {})
  group.propose('n1', 'a', 'b', 'c')
  group.deliver()
  beat(group)
  group.node('n3').appliedIndex = 0
  group.loseLog('n3')
  return group
}

function peer(group: Group) {
  return group.node('n1').status.peers.find(({ id }) => id === 'n3')
}

function recoveryOf(group: Group): number {
  group.step({ type: 'heartbeat', ...header('n1', 'n3', 1), round: 0, leaderCommit: 0 })
  const answer = group.wire.findLast(
    (message): message is HeartbeatResult => message.type === 'heartbeatResult',
  )
  group.wire = []
  return answer?.recovery ?? 0
}

describe('a node that recovers its log', () => {
  test('votes for nobody, not even again, and does not stand', () => {
    const group = lost()
    const lastLog = { term: 9, index: 99 }
    for (const transfer of [false, true]) {
      group.step({ type: 'requestVote', ...header('n2', 'n3', 2), lastLog, transfer })
    }
    group.step({ type: 'requestVote', ...header('n1', 'n3', 1), lastLog, transfer: false })
    const preVote = { type: 'requestPreVote', ...header('n2', 'n3', 2), proposedTerm: 9 } as const
    group.step({ ...preVote, lastLog })
    expect(group.wire.map((message) => 'granted' in message && message.granted)).toEqual([
      false,
      false,
      false,
      false,
    ])
    group.wire = []

    group.step({ type: 'timeoutNow', ...header('n2', 'n3', 2) })
    group.tick('n3', 5 * electionTicks)

    // It only asks whether it still is a member.
    expect([...new Set(group.wire.map(({ type }) => type))]).toEqual(['requestPreVote'])
    group.deliver()
    expect(group.node('n3').status).toMatchObject({ role: 'follower', term: 2, recovering: true })
  })

  test('counts neither for commits, nor for reads, nor for the leadership', () => {
    const group = lost()
    group.isolate('n2')
    beat(group)
    group.propose('n1', 'x')
    group.read('n1')
    beat(group)

    // It holds the entry by now: still nothing is committed by it.
    expect(peer(group)).toMatchObject({ matchIndex: 5, recovering: true })
    expect(group.node('n1').status.commitIndex).toBe(4)
    expect(group.node('n1').reads).toEqual([])
    for (let n = 0; n < 4; n++) beat(group)
    expect(group.node('n1').status.role).not.toBe('leader')
    expect(group.node('n3').isRecovering).toBe(true)
  })

  test('counts for what it acknowledged meanwhile from the answer on that ends it', () => {
    const group = lost()
    group.node('n3').holdsReadmission = true
    beat(group)
    beat(group)
    group.isolate('n2')
    group.propose('n1', 'x')
    group.deliver()
    const { lastIndex } = group.node('n1').status
    expect(peer(group)).toMatchObject({ matchIndex: lastIndex, recovering: true })
    expect(group.node('n1').status.commitIndex).toBe(lastIndex - 1)

    group.readmitted('n3')
    group.work('n3')
    // Nobody writes, and nothing is sent anew: it has everything.
    for (let n = 0; n < 5; n++) beat(group)

    expect(group.node('n1').status).toMatchObject({ role: 'leader', commitIndex: lastIndex })
  })

  test('is no one to hand over to, nor to count on in a change', () => {
    const group = lost()
    beat(group)
    group.isolate('n3')
    group.wire = []
    expect(group.node('n3').isRecovering).toBe(false)

    const other = lost()
    other.isolate('n2')
    other.tick('n1', heartbeatTicks)
    other.deliver()
    expect(other.transfer('n1', 'n3')).toEqual({ type: 'refused', reason: 'unreachable' })
    expect(other.change('n1', { type: 'remove', id: 'n2' })).toMatchObject({
      reason: 'losesQuorum',
    })
  })

  test('is readmitted only by a leader that others confirmed after it was heard of', () => {
    const group = lost()
    group.cut.add('n2>n1')
    for (let n = 0; n < 3; n++) {
      group.tick('n1', heartbeatTicks)
      group.deliver()
    }
    expect(peer(group)).toMatchObject({ matchIndex: 4, recovering: true })
    expect(group.node('n3').isRecovering).toBe(true)

    group.heal()
    beat(group)

    expect(group.node('n3').isRecovering).toBe(false)
    expect(peer(group)).toMatchObject({ matchIndex: 4, recovering: false })
    expect(group.node('n3').status.recovering).toBe(false)
  })

  test('goes on as before until the node has made it durable', () => {
    const group = lost()
    group.node('n3').holdsReadmission = true
    beat(group)
    beat(group)
    expect(group.node('n3').status.recovering).toBe(true)
    expect(peer(group)?.recovering).toBe(true)
    // It was told, and is not told again.
    expect(group.node('n3').raft.hasReady()).toBe(false)

    group.readmitted('n3')
    beat(group)

    expect(peer(group)?.recovering).toBe(false)
    expect(() => group.node('n3').raft.readmitted()).toThrow('was told so')
  })

  test('takes no word for it that is of another recovery, leader, term, or log', () => {
    const group = lost()
    const recovery = recoveryOf(group)
    const good = { type: 'readmitted', ...header('n1', 'n3', 1), recovery, index: 4 } as const
    const bad: Readmitted[] = [
      good,
      { ...good, recovery: recovery + 1, index: 0 },
      { ...good, from: 'n2', index: 0 },
      { ...good, term: 0, index: 0 },
      { ...good, term: 2 },
    ]
    for (const message of bad) group.step(message)
    expect(group.node('n3').isRecovering).toBe(true)
    expect(recovery).toBeGreaterThan(0)
  })

  test('one that lost its log again is not readmitted by what was said of the first time', () => {
    const group = lost()
    const said: Message[] = []
    for (let n = 0; n < 4; n++) {
      group.tick('n1', heartbeatTicks)
      said.push(...group.wire.filter(({ to }) => to === 'n3'))
      group.deliver()
      said.push(...group.wire)
    }
    const first = said.filter(({ type }) => type === 'readmitted')
    group.node('n3').appliedIndex = 0
    group.node('n3').random.draw = 77
    group.loseLog('n3')
    for (const message of [...said, ...first]) group.step(message)

    expect(group.node('n3').isRecovering).toBe(true)
    group.wire = []
    beat(group)
    beat(group)
    expect(group.node('n3').isRecovering).toBe(false)
    expect(peer(group)).toMatchObject({ matchIndex: 4, recovering: false })
  })

  test('late answers from before change nothing', () => {
    const group = lost()
    group.tick('n1', heartbeatTicks)
    group.deliver(({ to, from }) => to === 'n3' || from === 'n3', 3)
    expect(peer(group)).toMatchObject({ recovering: true, matchIndex: 0 })

    group.step({ type: 'appendEntriesAccepted', ...header('n3', 'n1', 1), matchIndex: 4 })
    group.step({ type: 'heartbeatResult', ...header('n3', 'n1', 1), round: 0 })

    expect(peer(group)).toMatchObject({ recovering: true, matchIndex: 0 })
  })

  test('a late word of a recovery that its leader has seen the end of changes nothing', () => {
    const group = lost()
    const recovery = recoveryOf(group)
    beat(group)
    beat(group)
    expect(peer(group)).toMatchObject({ recovering: false, matchIndex: 4, state: 'replicate' })

    group.step({ type: 'heartbeatResult', ...header('n3', 'n1', 1), round: 0, recovery })
    group.step({ type: 'appendEntriesAccepted', ...header('n3', 'n1', 1), matchIndex: 2, recovery })

    expect(peer(group)).toMatchObject({ recovering: false, matchIndex: 4, state: 'replicate' })
  })

  test('one that its leader knew nothing of holds up a node that is well for one round only', () => {
    const group = lost()
    const recovery = 1 + recoveryOf(group)
    beat(group)
    beat(group)

    group.step({ type: 'heartbeatResult', ...header('n3', 'n1', 1), round: 0, recovery })
    expect(peer(group)?.recovering).toBe(true)
    beat(group)

    expect(peer(group)).toMatchObject({ recovering: false, matchIndex: 4, state: 'replicate' })
  })

  test('a new leader readmits it as well, and a snapshot helps where the log is gone', () => {
    const group = lost()
    for (const id of ['n1', 'n2']) group.compact(id, 4)
    group.crash('n1')
    runClock(group, patience, 3)
    // Two of three: n3 may not vote, so that nobody can lead.
    expect(leaderOf(group)).toBeUndefined()

    group.restart('n1')
    runClock(group, patience, 4)
    const leader = leaderOf(group)?.split('/')[0] ?? ''
    expect(group.node(leader).wanted).toEqual(new Set(['n3']))
    group.offer(leader, 'n3')
    group.deliver()
    expect(group.install('n3')).toBe(true)
    expect(group.node('n3').isRecovering).toBe(true)
    runClock(group, 2 * electionTicks, 5)

    expect(group.node('n3').isRecovering).toBe(false)
    expect(group.node('n3').status.appliedIndex).toBe(group.node(leader).status.appliedIndex)
  })

  test('nobody readmits one of two: the other is no quorum', () => {
    const group = led({}, {})
    group.loseLog('n2')
    for (let n = 0; n < 10; n++) beat(group)

    expect(group.node('n1').status.role).not.toBe('leader')
    expect(group.node('n2').isRecovering).toBe(true)
  })

  test('a learner comes back by the voters alone', () => {
    const group = withLearner()
    group.loseLog('n4')
    group.tick('n1', heartbeatTicks)
    group.deliver(({ from, to }) => from === 'n4' || to === 'n4')
    const promote = () => group.change('n1', { type: 'promote', id: 'n4' })
    expect(promote()).toMatchObject({ reason: 'lagging' })

    beat(group)
    beat(group)

    expect(group.node('n4').isRecovering).toBe(false)
    expect(promote().type).toBe('accepted')
  })
})
