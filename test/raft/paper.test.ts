/**
 * Goal: the core does what the paper says ("In Search of an Understandable Consensus Algorithm",
 * extended version, and section 6.4 of the thesis).
 * Method: each test is named after a section, brings one node or a small group into a state, lets
 * one thing happen, and looks at what the node says and keeps.
 */
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/raft/index.ts'
import { Group, electionTicks, heartbeatTicks } from './support/group.ts'
import { entriesOfTerms, entry, text } from './support/disk.ts'
import { header, sent } from './support/messages.ts'

describe('§5.1 terms', () => {
  test('a node that sees a later term adopts it and follows', () => {
    for (const role of ['candidate', 'leader'] as const) {
      const group = new Group([{}, {}, {}])
      if (role === 'leader') group.elect('n1')
      else {
        group.campaign('n1')
        group.deliver(({ type }) => type.startsWith('requestPreVote'))
      }
      expect(group.node('n1').status.role).toBe(role)

      group.step({
        type: 'heartbeat',
        ...header('n2', 'n1', 9),
        round: 0,
        leaderCommit: 0,
      })

      expect(group.node('n1').status).toMatchObject({ role: 'follower', term: 9, leader: 'n2' })
      expect(group.node('n1').disk.hardState.currentTerm).toBe(9)
    }
  })

  test('requests of an earlier term are refused, and the answer carries the later term', () => {
    const group = new Group([{ hardState: { currentTerm: 5 } }, {}, {}])
    const lastLog = { term: 0, index: 0 }

    group.step({ type: 'requestVote', transfer: false, ...header('n2', 'n1', 4), lastLog })
    group.step({ type: 'heartbeat', ...header('n2', 'n1', 4), round: 3, leaderCommit: 0 })
    const prevLog = { term: 0, index: 0 }
    const append = { prevLog, entries: [entry(1, 4)], leaderCommit: 1 }
    group.step({ type: 'appendEntries', ...header('n2', 'n1', 4), ...append })

    expect(sent(group, 'n1')).toMatchObject([
      { type: 'requestVoteResult', term: 5, granted: false },
      { type: 'heartbeatResult', term: 5 },
      { type: 'appendEntriesRejected', term: 5 },
    ])
    expect(group.node('n1').status.lastIndex).toBe(0)
  })
})

