/** Says why a cluster does not serve that should. */
import type { Cluster } from '../cluster/cluster.ts'

/**
 * One line on a cluster of which not every node served within `withinMs` of when it should.
 *
 * @param when since when, for people: `after all was healed`
 */
export function whyNotReady(
  { nodes }: Pick<Cluster, 'nodes'>,
  withinMs: number,
  when: string,
): string {
  const ended = nodes.filter((node) => node.state() === 'stopped')
  if (ended.length === 0) return `not every node served within ${withinMs / 1000} s ${when}`
  const names = ended.map((node) => `${node.id} (${node.endings().last ?? 'unknown how'})`)
  return `not every node served ${when}: ended by itself: ${names.join(', ')}`
}
