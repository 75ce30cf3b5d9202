/** Partitions: some nodes do not see some others, or not in one direction. */
import type { Party } from '../../network/links.ts'
import type { Cut } from '../../network/topology.ts'
import {
  bridge,
  clientsFrom,
  deaf,
  halves,
  isolated,
  minorityAside,
  mute,
  omission,
  omissionNodes,
  ring,
} from '../../network/topology.ts'
import type { Nemesis, Scene } from '../nemesis.ts'
import { cutFault, drawHow, missing, shuffledIds } from './rules.ts'

interface Shape {
  readonly detail: string
  readonly cuts: readonly Cut[]
}

interface Partition {
  readonly name: string
  readonly about: string
  readonly nodesMin: number
  /** Default: drawn. */
  readonly how?: 'silent' | 'reset'
  /** Undefined: nothing fits at the moment. */
  readonly shape: (
    nodes: readonly Party[],
    scene: Scene,
  ) => Shape | undefined | Promise<Shape | undefined>
}

function partition({ name, about, nodesMin, how, shape }: Partition): Nemesis {
  return {
    name,
    about,
    kind: 'network',
    unavailable: (scene) => missing(scene, 'cut', nodesMin),
    async draw(scene) {
      const drawn = await shape(shuffledIds(scene), scene)
      if (drawn === undefined || drawn.cuts.length === 0) return undefined
      return cutFault(scene, drawn.detail, drawn.cuts, how ?? drawHow(scene))
    },
  }
}

const partitionMajority = partition({
  name: 'partition-majority',
  about: 'a minority of the nodes, the leader among them half of the time, sees only itself',
  nodesMin: 3,
  async shape(nodes, { cluster, chance }) {
    const leader = chance.fraction() < 0.5 ? await cluster.leader() : undefined
    const order = leader === undefined ? nodes : toFront(leader, nodes)
    const cuts = minorityAside(order)
    return { detail: sides(cuts), cuts }
  },
})

const partitionHalves = partition({
  name: 'partition-halves',
  about: 'two halves drawn at random do not see each other',
  nodesMin: 2,
  shape(nodes) {
    const cuts = halves(nodes)
    return { detail: sides(cuts), cuts }
  },
})

const isolateLeader = partition({
  name: 'isolate-leader',
  about: 'the leader sees no other node; clients still see it',
  nodesMin: 2,
  async shape(nodes, { cluster }) {
    const leader = await cluster.leader()
    if (leader === undefined) return undefined
    return { detail: `leader ${leader} sees no other node`, cuts: isolated(leader, nodes) }
  },
})

const isolateOne = partition({
  name: 'isolate-one',
  about: 'a node drawn at random sees no other; clients still see it',
  nodesMin: 2,
  shape(nodes) {
    const [node = ''] = nodes
    return { detail: `${node} sees no other node`, cuts: isolated(node, nodes) }
  },
})

const partitionBridge = partition({
  name: 'partition-bridge',
  about: 'two halves do not see each other; one node sees both',
  nodesMin: 3,
  shape(nodes) {
    const cuts = bridge(nodes)
    return { detail: `${sides(cuts)}; ${nodes[0]} sees both`, cuts }
  },
})

const partitionRing = partition({
  name: 'partition-ring',
  about: 'every node sees a majority, and no two see the same one',
  nodesMin: 3,
  shape: (nodes) => ({ detail: `a ring in the order ${nodes.join(' ')}`, cuts: ring(nodes) }),
})

const oneWayLink = partition({
  name: 'one-way-link',
  about: 'nothing passes from one node to one other, the other way it does',
  nodesMin: 2,
  shape(nodes) {
    const [from = '', to = ''] = nodes
    return { detail: `nothing passes from ${from} to ${to}`, cuts: [{ from, to }] }
  },
})

const oneWayNode = partition({
  name: 'one-way-node',
  about: 'a node hears nobody but is heard, or is heard by nobody but hears',
  nodesMin: 2,
  shape(nodes, { chance }) {
    const [node = ''] = nodes
    return chance.fraction() < 0.5
      ? { detail: `${node} hears no other node`, cuts: deaf(node, nodes) }
      : { detail: `no other node hears ${node}`, cuts: mute(node, nodes) }
  },
})

const clientsFromLeader = partition({
  name: 'clients-from-leader',
  about: 'the leader does not see its clients; the nodes see each other',
  nodesMin: 1,
  async shape(_nodes, { cluster }) {
    const leader = await cluster.leader()
    if (leader === undefined) return undefined
    return { detail: `clients do not see leader ${leader}`, cuts: clientsFrom(leader) }
  },
})

const omissionGraph = partition({
  name: 'omission',
  about: 'of five nodes three see each other, and each of the others sees one of them',
  nodesMin: omissionNodes,
  async shape(nodes, { cluster, chance }) {
    if (nodes.length !== omissionNodes) return undefined
    // The leader stands at the end of an arm half of the time: there it must lose its lead.
    const leader = chance.fraction() < 0.5 ? await cluster.leader() : undefined
    const order = leader === undefined ? nodes : toFront(leader, nodes).toReversed()
    const [a, b, c, d, e] = order
    return {
      detail: `${a} ${b} ${c} see each other, ${d} only ${b}, ${e} only ${c}`,
      cuts: omission(order),
    }
  },
})

const halfOpen = partition({
  name: 'half-open',
  about: 'a node falls silent for everybody, clients too, and no connection is closed',
  nodesMin: 2,
  how: 'silent',
  shape(nodes) {
    const [node = ''] = nodes
    const cuts = [...isolated(node, nodes), ...clientsFrom(node)]
    return { detail: `${node} is silent for all`, cuts }
  },
})

function toFront(node: Party, nodes: readonly Party[]): readonly Party[] {
  return [node, ...nodes.filter((other) => other !== node)]
}

/** Who is on either side. */
function sides(cuts: readonly Cut[]): string {
  const [first] = cuts
  if (first === undefined) return 'nobody'
  const other = new Set(cuts.filter(({ from }) => from === first.from).map(({ to }) => to))
  const one = new Set(cuts.filter(({ to }) => to === first.to).map(({ from }) => from))
  return `${[...one].join(' ')} | ${[...other].join(' ')}`
}

/** All of them. */
export const partitions: readonly Nemesis[] = [
  partitionMajority,
  partitionHalves,
  isolateLeader,
  isolateOne,
  partitionBridge,
  partitionRing,
  oneWayLink,
  oneWayNode,
  clientsFromLeader,
  { ...omissionGraph, unavailable: (scene) => omissionMissing(scene) },
  halfOpen,
]

function omissionMissing(scene: Parameters<Nemesis['unavailable']>[0]): string | undefined {
  const count = scene.cluster.nodes.length
  if (count === omissionNodes) return missing(scene, 'cut')
  return `it takes ${omissionNodes} nodes, no more and no fewer, and there are ${count}`
}
