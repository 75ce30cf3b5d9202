/**
 * Partitions, as sets of directions that are cut. Pure: who is where is drawn by the caller, who
 * gives the nodes in a shuffled order.
 *
 * The shapes are those that consensus implementations have been brought down with: Jepsen's
 * partitioners (`jepsen.nemesis`: halves, bridge, majorities ring), and the omission graph of "Raft
 * does not guarantee liveness in the face of network faults" (decentralizedthoughts.github.io, 12
 * December 2020), written after Cloudflare's outage of 2 November 2020.
 */
import type { Party } from './links.ts'
import { clients } from './links.ts'

/** One direction in which nothing passes. */
export interface Cut {
  readonly from: Party
  readonly to: Party
}

/** How many of `count` nodes are a majority. */
export function majorityOf(count: number): number {
  return Math.floor(count / 2) + 1
}

/** Nothing passes between the one side and the other, either way. */
export function between(one: readonly Party[], other: readonly Party[]): readonly Cut[] {
  return one.flatMap((a) => other.flatMap((b) => bothWays(a, b)))
}

/** Nothing passes between this node and any other. */
export function isolated(node: Party, nodes: readonly Party[]): readonly Cut[] {
  return between([node], others(node, nodes))
}

/** The first nodes, as many as can be without being a majority, against the rest. */
export function minorityAside(nodes: readonly Party[]): readonly Cut[] {
  const size = nodes.length - majorityOf(nodes.length)
  return between(nodes.slice(0, size), nodes.slice(size))
}

/** Two halves; of an odd number the second is the larger by one. */
export function halves(nodes: readonly Party[]): readonly Cut[] {
  const size = Math.floor(nodes.length / 2)
  return between(nodes.slice(0, size), nodes.slice(size))
}

/** Two halves that do not see each other, and the first node, which sees both. */
export function bridge(nodes: readonly Party[]): readonly Cut[] {
  return halves(nodes.slice(1))
}

/**
 * Every node sees a majority, itself counted, and no two see the same one. Four nodes or more stand
 * in a circle and see their nearest on both sides. With three, a circle is everybody: there the
 * first and the last lose each other.
 */
export function ring(nodes: readonly Party[]): readonly Cut[] {
  const count = nodes.length
  if (count <= 3) return between(nodes.slice(0, 1), nodes.slice(2))
  const reach = Math.ceil((majorityOf(count) - 1) / 2)
  return nodes.flatMap((a, i) =>
    nodes.flatMap((b, k) => {
      const apart = Math.abs(i - k)
      return Math.min(apart, count - apart) > reach ? [{ from: a, to: b }] : []
    }),
  )
}

/** The node hears nobody. */
export function deaf(node: Party, nodes: readonly Party[]): readonly Cut[] {
  return others(node, nodes).map((other) => ({ from: other, to: node }))
}

/** Nobody hears the node. */
export function mute(node: Party, nodes: readonly Party[]): readonly Cut[] {
  return others(node, nodes).map((other) => ({ from: node, to: other }))
}

/** How many nodes the omission graph has. */
export const omissionNodes = 5

/**
 * Of five nodes, the first three see each other; the fourth sees only the second, the fifth only
 * the third. There is a majority that could agree; a fourth or fifth node that leads must lose its
 * lead, and must not stop the others from electing one of them for good.
 */
export function omission(nodes: readonly Party[]): readonly Cut[] {
  const left = new Set(['0-1', '0-2', '1-2', '1-3', '2-4'])
  return nodes.flatMap((a, i) =>
    nodes.flatMap((b, k) => (i < k && !left.has(`${i}-${k}`) ? bothWays(a, b) : [])),
  )
}

/** Nothing passes between the clients and this node. */
export function clientsFrom(node: Party): readonly Cut[] {
  return bothWays(clients, node)
}

/** Whom a node sees, itself included: those to and from whom messages pass. */
export function seenBy(
  node: Party,
  nodes: readonly Party[],
  cuts: readonly Cut[],
): ReadonlySet<Party> {
  const lost = new Set<Party>()
  for (const { from, to } of cuts) {
    if (from === node) lost.add(to)
    if (to === node) lost.add(from)
  }
  return new Set(nodes.filter((other) => !lost.has(other)))
}

function others(node: Party, nodes: readonly Party[]): readonly Party[] {
  return nodes.filter((other) => other !== node)
}

function bothWays(a: Party, b: Party): readonly Cut[] {
  return [
    { from: a, to: b },
    { from: b, to: a },
  ]
}
