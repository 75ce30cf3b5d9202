/** The state of a node is gone. It is a cache of the log: the node has to come back without help. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Nemesis } from '../nemesis.ts'
import { bringBack, damageableNodes, sample } from '../targets.ts'
import { needsThree } from './damage-wal.ts'
import { groupDirectory, stateDirectories } from './files.ts'

/** See the head of this file. */
export const loseState: Nemesis = {
  name: 'lose-state',
  about: "a stopped node's state removed; it must be made anew from the log",
  kind: 'disk',
  unavailable: ({ cluster }) => needsThree(cluster.nodes.length),
  draw: async (scene) => {
    const { cluster, damaged } = scene
    const [node] = sample(scene.chance, damageableNodes(scene), 1)
    if (node === undefined) return undefined
    const { id } = node
    const inOrder = scene.chance.between(0, 2) === 0
    // Without the file that names it, or with one that names what is no longer there.
    const pointerToo = scene.chance.between(0, 2) === 0
    return {
      detail: `the state of ${id} removed while it is stopped${pointerToo ? ', and its name' : ''}`,
      takes: [id],
      begin: async () => {
        damaged.add(id)
        await (inOrder ? cluster.stop(id) : cluster.kill(id))
        const directories = stateDirectories(node)
        if (directories.length === 0) throw new Error(`there is no state of ${id} yet`)
        for (const path of directories) rmSync(path, { recursive: true })
        if (pointerToo) rmSync(join(groupDirectory(node), 'current'), { force: true })
        await cluster.start(id)
      },
      seen: async () => {
        if (stateDirectories(node).length === 0) return undefined
        const report = await cluster.report(id)
        if (report?.ready !== true) return undefined
        return `${id} serves from a state made anew, up to entry ${report.appliedIndex}`
      },
      heal: () => bringBack(cluster, [id]),
    }
  },
}
