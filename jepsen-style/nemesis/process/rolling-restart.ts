/** A restart of all nodes, one after the other, as for a new version: nothing may be lost by it. */
import { Background } from '../background.ts'
import type { Nemesis } from '../nemesis.ts'
import { bringBack, freeNodes, listed, sample } from '../targets.ts'

/** How long a node may take until it serves, before the next one is stopped nevertheless. */
const serveMsMax = 20_000

/** See the head of this file. */
export const rollingRestart: Nemesis = {
  name: 'rolling-restart',
  about: 'SIGTERM of each node in turn, each once the one before serves again',
  kind: 'process',
  unavailable: () => undefined,
  draw: async ({ cluster, chance, ...scene }) => {
    const nodes = freeNodes({ cluster, chance, ...scene })
    if (nodes.length < cluster.nodes.length) return undefined
    const order = sample(chance, nodes, nodes.length).map((node) => node.id)
    /** How those that were restarted had ended. */
    const restarted: string[] = []
    let work: Background | undefined
    return {
      detail: `${listed(order)} restarted one after the other`,
      takes: order,
      begin: async () => {
        work = new Background(async (signal) => {
          for (const id of order) {
            if (signal.aborted) return
            const how = await cluster.stop(id)
            await cluster.start(id)
            if (!(await cluster.ready([id], serveMsMax))) continue
            restarted.push(`${id} (${how})`)
          }
        })
      },
      seen: async () =>
        restarted.length === 0 ? undefined : `${listed(restarted)} ended and served again`,
      heal: async () => {
        try {
          await work?.stop()
        } finally {
          await bringBack(cluster, order)
        }
      },
    }
  },
}
