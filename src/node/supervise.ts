/** Keeps a node up through damage to its state, on whatever ports it is given. */
import { assert } from '../assert.ts'
import type { NodeEnd } from './node.ts'
import type { NodePorts, OpenNode, Rebuild } from './open.ts'
import { openNode } from './open.ts'
import type { NodeSettings } from './options.ts'

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

/** A state that is damaged again and again points to a disk that should not be used. */
const rebuildsMax = 3

/** Opens a node, binds its ports and keeps it up. Rejects, with nothing left open, if it cannot. */
export async function runNode(ports: NodePorts, settings: NodeSettings): Promise<RunningNode> {
  const first = await openAndStart(ports, settings)
  return supervise(ports, settings, first)
}

async function openAndStart(
  ports: NodePorts,
  settings: NodeSettings,
  rebuild?: Rebuild,
): Promise<OpenNode> {
  const open = await openNode(ports, settings, rebuild)
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
      if (end.type === 'failed' || rebuilds >= rebuildsMax) throw end.error
      assert(end.type === 'stateDamaged', 'there are three ways to end')
      // The log is whole and durable: the next start finds the damage again and repairs it then.
      if (closing) return
      settings.logger.error('the state is damaged and is made anew from the log', {
        error: String(end.error),
      })
      const { knownCommit } = current.node
      current = await openAndStart(ports, bound, { knownCommit })
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
