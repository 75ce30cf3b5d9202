/** Lets time pass for a whole group: everybody ticks, and what is sent arrives within the tick. */
import { SeededRandom } from '../../../src/random.ts'
import type { Group } from './group.ts'
import { electionTicks } from './group.ts'

/** Who led at the end of each tick, `leader/term` of the highest term or undefined. */
export function runClock(group: Group, ticks: number, seed: number): (string | undefined)[] {
  const random = new SeededRandom(seed)
  const leaders: (string | undefined)[] = []
  for (let n = 0; n < ticks; n++) {
    for (const node of group.nodes.values()) {
      if (!node.isUp) continue
      node.random.draw = random.uint32()
      group.tick(node.id)
    }
    group.deliver()
    group.takeTrace()
    leaders.push(leaderOf(group))
  }
  return leaders
}

/** The leader of the highest term, as `id/term`. */
export function leaderOf(group: Group): string | undefined {
  const leading = [...group.nodes.values()]
    .filter((node) => node.isUp && node.status.role === 'leader')
    .sort((a, b) => b.status.term - a.status.term)
  const [first] = leading
  return first === undefined ? undefined : `${first.id}/${first.status.term}`
}

/** Cuts all links but these, each in both directions. */
export function keepOnly(group: Group, links: readonly (readonly [string, string])[]): void {
  const kept = new Set(links.flatMap(([a, b]) => [`${a}>${b}`, `${b}>${a}`]))
  for (const from of group.ids) {
    for (const to of group.ids) {
      if (from !== to && !kept.has(`${from}>${to}`)) group.cut.add(`${from}>${to}`)
    }
  }
}

/** Five of the longest election timeouts. */
export const patience = 5 * 2 * electionTicks
