/**
 * Whether a cluster has come to rest: the gate between two steps of work on it.
 *
 * A quorum that stands is not enough there. With five voters one may still be down, and with three
 * one that answers may be far behind; whoever stops the next node then has less left than it seems.
 */
import type { ClusterView, MemberStatus } from '../../cluster/index.ts'
import { grouped } from '../table.ts'

/** What is still to be waited for, a text for each; none: all voters are up, ready and close. */
export function awaitedOf(view: ClusterView): readonly string[] {
  const voters = view.members.filter(({ voter }) => voter)
  if (voters.length === 0) return ['no node answers that knows the members']
  const leader = view.nodes.find(({ id }) => id === view.leader)?.status
  const leads = leader?.role === 'leader'
  return [
    ...(leads ? [] : ['no leader answers']),
    ...voters.flatMap((voter) => {
      const what = lacks(view, voter)
      return what === undefined ? [] : [`${voter.id} ${what}`]
    }),
  ]
}

function lacks(view: ClusterView, voter: MemberStatus): string | undefined {
  const { id, connected, matchIndex, state, close } = voter
  const node = view.nodes.find((candidate) => candidate.id === id)
  const status = node?.status
  if (status === undefined) return 'does not answer'
  const { waitsFor = '', reasons } = status
  if (waitsFor !== '') return `waits for ${waitsFor}`
  if (status.stateMissing || state === 'snapshot') return 'is fetching its state'
  if (!status.ready) return ['is not ready', ...reasons.slice(0, 1)].join(': ')
  if (id === view.leader) return undefined
  if (!connected) return `has no link to ${view.leader ?? 'a leader'}`
  // The leader's word: `close` is what it asks of a learner before that gets a vote.
  if (close !== false) return undefined
  return matchIndex === undefined ? 'is behind' : `is behind: it has ${grouped(matchIndex)} entries`
}
