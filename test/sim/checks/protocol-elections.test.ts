/**
 * Goal: the checks of elections and votes (S1, S6, S7, S8) are silent while the protocol is kept,
 * and each objects to the smallest thing that breaks it.
 * Method: scripts of events over fake nodes and disks, told to all checks alike; what each of them
 * said is compared word by word.
 */
import { describe, expect, test } from 'vitest'
import type { Message } from '../../../src/raft/index.ts'
import { config, noop, Scenario } from './protocol-fakes.ts'

function started(size = 3): Scenario {
  const scenario = new Scenario(size)
  scenario.startAll()
  return scenario
}

/** n1 leads term 1, elected by itself and n2. */
function led(): Scenario {
  const scenario = started()
  scenario.elect('n1', 1, ['n1', 'n2'])
  return scenario
}

function heartbeat(from: string, to: string, term: number, leaderCommit = 0): Message {
  return { type: 'heartbeat', from, to, term, round: 1, leaderCommit }
}

function vote(from: string, to: string, term: number, granted = true): Message {
  return { type: 'requestVoteResult', from, to, term, granted }
}

describe('S1, one leader in a term', () => {
  test('leaders of different terms, and whoever follows them, are in order', () => {
    const scenario = led()
    scenario.send(heartbeat('n1', 'n2', 1))
    scenario.ready('n2', { roleChange: { role: 'follower', term: 1, leader: 'n1' } })
    scenario.elect('n3', 2, ['n2', 'n3'])
    scenario.send(heartbeat('n3', 'n1', 2))
    scenario.send(heartbeat('n1', 'n3', 1))
    expect(scenario.found).toEqual([])
  })

  test('two nodes that say that they lead a term', () => {
    const scenario = started(5)
    scenario.elect('n1', 1, ['n1', 'n2', 'n3'])
    scenario.elect('n5', 1, ['n4', 'n5'])
    expect(scenario.found).toContain('S1: n1 and n5 lead term 1')
  })

  test('one that speaks as if it led', () => {
    const scenario = led()
    scenario.send(heartbeat('n3', 'n2', 1))
    expect(scenario.found[0]).toBe('S1: n1 and n3 lead term 1')
  })

  test('one that is followed and does not lead', () => {
    const scenario = led()
    scenario.ready('n2', { roleChange: { role: 'follower', term: 1, leader: 'n3' } })
    expect(scenario.found).toEqual(['S1: n1 and n3 lead term 1'])
  })

  test('the same node again, after a restart', () => {
    const scenario = led()
    scenario.end('n1')
    scenario.start('n1')
    scenario.send(heartbeat('n1', 'n2', 1))
    expect(scenario.found).toEqual(['S1: n1 leads term 1 once more after a restart'])
  })
})

describe('S6, votes and terms are durable before they are sent', () => {
  test('what both places hold may be said, also later', () => {
    const scenario = started()
    scenario.durable('n2', (log) => log.vote(1, 'n1'))
    scenario.send(vote('n2', 'n1', 1))
    scenario.durable('n2', (log) => log.vote(2, undefined))
    scenario.send(vote('n2', 'n1', 1))
    scenario.send(vote('n2', 'n3', 2, false))
    expect(scenario.found).toEqual([])
  })

  test('a term that only the vote file holds', () => {
    const scenario = started()
    scenario.durable('n2', (log) => {
      log.voteFile = { term: 1, votedFor: undefined }
    })
    scenario.send(vote('n2', 'n1', 1, false))
    const what = 'sends requestVoteResult in term 1 before that term is durable'
    expect(scenario.found).toEqual([`S6: n2 ${what}`])
  })

  test('a term that only the log holds', () => {
    const scenario = started()
    scenario.durable('n2', (log) => {
      log.currentTerm = 1
    })
    scenario.send(vote('n2', 'n1', 1, false))
    expect(scenario.found).toEqual([
      'S6: n2 has a vote of term 1 in its log that its vote file lacks',
      'S6: n2 sends requestVoteResult in term 1 before that term is durable',
    ])
  })

  test('a vote that the vote file gave to another', () => {
    const scenario = started()
    scenario.durable('n2', (log) => {
      log.vote(1, 'n1')
      log.voteFile = { term: 1, votedFor: undefined }
    })
    scenario.send(vote('n2', 'n1', 1))
    expect(scenario.found).toEqual([
      'S6: n2 has a vote of term 1 in its log that its vote file lacks',
      'S6: n2 sends requestVoteResult in term 1 before its vote for n1 is durable',
    ])
  })

  test.each([
    vote('n1', 'n2', 1),
    {
      type: 'requestVote',
      transfer: false,
      from: 'n1',
      to: 'n2',
      term: 1,
      lastLog: { term: 0, index: 0 },
    },
    heartbeat('n1', 'n2', 1),
    { type: 'readIndexResult', from: 'n1', to: 'n2', term: 1, requestId: 1, readIndex: 0 },
    {
      type: 'appendEntries',
      from: 'n1',
      to: 'n2',
      term: 1,
      prevLog: { term: 0, index: 0 },
      entries: [],
      leaderCommit: 0,
    },
  ] satisfies Message[])('a vote that is not there: $type', (message) => {
    const scenario = started()
    scenario.durable('n1', (log) => log.vote(1, undefined))
    scenario.send(message)
    const candidate = message.type === 'requestVoteResult' ? 'n2' : 'n1'
    const what = `in term 1 before its vote for ${candidate} is durable`
    expect(scenario.found).toEqual([`S6: n1 sends ${message.type} ${what}`])
  })
})

