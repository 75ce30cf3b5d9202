/**
 * L3: every node that is reached comes to hold all that was committed when the links were healed:
 * no follower stays parked (`etcd-io/raft`, heartbeat_resp_recovers_from_probing), and none is fed
 * more slowly than the log grows.
 */
import type { WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'

/** The highest index that one of them knows to be committed. */
export function commitOf(world: WorldView, ids: readonly string[]): number {
  return Math.max(0, ...ids.map((id) => world.node(id).raft?.status().commitIndex ?? 0))
}

/** Whether all of them have applied as far as that. */
export function isCaughtUp(world: WorldView, ids: readonly string[], index: number): boolean {
  return ids.every((id) => (world.node(id).raft?.status().appliedIndex ?? -1) >= index)
}

/** Throws unless all of them have. */
export function judgeCaughtUp(world: WorldView, ids: readonly string[], index: number): void {
  if (isCaughtUp(world, ids, index)) return
  const behind = ids.flatMap((id) => {
    const status = world.node(id).raft?.status()
    if (status === undefined) return [`${id} does not run`]
    if (status.appliedIndex >= index) return []
    const { role, commitIndex, lastIndex, appliedIndex } = status
    return [`${id}, ${role}: applied ${appliedIndex}, commit ${commitIndex}, last ${lastIndex}`]
  })
  throw new Violation('L3', `not at index ${index}: ${behind.join('; ')}`, 'liveness')
}
