/**
 * What the nemeses have in common that take files from a node: whom they may hit. Of all nodes a
 * minority at most is without something at any time; a cluster that lacks more cannot keep what it
 * promised. Once a fault is healed its node has everything back, and another one may be hit.
 */
import type { ClusterNode } from '../../cluster/cluster.ts'
import type { Fault, Nemesis, Scene } from '../nemesis.ts'
import { damageableNodes, minorityOf, sample } from '../targets.ts'

/**
 * A nemesis of disks by its fault, for a node that may be hit. The node counts as damaged from the
 * beginning until `heal` has resolved, by when it must have back what it lost.
 */
export function damaging(
  names: Pick<Nemesis, 'name' | 'about'>,
  faultOf: (scene: Scene, node: ClusterNode) => Omit<Fault, 'takes'>,
): Nemesis {
  return {
    ...names,
    kind: 'disk',
    smallLog: true,
    unavailable: ({ cluster }) => {
      const { length } = cluster.nodes
      if (minorityOf(length) > 0) return undefined
      return `it needs 3 nodes: of ${length} none may lose its files without harm`
    },
    draw: async (scene) => {
      const [node] = sample(scene.chance, damageableNodes(scene), 1)
      if (node === undefined) return undefined
      const { detail, begin, seen, heal } = faultOf(scene, node)
      return {
        detail,
        takes: [node.id],
        begin: async () => {
          scene.damaged.add(node.id)
          await begin()
        },
        seen,
        heal: async () => {
          await heal()
          scene.damaged.delete(node.id)
        },
      }
    },
  }
}
