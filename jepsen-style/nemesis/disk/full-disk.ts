/**
 * A disk without room. A node refuses writes while there is little; one that can't write has to stop
 * rather than go on with a hole in its log, and has to serve again, with everything that it
 * acknowledged, once there is room.
 */
import { logEnd, logSince, type LogLine } from '../../cluster/log-file.ts'
import type { Nemesis } from '../nemesis.ts'
import { bringBack, freeNodes, sample } from '../targets.ts'

const storageCode = 'QUORATE_STORAGE'

/** See the head of this file. */
export const fullDisk: Nemesis = {
  name: 'full-disk',
  about: 'the file system of one node has no room left; needs root, to mount a small one',
  kind: 'disk',
  unavailable: ({ cluster }) => {
    if (cluster.tools === undefined) return 'the nodes were not started by this harness'
    const { disks } = cluster.tools
    return disks.type === 'missing' ? disks.reason : undefined
  },
  draw: async (scene) => {
    const { cluster } = scene
    const disks = cluster.tools?.disks
    const [node] = sample(scene.chance, freeNodes(scene), 1)
    if (node === undefined || disks?.type !== 'had') return undefined
    const { id, logFile } = node
    const disk = disks.of(id)
    let position = 0
    return {
      detail: `the disk of ${id} full`,
      takes: [id],
      begin: async () => {
        position = logEnd(logFile)
        disk.fill()
      },
      seen: async () => {
        if (node.state() !== 'stopped') {
          const full = (await cluster.report(id))?.diskFull === true
          return full ? `${id} says that its disk is full, and takes no writes` : undefined
        }
        const told = logSince(logFile, position).find(tellsOfStorage)
        return told && `${id} ended (${node.endings().last}): ${told.error ?? told.message}`
      },
      heal: async () => {
        disk.free()
        await bringBack(cluster, [id])
      },
    }
  },
}

function tellsOfStorage(line: LogLine): boolean {
  return line.code === storageCode || /\bENOSPC\b/.test(line.error ?? '')
}
