/**
 * Goal: bugs that Raft implementations are known to have had do not come back here: replication and commit.
 * Method: one test for each, named by what must hold, with the public report where there is one:
 * the state that led to it is built message by message, then the thing happens.
 */
import { describe, expect, test } from 'vitest'
import type { AppendEntries, Message } from '../../src/raft/index.ts'
import { SeededRandom } from '../../src/random.ts'
import { patience } from './support/clock.ts'
import { entriesOfTerms, entry } from './support/disk.ts'
import { Group, heartbeatTicks } from './support/group.ts'
import { empty, freshLeader, header, sent } from './support/messages.ts'

describe('replication and commit', () => {
  test('no late or repeated append ever cuts what was acknowledged since (redpanda#17731)', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    const seen: AppendEntries[] = []
    for (let n = 0; n < 12; n++) {
      group.propose('n1', `x${n}`)
      for (const message of group.wire) {
        if (message.type === 'appendEntries' && message.to === 'n2') seen.push(message)
      }
      group.deliver()
      const expected = [...group.node('n2').disk.entries]
      for (const message of seen) {
        group.step(message)
        expect(group.node('n2').disk.entries).toEqual(expected)
      }
      group.wire = []
    }
    expect(seen.length).toBeGreaterThanOrEqual(12)
  })

  test('nor where none of it is committed, and the late append is empty (redpanda#17731)', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    const { commitIndex } = group.node('n2').status
    // n2 gets everything, and no answer of it arrives: nothing is committed.
    group.isolate('n3')
    group.cut.add('n2>n1')
    const seen: AppendEntries[] = []
    for (let n = 0; n < 12; n++) {
      group.propose('n1', `x${n}`)
      for (const message of group.wire) {
        if (message.type === 'appendEntries' && message.to === 'n2') seen.push(message)
      }
      group.deliver()
      const { lastIndex } = group.node('n2').status
      const expected = [...group.node('n2').disk.entries]
      for (const message of seen) {
        for (const entries of [message.entries, []]) {
          group.step({ ...message, entries })
          expect(group.node('n2').status).toMatchObject({ lastIndex, commitIndex })
          expect(group.node('n2').disk.entries).toEqual(expected)
        }
      }
      group.wire = []
    }
    expect(seen.length).toBeGreaterThanOrEqual(12)
  })

  test('a commit index beyond the matched prefix is not taken over (databend#3914)', () => {
    const group = new Group([{ terms: [1, 1, 1, 1] }, {}, {}])
    const append = { prevLog: { term: 1, index: 1 }, entries: [entry(2, 1)], leaderCommit: 4 }

    group.step({ type: 'appendEntries', ...header('n2', 'n1', 2), ...append })

    expect(group.node('n1').status).toMatchObject({ commitIndex: 2, lastIndex: 4 })
  })

  test('an acknowledgement covers what was sent, not a stale tail behind it (CCF)', () => {
    const group = new Group([{ terms: [1, 1, 1, 1] }, {}, {}])
    const append = { prevLog: { term: 1, index: 1 }, entries: [entry(2, 1)], leaderCommit: 0 }

    group.step({ type: 'appendEntries', ...header('n2', 'n1', 2), ...append })

    expect(sent(group, 'n1')).toMatchObject([{ type: 'appendEntriesAccepted', matchIndex: 2 }])
  })

  test('acknowledgements in any order never move match back (PySyncObj#167)', () => {
    const random = new SeededRandom(5)
    for (let round = 0; round < 50; round++) {
      const group = new Group([{}, {}, {}])
      freshLeader(group)
      group.propose('n1', ...Array.from({ length: 9 }, (_, n) => `${n}`))
      const acks = Array.from({ length: 10 }, (_, n) => n + 1)
      let highest = 0
      while (acks.length > 0) {
        const [matchIndex = 0] = acks.splice(random.uint32() % acks.length, 1)
        highest = Math.max(highest, matchIndex)
        group.step({ type: 'appendEntriesAccepted', ...header('n2', 'n1', 1), matchIndex })
        const [peer] = group.node('n1').status.peers
        expect(peer!.matchIndex).toBe(highest)
        expect(peer!.nextIndex).toBeGreaterThan(highest)
      }
    }
  })

  test('a late rejection below what matches changes nothing (CCF)', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')
    group.propose('n1', 'x', 'y')
    group.deliver()
    const before = group.node('n1').status

    for (const rejectedIndex of [0, 1, 2, 3]) {
      const rejection = { rejectedIndex, hint: empty }
      group.step({ type: 'appendEntriesRejected', ...header('n2', 'n1', 1), ...rejection })
    }

    expect(group.node('n1').status).toEqual(before)
  })

  test('a rejection commits nothing, whatever it names (CCF, PySyncObj#166)', () => {
    const terms = [1, 1, 1]
    const group = new Group([{ terms }, { terms }, { terms }])
    freshLeader(group)
    const { term, commitIndex } = group.node('n1').status

    for (const rejectedIndex of [1, 2, 3]) {
      const rejection = { rejectedIndex, hint: { term: 1, index: rejectedIndex } }
      group.step({ type: 'appendEntriesRejected', ...header('n2', 'n1', term), ...rejection })
    }

    expect(group.node('n1').status).toMatchObject({ role: 'leader', commitIndex })
    expect(group.node('n1').status.peers[0]).toMatchObject({ id: 'n2', matchIndex: 0 })
  })

  test('an acknowledgement beyond the own log is not counted', () => {
    const group = new Group([{}, {}, {}])
    freshLeader(group)

    group.step({ type: 'appendEntriesAccepted', ...header('n2', 'n1', 1), matchIndex: 7 })

    expect(group.node('n1').status).toMatchObject({ commitIndex: 0, ignored: { malformed: 1 } })
  })

  test('a leader counts itself only once its own disk has the entry (etcd#14370)', () => {
    const group = new Group([{}, {}])
    group.elect('n1')
    group.node('n1').isSlow = true
    group.propose('n1', 'x')
    group.deliver()
    expect(group.node('n1').status.commitIndex).toBe(1)

    group.sync('n1')

    expect(group.node('n1').status.commitIndex).toBe(2)
  })

  test('a commit index in a heartbeat beyond the log is neither taken over nor a crash', () => {
    const group = new Group([{ terms: [1] }, {}, {}])

    group.step({ type: 'heartbeat', ...header('n2', 'n1', 2), round: 0, leaderCommit: 9 })

    expect(group.node('n1').status).toMatchObject({ commitIndex: 0, leader: 'n2' })
  })

  test('heartbeats to a follower never name more than it is known to hold (openraft#1500)', () => {
    const group = new Group([{}, {}, { terms: [1, 1, 1] }], {})
    group.isolate('n3')
    group.elect('n1')
    group.propose('n1', 'x')
    group.deliver()
    group.heal()

    group.tick('n1', heartbeatTicks)

    const commits = group.wire.map((message) =>
      message.type === 'heartbeat' ? `${message.to} ${message.leaderCommit}` : '',
    )
    expect(commits).toEqual([`n2 ${group.node('n1').status.commitIndex}`, 'n3 0'])
  })

  test('a write of entries that were replaced meanwhile vouches for nothing (cockroach#63302)', () => {
    const group = new Group([{}, {}, {}])
    const node = group.node('n1')
    node.isSlow = true
    const append = (from: string, term: number, terms: number[]) => {
      const body = { prevLog: empty, entries: entriesOfTerms(terms), leaderCommit: 0 }
      group.step({ type: 'appendEntries', ...header(from, 'n1', term), ...body })
    }

    // The same first entry comes back a second time, from a third leader.
    append('n2', 1, [1, 1])
    append('n3', 2, [2])
    append('n2', 3, [1, 1])
    group.sync('n1')
    expect(node.status.durableIndex).toBe(0)
    expect(sent(group, 'n1')).toMatchObject([{ type: 'appendEntriesAccepted', term: 1 }])
    group.sync('n1')

    expect(node.status.durableIndex).toBe(2)
    expect(node.disk.entries.map(({ term }) => term)).toEqual([1, 1])
    expect(sent(group, 'n1').at(-1)).toMatchObject({ term: 3, matchIndex: 2 })
  })

  test('what a start may take for committed never covers what the disk has yet to replace', () => {
    const group = new Group([{ terms: [1] }, { terms: [1, 1, 1] }, { terms: [1] }])
    const { raft, disk } = group.node('n2')
    group.node('n2').isSlow = true
    const entries = entriesOfTerms([2, 2], 2)
    const prevLog = { index: 1, term: 1 }
    group.step({
      type: 'appendEntries',
      ...header('n1', 'n2', 2),
      prevLog,
      entries,
      leaderCommit: 3,
    })

    expect(raft.status().commitIndex).toBe(3)
    expect(disk.entries.map(({ term }) => term)).toEqual([1, 1, 1])
    expect(raft.durableCommitIndex).toBe(1)
    group.sync('n2')

    expect(disk.entries.map(({ term }) => term)).toEqual([1, 2, 2])
    expect(raft.durableCommitIndex).toBe(3)
  })

  test('gaps, falling terms and entries of the future are refused as a whole (logcabin#160)', () => {
    const bad = [
      { prevLog: empty, entries: [entry(2, 1)] },
      { prevLog: empty, entries: [entry(1, 1), entry(3, 1)] },
      { prevLog: empty, entries: [entry(1, 2), entry(2, 1)] },
      { prevLog: empty, entries: [entry(1, 9)] },
      { prevLog: { term: 1, index: 0 }, entries: [] },
      { prevLog: { term: 0, index: 3 }, entries: [] },
      { prevLog: { term: 0, index: -1 }, entries: [] },
    ]
    for (const { prevLog, entries } of bad) {
      const group = new Group([{}, {}, {}])
      const append = { prevLog, entries, leaderCommit: 0 }

      group.step({ type: 'appendEntries', ...header('n2', 'n1', 3), ...append })

      expect(group.node('n1').status).toMatchObject({ lastIndex: 0, ignored: { malformed: 1 } })
      expect(group.wire).toEqual([])
    }
  })

  test('batches around the size limit are contiguous and complete', () => {
    for (const messageBytesMax of [64, 65, 66, 130, 131, 200, 1000]) {
      const group = new Group([{}, {}, {}], { messageBytesMax })
      group.elect('n1')
      const words = Array.from({ length: 30 }, (_, n) => 'x'.repeat(n % 7))

      group.propose('n1', ...words)
      group.deliver()

      expect(group.node('n2').disk.entries).toEqual(group.node('n1').disk.entries)
      expect(group.node('n2').status.ignored.malformed).toBe(0)
    }
  })

  test('any one lost message, of whatever type, is got over (etcd-io/raft replicate_pause)', () => {
    const types: Message['type'][] = [
      'requestPreVote',
      'requestPreVoteResult',
      'requestVote',
      'requestVoteResult',
      'appendEntries',
      'appendEntriesAccepted',
      'appendEntriesRejected',
      'heartbeat',
      'heartbeatResult',
    ]
    for (const type of types) {
      const terms = [1, 1]
      const behind = { hardState: { currentTerm: 1 } }
      for (const limits of [{}, { inflightMessagesMax: 1, messageBytesMax: 64 }]) {
        const group = new Group([{ terms }, { terms }, behind], limits)
        let dropped = 0
        const lose = () => {
          if (dropped === 0) dropped = group.drop((message) => message.type === type)
        }
        for (let tick = 0; tick < 2 * patience; tick++) {
          for (const id of group.ids) group.tick(id)
          for (const node of group.nodes.values()) {
            if (node.status.role === 'leader' && tick % 40 === 0) group.propose(node.id, 'a', 'b')
          }
          lose()
          while (group.deliver(() => true, 1) > 0) lose()
        }

        expect(dropped, type).toBeGreaterThan(0)
        const logs = [...group.nodes.values()].map(({ disk }) => disk.entries)
        expect(logs[1], type).toEqual(logs[0])
        expect(logs[2], type).toEqual(logs[0])
        expect(group.node('n1').status.commitIndex, type).toBe(logs[0]!.length)
        expect(logs[0]!.length, type).toBeGreaterThan(4)
      }
    }
  })

  test('followers learn of a commit without waiting for the next heartbeat', () => {
    const group = new Group([{}, {}, {}])
    group.elect('n1')

    group.propose('n1', 'x')
    group.deliver()

    for (const id of group.ids) expect(group.node(id).status.commitIndex).toBe(2)
  })

  test('a committed entry is never replaced: a leader that lacks it stops this node', () => {
    const group = new Group([{ terms: [1, 1], hardState: { commitIndex: 2 } }, {}, {}])
    const append = { prevLog: { term: 1, index: 1 }, entries: [entry(2, 3)], leaderCommit: 0 }

    expect(() =>
      group.step({ type: 'appendEntries', ...header('n2', 'n1', 3), ...append }),
    ).toThrow('committed entries are never replaced')
  })

  test('a second leader in a term stops this node', () => {
    const group = new Group([{}, {}, {}])
    freshLeader(group)
    const beat = { round: 0, leaderCommit: 0 }

    expect(() => group.step({ type: 'heartbeat', ...header('n2', 'n1', 1), ...beat })).toThrow(
      'a term has one leader',
    )
  })
})
