/**
 * Goal: the checks go by where a log begins: what a compaction took must be in the durable state,
 * and a log that begins behind a snapshot counts as holding what is before it, and nothing else.
 * Method: scripts of events over fake nodes and disks, as for the other checks of the protocol.
 */
import { describe, expect, test } from 'vitest'
import { isQuorum } from './acting.ts'
import { a, append, b, config, entry, noop, replicated } from './protocol-fakes.ts'
import { quorumsMeet } from './s08-membership.ts'

describe('S13, compacted logs', () => {
  test('what is gone from the log is in the durable state', () => {
    const scenario = replicated()
    scenario.node('n1').durableState = () => 2
    scenario.durable('n1', (log) => (log.front = 2))
    expect(scenario.found).toEqual([])
    scenario.durable('n1', (log) => (log.front = 3))
    const lost = 'S13: n1 has lost entries: its log begins behind 3, its durable state is at 2'
    expect(scenario.found).toEqual([lost])
  })

  test('a state that was damaged is made anew', () => {
    const scenario = replicated()
    scenario.node('n1').durableState = () => undefined
    scenario.durable('n1', (log) => (log.front = 3))
    expect(scenario.found).toEqual([])
  })

  test('a log that begins anew at a start, behind a snapshot', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.end('n3')
    scenario.durable('n3', (log) => log.reset(2, 1))
    scenario.start('n3', { baseIndex: 2 })
    expect(scenario.found).toEqual([])
  })

  test('a log that lost entries, and has no base to show for it', () => {
    const scenario = replicated()
    scenario.end('n2')
    scenario.durable('n2', (log) => (log.entries = []))
    scenario.start('n2')
    expect(scenario.found.some((found) => found.startsWith('S13: n2 had 2 entries'))).toBe(true)
  })

  test('a node that takes its log for damaged, though nothing was', () => {
    const scenario = replicated()
    scenario.end('n2')
    scenario.start('n2', { recovering: true })
    expect(scenario.found).toEqual(['S13: n2 takes its log for damaged, and nothing was'])
    scenario.node('n2').damaged = true
    scenario.start('n2', { recovering: true })
    expect(scenario.found).toHaveLength(1)
  })
})

describe('a log behind a base', () => {
  test('counts as holding what is committed before it', () => {
    const scenario = replicated(5)
    scenario.commit('n1', [noop])
    scenario.durable('n3', (log) => log.reset(2, 1))
    scenario.durable('n4', (log) => log.reset(2, 1))
    scenario.send(append('n1', 1, { leaderCommit: 2 }))
    expect(scenario.found.filter((found) => found.includes('entry 2'))).toEqual([])
  })

  test('S3: the base is committed', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.write(['n2'], [b])
    scenario.durable('n2', (log) => log.reset(2, 7))
    expect(scenario.found).toContain('S3: the disk of n2 gave up the committed entry 2')
  })

  test('S2: goes on as the others do', () => {
    const scenario = replicated()
    scenario.write(['n1'], [b])
    scenario.durable('n3', (log) => log.reset(2, 1))
    scenario.write(['n3'], [b])
    expect(scenario.found).toEqual([])
    scenario.durable('n2', (log) => log.reset(2, 1))
    scenario.write(['n2'], [entry(3, 1, 'another')])
    expect(scenario.found).toEqual(['S2: entry 3 of term 1 has another content on n2'])
  })
})

describe('S8 and majorities', () => {
  test('a joint one has two', () => {
    const joint = { voters: ['a', 'b', 'c'], votersOutgoing: ['a', 'b'] }
    expect(isQuorum(joint, (id) => id !== 'b')).toBe(false)
    expect(isQuorum(joint, (id) => id !== 'c')).toBe(true)
    expect(quorumsMeet(joint, { voters: ['a', 'b'], votersOutgoing: [] })).toBe(true)
  })

  test('a configuration that was cut off and is still acted on', () => {
    const scenario = replicated()
    scenario.commit('n1', [noop, a])
    scenario.node('n3').shows({ commitIndex: 0 })
    scenario.ready('n3', { entries: [noop, a, config(3, ['n1', 'n2', 'n3'])] })
    const raft = scenario.node('n3').raft
    Object.defineProperty(raft, 'configuration', {
      value: { index: 3, configuration: { voters: ['n1', 'n2', 'n3'], votersOutgoing: [] } },
    })
    scenario.ready('n3', { entries: [entry(3, 2)] })
    expect(scenario.found).toContain(
      'S8: n3 acts on the configuration at 3, which its log has no more',
    )
  })
})