describe('S7, one vote in a term', () => {
  test('a vote in each term, repeated, over a restart', () => {
    const scenario = started()
    for (const term of [1, 2]) {
      const candidate = `n${term}`
      scenario.durable('n3', (log) => log.vote(term, candidate))
      scenario.send(vote('n3', candidate, term))
      scenario.send(vote('n3', candidate, term))
    }
    scenario.end('n3')
    scenario.start('n3')
    scenario.send(vote('n3', 'n2', 2))
    expect(scenario.found).toEqual([])
  })

  test('two votes on the disk', () => {
    const scenario = started()
    scenario.durable('n3', (log) => log.vote(1, 'n1'))
    scenario.durable('n3', (log) => log.vote(1, 'n2'))
    expect(scenario.found[0]).toBe('S7: n3 votes for n1 and for n2 in term 1')
  })

  test('another vote in the vote file than in the log', () => {
    const scenario = started()
    scenario.durable('n3', (log) => {
      log.vote(1, 'n1')
      log.voteFile = { term: 1, votedFor: 'n2' }
    })
    expect(scenario.found[0]).toBe('S7: n3 votes for n1 and for n2 in term 1')
  })

  test('another vote sent than the one before', () => {
    const scenario = started()
    scenario.durable('n3', (log) => log.vote(1, 'n1'))
    scenario.send(vote('n3', 'n2', 1))
    expect(scenario.found[0]).toBe('S7: n3 votes for n1 and for n2 in term 1')
  })

  test('a candidate, or a leader, that has voted for another', () => {
    const scenario = started()
    scenario.durable('n3', (log) => log.vote(1, 'n1'))
    scenario.send({
      type: 'requestVote',
      transfer: false,
      from: 'n3',
      to: 'n1',
      term: 1,
      lastLog: { term: 0, index: 0 },
    })
    scenario.ready('n3', { roleChange: { role: 'leader', term: 1, leader: 'n3' } })
    expect(scenario.found).toEqual([
      'S7: n3 votes for n1 and for n3 in term 1',
      'S6: n3 sends requestVote in term 1 before its vote for n3 is durable',
      'S7: n3 votes for n1 and for n3 in term 1',
      'S8: n3 was elected for term 1 by , of n1 n2 n3',
    ])
  })

  test('a vote that a crash took before it was durable may go to another', () => {
    const scenario = started()
    const hardState = { currentTerm: 1, votedFor: 'n3', commitIndex: 0 }
    const roleChange = { role: 'candidate', term: 1, leader: undefined } as const
    scenario.ready('n3', { roleChange, hardState })
    scenario.end('n3')
    scenario.start('n3')
    scenario.durable('n3', (log) => log.vote(1, 'n1'))
    scenario.send(vote('n3', 'n1', 1))
    expect(scenario.found).toEqual([])
  })

  test('a vote that is forgotten on disk, or by a start', () => {
    const scenario = started()
    scenario.durable('n3', (log) => log.vote(1, 'n1'))
    scenario.durable('n3', (log) => log.vote(1, undefined))
    scenario.end('n3')
    scenario.start('n3')
    expect(scenario.found).toEqual([
      'S7: the disk of n3 forgot its vote for n1 in term 1',
      'S7: n3 starts without its vote for n1 in term 1',
    ])
  })

  test('a start with another vote', () => {
    const scenario = started()
    scenario.durable('n3', (log) => log.vote(1, 'n1'))
    scenario.end('n3')
    scenario.start('n3', { votedFor: 'n2' })
    expect(scenario.found).toContain('S7: n3 votes for n1 and for n2 in term 1')
  })
})

