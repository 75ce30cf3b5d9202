/**
 * A member dies for good and another takes its place in one step. The one that dies joined for it,
 * since a node of the first ones could never come back under its name.
 */
import type { Nemesis } from '../nemesis.ts'
import { minorityOf } from '../targets.ts'
import { joining } from './joining.ts'

/** See the head of this file. */
export const replaceMember: Nemesis = joining(
  {
    name: 'replace-member',
    about: 'a node that joined is killed for good, and another takes its place in one step',
  },
  3,
  ({ cluster, damaged }, operator) => {
    // A voter that is down for good is one of the minority that may be missing something.
    if (damaged.size >= minorityOf(cluster.nodes.length)) return undefined
    let dead: string | undefined
    let seen: string | undefined
    const forgiven = (): void => {
      if (dead !== undefined) damaged.delete(dead)
      dead = undefined
    }
    return {
      detail: 'a node that joined dies, and another takes its place',
      begin: async () => {
        const before = await operator.join()
        if (damaged.size >= minorityOf(cluster.nodes.length)) {
          // Another fault has taken the place meanwhile: this one dies when it is no member.
          const after = await operator.replace(before)
          seen = `${after} took the place of ${before}, said the leader`
          return
        }
        damaged.add(before)
        dead = before
        await operator.kill(before)
        const after = await operator.replace(before)
        seen = `${before} was killed; ${after} took its place, said the leader`
        forgiven()
      },
      seen: async () => seen,
      heal: async () => {
        await operator.clear()
        forgiven()
      },
    }
  },
)
