/**
 * Quorate: a quorum key-value store. `connect` opens a client; `initialiseNode` makes the data
 * directory of a node, once, and `startNode` runs the node in this process; the command line does all
 * of it. Every error is a `QuorateError`, told apart by `code`.
 */
export { connect, Client, Scan } from './client/index.ts'
export type * from './client/index.ts'
export { errorKinds, QuorateError } from './errors.ts'
export type { ErrorCode, ErrorDetails, Outcome, QuorateErrorOptions } from './errors.ts'
export type { LogFields, Logger } from './logger.ts'
export { initialiseNode, startNode } from './node/index.ts'
export type {
  ClosedReason,
  Identity,
  InitialiseNodeOptions,
  Member,
  NodeOptions,
  RunningNode,
} from './node/index.ts'
export type { ConfiguredMember, MemberStatus, NodeStatus } from './transport/index.ts'
export type { Settings, SettingName } from './command/index.ts'
export { version } from './version.ts'