describe('§5.2 leader election', () => {
  test('every node starts as a follower, also one that was about to lead', () => {
    const hardState = { currentTerm: 3, votedFor: 'n1' }
    const group = new Group([{ hardState, terms: [1, 2] }, {}, {}])

    expect(group.node('n1').status).toMatchObject({ role: 'follower', term: 3, votedFor: 'n1' })
  })

  test('a follower that hears nothing for its timeout stands for election', () => {
    const group = new Group([{}, {}, {}])

    group.tick('n2', electionTicks)
    expect(group.node('n2').status.role).toBe('follower')
    group.tick('n2', 1)

    expect(group.node('n2').status.role).toBe('preCandidate')
  })

  test('heartbeats keep a follower from standing', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')

    for (let n = 0; n < 10; n++) {
      group.tick('n1', heartbeatTicks)
      group.deliver()
      group.tick('n2', heartbeatTicks)
    }

    expect(group.node('n2').status).toMatchObject({ role: 'follower', leader: 'n1', term: 1 })
  })

  test('an idle leader sends heartbeats', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')

    group.tick('n1', heartbeatTicks)

    expect(sent(group, 'n1').map(({ type, to }) => `${type} ${to}`)).toEqual([
      'heartbeat n2',
      'heartbeat n3',
    ])
  })

  test('one vote in a term: first come, first served, and again to the same candidate', () => {
    const group = new Group([{}, {}, {}])
    const lastLog = { term: 0, index: 0 }

    for (const from of ['n2', 'n3', 'n2']) {
      group.step({ type: 'requestVote', transfer: false, ...header(from, 'n1', 1), lastLog })
    }

    expect(sent(group, 'n1')).toMatchObject([
      { to: 'n2', granted: true },
      { to: 'n3', granted: false },
      { to: 'n2', granted: true },
    ])
  })

  test('the vote stands after a restart', () => {
    const group = new Group([{}, {}, {}])
    const lastLog = { term: 0, index: 0 }
    group.step({ type: 'requestVote', transfer: false, ...header('n2', 'n1', 1), lastLog })
    group.wire = []

    group.restart('n1')
    group.step({ type: 'requestVote', transfer: false, ...header('n3', 'n1', 1), lastLog })

    expect(sent(group, 'n1')).toMatchObject([{ to: 'n3', granted: false }])
  })

  test('votes of a majority make a leader, one less does not', () => {
    for (const [size, needed] of [
      [2, 2],
      [3, 2],
      [4, 3],
      [5, 3],
      [6, 4],
    ] as const) {
      const group = new Group(Array.from({ length: size }, () => ({})))
      group.campaign('n1')
      group.deliver(({ type }) => type.startsWith('requestPreVote'))
      const voters = group.ids.slice(1)
      const vote = (from: string) =>
        group.step({ type: 'requestVoteResult', ...header(from, 'n1', 1), granted: true })

      for (const voter of voters.slice(0, needed - 2)) vote(voter)
      expect(group.node('n1').status.role).toBe('candidate')
      vote(voters[needed - 2]!)

      expect(group.node('n1').status.role).toBe('leader')
    }
  })

  test('a candidate that hears from the leader of its term gives way', () => {
    const group = new Group([{}, {}, {}])
    group.campaign('n1')
    group.deliver(({ type }) => type.startsWith('requestPreVote'))

    group.step({ type: 'heartbeat', ...header('n2', 'n1', 1), round: 0, leaderCommit: 0 })

    const { status } = group.node('n1')
    expect(status).toMatchObject({ role: 'follower', term: 1, leader: 'n2', votedFor: 'n1' })
  })

  test('timeouts are drawn from the whole range, anew each time', () => {
    const group = new Group([{}, {}, {}])
    const node = group.node('n1')
    const follows = () => node.status.role === 'follower'
    const seen = new Set<number>()
    for (let draw = 0; draw < 40; draw++) {
      node.random.draw = draw
      // The timer that was running ends; the next one has the new draw.
      while (follows()) group.tick('n1')
      group.step({ type: 'heartbeat', ...header('n2', 'n1', 1), round: 0, leaderCommit: 0 })
      let ticks = 0
      while (follows()) {
        group.tick('n1')
        ticks++
      }
      seen.add(ticks)
    }

    expect([...seen].sort((a, b) => a - b)).toEqual(
      Array.from({ length: electionTicks + 1 }, (_, n) => electionTicks + n),
    )
  })
})

