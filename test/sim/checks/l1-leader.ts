/**
 * L1: a majority whose nodes all reach each other has a leader within five election time-outs,
 * whatever the others do for ever: be dead, mute, deaf, or come and go (the Cloudflare outage of
 * 2020-11-02; thesis, 9.6; `etcd#8243`).
 */
import type { NodeView, WorldView } from '../world/observer.ts'
import { Violation } from '../world/observer.ts'
import { isQuorum } from './acting.ts'

/** Elections that may fail, by split votes, before one must have succeeded. */
const electionTimeoutsMax = 5

/** How long it may take, ms. `extraMs`: for what must be there before anybody can be elected. */
export function leaderBoundMs(world: WorldView, core: readonly string[], extraMs: number): number {
  const slowest = Math.max(...core.map((id) => world.node(id).settings.timing.electionTimeoutMaxMs))
  return electionTimeoutsMax * slowest + extraMs
}

/** Who leads, and is known to do so by a quorum of what it acts on, within the core. */
export function leaderOf(world: WorldView, core: readonly string[]): NodeView | undefined {
  for (const id of core) {
    const leader = world.node(id).raft?.leader
    if (leader === undefined) continue
    const node = world.node(leader)
    if (node.raft?.role !== 'leader') continue
    const { term, configuration } = node.raft.status()
    const knows = (each: string): boolean => {
      const raft = core.includes(each) ? world.node(each).raft : undefined
      return raft?.leader === leader && raft.status().term === term
    }
    if (isQuorum(configuration.configuration, knows)) return node
  }
  return undefined
}

/** Throws if it has taken too long and there is none. */
export function judgeLeader(
  world: WorldView,
  core: readonly string[],
  options: { readonly since: number; readonly extraMs: number },
): void {
  const bound = leaderBoundMs(world, core, options.extraMs)
  const waited = world.now - options.since
  if (waited < bound || leaderOf(world, core) !== undefined) return
  const shown = core.map((id) => {
    const status = world.node(id).raft?.status()
    if (status === undefined) return `${id} does not run`
    return `${id} is ${status.role} of term ${status.term}, leader ${status.leader ?? 'none'}`
  })
  throw new Violation(
    'L1',
    `no leader of a majority within ${waited} ms (${bound} allowed): ${shown.join('; ')}`,
    'liveness',
  )
}
