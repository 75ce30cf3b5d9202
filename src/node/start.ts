/** The composition root of a node: the real clock, entropy, disk, sockets and LevelDB. */
import { assert } from '../assert.ts'
import type { Member, Identity } from '../wal/index.ts'
import { initialise } from '../wal/index.ts'
import { openStateDatabase, realClock, realDisk, realNetwork, realRandom } from '../system/index.ts'
import { version } from '../version.ts'
import type { NodeEnd } from './node.ts'
import type { NodePorts, OpenNode } from './open.ts'
import { openNode } from './open.ts'
import type { NodeOptions, NodeSettings } from './options.ts'
import { nodeSettings } from './options.ts'

/** A node that runs in this process. */
export interface RunningNode {
  readonly id: string
  /** Where clients connect, as bound. */
  readonly clientAddress: string
  /** Where the other nodes connect, as bound. */
  readonly peerAddress: string
  /** Resolves after `close`; rejects with the reason if the node could not go on. */
  readonly closed: Promise<void>
  /** Stops the node in order: everything durable, everything closed. */
  close(): Promise<void>
}

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

/** A state that is damaged again and again points to a disk that should not be used. */
const rebuildsMax = 3

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
  const settings = nodeSettings(options)
  const first = await openAndStart(ports, settings, false)
  return supervise(ports, settings, first)
}

async function openAndStart(
  ports: NodePorts,
  settings: NodeSettings,
  freshState: boolean,
): Promise<OpenNode> {
  const open = await openNode(ports, settings, freshState)
  try {
    await open.node.start()
  } catch (error) {
    await open.node.close()
    await open.release()
    throw error
  }
  return open
}

/**
 * Keeps the node up through damage to its state: the state is a cache of the log, so the node is
 * opened again with an empty one, on the same ports. Anything else ends it.
 */
function supervise(ports: NodePorts, settings: NodeSettings, first: OpenNode): RunningNode {
  const { id, clientAddress, peerAddress } = first.node
  const bound = { ...settings, clientListen: clientAddress, peerListen: peerAddress }
  let current = first
  let closing = false
  const run = async (): Promise<void> => {
    for (let rebuilds = 0; ; rebuilds++) {
      const end: NodeEnd = await current.node.ended
      await current.release()
      if (end.type === 'closed') return
      if (end.type === 'failed' || closing || rebuilds >= rebuildsMax) throw end.error
      assert(end.type === 'stateDamaged', 'there are three ways to end')
      settings.logger.error('the state is damaged and is made anew from the log', {
        error: String(end.error),
      })
      current = await openAndStart(ports, bound, true)
      if (closing) await current.node.close()
    }
  }
  const closed = run()
  // Whoever does not look at `closed` still must not have the process ended by it unasked.
  closed.catch(() => {})
  return {
    id,
    clientAddress,
    peerAddress,
    closed,
    close: async () => {
      closing = true
      await current.node.close()
      await closed
    },
  }
}
