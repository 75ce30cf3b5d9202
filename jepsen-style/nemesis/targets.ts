/** Whom a fault may hit, and how those that it hit come back. */
import type { Cluster, ClusterNode } from '../cluster/cluster.ts'
import type { Chance } from '../workloads/workload.ts'
import type { Scene } from './nemesis.ts'

/** The fewest that decide. */
export function majorityOf(nodes: number): number {
  return Math.floor(nodes / 2) + 1
}

/** The most that can be missing while the others decide. */
export function minorityOf(nodes: number): number {
  return nodes - majorityOf(nodes)
}

/** Nodes whose processes run and that no other fault has. */
export function freeNodes(scene: Scene): ClusterNode[] {
  return scene.cluster.nodes.filter(
    (node) => node.state() === 'running' && !scene.busy.has(node.id),
  )
}

/** The leader, where there is one and no other fault has it. */
export async function freeLeader(scene: Scene): Promise<ClusterNode | undefined> {
  const leader = await scene.cluster.leader()
  return freeNodes(scene).find((node) => node.id === leader)
}

/**
 * Nodes whose files may be damaged: free ones, and such that in all never more than a minority has
 * damaged files.
 */
export function damageableNodes(scene: Scene): ClusterNode[] {
  const { cluster, damaged } = scene
  const another = damaged.size < minorityOf(cluster.nodes.length)
  return freeNodes(scene).filter((node) => another || damaged.has(node.id))
}

/** So many of these, each at most once, in a drawn order. */
export function sample<T>(chance: Chance, values: readonly T[], count: number): T[] {
  const left = [...values]
  const drawn: T[] = []
  while (drawn.length < count && left.length > 0) {
    drawn.push(...left.splice(chance.between(0, left.length), 1))
  }
  return drawn
}

/**
 * Chance that was drawn ahead: what is found on a disk then decides how much of it is used, and not
 * what the next fault will be. After `count` draws it begins again from the first.
 */
export function drawnAhead(chance: Chance, count: number): Chance {
  const fractions = Array.from({ length: count }, () => chance.fraction())
  let next = 0
  const fraction = (): number => fractions[next++ % count] ?? 0
  const between = (min: number, max: number): number =>
    min + Math.min(max - min - 1, Math.floor(fraction() * (max - min)))
  return {
    fraction,
    between,
    pick: (values) => {
      const value = values[between(0, values.length)]
      if (value === undefined) throw new RangeError('there is nothing to pick from')
      return value
    },
  }
}

/** Starts those that are down, and wakes those that stand still. */
export async function bringBack(cluster: Cluster, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    // Also where it seems to run: a SIGSTOP may be on its way, and to one that runs this is nothing.
    cluster.resume(id)
    if (cluster.node(id).state() === 'stopped') await cluster.start(id)
  }
}

/** `n1`, `n1 and n2`, `n1, n2 and n3`. */
export function listed(ids: readonly string[]): string {
  const last = ids.at(-1) ?? 'nobody'
  return ids.length < 2 ? last : `${ids.slice(0, -1).join(', ')} and ${last}`
}
