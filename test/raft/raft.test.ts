/**
 * Goal: the contract between the core and who drives it.
 * Method: one node or a small group; Readies are taken by hand where their order matters.
 */
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/raft/index.ts'
import { Raft, defaultLimits, emptyLog } from '../../src/raft/index.ts'
import { alone, config, configurationOf } from './support/alone.ts'
import { bytes, entriesOfTerms, termRuns } from './support/disk.ts'
import { Group, electionTicks } from './support/group.ts'
import { empty, header } from './support/messages.ts'

const thirtyTwo = Array.from({ length: 32 }, (_, n) => `n${n}`)

describe('what a node starts with', () => {
  test.each([
    ['members are distinct', { configuration: configurationOf('n1', 'n1') }],
    ['at most 31 members', { configuration: configurationOf(...thirtyTwo) }],
    ['members have names', { configuration: configurationOf('n1', 'n 2') }],
    ['the configuration is of the log', { configuration: { ...configurationOf('n1'), index: 1 } }],
    ['longer than a heartbeat', { heartbeatTicks: 10 }],
    ['heartbeats take a tick', { heartbeatTicks: 0 }],
    ['timeouts are spread', { electionTicksMax: 10 }],
    ['whole ticks', { electionTicksMin: 9.5 }],
    ['positive whole number', { limits: { readsMax: 0 } }],
    ['what is committed is in the log', { appliedIndex: 1 }],
    [
      'no entry is of a later term',
      { log: { ...emptyLog, termRuns: [{ term: 1, firstIndex: 1 }], lastIndex: 1 } },
    ],
  ])('is refused unless %s', (message, changes) => {
    expect(() => new Raft(config(changes))).toThrow(message)
  })

  test('what was applied is committed, even where the hard state does not know', () => {
    const entries = entriesOfTerms([1, 1, 1])
    const log = { ...emptyLog, termRuns: termRuns(entries), lastIndex: 3, tail: [] }
    const hardState = { currentTerm: 1, votedFor: 'n2', commitIndex: 1 }

    const raft = new Raft(config({ hardState, log, appliedIndex: 2 }))

    expect(raft.status()).toMatchObject({ commitIndex: 2, appliedIndex: 2, durableIndex: 3 })
    expect(raft.hasReady()).toBe(false)
  })
})

describe('Ready and advance', () => {
  test('one persist at a time; what comes meanwhile goes into the next, as one', () => {
    const raft = alone()
    raft.propose([bytes('a')])
    const first = raft.ready()
    expect(first).toMatchObject({ mustSync: true, entries: [{ index: 2 }] })

    raft.propose([bytes('b')])
    raft.propose([bytes('c')])
    expect(raft.hasReady()).toBe(true)
    expect(raft.ready()).toMatchObject({ mustSync: false, entries: [] })
    expect(raft.hasReady()).toBe(false)
    raft.advance(first)

    expect(raft.ready()).toMatchObject({ mustSync: true, entries: [{ index: 3 }, { index: 4 }] })
  })

  test('advance takes that very Ready, once', () => {
    const raft = alone()
    raft.propose([bytes('a')])
    const ready = raft.ready()

    expect(() => raft.advance({ ...ready })).toThrow('the one Ready')
    raft.advance(ready)

    expect(() => raft.advance(ready)).toThrow('the one Ready')
  })

  test('the commit index alone forces no write, and rides along with the next', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.propose('n1', 'x')
    group.deliver()
    const node = group.node('n2')
    expect(node.status.commitIndex).toBe(2)
    expect(node.disk.hardState.commitIndex).toBeLessThan(2)

    group.propose('n1', 'y')
    group.deliver()

    expect(node.disk.hardState.commitIndex).toBe(2)
  })

  test('nothing to do: no Ready, and an empty one does no harm', () => {
    const raft = new Raft(config())

    expect(raft.hasReady()).toBe(false)
    expect(raft.ready()).toEqual({
      entries: [],
      messages: [],
      messagesAfterPersist: [],
      committedEntries: [],
      fetches: [],
      readStates: [],
      snapshotsWanted: [],
      mustSync: false,
    })
  })

  test('answers that wait for a disk are dropped when the term is over', () => {
    const group = new Group([{}, {}, {}])
    group.node('n1').isSlow = true
    group.step({ type: 'requestVote', transfer: false, ...header('n2', 'n1', 1), lastLog: empty })
    // Waits behind the first write.
    const append = { prevLog: empty, entries: entriesOfTerms([1]), leaderCommit: 0 }
    group.step({ type: 'appendEntries', ...header('n2', 'n1', 1), ...append })
    group.step({ type: 'heartbeat', ...header('n3', 'n1', 2), round: 4, leaderCommit: 0 })

    group.sync('n1')
    group.sync('n1')

    const answers = group.wire.map(({ type, term }) => `${type} ${term}`)
    expect(answers).toEqual(['requestVoteResult 1', 'heartbeatResult 2'])
  })

  test('a term is not spoken for before it is durable', () => {
    const group = new Group([{}, {}, {}])
    group.node('n1').isSlow = true

    group.step({ type: 'heartbeat', ...header('n2', 'n1', 4), round: 1, leaderCommit: 0 })
    expect(group.wire).toEqual([])
    group.sync('n1')

    expect(group.wire).toMatchObject([{ type: 'heartbeatResult', term: 4 }])
  })

  test('a leader sends entries while it still writes them', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.node('n1').isSlow = true

    group.propose('n1', 'x')

    expect(group.wire.map(({ type }) => type)).toEqual(['appendEntries', 'appendEntries'])
    expect(group.node('n1').status.durableIndex).toBe(1)
  })

  test('proposals of one turn leave as one message for each follower', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    const { raft } = group.node('n1')

    for (let n = 0; n < 10; n++) raft.propose([bytes('x')])
    const ready = raft.ready()

    expect(ready.messages).toHaveLength(2)
    expect(ready.entries).toHaveLength(10)
  })

  test('a change of role is told once', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    const told = group.trace.filter((line) => line.startsWith('n1 is '))

    expect(told).toEqual([
      'n1 is preCandidate of t0',
      'n1 is candidate of t1',
      'n1 is leader of t1',
    ])
  })

  test('commands are copied by nobody: the bytes that were proposed are applied', () => {
    const raft = alone()
    const data = bytes('a')
    raft.propose([data])
    raft.advance(raft.ready())

    expect(raft.ready().committedEntries[0]?.data).toBe(data)
  })
})

