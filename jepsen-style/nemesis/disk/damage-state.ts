/**
 * Damage to the LevelDB files of a node, while it is stopped. They are a cache of the log: the node
 * has to notice (LevelDB itself returns wrong values without a word) and to make them anew, from its
 * log or, where that no longer begins at the beginning, from a leader's snapshot.
 */
import type { Nemesis } from '../nemesis.ts'
import { drawnAhead } from '../targets.ts'
import { damageKinds, drawsMax, planDamage, type DamageKind, type Target } from './damage.ts'
import { DamagedStart, hasState, type Outcome } from './damaged-start.ts'
import { damaging } from './damaging.ts'
import { stateFiles } from './files.ts'

/** How a node's log tells that a state was thrown away. */
const repaired = /\bstate\b.*\bmade anew\b/

/** See the head of this file. */
export const damageState: Nemesis = damaging(
  {
    name: 'damage-state',
    about: "a stopped node's LevelDB files damaged; it must make them anew, by log or snapshot",
  },
  (scene, node) => {
    const { cluster } = scene
    const { id } = node
    const kind = scene.chance.pick(damageKinds)
    const chance = drawnAhead(scene.chance, drawsMax * 4)
    const work = new DamagedStart(cluster, node)
    let seen: string | undefined
    return {
      detail: `the state of ${id} damaged while it is stopped`,
      begin: async () => {
        // In order: a stop makes everything durable as tables, so that there are some.
        await cluster.stop(id)
        const files = stateFiles(node)
        if (files.length === 0) throw new Error(`there is no state of ${id} yet`)
        const hit = chance.pick(groupsOf(files)).map((target) => ({
          path: target.path,
          damage: planDamage(target, kindFor(target, kind), chance),
        }))
        work.damage(hit)
        const first = hit[0]
        const what = `${work.nameOf(first?.path ?? '')}: ${first?.damage.detail ?? ''}`
        const more = hit.length > 1 ? `, and ${hit.length - 1} files more` : ''
        seen = judge(await work.start(), `${id}, ${what}${more}`)
      },
      seen: async () => seen,
      heal: () => work.mended(hasState),
    }
  },
)

/** All tables, since one that is no longer used would not be missed; or one of the other files. */
function groupsOf(files: readonly Target[]): Target[][] {
  const tables = files.filter((file) => file.path.endsWith('.ldb'))
  const others = files.filter((file) => !file.path.endsWith('.ldb')).map((file) => [file])
  return tables.length === 0 ? others : [tables, ...others]
}

/**
 * A manifest that is cut between two records is a whole, older one: it is no damage, and the log is
 * applied again from there.
 */
function kindFor(target: Target, kind: DamageKind): DamageKind {
  return kind === 'truncate' && /MANIFEST-\d+$/.test(target.path) ? 'flip-bits' : kind
}

/** What showed that the damage was met. Throws where the node did anything but what it must. */
function judge(outcome: Outcome, what: string): string {
  switch (outcome.type) {
    case 'answers': {
      const told = outcome.log.find((line) => repaired.test(line.message))
      if (told === undefined) throw new Error(`${what}; it serves as if its state were whole`)
      return `${what}; its log says: ${told.message}`
    }
    case 'ended': {
      const last = outcome.log.at(-1)?.error ?? 'nothing'
      throw new Error(`${what}; it ended (${outcome.how}) instead of making it anew: ${last}`)
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
