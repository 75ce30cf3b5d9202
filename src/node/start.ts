/** The composition root of a node: the real clock, entropy, disk, sockets and LevelDB. */
import { usageError } from '../errors.ts'
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
  /** All members of the new cluster, this node among them; where it joins, some that run. */
  readonly members: readonly Member[]
  /** One of the two is needed; the id is derived from name and members where only that is given. */
  readonly clusterName?: string
  readonly clusterId?: string
  /**
   * The node joins a cluster that runs, under an id that was never used there, and is none of
   * `members`; `clusterId` is needed, and is in the status of every node. Started, it waits for
   * `addMember` or `replaceMember` of a client. Default: false, it is one of the first members.
   */
  readonly joining?: boolean
}

/**
 * Makes the data directory of a new node. Throws `QUORATE_ALREADY_INITIALISED` where there is one,
 * and `QUORATE_USAGE` where ids, names or addresses are none, or members and id do not fit.
 */
export async function initialiseNode(options: InitialiseNodeOptions): Promise<Identity> {
  if (options.joining === true && options.clusterId === undefined) {
    throw usageError('a node that joins needs the id of its cluster: a name does not tell which')
  }
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