describe('§5.3 log replication', () => {
  test('a leader appends, replicates, commits on a majority, and tells followers', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')

    group.propose('n1', 'x')
    expect(group.node('n1').status.commitIndex).toBe(1)
    group.deliver(({ to, from }) => to === 'n2' || from === 'n2')

    expect(group.node('n1').status.commitIndex).toBe(2)
    expect(group.node('n2').applied.map(({ data }) => text(data))).toEqual(['', 'x'])
    expect(group.node('n3').status.commitIndex).toBe(1)
  })

  test('a leader may wait for the next tick to tell of a commit, unless an append does', () => {
    const group = new Group([{ commitNotice: 'atTick' }, {}, {}])
    group.elect('n1')
    group.propose('n1', 'x')
    group.deliver()
    expect(group.node('n1').status.commitIndex).toBe(2)
    expect(group.node('n2').status.commitIndex).toBeLessThan(2)

    group.propose('n1', 'y')
    group.deliver()
    expect(group.node('n1').status.commitIndex).toBe(3)
    expect(group.node('n2').status.commitIndex).toBe(2)

    group.tick('n1', 1)
    expect(sent(group, 'n1').map(({ type, to }) => `${type} ${to}`)).toEqual([
      'heartbeat n2',
      'heartbeat n3',
    ])
    group.deliver()
    expect(group.node('n2').status.commitIndex).toBe(3)
    expect(group.node('n3').status.commitIndex).toBe(3)

    group.tick('n1', 1)
    expect(sent(group, 'n1')).toEqual([])
  })

  test('a read on a follower need not wait for that tick', () => {
    const group = new Group([{ commitNotice: 'atTick' }, {}, {}])
    group.elect('n1')
    group.propose('n1', 'x')
    group.deliver()

    group.read('n2')
    group.deliver()
    expect(group.node('n2').reads).toMatchObject([{ refused: false, readIndex: 2 }])
    expect(group.node('n2').status.commitIndex).toBe(2)
  })

  test('the consistency check names term and index of the entry before', () => {
    const group = new Group([{ terms: [1, 1, 2] }, { terms: [1, 1, 2] }, { terms: [1, 1, 2] }])
    group.elect('n1')

    group.propose('n1', 'x')

    expect(sent(group, 'n1')).toMatchObject([
      { type: 'appendEntries', to: 'n2', prevLog: { index: 4, term: 3 }, entries: [{ index: 5 }] },
      { type: 'appendEntries', to: 'n3', prevLog: { index: 4, term: 3 } },
    ])
  })

  test('a follower accepts only what follows on its log', () => {
    const cases = [
      { prevLog: { term: 0, index: 0 }, accepted: true },
      { prevLog: { term: 1, index: 1 }, accepted: true },
      { prevLog: { term: 2, index: 2 }, accepted: true },
      { prevLog: { term: 1, index: 2 }, accepted: false },
      { prevLog: { term: 2, index: 3 }, accepted: false },
    ]
    for (const { prevLog, accepted } of cases) {
      const group = new Group([{ terms: [1, 2] }, {}, {}])
      const append = { prevLog, entries: [], leaderCommit: 0 }

      group.step({ type: 'appendEntries', ...header('n2', 'n1', 3), ...append })

      const type = accepted ? 'appendEntriesAccepted' : 'appendEntriesRejected'
      expect(sent(group, 'n1').at(-1)).toMatchObject({ type })
    }
  })

  test('conflicting entries and all behind them are replaced; others are kept', () => {
    const cases = [
      // Entry 3 differs: it and entry 4 go.
      { prev: { term: 1, index: 2 }, sentTerms: [3], from: 3, expected: [1, 1, 3] },
      // All are there already: what is behind them stays.
      { prev: { term: 1, index: 1 }, sentTerms: [1], from: 2, expected: [1, 1, 2, 2] },
      { prev: { term: 1, index: 2 }, sentTerms: [2, 2, 3], from: 3, expected: [1, 1, 2, 2, 3] },
    ]
    for (const { prev, sentTerms, from, expected } of cases) {
      const group = new Group([{ terms: [1, 1, 2, 2] }, {}, {}])
      const append = { prevLog: prev, entries: entriesOfTerms(sentTerms, from), leaderCommit: 0 }

      group.step({ type: 'appendEntries', ...header('n2', 'n1', 3), ...append })

      expect(group.node('n1').disk.entries.map(({ term }) => term)).toEqual(expected)
    }
  })

  test('a follower that restarts is brought up to date', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.crash('n3')
    for (let n = 0; n < 20; n++) {
      group.propose('n1', `x${n}`)
      group.deliver()
    }

    group.restart('n3')
    for (let n = 0; n < 3; n++) {
      group.tick('n1', heartbeatTicks)
      group.deliver()
    }

    expect(group.node('n3').disk.entries).toEqual(group.node('n1').disk.entries)
    expect(group.node('n3').status.commitIndex).toBe(21)
  })
})

describe('§5.4.1 election restriction', () => {
  test('no vote for a log that is less complete', () => {
    const cases = [
      { lastLog: { term: 2, index: 2 }, granted: true },
      { lastLog: { term: 2, index: 3 }, granted: true },
      { lastLog: { term: 3, index: 1 }, granted: true },
      { lastLog: { term: 2, index: 1 }, granted: false },
      { lastLog: { term: 1, index: 9 }, granted: false },
      { lastLog: { term: 0, index: 0 }, granted: false },
    ]
    for (const { lastLog, granted } of cases) {
      const group = new Group([{ terms: [1, 2] }, {}, {}])

      group.step({ type: 'requestVote', transfer: false, ...header('n2', 'n1', 5), lastLog })
      const pre = { proposedTerm: 6, lastLog }
      group.step({ type: 'requestPreVote', ...header('n3', 'n1', 5), ...pre })

      expect(sent(group, 'n1')).toMatchObject([
        { type: 'requestVoteResult', granted },
        { type: 'requestPreVoteResult', granted },
      ])
    }
  })

  test('a refused vote is not recorded: a better candidate of the term can still have it', () => {
    const group = new Group([{ terms: [1, 2] }, {}, {}])

    for (const [from, index] of [
      ['n2', 1],
      ['n3', 2],
    ] as const) {
      const lastLog = { term: 2, index }
      group.step({ type: 'requestVote', transfer: false, ...header(from, 'n1', 5), lastLog })
    }

    expect(group.node('n1').status.votedFor).toBe('n3')
  })
})

