/** What the nemeses have in common that let nodes join: one at a time, and all gone when healed. */
import type { Operator } from '../../cluster/cluster.ts'
import type { Fault, Nemesis, Scene } from '../nemesis.ts'

/** What they take: a cluster makes one change of its members after the other. */
export const theMembers = 'the members'

/** A nemesis of members by its fault; the fault is drawn only where nodes can join. */
export function joining(
  names: Pick<Nemesis, 'name' | 'about'>,
  nodesMin: number,
  faultOf: (scene: Scene, operator: Operator) => Omit<Fault, 'takes'> | undefined,
): Nemesis {
  return {
    ...names,
    kind: 'members',
    smallLog: true,
    newcomers: true,
    unavailable: ({ cluster: { tools, nodes } }) => {
      if (tools === undefined) return 'the nodes were not started by this harness'
      if (!tools.canJoin) return 'no places were set aside for nodes that join'
      return nodes.length < nodesMin ? `it needs ${nodesMin} nodes` : undefined
    },
    draw: async (scene) => {
      const { tools } = scene.cluster
      if (tools?.canJoin !== true || scene.busy.has(theMembers)) return undefined
      const fault = faultOf(scene, tools.operator)
      return fault && { ...fault, takes: [theMembers] }
    },
  }
}
