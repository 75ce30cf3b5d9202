/**
 * A node is down for so long that the others have dropped what it lacks from their logs. When it
 * comes back it needs a snapshot, with all that makes writes happen once, and the log after it.
 */
import { logEnd, logSince } from '../../cluster/log-file.ts'
import { until } from '../../cluster/waiting.ts'
import type { Nemesis } from '../nemesis.ts'
import { bringBack, freeNodes, sample } from '../targets.ts'

/** How long the others may take until they have dropped enough: it depends on what is written. */
const droppedMsMax = 40_000
/** How long it may take, once it runs, until it serves again; healing is tried again. */
const servesMsMax = 25_000
/** What the node may have got between its last word and its end. */
const unsaidMax = 100
const askMs = 200
const whole = /\ba snapshot is whole\b/

/** See the head of this file. */
export const leftBehind: Nemesis = {
  name: 'left-behind',
  about: 'one node down until the others have dropped what it lacks; it gets a snapshot',
  kind: 'process',
  smallLog: true,
  unavailable: ({ cluster }) => {
    if (cluster.tools === undefined) return 'the nodes were not started by this harness'
    return cluster.nodes.length < 3 ? 'it needs 3 nodes' : undefined
  },
  draw: async (scene) => {
    const { cluster } = scene
    const [node] = sample(scene.chance, freeNodes(scene), 1)
    if (node === undefined) return undefined
    const { id, logFile } = node
    const others = cluster.nodes.filter((other) => other.id !== id)
    /** Of all others that answer. */
    const figures = async (of: 'lastIndex' | 'baseIndex'): Promise<number[]> => {
      const reports = await Promise.all(others.map((other) => cluster.report(other.id)))
      return reports.filter((report) => report !== undefined).map((report) => report[of])
    }
    let position = 0
    let healing = false
    return {
      detail: `${id} down until the others have dropped what it lacks`,
      takes: [id],
      begin: async () => {
        const own = (await cluster.report(id))?.lastIndex ?? 0
        await cluster.kill(id)
        // Where logs end, and all of them: what is committed a node that was just started does not
        // know yet, and one that does not answer may be the one that has the most.
        const deadline = performance.now() + droppedMsMax
        let ends: number[] = []
        const told = async (): Promise<boolean> => {
          ends = await figures('lastIndex')
          return ends.length === others.length
        }
        if (!(await until(told, droppedMsMax, askMs))) throw new Error('the others do not answer')
        const left = Math.max(0, deadline - performance.now())
        const lacks = Math.max(own, ...ends) + unsaidMax
        const dropped = async (): Promise<boolean> => {
          const bases = await figures('baseIndex')
          return bases.length === others.length && Math.min(...bases) > lacks
        }
        if (!(await until(dropped, left, askMs))) {
          throw new Error(`the others still had what ${id} lacked: too little was written`)
        }
        // It took so long that it was given up: the node may be another fault's by now.
        if (healing) return
        position = logEnd(logFile)
        await cluster.start(id)
      },
      seen: async () => {
        const told = logSince(logFile, position).find(({ message }) => whole.test(message))
        return told && `its log says: ${told.message}`
      },
      heal: async () => {
        healing = true
        await bringBack(cluster, [id])
        const serves = async (): Promise<boolean> => (await cluster.report(id))?.ready === true
        if (await until(serves, servesMsMax)) return
        throw new Error(`${id} does not serve again`)
      },
    }
  },
}
