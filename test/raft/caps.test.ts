/**
 * Goal: nothing grows without bound, and each cap refuses or waits as it says.
 * Method: small caps, and a group or a single node that runs into them.
 */
import { describe, expect, test } from 'vitest'
import type { Message } from '../../src/raft/index.ts'
import { emptyHardState } from '../../src/raft/index.ts'
import { Outbox } from '../../src/raft/outbox.ts'
import { alone, drain } from './support/alone.ts'
import { bytes } from './support/disk.ts'
import { Group, heartbeatTicks } from './support/group.ts'
import { header } from './support/messages.ts'

describe('fetches for followers', () => {
  function lagging(): Group {
    const terms = [1, 1, 1, 1]
    const group = new Group([{ terms, tailMax: 0 }, { terms }, {}])
    group.node('n1').holdsFetches = true
    group.elect('n1')
    return group
  }

  test('one at a time for each follower; the stream waits', () => {
    const group = lagging()
    const wanted = () => group.node('n1').fetches.filter(({ purpose }) => purpose === 'replicate')
    expect(wanted()).toMatchObject([{ to: 'n3', from: 1 }])

    for (let n = 0; n < 5; n++) {
      group.propose('n1', 'x')
      group.tick('n1', heartbeatTicks)
      group.deliver()
    }
    expect(wanted()).toHaveLength(1)
    expect(group.node('n3').status.lastIndex).toBe(0)
    group.node('n1').holdsFetches = false
    group.answerFetches('n1')
    group.deliver()

    expect(group.node('n3').disk.entries).toEqual(group.node('n1').disk.entries)
  })

  test('an answer to an earlier leadership is dropped', () => {
    const group = lagging()
    const [old] = group.node('n1').fetches.filter(({ purpose }) => purpose === 'replicate')
    const entries = group.node('n1').disk.entries.slice(0, 2)
    group.step({ type: 'heartbeat', ...header('n2', 'n1', 9), round: 0, leaderCommit: 0 })
    group.node('n1').raft.fetched(old!, entries)
    group.wire = []
    group.elect('n1')
    expect(group.node('n1').fetches.filter(({ purpose }) => purpose === 'replicate')).toHaveLength(
      2,
    )
    group.wire = []

    group.node('n1').raft.fetched(old!, entries)
    group.work('n1')

    expect(group.wire).toEqual([])
  })

  test('small entries that are more than the window has room for are sent in part', () => {
    const terms = [1, 1, 1, 1]
    const group = new Group([{ terms, tailMax: 0 }, { terms }, {}], { inflightEntriesMax: 2 })
    group.elect('n1')

    group.deliver()

    expect(group.node('n3').disk.entries).toEqual(group.node('n1').disk.entries)
  })
})

