/** SIGKILL: a process gets no chance to tidy up; what it had not made durable is the page cache's. */
import type { ClusterNode } from '../../cluster/cluster.ts'
import type { Fault, Nemesis, Scene } from '../nemesis.ts'
import { bringBack, freeLeader, freeNodes, listed, majorityOf, sample } from '../targets.ts'

/** Kills these nodes at once; they are started again when it is healed. */
function killFault({ cluster }: Scene, nodes: readonly ClusterNode[]): Fault {
  const ids = nodes.map((node) => node.id)
  const before = new Map<string, number>()
  return {
    detail: `${listed(ids)} killed`,
    takes: ids,
    begin: async () => {
      for (const node of nodes) before.set(node.id, node.endings().count)
      await Promise.all(ids.map((id) => cluster.kill(id)))
    },
    seen: async () => {
      const killed = nodes.filter((node) => {
        const { count, last } = node.endings()
        return count > (before.get(node.id) ?? count) && last === 'SIGKILL'
      })
      return killed.length === nodes.length ? `${listed(ids)} ended by SIGKILL` : undefined
    },
    heal: () => bringBack(cluster, ids),
  }
}

/** Any node. */
export const kill: Nemesis = {
  name: 'kill',
  about: 'SIGKILL of one node; started again at the end of the fault',
  kind: 'process',
  unavailable: () => undefined,
  draw: async (scene) => {
    const nodes = sample(scene.chance, freeNodes(scene), 1)
    return nodes.length === 0 ? undefined : killFault(scene, nodes)
  },
}

/** The leader. */
export const killLeader: Nemesis = {
  name: 'kill-leader',
  about: 'SIGKILL of the leader: the others have to elect another one',
  kind: 'process',
  unavailable: () => undefined,
  draw: async (scene) => {
    const leader = await freeLeader(scene)
    return leader && killFault(scene, [leader])
  },
}

/** So many that the rest can't decide. */
export const killMajority: Nemesis = {
  name: 'kill-majority',
  about: 'SIGKILL of a majority at once: nothing can be written until they are back',
  kind: 'process',
  unavailable: () => undefined,
  draw: async (scene) => {
    const wanted = majorityOf(scene.cluster.nodes.length)
    const nodes = sample(scene.chance, freeNodes(scene), wanted)
    return nodes.length < wanted ? undefined : killFault(scene, nodes)
  },
}

/** Everybody. */
export const killAll: Nemesis = {
  name: 'kill-all',
  about: 'SIGKILL of all nodes at once: what was acknowledged is on disk or lost',
  kind: 'process',
  unavailable: () => undefined,
  draw: async (scene) => {
    const nodes = freeNodes(scene)
    return nodes.length < scene.cluster.nodes.length ? undefined : killFault(scene, nodes)
  },
}
