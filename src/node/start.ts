/** The composition root of a node: the real clock, entropy, disk, sockets and LevelDB. */
import type { Member, Identity } from '../wal/index.ts'
import { initialise } from '../wal/index.ts'
import { openStateDatabase, realClock, realDisk, realNetwork, realRandom } from '../system/index.ts'
import { version } from '../version.ts'
import type { NodePorts } from './open.ts'
import type { NodeOptions } from './options.ts'
import { nodeSettings } from './options.ts'
import type { RunningNode } from './supervise.ts'
import { runNode } from './supervise.ts'

/** What `initialiseNode` is told. */
export interface InitialiseNodeOptions {
  readonly path: string
  readonly nodeId: string
  /** All members of the new cluster, this node among them. */
  readonly members: readonly Member[]
  /** One of the two is needed; the id is derived from name and members where only that is given. */
  readonly clusterName?: string
  readonly clusterId?: string
}

/**
 * Makes the data directory of a new node. Throws `QUORATE_ALREADY_INITIALISED` where there is one.
 */
export async function initialiseNode(options: InitialiseNodeOptions): Promise<Identity> {
  return await initialise({ disk: realDisk, random: realRandom, ...options })
}

/**
 * Starts a node on its data directory and resolves once its ports are bound. Throws a
 * `QuorateError`: the directory not initialised, locked or damaged, a port in use.
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const ports: NodePorts = {
    clock: realClock,
    random: realRandom,
    disk: realDisk,
    network: realNetwork,
    openDatabase: openStateDatabase,
    processId: process.pid,
    version,
  }
  return await runNode(ports, nodeSettings(options))
}