describe('§5.4.2 entries from earlier terms', () => {
  test('are not committed by counting, but with an entry of the own term', () => {
    const group = new Group([{ terms: [1, 1] }, {}, {}])
    group.campaign('n1')
    group.deliver(({ type }) => type.startsWith('requestPreVote') || type.startsWith('requestVote'))
    expect(group.node('n1').status).toMatchObject({ role: 'leader', lastIndex: 3 })
    const accept = (matchIndex: number) =>
      group.step({ type: 'appendEntriesAccepted', ...header('n2', 'n1', 2), matchIndex })

    accept(2)
    expect(group.node('n1').status.commitIndex).toBe(0)
    accept(3)

    expect(group.node('n1').status.commitIndex).toBe(3)
  })
})

describe('§5.5 crashes', () => {
  test('requests may be repeated: the second time changes nothing', () => {
    const group = new Group([{}, {}, {}])
    const append = {
      prevLog: { term: 0, index: 0 },
      entries: entriesOfTerms([1, 1]),
      leaderCommit: 1,
    }
    const message: Message = { type: 'appendEntries', ...header('n2', 'n1', 1), ...append }
    group.step(message)
    const before = group.node('n1').status
    const disk = [...group.node('n1').disk.entries]

    group.step(message)

    expect(group.node('n1').status).toEqual(before)
    expect(group.node('n1').disk.entries).toEqual(disk)
  })
})

describe('§8 client interaction', () => {
  test('a leader begins its term with a no-op', () => {
    const group = new Group([{ terms: [1] }, { terms: [1] }, { terms: [1] }])

    group.elect('n1')

    expect(group.node('n1').disk.entries.at(-1)).toMatchObject({ kind: 'noop', term: 2, index: 2 })
    expect(group.node('n3').status.commitIndex).toBe(2)
  })

  test('only the leader takes proposals; others name it', () => {
    const group = new Group([{}, {}, {}])
    expect(group.propose('n2', 'x')).toEqual({ type: 'notLeader', leader: undefined })

    group.elect('n1')

    expect(group.propose('n2', 'x')).toEqual({ type: 'notLeader', leader: 'n1' })
    expect(group.propose('n1', 'x', 'y')).toEqual({
      type: 'accepted',
      term: 1,
      firstIndex: 2,
      lastIndex: 3,
    })
  })
})

describe('thesis §6.4 reads', () => {
  test('a read is confirmed by a majority that answers after it was asked', () => {
    const group = new Group([{}, {}, {}, {}, {}])
    group.elect('n1')
    const start = group.read('n1')
    const ack = (from: string, round: number) =>
      group.step({ type: 'heartbeatResult', ...header(from, 'n1', 1), round })

    ack('n2', 1)
    ack('n3', 0)
    expect(group.node('n1').reads).toEqual([])
    ack('n3', 1)

    const requestId = start.type === 'accepted' ? start.requestId : 0
    expect(group.node('n1').reads).toEqual([{ requestId, refused: false, readIndex: 1 }])
  })

  test('a follower asks the leader; without one there is no read', () => {
    const group = new Group([{}, {}, {}])
    expect(group.read('n2')).toEqual({ type: 'noLeader' })
    group.elect('n1')

    group.read('n2')
    group.deliver()

    expect(group.node('n2').reads).toMatchObject([{ refused: false, readIndex: 1 }])
  })
})

describe('thesis §9.6 pre-vote', () => {
  test('asking for a pre-vote, and answering one, changes neither term nor vote', () => {
    const group = new Group([{}, {}, {}])

    group.campaign('n1')
    group.deliver(({ type }) => type === 'requestPreVote')

    for (const node of group.nodes.values()) {
      expect(node.status).toMatchObject({ term: 0, votedFor: undefined })
      expect(node.disk.hardState).toMatchObject({ currentTerm: 0, votedFor: undefined })
    }
    expect(sent(group, 'n2')).toMatchObject([{ type: 'requestPreVoteResult', granted: true }])
  })
})
