/**
 * Goal: bugs that Raft implementations are known to have had do not come back here: reads.
 * Method: one test for each, named by what must hold, with the public report where there is one:
 * the state that led to it is built message by message, then the thing happens.
 */
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/raft/index.ts'
import { Group, electionTicks, heartbeatTicks } from './support/group.ts'
import { led, withLearner } from './support/led.ts'
import { freshLeader, header, sent } from './support/messages.ts'

describe('reads', () => {
  test('wait for the first commit of the own term (etcd#7331)', () => {
    const group = new Group([{ terms: [1] }, { terms: [1] }, { terms: [1] }])
    freshLeader(group)
    group.read('n1')
    const term = 2
    for (const from of ['n2', 'n3']) {
      group.step({ type: 'heartbeatResult', ...header(from, 'n1', term), round: 0 })
    }
    expect(group.node('n1').reads).toEqual([])

    group.step({ type: 'appendEntriesAccepted', ...header('n2', 'n1', term), matchIndex: 2 })
    group.step({ type: 'heartbeatResult', ...header('n2', 'n1', term), round: 1 })

    expect(group.node('n1').reads).toMatchObject([{ refused: false, readIndex: 2 }])
  })

  test('a late or repeated answer never confirms a newer read (etcd-io/raft#397)', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.read('n1')
    const late: Message = { type: 'heartbeatResult', ...header('n3', 'n1', 1), round: 1 }
    group.step({ ...late, from: 'n2' })
    expect(group.node('n1').reads).toHaveLength(1)

    group.read('n1')
    for (let n = 0; n < 3; n++) group.step(late)
    group.step({ ...late, from: 'n2' })

    expect(group.node('n1').reads).toHaveLength(1)
  })

  test('an answer of an earlier leadership confirms nothing', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.read('n1')
    const old = group.wire.filter(({ type }) => type === 'heartbeat')
    expect(old).toHaveLength(2)
    // Deposed, and leader again.
    group.wire = []
    group.step({ type: 'heartbeat', ...header('n2', 'n1', 2), round: 0, leaderCommit: 0 })
    group.wire = []
    group.elect('n1')
    expect(group.node('n1').status.term).toBeGreaterThan(2)
    group.wire = []
    group.read('n1')

    for (const from of ['n2', 'n3']) {
      group.step({ type: 'heartbeatResult', ...header(from, 'n1', 1), round: 1 })
    }

    expect(group.node('n1').reads).toMatchObject([{ refused: true }])
  })

  test('an answer to a round that was never begun is not counted', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    for (const from of ['n2', 'n3']) {
      group.step({ type: 'heartbeatResult', ...header(from, 'n1', 1), round: 5 })
    }

    group.read('n1')

    expect(group.node('n1').reads).toEqual([])
    expect(group.node('n1').status.ignored.malformed).toBe(2)
  })

  test('a leader that is cut off confirms no read, and refuses it when it gives up (Jepsen 2014)', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.isolate('n1')
    group.read('n1')
    group.elect('n2')
    group.propose('n2', 'x')
    group.deliver()
    expect(group.node('n1').reads).toEqual([])

    group.tick('n1', 2 * electionTicks + 1)

    expect(group.node('n1').reads).toMatchObject([{ refused: true }])
  })

  test('a read of before a crash is not answered by a late result after it', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    const first = group.read('n2')
    const requestId = first.type === 'accepted' ? first.requestId : 0
    group.crash('n2')
    // Another life draws another place to count from.
    group.node('n2').random.draw = 7
    group.restart('n2')
    group.tick('n1', heartbeatTicks)
    group.drop(({ type }) => type === 'readIndexRequest')
    group.deliver()
    const second = group.read('n2')

    group.step({ type: 'readIndexResult', ...header('n1', 'n2', 1), requestId, readIndex: 1 })

    expect(second).not.toEqual(first)
    expect(group.node('n2').reads).toEqual([])
  })

  test('the periodic heartbeat carries the round, so one lost message does not wedge reads', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.read('n1')
    group.drop(() => true)

    group.tick('n1', heartbeatTicks)
    group.deliver()

    expect(group.node('n1').reads).toMatchObject([{ refused: false }])
  })

  test('a follower refuses a read itself when no answer comes for an election timeout', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.read('n2')
    group.drop(({ type }) => type === 'readIndexRequest')

    for (let tick = 0; tick <= 2 * electionTicks; tick++) {
      expect(group.node('n2').reads).toEqual([])
      group.tick('n1')
      group.deliver()
      group.tick('n2')
    }

    expect(group.node('n2').status.leader).toBe('n1')
    expect(group.node('n2').reads).toMatchObject([{ refused: true }])
    expect(group.node('n2').status.readsOutstanding).toBe(0)
  })

  test('are confirmed in a joint configuration by both majorities, and by neither alone (CCF)', () => {
    for (const silent of ['n3', 'n4']) {
      const group = withLearner()
      group.change('n1', { type: 'replace', id: 'n3', by: 'n4' })
      // n1 has one of two others left: a majority of the new voters, or of the old ones.
      group.isolate('n2')
      group.isolate(silent)
      group.deliver()
      group.read('n1')
      group.deliver()
      expect([silent, group.node('n1').reads]).toEqual([silent, []])

      group.heal()
      group.tick('n1', heartbeatTicks)
      group.deliver()
      expect(group.node('n1').reads).toMatchObject([{ refused: false }])
    }
  })

  test('whose round was out when the last other voter left are confirmed by who is left', () => {
    const group = led({}, {})
    group.read('n1')
    // The round is lost; the change goes through.
    group.wire = []
    expect(group.change('n1', { type: 'remove', id: 'n2' }).type).toBe('accepted')
    group.deliver(({ type }) => type.startsWith('appendEntries'))
    expect(group.node('n1').status.configurationSettled).toBe(true)

    group.read('n1')

    expect(group.node('n1').reads).toMatchObject([{ refused: false }, { refused: false }])
  })

  test('do not put off the end of a hand-over that does not come about (openraft#1747)', () => {
    const group = led({}, {}, {})
    group.cut.add('n1>n2')
    group.transfer('n1', 'n2')
    let blocked = 0
    while (blocked < 100 && group.propose('n1', 'x').type === 'transferring') {
      blocked++
      group.read('n1')
      group.read('n3')
      group.tick('n1')
      group.deliver()
    }

    expect(blocked).toBeLessThanOrEqual(2 * electionTicks + 1)
  })

  test('keep no leader in office whose disk stands still (openraft#1747)', () => {
    const group = led({}, {}, {})
    group.node('n1').isSlow = true
    group.propose('n1', 'a')
    group.deliver()
    for (let n = 0; n < 6 * electionTicks; n++) {
      group.read('n1')
      group.tick('n1')
      group.deliver()
    }

    expect(group.node('n1').reads).toContainEqual(expect.objectContaining({ refused: false }))
    expect(group.node('n1').status.role).not.toBe('leader')
  })

  test('reads that wait for a commit that does not come are refused in time', () => {
    const group = new Group([{}, {}, {}])
    freshLeader(group)
    group.read('n1')
    group.step({ type: 'readIndexRequest', ...header('n2', 'n1', 1), requestId: 5 })

    for (let tick = 0; tick <= 2 * electionTicks; tick++) {
      group.tick('n1')
      for (const from of ['n2', 'n3']) {
        group.step({ type: 'heartbeatResult', ...header(from, 'n1', 1), round: 0 })
      }
    }

    expect(group.node('n1').status.role).toBe('leader')
    expect(group.node('n1').reads).toMatchObject([{ refused: true }])
  })

  test('a leader that steps down tells those who asked it', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.read('n2')
    group.deliver(({ type }) => type === 'readIndexRequest')
    group.wire = []

    group.step({ type: 'heartbeat', ...header('n3', 'n1', 5), round: 0, leaderCommit: 0 })

    expect(sent(group, 'n1')).toContainEqual(
      expect.objectContaining({ type: 'readIndexRefused', to: 'n2', term: 5 }),
    )
  })

  test('who does not lead, or leads another term, refuses', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')

    group.step({ type: 'readIndexRequest', ...header('n3', 'n2', 1), requestId: 5 })
    group.step({ type: 'readIndexRequest', ...header('n3', 'n1', 0), requestId: 6 })

    const refusals = group.wire.filter(({ type }) => type === 'readIndexRefused')
    expect(refusals.map(({ from }) => from)).toEqual(['n2', 'n1'])
  })
})
