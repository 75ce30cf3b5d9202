/**
 * The state of a node is gone. It is a cache of the log: the node has to come back without help,
 * from its log or, where that no longer begins at the beginning, from a leader's snapshot.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Nemesis } from '../nemesis.ts'
import { DamagedStart, hasState } from './damaged-start.ts'
import { damaging } from './damaging.ts'
import { groupDirectory, stateDirectories } from './files.ts'

/** See the head of this file. */
export const loseState: Nemesis = damaging(
  {
    name: 'lose-state',
    about: "a stopped node's state removed; it must be made anew, by log or snapshot",
  },
  (scene, node) => {
    const { cluster } = scene
    const { id } = node
    const inOrder = scene.chance.between(0, 2) === 0
    // Without the file that names it, or with one that names what is no longer there.
    const pointerToo = scene.chance.between(0, 2) === 0
    const work = new DamagedStart(cluster, node)
    return {
      detail: `the state of ${id} removed while it is stopped${pointerToo ? ', and its name' : ''}`,
      begin: async () => {
        await (inOrder ? cluster.stop(id) : cluster.kill(id))
        const directories = stateDirectories(node)
        if (directories.length === 0) throw new Error(`there is no state of ${id} yet`)
        for (const path of directories) rmSync(path, { recursive: true })
        if (pointerToo) rmSync(join(groupDirectory(node), 'current'), { force: true })
        await work.startOnly()
      },
      seen: async () => {
        if (stateDirectories(node).length === 0) return undefined
        const report = await cluster.report(id)
        if (report === undefined) return undefined
        const upTo = `${id} came back with a state made anew, up to entry ${report.appliedIndex}`
        return report.waitsFor === undefined ? upTo : `${upTo}; it waits for ${report.waitsFor}`
      },
      heal: () => work.mended(hasState),
    }
  },
)
