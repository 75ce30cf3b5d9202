/**
 * SIGSTOP: a process stands still while its connections stay open, as in a long garbage collection
 * or on a machine that is moved. When it goes on, it believes what it last knew: that it leads, for
 * example.
 */
import type { ClusterNode } from '../../cluster/cluster.ts'
import type { Fault, Nemesis, Scene } from '../nemesis.ts'
import { bringBack, freeLeader, freeNodes, listed, majorityOf, sample } from '../targets.ts'

/** How long a node is waited for, to see that it does not answer. */
const silenceMs = 200

function pauseFault({ cluster }: Scene, nodes: readonly ClusterNode[]): Fault {
  const ids = nodes.map((node) => node.id)
  return {
    detail: `${listed(ids)} paused`,
    takes: ids,
    begin: async () => {
      for (const id of ids) cluster.pause(id)
    },
    seen: async () => {
      if (nodes.some((node) => node.state() !== 'paused')) return undefined
      const reports = await Promise.all(ids.map((id) => cluster.report(id, silenceMs)))
      if (reports.some((report) => report !== undefined)) return undefined
      return `${listed(ids)} stood still and did not answer within ${silenceMs} ms`
    },
    heal: () => bringBack(cluster, ids),
  }
}

/** Any node. */
export const pause: Nemesis = {
  name: 'pause',
  about: 'SIGSTOP of one node, then SIGCONT',
  kind: 'process',
  unavailable: () => undefined,
  draw: async (scene) => {
    const nodes = sample(scene.chance, freeNodes(scene), 1)
    return nodes.length === 0 ? undefined : pauseFault(scene, nodes)
  },
}

/** The leader: it wakes up and still believes that it leads. */
export const pauseLeader: Nemesis = {
  name: 'pause-leader',
  about: 'SIGSTOP of the leader: it wakes up and still believes that it leads',
  kind: 'process',
  unavailable: () => undefined,
  draw: async (scene) => {
    const leader = await freeLeader(scene)
    return leader && pauseFault(scene, [leader])
  },
}

/** So many that the rest can't decide. */
export const pauseMajority: Nemesis = {
  name: 'pause-majority',
  about: 'SIGSTOP of a majority: nothing can be decided, and nothing has crashed',
  kind: 'process',
  unavailable: () => undefined,
  draw: async (scene) => {
    const wanted = majorityOf(scene.cluster.nodes.length)
    const nodes = sample(scene.chance, freeNodes(scene), wanted)
    return nodes.length < wanted ? undefined : pauseFault(scene, nodes)
  },
}
