/** The real world of a run: real time, real processes, real sockets. */
import { connect, version } from 'quorate'
import { openCluster } from '../cluster/local.ts'
import { HistoryWriter } from '../history/index.ts'
import { nemeses } from '../nemesis/index.ts'
import type { Links } from '../network/links.ts'
import { detectNamespaces, openNamespaces } from '../network/namespaces/index.ts'
import { openRelays } from '../network/relay/index.ts'
import { writeReport } from '../report/index.ts'
import { SeededChance } from '../workloads/chance.ts'
import { workloads } from '../workloads/index.ts'
import { checkReplicas } from '../workloads/replicas.ts'
import { realClock } from './clock.ts'
import { seedMax, usage } from './options.ts'
import type { RunPorts, StageOptions } from './ports.ts'

/** Makes it. */
export function realWorld(): RunPorts {
  return {
    catalogue: { workloads, nemeses },
    version,
    clock: realClock,
    now: () => new Date(),
    // The one draw that no seed decides: that of the seed.
    drawSeed: () => Number(process.hrtime.bigint() % BigInt(seedMax)),
    chances: (seed) => {
      const root = new SeededChance(seed)
      return (name) => root.fork(name)
    },
    openLinks,
    openCluster: ({ settled, links, directory, nemeses: names }) =>
      openCluster({
        directory,
        nodes: settled.nodes,
        links,
        tuning: settled.tuning,
        // In memory, for a disk that can be made full; so only where that is asked for.
        smallDisks: names.includes('full-disk'),
      }),
    connect: (endpoints, options) => connect(endpoints, options),
    openHistory: (path) => new HistoryWriter(path),
    checkReplicas,
    writeReport,
  }
}

async function openLinks({ settled, ids }: StageOptions): Promise<Links> {
  const { backend, seed } = settled
  if (backend !== 'relay') {
    const support = await detectNamespaces()
    if (support.available) return await openNamespaces({ nodes: ids })
    if (backend === 'namespaces') {
      throw usage(`namespaces cannot be had here: ${support.reason}; --backend relay always can`)
    }
  }
  return await openRelays({ nodes: ids, chance: new SeededChance(seed).fork('messages') })
}
