/** The parts of a node, as its composition gives them. */
import type { Logger } from '../logger.ts'
import type { Clock, Disk, Network, Random } from '../ports.ts'
import type { Raft } from '../raft/index.ts'
import type { StateMachine } from '../state/index.ts'
import type { Identity, LogStore, PeerIncarnations, Recovering, Removed } from '../wal/index.ts'
import type { StateFailures } from './damage.ts'
import type { Generations } from './generations.ts'
import type { NodeSettings } from './options.ts'
import type { StorageCaps } from './storage.ts'

/** What a node is made of. */
export interface NodeParts {
  readonly clock: Clock
  readonly disk: Disk
  readonly network: Network
  readonly random: Random
  readonly logger: Logger
  readonly settings: NodeSettings
  readonly storage: StorageCaps
  readonly identity: Identity
  readonly incarnations: PeerIncarnations
  readonly log: LogStore
  /** The mark that the node has lost entries that it acknowledged. */
  readonly recovering: Recovering
  /** The mark that the node was removed. */
  readonly removed: Removed
  readonly raft: Raft
  readonly state: StateMachine
  readonly stateFailures: StateFailures
  readonly generations: Generations
  /** What the log knew as committed when it was opened. */
  readonly recoveredCommit: number
  /** How often state or log were made anew in this process because they were damaged. */
  readonly repaired: number
  /** The newest stamp in the log as recovered, applied or not. */
  readonly lastStamp: number
  readonly processId: number | undefined
  readonly version: string
}