describe('caps', () => {
  test('an append that runs ahead of the disk is dropped and sent again', () => {
    const group = new Group([{}, {}, {}], { unstableBytesMax: 300 })
    group.elect('n1')
    group.node('n2').isSlow = true
    for (let n = 0; n < 8; n++) group.propose('n1', 'x'.repeat(60))
    group.deliver()
    const { lastIndex, ignored } = group.node('n2').status
    expect(lastIndex).toBeLessThan(5)
    expect(ignored.overloaded).toBeGreaterThan(0)

    group.node('n2').isSlow = false
    group.sync('n2')
    for (let n = 0; n < 12; n++) {
      group.tick('n1', heartbeatTicks)
      group.deliver()
    }

    expect(group.node('n2').disk.entries).toEqual(group.node('n1').disk.entries)
  })

  test('a follower that drops what it gets is sent little again, and all once it takes it', () => {
    for (const tailMax of [Infinity, 0]) {
      const terms = Array.from({ length: 200 }, () => 1)
      const starts = [{ terms, tailMax }, { terms }, { terms: [1] }]
      const group = new Group(starts, { messageBytesMax: 300, logBytesMax: 600 })
      group.cut.add('n1>n3')
      group.elect('n1')
      group.cut.clear()
      let isFull = true
      let dropped = 0
      const deliver = (): void => {
        for (let next = group.wire.shift(); next !== undefined; next = group.wire.shift()) {
          const { type, to } = next
          const brings = type === 'appendEntries' && to === 'n3' ? next.entries.length : 0
          if (isFull && brings > 0) dropped += brings
          else group.step(next)
        }
      }
      const beats = (count: number): void => {
        for (let n = 0; n < count; n++) {
          group.tick('n1', heartbeatTicks)
          deliver()
        }
      }
      beats(10)
      expect(dropped).toBeGreaterThan(0)
      dropped = 0
      beats(20)
      // One message for each of them, of four entries at most.
      expect(dropped).toBeLessThanOrEqual(20 * 4)
      isFull = false
      beats(8)
      expect(group.node('n3').disk.entries).toEqual(group.node('n1').disk.entries)
    }
  })

  test('the log in memory keeps to its cap once it is durable', () => {
    const raft = alone({ logBytesMax: 1000 })

    for (let n = 0; n < 100; n++) {
      raft.propose([new Uint8Array(100)])
      drain(raft)
    }

    expect(raft.status().logBytes).toBeLessThanOrEqual(1000)
    expect(raft.status().appliedIndex).toBe(101)
  })

  test('uncommitted proposals are refused at the cap, and room comes back with commits', () => {
    const raft = alone({ uncommittedEntriesMax: 3, uncommittedBytesMax: 1000 })

    expect(raft.propose([bytes('a'), bytes('b')]).type).toBe('accepted')
    expect(raft.propose([bytes('c'), bytes('d')])).toEqual({ type: 'overloaded' })
    expect(raft.propose([new Uint8Array(1000)])).toEqual({ type: 'overloaded' })
    expect(raft.status()).toMatchObject({ uncommittedEntries: 2, uncommittedBytes: 130 })
    drain(raft)

    expect(raft.status()).toMatchObject({ uncommittedEntries: 0, uncommittedBytes: 0 })
    expect(raft.propose([new Uint8Array(5000)]).type).toBe('accepted')
  })

  test('a leader whose own disk stands still takes no proposals, although others commit', () => {
    const group = new Group([{}, {}, {}], { unstableBytesMax: 300 })
    group.elect('n1')
    group.node('n1').isSlow = true
    const results: string[] = []
    for (let n = 0; n < 6; n++) {
      results.push(group.propose('n1', 'x').type)
      group.deliver()
    }

    expect(group.node('n1').status.commitIndex).toBe(5)
    expect(results.slice(-2)).toEqual(['overloaded', 'overloaded'])
    while (group.node('n1').persisting !== undefined) group.sync('n1')

    expect(group.propose('n1', 'x').type).toBe('accepted')
  })

  test('reads are refused at the cap, on the leader and for followers', () => {
    const group = new Group([{}, {}, {}], { readsMax: 2 })
    group.elect('n1')
    expect(group.read('n1').type).toBe('accepted')
    expect(group.read('n1').type).toBe('accepted')

    expect(group.read('n1')).toEqual({ type: 'overloaded' })
    group.read('n2')
    group.deliver(({ type }) => type === 'readIndexRequest')

    expect(group.wire).toContainEqual(expect.objectContaining({ type: 'readIndexRefused' }))
  })

  test('messages that wait for a disk are merged, and those that nobody takes are dropped', () => {
    const outbox = new Outbox(3)
    const durable = { hardState: emptyHardState, index: 0 }
    const ack = (matchIndex: number): Message => ({
      type: 'appendEntriesAccepted',
      ...header('n1', 'n2', 1),
      matchIndex,
    })
    for (const matchIndex of [3, 9, 5]) outbox.send(ack(matchIndex), durable)
    expect(outbox.isEmpty).toBe(true)
    expect(outbox.takeWaiting()).toEqual([ack(9)])

    const later = { hardState: { ...emptyHardState, currentTerm: 1 }, index: 9 }
    for (let n = 0; n < 5; n++) outbox.send(ack(9), later)

    expect(outbox.takeMessages()).toHaveLength(3)
    expect(outbox.dropped).toBe(2)
  })
})
