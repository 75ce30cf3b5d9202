/** What there is to run, and what of it cannot be had on this machine. */
import type { Cluster, ClusterNode } from '../cluster/cluster.ts'
import { whyNoSmallDisks } from '../cluster/small-disk.ts'
import { nemeses } from '../nemesis/index.ts'
import type { Nemesis } from '../nemesis/nemesis.ts'
import { openRelays } from '../network/relay/index.ts'
import { SeededChance } from '../workloads/chance.ts'
import { workloads } from '../workloads/index.ts'

/** A workload, as it is listed. */
export interface ListedWorkload {
  readonly name: string
  readonly about: string
}

/** A nemesis, as it is listed. */
export interface ListedNemesis {
  readonly name: string
  readonly kind: Nemesis['kind']
  readonly about: string
  /** Why it cannot be had here, with the options of a run that are the default; absent: it can. */
  readonly unavailable?: string
}

/** Lists both. The nemeses are asked about a cluster of as many nodes as a run has by default. */
export async function listChaos(): Promise<{
  readonly workloads: readonly ListedWorkload[]
  readonly nemeses: readonly ListedNemesis[]
}> {
  const cluster = imaginedCluster(['n1', 'n2', 'n3', 'n4', 'n5'])
  const nodes = cluster.nodes.map(({ id }) => id)
  const links = await openRelays({ nodes, chance: new SeededChance(0) })
  try {
    return {
      workloads: workloads.map(({ name, about }) => ({ name, about })),
      nemeses: nemeses.map((nemesis) => {
        const { name, kind, about } = nemesis
        const unavailable = nemesis.unavailable({ links, cluster })
        return { name, kind, about, ...(unavailable !== undefined && { unavailable }) }
      }),
    }
  } finally {
    await links.close()
  }
}

/** A cluster that can be asked what it would have, and nothing else. */
function imaginedCluster(ids: readonly string[]): Cluster {
  const refuse = (): never => {
    throw new Error('this cluster is there to be asked about alone')
  }
  const nodes = ids.map((id): ClusterNode => ({
    id,
    dataDirectory: '',
    logFile: '',
    state: () => 'stopped',
    pid: () => undefined,
    endings: () => ({ count: 0, last: undefined }),
  }))
  const noDisks = whyNoSmallDisks()
  return {
    nodes,
    node: refuse,
    endpoints: '',
    start: async () => refuse(),
    kill: async () => refuse(),
    stop: async () => refuse(),
    pause: refuse,
    resume: refuse,
    report: async () => undefined,
    leader: async () => undefined,
    ready: async () => false,
    tools: {
      startTwice: async () => refuse(),
      clocks: { type: 'had', of: refuse },
      flushes: refuse,
      disks:
        noDisks === undefined ? { type: 'had', of: refuse } : { type: 'missing', reason: noDisks },
      operator: {
        transfer: async () => refuse(),
        join: async () => refuse(),
        replace: async () => refuse(),
        remove: async () => refuse(),
        kill: async () => refuse(),
        clear: async () => refuse(),
      },
      canJoin: true,
    },
    close: async () => {},
  }
}
