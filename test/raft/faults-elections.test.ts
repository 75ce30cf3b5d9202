/**
 * Goal: bugs that Raft implementations are known to have had do not come back here: elections.
 * Method: one test for each, named by what must hold, with the public report where there is one:
 * the state that led to it is built message by message, then the thing happens.
 */
import { describe, expect, test } from 'vitest'
import { keepOnly, leaderOf, patience, runClock } from './support/clock.ts'
import { Group, electionTicks } from './support/group.ts'
import { withLearner } from './support/led.ts'
import { empty, freshLeader, header, sent } from './support/messages.ts'

describe('elections', () => {
  test('a vote does not leave before it is durable, and is remembered if it left (raft-rs#372)', () => {
    const group = new Group([{}, {}, {}])
    group.node('n1').isSlow = true
    group.step({ type: 'requestVote', transfer: false, ...header('n2', 'n1', 1), lastLog: empty })
    expect(group.wire).toEqual([])

    group.crash('n1')
    group.restart('n1')
    group.step({ type: 'requestVote', transfer: false, ...header('n3', 'n1', 1), lastLog: empty })
    group.sync('n1')

    expect(sent(group, 'n1')).toMatchObject([{ to: 'n3', granted: true }])
  })

  test('a request for votes does not leave before the own vote is durable', () => {
    const group = new Group([{}, {}, {}])
    group.node('n1').isSlow = true

    group.campaign('n1')
    group.deliver(({ type }) => type.startsWith('requestPreVote'))
    expect(group.wire).toEqual([])
    group.sync('n1')

    expect(sent(group, 'n1').map(({ type }) => type)).toEqual(['requestVote', 'requestVote'])
  })

  test('votes that come before the own one is known to be durable make no leader yet', () => {
    const group = new Group([{}, {}, {}])
    group.node('n1').isSlow = true
    group.campaign('n1')
    group.deliver(({ type }) => type.startsWith('requestPreVote'))

    for (const from of ['n2', 'n3']) {
      group.step({ type: 'requestVoteResult', ...header(from, 'n1', 1), granted: true })
    }
    expect(group.node('n1').status.role).toBe('candidate')
    group.sync('n1')

    expect(group.node('n1').status.role).toBe('leader')
  })

  test('a candidate on a disk slower than its timeout is elected in the end', () => {
    const group = new Group([{}])
    group.node('n1').isSlow = true
    group.campaign('n1')

    group.tick('n1', 10 * electionTicks)
    expect(group.node('n1').status).toMatchObject({ role: 'candidate', term: 1 })
    group.sync('n1')

    expect(group.node('n1').status.role).toBe('leader')
  })

  test('no vote in the own term is given away by a candidate or a leader (daos-stack/raft#70)', () => {
    for (const role of ['candidate', 'leader'] as const) {
      const group = new Group([{}, {}, {}])
      if (role === 'leader') freshLeader(group)
      else {
        group.campaign('n1')
        group.deliver(({ type }) => type.startsWith('requestPreVote'))
        group.wire = []
      }
      const lastLog = { term: 9, index: 9 }

      for (let n = 0; n < 2; n++) {
        group.step({ type: 'requestVote', transfer: false, ...header('n2', 'n1', 1), lastLog })
      }

      const refused = { type: 'requestVoteResult', granted: false }
      expect(sent(group, 'n1')).toMatchObject([refused, refused])
      expect(group.node('n1').status).toMatchObject({ role, votedFor: 'n1' })
    }
  })

  test('a follower that voted and has a leader gives no second vote of the term', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    const { term, votedFor } = group.node('n2').status
    const lastLog = { term: 9, index: 9 }
    group.wire = []

    for (const transfer of [false, true]) {
      group.step({ type: 'requestVote', transfer, ...header('n3', 'n2', term), lastLog })
    }

    const refused = { type: 'requestVoteResult', granted: false }
    expect(sent(group, 'n2')).toMatchObject([refused, refused])
    expect(votedFor).toBe('n1')
    expect(group.node('n2').status).toMatchObject({ term, votedFor, leader: 'n1' })
  })

  test('a node with the best log and the lowest term comes to lead (etcd#8243)', () => {
    const group = new Group([
      { terms: [1], hardState: { currentTerm: 9 } },
      { terms: [1], hardState: { currentTerm: 9 } },
      { terms: [1, 1, 1], hardState: { currentTerm: 1 } },
    ])
    group.isolate('n2')

    const leaders = runClock(group, patience, 1)

    expect(leaders.at(-1)).toMatch(/^n3\//)
  })

  test('a node at a higher term is freed, and then there is peace (raft-rs#84)', () => {
    const group = new Group([{}, {}, { hardState: { currentTerm: 50 } }])
    group.isolate('n3')
    runClock(group, patience, 2)
    expect(leaderOf(group)).toBeDefined()

    group.heal()
    const leaders = runClock(group, 3 * patience, 3)

    expect(group.node('n3').status.leader).toBe(leaders.at(-1)?.split('/')[0])
    expect(new Set(leaders.slice(patience)).size).toBe(1)
  })

  test('with links 1-2-3, 4-2 and 5-3 alone there is one lasting leader (omission faults)', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const group = new Group([{}, {}, {}, {}, {}])
      keepOnly(group, [
        ['n1', 'n2'],
        ['n1', 'n3'],
        ['n2', 'n3'],
        ['n4', 'n2'],
        ['n5', 'n3'],
      ])

      const leaders = runClock(group, 6 * patience, seed)

      expect(leaders[patience]).toBeDefined()
      expect(new Set(leaders.slice(2 * patience)).size).toBe(1)
    }
  })

  test('whatever single link or node is cut one way, for ever, there is one lasting leader', () => {
    const ids = ['n1', 'n2', 'n3']
    const links = ids.flatMap((a) => ids.filter((b) => b !== a).map((b) => `${a}>${b}`))
    const cuts = [
      ...links.map((link) => [link]),
      ...ids.map((id) => links.filter((link) => link.startsWith(id))),
      ...ids.map((id) => links.filter((link) => link.endsWith(id))),
    ]
    for (const [seed, cut] of cuts.entries()) {
      const group = new Group([{}, {}, {}])
      runClock(group, patience, seed)
      for (const link of cut) group.cut.add(link)

      const leaders = runClock(group, 4 * patience, seed + 100)

      expect(leaders[patience], cut.join()).toBeDefined()
      expect(new Set(leaders.slice(patience)).size, cut.join()).toBe(1)
    }
  })

  test('a leader that can send and not receive gives up within two election timeouts', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    for (const from of ['n2', 'n3']) group.cut.add(`${from}>n1`)

    let ticks = 0
    while (group.node('n1').status.role === 'leader' && ticks < 100) {
      group.tick('n1')
      group.deliver()
      ticks++
    }

    expect(ticks).toBeLessThanOrEqual(2 * electionTicks + 1)
  })

  test('a leader that one majority of a joint configuration does not answer gives up', () => {
    for (const silent of ['n3', 'n4']) {
      const group = withLearner()
      group.change('n1', { type: 'replace', id: 'n3', by: 'n4' })
      group.isolate('n2')
      group.isolate(silent)

      for (let n = 0; n < 2 * electionTicks + 1; n++) {
        group.tick('n1')
        group.deliver()
      }

      expect([silent, group.node('n1').status.role]).toEqual([silent, 'follower'])
    }
  })

  test('a node that comes back does not depose the leader by asking', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    const lastLog = { term: 1, index: 1 }

    const pre = { proposedTerm: 9, lastLog }
    group.step({ type: 'requestPreVote', ...header('n3', 'n1', 8), ...pre })
    group.step({ type: 'requestVote', transfer: false, ...header('n3', 'n1', 9), lastLog })
    group.step({ type: 'requestVote', transfer: false, ...header('n3', 'n2', 9), lastLog })

    expect(group.node('n1').status).toMatchObject({ role: 'leader', term: 1 })
    expect(group.node('n2').status).toMatchObject({ leader: 'n1', term: 1 })
    expect(group.node('n2').status.ignored.disruptive).toBe(1)
  })

  test('a follower whose leader is silent for the shortest timeout helps to elect another', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    const pre = { proposedTerm: 2, lastLog: { term: 1, index: 1 } }
    const ask = () => group.step({ type: 'requestPreVote', ...header('n2', 'n3', 1), ...pre })

    group.tick('n3', electionTicks - 1)
    ask()
    group.tick('n3', 1)
    ask()

    expect(sent(group, 'n3')).toMatchObject([{ granted: false }, { granted: true }])
  })

  test('raising the term does not put off the node that can win', () => {
    const group = new Group([{}, {}, {}])
    for (let term = 1; term <= 3; term++) {
      group.tick('n2', 3)
      // Not the better log: no vote, so the timer of n2 runs on.
      const granted = false
      group.step({ type: 'requestVoteResult', ...header('n3', 'n2', term), granted })
    }

    group.tick('n2', 2)

    expect(group.node('n2').status.role).toBe('preCandidate')
  })

  test('five nodes that start at once have a leader within ten timeouts (hashicorp/raft#50)', () => {
    for (let seed = 1; seed <= 100; seed++) {
      const group = new Group([{}, {}, {}, {}, {}])

      const leaders = runClock(group, 10 * electionTicks, seed)

      expect(leaders.at(-1), `seed ${seed}`).toBeDefined()
    }
  })

  test('a leader whose disk stands still gives way to one that can write (etcd#7617)', () => {
    const group = new Group([{}, {}, {}])
    freshLeader(group)

    group.node('n1').isSlow = true
    group.propose('n1', 'a')
    const leaders = runClock(group, patience, 4)

    const leader = leaders.at(-1)?.split('/')[0] ?? ''
    expect(['n2', 'n3']).toContain(leader)
    group.propose(leader, 'b')
    group.deliver()
    // No-op and write of the old leader, no-op and write of the new one.
    expect(group.node(leader).appliedIndex).toBe(4)
    // And then there is peace, although the disk stands still for ever.
    const later = runClock(group, 3 * patience, 5)
    expect(new Set(later)).toEqual(new Set([leaders.at(-1)]))
  })

  test('a slow disk that gets on, or one that all wait for, costs no leader its office', () => {
    for (const nodes of [3, 2, 1]) {
      const group = new Group(Array.from({ length: nodes }, () => ({})))
      freshLeader(group)
      const [leader] = runClock(group, 1, 6)
      const disk = group.node('n1')
      disk.isSlow = true

      // One write is always ahead of the disk, so that it never catches up, and yet gets on.
      group.propose('n1', 'a')
      for (let n = 0; n < 20; n++) {
        group.propose('n1', 'a')
        expect(new Set(runClock(group, 2 * electionTicks, n))).toEqual(new Set([leader]))
        if (nodes === 3) group.sync('n1')
      }
    }
  })
})
