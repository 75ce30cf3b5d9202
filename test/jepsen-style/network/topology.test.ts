/**
 * Goal: each partition has the property that it is named for, for every number and order of nodes.
 * Method: properties over generated sets of nodes, and the omission graph link by link.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clients } from '../../../jepsen-style/network/links.ts'
import type { Party } from '../../../jepsen-style/network/links.ts'
import * as topology from '../../../jepsen-style/network/topology.ts'
import type { Cut } from '../../../jepsen-style/network/topology.ts'

const nodesFrom = (min: number): fc.Arbitrary<Party[]> =>
  fc.integer({ min, max: 9 }).chain((count) => {
    const ids = Array.from({ length: count }, (_, i) => `n${i + 1}`)
    return fc.shuffledSubarray(ids, { minLength: count })
  })

const sizes = (nodes: readonly Party[], cuts: readonly Cut[]): number[] =>
  nodes.map((node) => topology.seenBy(node, nodes, cuts).size)

const names = (cuts: readonly Cut[]): string[] => cuts.map(({ from, to }) => `${from}>${to}`).sort()

describe('partitions', () => {
  it('are made of directions between different nodes, each once', () => {
    fc.assert(
      fc.property(nodesFrom(3), (nodes) => {
        const [first = ''] = nodes
        const all = [
          topology.isolated(first, nodes),
          topology.minorityAside(nodes),
          topology.halves(nodes),
          topology.bridge(nodes),
          topology.ring(nodes),
          topology.deaf(first, nodes),
          topology.mute(first, nodes),
        ]
        for (const cuts of all) {
          expect(cuts.length).toBeGreaterThan(0)
          expect(new Set(names(cuts)).size).toBe(cuts.length)
          for (const { from, to } of cuts) expect(from).not.toBe(to)
        }
      }),
    )
  })

  it('leave a majority and the largest minority there is', () => {
    fc.assert(
      fc.property(nodesFrom(3), (nodes) => {
        const majority = topology.majorityOf(nodes.length)
        const seen = sizes(nodes, topology.minorityAside(nodes))
        const minority = nodes.length - majority
        expect(seen.filter((size) => size === minority).length).toBe(minority)
        expect(seen.filter((size) => size === majority).length).toBe(majority)
      }),
    )
  })

  it('halve: of an even number of nodes nobody sees a majority', () => {
    fc.assert(
      fc.property(nodesFrom(2), (nodes) => {
        const majority = topology.majorityOf(nodes.length)
        const seen = sizes(nodes, topology.halves(nodes))
        expect(seen.some((size) => size >= majority)).toBe(nodes.length % 2 === 1)
      }),
    )
  })

  it('bridge: one node sees all, the others only their half and the bridge', () => {
    fc.assert(
      fc.property(nodesFrom(3), (nodes) => {
        const [bridge = '', ...rest] = nodes
        const cuts = topology.bridge(nodes)
        expect(topology.seenBy(bridge, nodes, cuts).size).toBe(nodes.length)
        for (const node of rest) {
          const seen = topology.seenBy(node, nodes, cuts)
          expect(seen.has(bridge)).toBe(true)
          expect(seen.size).toBeLessThan(nodes.length)
        }
      }),
    )
  })

  it('ring: every node sees a majority, and no two the same', () => {
    fc.assert(
      fc.property(nodesFrom(3), (nodes) => {
        const cuts = topology.ring(nodes)
        const seen = nodes.map((node) => topology.seenBy(node, nodes, cuts))
        for (const each of seen) {
          expect(each.size).toBeGreaterThanOrEqual(topology.majorityOf(nodes.length))
        }
        expect(new Set(seen.map((each) => [...each].sort().join())).size).toBe(nodes.length)
      }),
    )
  })

  it('isolate: the node sees itself, the others each other', () => {
    expect(names(topology.isolated('b', ['a', 'b', 'c']))).toEqual(['a>b', 'b>a', 'b>c', 'c>b'])
  })

  it('deaf and mute are one direction each, and together an isolation', () => {
    const nodes = ['a', 'b', 'c']
    const deaf = topology.deaf('a', nodes)
    const mute = topology.mute('a', nodes)
    expect(names(deaf)).toEqual(['b>a', 'c>a'])
    expect(names(mute)).toEqual(['a>b', 'a>c'])
    expect(names([...deaf, ...mute])).toEqual(names(topology.isolated('a', nodes)))
  })

  it('omission: the links of the graph are left and no others', () => {
    const nodes = ['1', '2', '3', '4', '5']
    const cuts = topology.omission(nodes)
    const seen = nodes.map((node) => [...topology.seenBy(node, nodes, cuts)].join(''))
    expect(seen).toEqual(['123', '1234', '1235', '24', '35'])
    expect(cuts.length).toBe(2 * (10 - 5))
  })

  it('clients lose one node, both ways', () => {
    expect(names(topology.clientsFrom('a'))).toEqual([`a>${clients}`, `${clients}>a`].sort())
  })
})
