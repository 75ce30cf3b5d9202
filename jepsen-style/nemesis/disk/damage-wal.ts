/**
 * Damage to the log of a node, while it is stopped. A log is what a node promised: it may not go on
 * with another one as if nothing were wrong. It has to begin anew, and to count for nothing until
 * the others have brought back what it had acknowledged.
 */
import type { Nemesis } from '../nemesis.ts'
import { drawnAhead } from '../targets.ts'
import { damageKinds, drawsMax, planDamage } from './damage.ts'
import { DamagedStart, type Outcome } from './damaged-start.ts'
import { damaging } from './damaging.ts'
import { damageableSegments } from './files.ts'

/** How a node's log tells that the damage was met. */
const begunAnew = /\blog is damaged and begins anew\b/
/** And that it has back what it lost. */
const whole = /\blog is whole again\b/

/** See the head of this file. */
export const damageWal: Nemesis = damaging(
  {
    name: 'damage-wal',
    about:
      "bits, sectors or the end of a stopped node's log damaged; it must recover from the others",
  },
  (scene, node) => {
    const { cluster } = scene
    const { id } = node
    const kind = scene.chance.pick(damageKinds)
    const inOrder = scene.chance.between(0, 2) === 0
    const chance = drawnAhead(scene.chance, drawsMax)
    const work = new DamagedStart(cluster, node)
    let damaged = false
    let seen: string | undefined
    return {
      detail: `the log of ${id} damaged while it is stopped (${kind})`,
      begin: async () => {
        await work.hasLog()
        await (inOrder ? cluster.stop(id) : cluster.kill(id))
        const segments = damageableSegments(node)
        if (segments.length === 0) throw new Error(`the log of ${id} holds nothing yet`)
        const segment = chance.pick(segments)
        const damage = planDamage(segment, kind, chance)
        work.damage([{ path: segment.path, damage }])
        damaged = true
        const what = `${work.nameOf(segment.path)}: ${damage.detail}`
        seen = judge(await work.start(), `${id}, ${what}`)
      },
      seen: async () => seen,
      heal: () => {
        const mended = (): boolean => work.logLines().some(({ message }) => whole.test(message))
        return work.mended((report) => report.waitsFor === undefined && (!damaged || mended()))
      },
    }
  },
)

/** What showed that the damage was met. Throws where the node did anything but what it must. */
function judge(outcome: Outcome, what: string): string {
  switch (outcome.type) {
    case 'answers': {
      const told = outcome.log.find(({ message }) => begunAnew.test(message))
      if (told === undefined) throw new Error(`${what}; it serves as if its log were whole`)
      return `${what}; its log says: ${told.message} (${told.error ?? 'no reason'})`
    }
    case 'ended': {
      const last = outcome.log.at(-1)?.error ?? 'nothing'
      throw new Error(`${what}; it ended (${outcome.how}) instead of recovering: ${last}`)
    }
    case 'neither':
      throw new Error(`${what}; it neither ended nor answered in time`)
    default:
      return unreachable(outcome)
  }
}

function unreachable(outcome: never): never {
  throw new Error(`unknown outcome ${JSON.stringify(outcome)}`)
}