describe('applying', () => {
  test('is held to the cap, whole entries, in order, and goes on when some are applied', () => {
    const raft = alone({ applyBytesMax: 200 })
    const index = raft.status().lastIndex
    raft.propose(Array.from({ length: 6 }, () => bytes('abcd')))
    raft.advance(raft.ready())

    const first = raft.ready().committedEntries.map((entry) => entry.index - index)
    expect(first).toEqual([1, 2])
    const second = raft.ready().committedEntries.map((entry) => entry.index - index)
    expect(second).toEqual([3])
    expect(raft.hasReady()).toBe(false)
    raft.applied(index + 2)

    expect(raft.ready().committedEntries.map((entry) => entry.index - index)).toEqual([4])
  })

  test('only what was handed out can be applied, and never less than before', () => {
    const raft = alone()
    const { appliedIndex } = raft.status()

    expect(() => raft.applied(appliedIndex + 1)).toThrow('only what was handed out')
    expect(() => raft.applied(appliedIndex - 1)).toThrow('never falls')
  })

  test('entries that are no longer in memory are asked for, once, and checked', () => {
    const entries = entriesOfTerms([1, 1, 1])
    const log = { ...emptyLog, termRuns: termRuns(entries), lastIndex: 3, tail: entries.slice(2) }
    const hardState = { currentTerm: 1, votedFor: undefined, commitIndex: 3 }
    const raft = new Raft(config({ hardState, log }))
    const { fetches } = raft.ready()
    expect(fetches).toEqual([
      { purpose: 'apply', from: 1, to: 3, bytesMax: defaultLimits.applyBytesMax },
    ])
    expect(raft.hasReady()).toBe(false)

    expect(() => raft.fetched(fetches[0]!, [])).toThrow('committed entries are in the log')
    raft.fetched(fetches[0]!, entries.slice(0, 2))

    expect(raft.ready().committedEntries).toEqual(entries.slice(0, 2))
    expect(raft.ready().committedEntries).toEqual(entries.slice(2))
  })
})

describe('strangers', () => {
  test('answers of no member, and messages to another or without a proper term, are not used', () => {
    const group = new Group([{}, {}, {}])
    const { raft } = group.node('n1')
    const beat = { type: 'heartbeat' as const, round: 0, leaderCommit: 0 }

    raft.step({ type: 'heartbeatResult', round: 0, ...header('x', 'n1', 9) })
    raft.step({ ...beat, ...header('n1', 'n1', 9) })
    raft.step({ ...beat, ...header('n2', 'n3', 9) })
    raft.step({ ...beat, ...header('n2', 'n1', Number.NaN) })
    raft.step({ ...beat, ...header('n2', 'n1', 2 ** 60) })

    expect(raft.status()).toMatchObject({ term: 0, ignored: { strangers: 3, malformed: 2 } })
    expect(raft.hasReady()).toBe(false)
  })

  test('answers that nobody asked for change nothing', () => {
    const group = new Group([{}, {}, {}])
    const { raft } = group.node('n1')
    const before = raft.status()
    const answers: Message[] = [
      { type: 'requestVoteResult', ...header('n2', 'n1', 0), granted: true },
      { type: 'requestPreVoteResult', ...header('n2', 'n1', 0), proposedTerm: 1, granted: true },
      { type: 'appendEntriesAccepted', ...header('n2', 'n1', 0), matchIndex: 4 },
      { type: 'appendEntriesRejected', ...header('n2', 'n1', 0), rejectedIndex: 4, hint: empty },
      { type: 'heartbeatResult', ...header('n2', 'n1', 0), round: 3 },
      { type: 'readIndexResult', ...header('n2', 'n1', 0), requestId: 3, readIndex: 3 },
      { type: 'readIndexRefused', ...header('n2', 'n1', 0), requestId: 3 },
    ]

    for (const answer of answers) raft.step(answer)

    expect(raft.status()).toEqual(before)
    expect(raft.hasReady()).toBe(false)
  })

  test('a leader whose quorum answers stays for ever', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.isolate('n3')

    for (let n = 0; n < 20 * electionTicks; n++) {
      group.tick('n1')
      group.deliver()
    }

    expect(group.node('n1').status).toMatchObject({ role: 'leader', term: 1 })
    expect(group.node('n1').status.peers.map(({ active }) => active)).toEqual([true, false])
  })
})
