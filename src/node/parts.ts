/** The parts of a node, as its composition gives them. */
import type { Logger } from '../logger.ts'
import type { Clock, Network, Random } from '../ports.ts'
import type { Raft } from '../raft/index.ts'
import type { StateMachine } from '../state/index.ts'
import type { Identity, LogStore, PeerIncarnations } from '../wal/index.ts'
import type { NodeSettings } from './options.ts'

/** What a node is made of. */
export interface NodeParts {
  readonly clock: Clock
  readonly network: Network
  readonly random: Random
  readonly logger: Logger
  readonly settings: NodeSettings
  readonly identity: Identity
  readonly incarnations: PeerIncarnations
  readonly log: LogStore
  readonly raft: Raft
  readonly state: StateMachine
  /** What the log knew as committed when it was opened. */
  readonly recoveredCommit: number
  /** The newest stamp in the log as recovered, applied or not. */
  readonly lastStamp: number
  readonly processId: number | undefined
  readonly version: string
}
