/**
 * Damage to the log of a node, while it is stopped. A log is what a node promised: it may not start
 * with another one as if nothing were wrong, and it may not start with a shorter one at all.
 */
import type { Nemesis } from '../nemesis.ts'
import { damageableNodes, drawnAhead, minorityOf, sample } from '../targets.ts'
import { damageKinds, drawsMax, planDamage } from './damage.ts'
import { DamagedStart, type Outcome } from './damaged-start.ts'
import { damageableSegments } from './files.ts'

const refusalCode = 'QUORATE_CORRUPT'

/** See the head of this file. */
export const damageWal: Nemesis = {
  name: 'damage-wal',
  about: "bits, sectors or the end of a stopped node's log damaged; it must refuse, or be repaired",
  kind: 'disk',
  unavailable: ({ cluster }) => needsThree(cluster.nodes.length),
  draw: async (scene) => {
    const { cluster, damaged } = scene
    const [node] = sample(scene.chance, damageableNodes(scene), 1)
    if (node === undefined) return undefined
    const { id } = node
    const kind = scene.chance.pick(damageKinds)
    const inOrder = scene.chance.between(0, 2) === 0
    const chance = drawnAhead(scene.chance, drawsMax)
    const work = new DamagedStart(cluster, node)
    let seen: string | undefined
    return {
      detail: `the log of ${id} damaged while it is stopped (${kind})`,
      takes: [id],
      begin: async () => {
        damaged.add(id)
        await (inOrder ? cluster.stop(id) : cluster.kill(id))
        const segments = damageableSegments(node)
        if (segments.length === 0) throw new Error(`the log of ${id} holds nothing yet`)
        const segment = chance.pick(segments)
        const damage = planDamage(segment, kind, chance)
        work.damage([{ path: segment.path, damage }])
        const what = `${work.nameOf(segment.path)}: ${damage.detail}`
        seen = judge(await work.start(), `${id}, ${what}`, work)
      },
      seen: async () => seen,
      heal: () => work.heal(),
    }
  },
}

/** What showed that the damage was met. Throws where the node did anything but what it must. */
function judge(outcome: Outcome, what: string, work: DamagedStart): string {
  switch (outcome.type) {
    case 'ended': {
      const refusal = outcome.log.find((line) => line.code === refusalCode)
      if (refusal?.file === undefined || refusal.offset === undefined) {
        const last = outcome.log.at(-1)?.error ?? 'nothing'
        throw new Error(`${what}; it ended (${outcome.how}) and named no file and offset: ${last}`)
      }
      const { file, offset } = refusal
      return `${what}; it refused to start: ${refusalCode}, ${work.nameOf(file)} at byte ${offset}`
    }
    case 'answers':
      // Once a log can be repaired from peers, the node will say so; until then this is a lie.
      throw new Error(`${what}; it serves as if its log were whole`)
    case 'neither':
      throw new Error(`${what}; it neither refused nor answered in time`)
    default:
      return unreachable(outcome)
  }
}

/** Of fewer nodes none may lose its files. */
export function needsThree(nodes: number): string | undefined {
  return minorityOf(nodes) > 0
    ? undefined
    : `it needs 3 nodes: of ${nodes} none may lose its files without harm`
}

function unreachable(outcome: never): never {
  throw new Error(`unknown outcome ${JSON.stringify(outcome)}`)
}
