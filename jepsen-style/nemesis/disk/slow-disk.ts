/**
 * A disk that is slow to make things durable. What waits for it are acknowledgements and votes; not
 * the other nodes: a slow follower holds nobody up, and a slow leader goes on leading, as a majority
 * of the others' disks is enough to acknowledge. Heartbeats wait for the first few slow flushes,
 * until the node has noticed and leaves them to a thread. Only flushes are slow, in
 * the node's process (`cluster/flushes`): it needs no root and no device of its own.
 */
import type { NodeFlushes } from '../../cluster/cluster.ts'
import { until } from '../../cluster/waiting.ts'
import type { Nemesis } from '../nemesis.ts'
import { freeLeader, freeNodes, sample } from '../targets.ts'

/** The longest that one flush takes longer, ms: a disk under load, one that is worn, one that fails. */
const longestMs = [20, 100, 500] as const
/** Delays drawn for one fault; then they come again. */
const delayCount = 32
/** How long a process may take to say that its flushes are as they were. */
const answerMsMax = 5_000

/** See the head of this file. */
export const slowDisk: Nemesis = {
  name: 'slow-disk',
  about: 'each flush of one node takes up to 20, 100 or 500 ms longer',
  kind: 'disk',
  unavailable: ({ cluster }) =>
    cluster.tools === undefined ? 'the nodes were not started by this harness' : undefined,
  draw: async (scene) => {
    const { chance, cluster } = scene
    const leads = chance.between(0, 2) === 0 ? await freeLeader(scene) : undefined
    const [any] = sample(chance, freeNodes(scene), 1)
    const node = leads ?? any
    const longest = chance.pick(longestMs)
    const delays = Array.from({ length: delayCount }, () => chance.between(1, longest + 1))
    if (node === undefined || cluster.tools === undefined) return undefined
    const { id } = node
    const flushes: NodeFlushes = cluster.tools.flushes(id)
    return {
      detail: `each flush of ${id} takes up to ${longest} ms longer`,
      takes: [id],
      begin: async () => flushes.slow(delays),
      seen: async () => {
        const answer = flushes.answer()
        // An answer of a process that ran before says nothing of the one that runs now.
        if (answer === undefined || answer.pid !== node.pid()) return undefined
        if (answer.delayedMs <= 0) return undefined
        const { flushes: count, delayedMs } = answer
        return `${count} flushes of ${id} took ${delayedMs} ms longer in all, as its process says`
      },
      heal: async () => {
        flushes.slow([])
        const answered = (): boolean =>
          node.state() !== 'running' || flushes.answer()?.pid === node.pid()
        if (await until(answered, answerMsMax)) return
        throw new Error(`the flushes of ${id} could not be made as fast as they were`)
      },
    }
  },
}
