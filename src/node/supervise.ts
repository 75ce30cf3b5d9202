/** Keeps a node up through damage to its state, on whatever ports it is given. */
import { isStorageFailure } from './damage.ts'
import type { NodeEnd } from './node.ts'
import type { NodePorts, OpenNode, Restart } from './open.ts'
import { openNode } from './open.ts'
import type { NodeSettings } from './options.ts'

/** Why a node ended in order: `close` was called, or it was removed from its cluster. */
export type ClosedReason = 'closed' | 'removed'

/** A node that runs in this process. */
export interface RunningNode {
  readonly id: string
  /** Where clients connect, as bound. */
  readonly clientAddress: string
  /** Where the other nodes connect, as bound. */
  readonly peerAddress: string
  /**
   * Resolves once the node has ended: with `closed` after `close`, with `removed` once it learnt that
   * it is no member any more; its directory is of no use then. Rejects with the reason if the node
   * could not go on.
   */
  readonly closed: Promise<ClosedReason>
  /** Stops the node in order: everything durable, everything closed. */
  close(): Promise<void>
}

/** A state that is damaged again and again points to a disk that should not be used. */
const repairsMax = 3
/** A state that failed is opened again so often, a second apart. */
const attemptsMax = 600
const attemptEveryMs = 1_000

/** Opens a node, binds its ports and keeps it up. Rejects, with nothing left open, if it cannot. */
export async function runNode(ports: NodePorts, settings: NodeSettings): Promise<RunningNode> {
  const first = await openAndStart(ports, settings)
  return supervise(ports, settings, first)
}

/**
 * Opens a node again after its state failed. A full disk gets room again, by compaction elsewhere
 * or by somebody who looks; the process waits for that rather than end and be started in vain.
 * Undefined: the node was closed meanwhile, and is not wanted any more.
 */
async function openAgain(
  ports: NodePorts,
  settings: NodeSettings,
  restart: Restart,
  closing: () => boolean,
): Promise<OpenNode | undefined> {
  for (let attempt = 1; ; attempt++) {
    // Before the first attempt too: a state that opens, and fails again at once, must not make the
    // node read its whole log over and over.
    if (restart.state.type === 'kept') {
      await new Promise<void>((resolve) => ports.clock.timer(attemptEveryMs, resolve))
    }
    if (closing()) return undefined
    try {
      return await openAndStart(ports, settings, restart)
    } catch (error) {
      const isHopeless = attempt >= attemptsMax
      if (restart.state.type !== 'kept' || !isStorageFailure(error) || isHopeless) throw error
      settings.logger.warn('the node could not be opened again yet', { error: String(error) })
    }
  }
}

function stateAfter(end: NodeEnd): Restart['state'] {
  if (end.type === 'snapshotReceived') return { type: 'installed', received: end.received }
  return { type: end.type === 'stateFailed' ? 'kept' : 'fresh' }
}

function say({ logger }: NodeSettings, end: NodeEnd): void {
  if (end.type === 'stateDamaged') {
    logger.error('the state is damaged and is made anew', { error: String(end.error) })
  } else if (end.type === 'stateFailed') {
    logger.error('the state failed and goes on from its last barrier', { error: String(end.error) })
  }
}

async function openAndStart(
  ports: NodePorts,
  settings: NodeSettings,
  restart?: Restart,
): Promise<OpenNode> {
  const open = await openNode(ports, settings, restart)
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
 * Keeps the node up through damage to its state, and through snapshots: the state is a cache, so
 * the node is opened again on the same ports, with an empty one that the log fills, or with the one
 * that a leader sent. Anything else ends it.
 */
function supervise(ports: NodePorts, settings: NodeSettings, first: OpenNode): RunningNode {
  const { id, clientAddress, peerAddress } = first.node
  const bound = { ...settings, clientListen: clientAddress, peerListen: peerAddress }
  let current = first
  let closing = false
  const run = async (): Promise<ClosedReason> => {
    for (let repairs = 0; ;) {
      const end: NodeEnd = await current.node.ended
      await current.release()
      if (end.type === 'closed' || end.type === 'removed') return end.type
      if (end.type === 'failed') throw end.error
      // The log is whole and durable: the next start finds the damage again, or the snapshot is
      // offered again.
      if (closing) return 'closed'
      if (end.type === 'stateDamaged') {
        if (repairs >= repairsMax) throw end.error
        repairs++
      }
      say(settings, end)
      const { knownCommit } = current.node
      // Beside those there are the repairs that a start made of what it found.
      const repaired = current.repaired + (end.type === 'stateDamaged' ? 1 : 0)
      const restart = { state: stateAfter(end), knownCommit, repaired }
      const next = await openAgain(ports, bound, restart, () => closing)
      // Its log is whole and durable, and its state is what the last barrier made of it.
      if (next === undefined) return 'closed'
      current = next
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
