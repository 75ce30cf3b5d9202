/**
 * Damage to the log and to the vote file of a node, while it is stopped. Nobody knows then how it
 * voted, and a node that voted twice in a term could elect two leaders: it must refuse to start.
 */
import type { Nemesis } from '../nemesis.ts'
import { drawnAhead } from '../targets.ts'
import { drawsMax, planDamage, type Damage } from './damage.ts'
import { DamagedStart, type Outcome } from './damaged-start.ts'
import { damaging } from './damaging.ts'
import { damageableSegments, voteSlots } from './files.ts'

const refusalCode = 'QUORATE_CORRUPT'

/** See the head of this file. */
export const damageVote: Nemesis = damaging(
  {
    name: 'damage-vote',
    about: "a stopped node's log and both copies of its vote damaged; it must refuse to start",
  },
  (scene, node) => {
    const { cluster } = scene
    const { id } = node
    const chance = drawnAhead(scene.chance, drawsMax * 3)
    const work = new DamagedStart(cluster, node)
    let seen: string | undefined
    return {
      detail: `the log and the vote of ${id} damaged while it is stopped`,
      begin: async () => {
        await work.hasLog()
        await cluster.stop(id)
        const segments = damageableSegments(node)
        const slots = voteSlots(node)
        if (segments.length === 0) throw new Error(`the log of ${id} holds nothing yet`)
        if (slots.length === 0) throw new Error(`there is no vote of ${id} yet`)
        const hit = [chance.pick(segments), ...slots].map((target) => {
          const damage: Damage = planDamage(target, 'flip-bits', chance)
          return { path: target.path, damage }
        })
        work.damage(hit)
        const what = hit.map(({ path, damage }) => `${work.nameOf(path)}: ${damage.detail}`)
        seen = judge(await work.start(), `${id}, ${what.join('; ')}`, work)
      },
      seen: async () => seen,
      heal: () => work.putBack(),
    }
  },
)

/** What showed that the damage was met. Throws where the node did anything but refuse. */
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
      throw new Error(`${what}; it serves, and nobody knows how it voted`)
    case 'neither':
      throw new Error(`${what}; it neither refused nor answered in time`)
    default:
      return unreachable(outcome)
  }
}

function unreachable(outcome: never): never {
  throw new Error(`unknown outcome ${JSON.stringify(outcome)}`)
}