describe('S8, members', () => {
  test('a leader that a majority elected, and messages between members', () => {
    const scenario = led()
    scenario.send(heartbeat('n1', 'n2', 1))
    scenario.step(heartbeat('n1', 'n2', 1))
    expect(scenario.found).toEqual([])
  })

  test('a leader that no majority elected', () => {
    const scenario = started(4)
    scenario.elect('n1', 1, ['n1', 'n2'])
    const [found] = scenario.found
    expect(found).toContain('S8: n1 was elected for term 1 by n1 n2, of n1 n2 n3 n4')
  })

  test('a node that takes itself for another, or begins with other members', () => {
    const scenario = started()
    scenario.end('n3')
    scenario.start('n3', { id: 'n4' })
    expect(scenario.found).toEqual(['S8: n3 takes itself for n4'])
    scenario.node('n3').members = ['n3', 'n2', 'n4']
    scenario.start('n3')
    expect(scenario.found.slice(1)).toEqual(['S8: n3 begins with n2 n3 n4, others with n1 n2 n3'])
  })

  /** n1 leads term 1, and says so; its no-op is committed. */
  function changing(): Scenario {
    const scenario = led()
    scenario.node('n1').shows({ role: 'leader', term: 1, commitIndex: 0, lastIndex: 1 })
    scenario.write(['n1', 'n2'], [noop])
    scenario.commit('n1', [noop])
    return scenario
  }

  test('a configuration through a joint one, each committed before the next', () => {
    const scenario = changing()
    const joint = config(2, ['n1', 'n2', 'n4'], ['n1', 'n2', 'n3'])
    scenario.ready('n1', { entries: [joint] })
    scenario.write(['n1', 'n2'], [joint])
    scenario.commit('n1', [joint])
    scenario.ready('n1', { entries: [config(3, ['n1', 'n2', 'n4'])] })
    expect(scenario.found).toEqual([])
  })

  test.each([
    ['two who do not meet', ['n1', 'n4', 'n5'], []],
    ['one step for two voters', ['n1', 'n2', 'n3', 'n4', 'n5'], []],
    ['a joint one of others', ['n4'], ['n1', 'n5', 'n6']],
  ])('%s: quorums that do not meet', (_, voters, outgoing) => {
    const scenario = changing()
    scenario.ready('n1', { entries: [config(2, voters, outgoing)] })
    expect(scenario.found.some((found) => found.includes('quorums that do not meet'))).toBe(true)
  })

  test('a second configuration before the first is committed', () => {
    const scenario = changing()
    scenario.ready('n1', { entries: [config(2, ['n1', 'n2', 'n3', 'n4'])] })
    scenario.ready('n1', { entries: [config(3, ['n1', 'n2', 'n3', 'n4'])] })
    expect(scenario.found).toContain('S8: n1 adds a configuration at 3, that of 2 is not committed')
  })

  test('a configuration before a commit of the own term', () => {
    const scenario = led()
    scenario.node('n1').shows({ role: 'leader', term: 1, commitIndex: 0, lastIndex: 1 })
    scenario.ready('n1', { entries: [config(2, ['n1', 'n2', 'n3', 'n4'])] })
    expect(scenario.found).toContain(
      'S8: n1 adds a configuration at 2 before it committed in its term 1',
    )
  })

  test('a start without the configuration that its log holds', () => {
    const scenario = changing()
    const change = config(2, ['n1', 'n2', 'n3', 'n4'])
    scenario.ready('n1', { entries: [change] })
    scenario.write(['n1'], [noop, change])
    scenario.end('n1')
    scenario.start('n1')
    expect(scenario.found).toEqual([
      'S8: n1 starts on the configuration at 0, and it had the one at 2',
    ])
  })

  test('messages to and from others', () => {
    const scenario = led()
    scenario.send(heartbeat('n1', 'n4', 1))
    scenario.send(heartbeat('n1', 'n1', 1))
    scenario.step(heartbeat('n1', 'n2', 1), 'n3')
    scenario.step(heartbeat('n9', 'n3', 1))
    expect(scenario.found).toEqual([
      'S8: n1 has a heartbeat from n1 to n1',
      'S8: n3 has a heartbeat from n1 to n2',
    ])
  })
})
