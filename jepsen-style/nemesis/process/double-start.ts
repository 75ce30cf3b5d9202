/**
 * A second process on a node's data directory, as an operator or a supervisor starts one by mistake.
 * Two that wrote one log would destroy it: the second has to refuse, and the first must not mind.
 */
import type { SecondStart } from '../../cluster/cluster.ts'
import { parseLog } from '../../cluster/log-file.ts'
import type { Nemesis } from '../nemesis.ts'
import { bringBack, freeNodes, sample } from '../targets.ts'

/** How long the second process may take to find out. */
const refusalMsMax = 20_000
const refusalCode = 'QUORATE_LOCKED'

/** See the head of this file. */
export const doubleStart: Nemesis = {
  name: 'double-start',
  about: "a second process on a node's directory; it must refuse, and the first serve on",
  kind: 'process',
  unavailable: ({ cluster }) =>
    cluster.tools === undefined ? 'the nodes were not started by this harness' : undefined,
  draw: async (scene) => {
    const { tools } = scene.cluster
    const [node] = sample(scene.chance, freeNodes(scene), 1)
    if (node === undefined || tools === undefined) return undefined
    const { id } = node
    let seen: string | undefined
    return {
      detail: `a second process started on the directory of ${id}`,
      takes: [id],
      begin: async () => {
        const first = node.pid()
        const second = await tools.startTwice(id, refusalMsMax)
        const wrong = whatIsWrong(second)
        if (wrong !== undefined) throw new Error(`the second process of ${id} ${wrong}`)
        if (node.pid() !== first || node.state() !== 'running') {
          throw new Error(`${id} ended because a second process was started on its directory`)
        }
        seen = `the second process of ${id} ended with ${second.code} and ${refusalCode}`
      },
      seen: async () => seen,
      heal: () => bringBack(scene.cluster, [id]),
    }
  },
}

/** Undefined: it refused as it has to. */
function whatIsWrong({ code, log }: SecondStart): string | undefined {
  if (code === undefined) return 'was not refused'
  if (code === 0) return 'ended as if nothing were wrong'
  const refused = parseLog(log).some((line) => line.code === refusalCode)
  return refused ? undefined : `ended with ${code} and not with ${refusalCode}: ${log}`
}
