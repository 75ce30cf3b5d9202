/**
 * What the scenarios share: clusters that are taken down after each test, whatever became of it,
 * and ways to watch who leads.
 */
import { afterEach, expect } from 'vitest'
import { QuorateError } from '../../../src/errors.ts'
import { LogStore, openDataDirectory } from '../../../src/wal/index.ts'
import { Cluster } from '../../node/support/cluster.ts'
import type { ClusterShape, Machine } from '../../node/support/cluster.ts'

/** The longest election timeout of a node with default options. */
export const electionMs = 600
/** Five of them: with a connected majority there is a leader by then. */
export const patienceMs = 5 * electionMs
/** After this a link that was cut is dialled again: silence is noticed, and the backoff is over. */
export const relinkMs = 5_000

/**
 * A maker of clusters; what it made is taken down after the test. A node may end because its disk
 * failed. An assertion that fails in a node only ends that node, and the others go on: so it is
 * looked for here.
 */
export function clusters(): (seed?: number, count?: number, shape?: ClusterShape) => Cluster {
  let made: Cluster[] = []
  afterEach(async () => {
    const all = made
    made = []
    for (const cluster of all) await cluster.down()
    const failures = all.flatMap(({ machines }) => machines.flatMap((machine) => machine.failures))
    const byDisk = (error: unknown): boolean =>
      error instanceof QuorateError && error.code === 'QUORATE_STORAGE'
    expect(failures.filter((error) => !byDisk(error))).toEqual([])
  })
  return (seed = 1, count = 3, shape = {}) => {
    const cluster = new Cluster(seed, count, shape)
    made.push(cluster)
    return cluster
  }
}

/** The leader of the highest term among nodes that run, as `id/term`. */
export function leading(on: Cluster): string | undefined {
  let found: { id: string; term: number } | undefined
  for (const { running, end, life } of on.machines) {
    if (running === undefined || end !== undefined || life.isPaused) continue
    const { id, role, term } = running.node.status()
    if (role === 'leader' && term > (found?.term ?? 0)) found = { id, term }
  }
  return found === undefined ? undefined : `${found.id}/${found.term}`
}

/** Every leader that there was within the time, in order, each once per change; `none` too. */
export async function leadersOver(on: Cluster, ms: number, stepMs = 50): Promise<string[]> {
  const seen: string[] = []
  for (let passed = 0; passed < ms; passed += stepMs) {
    const now = leading(on) ?? 'none'
    if (seen.at(-1) !== now) seen.push(now)
    await on.clock.advance(stepMs)
  }
  return seen
}

/** The highest term that a node knows. */
export function highestTerm(on: Cluster): number {
  return Math.max(...on.machines.map(({ running }) => running?.node.status().term ?? 0))
}

/** Before its first start: the node has seen this term, in which it voted for nobody. */
export async function plantTerm(machine: Machine, currentTerm: number): Promise<void> {
  const { disk } = machine
  const data = await openDataDirectory({ disk, path: '/data' })
  const directory = data.groupDirectory
  const { log } = await LogStore.open({ disk, directory, identity: data.logIdentity })
  const hardState = { currentTerm, votedFor: undefined, commitIndex: 0 }
  await log.persist({ hardState, entries: [], mustSync: true })
  await log.close()
  await data.close()
}
