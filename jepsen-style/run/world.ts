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

/**
 * A log that some seconds of calls fill, so that it is compacted and snapshots are needed within a
 * short run; what is kept for slow followers is as much less. A node starts again behind a snapshot:
 * the log must last that long, or the next snapshot is needed by then.
 */
const smallLog = { walMaxBytes: 524_288, walKeepEntries: 100 }
/** Where nodes live that join: one, and the one that takes its place. */
const places = ['spare-1', 'spare-2']

function placesFor(chosen: StageOptions['nemeses']): readonly string[] {
  return chosen.some((each) => each.newcomers === true) ? places : []
}

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
    openCluster: ({ settled, links, directory, nemeses: chosen }) =>
      openCluster({
        directory,
        nodes: settled.nodes,
        links,
        tuning: chosen.some((each) => each.smallLog === true)
          ? { ...smallLog, ...settled.tuning }
          : settled.tuning,
        // In memory, for a disk that can be made full; so only where that is asked for.
        smallDisks: chosen.some(({ name }) => name === 'full-disk'),
        places: placesFor(chosen),
      }),
    connect: (endpoints, options) => connect(endpoints, options),
    openHistory: (path) => new HistoryWriter(path),
    checkReplicas,
    writeReport,
  }
}

async function openLinks({ settled, ids, nemeses: chosen }: StageOptions): Promise<Links> {
  const { backend, seed } = settled
  const nodes = [...ids, ...placesFor(chosen)]
  if (backend !== 'relay') {
    const support = await detectNamespaces()
    if (support.available) return await openNamespaces({ nodes })
    if (backend === 'namespaces') {
      throw usage(`namespaces cannot be had here: ${support.reason}; --backend relay always can`)
    }
  }
  return await openRelays({ nodes, chance: new SeededChance(seed).fork('messages') })
}
