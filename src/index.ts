/**
 * Quorate: a quorum key-value store. `connect` opens a client; `startNode` runs a node in this
 * process; the command line does both.
 */
export { connect, Client, Scan } from './client/index.ts'
export type * from './client/index.ts'
export { errorKinds, QuorateError } from './errors.ts'
export type { ErrorCode, ErrorDetails, Outcome, QuorateErrorOptions } from './errors.ts'
export type { LogFields, Logger } from './logger.ts'
export { initialiseNode, startNode } from './node/index.ts'
export type { InitialiseNodeOptions, NodeOptions, RunningNode } from './node/index.ts'
export type { ConfiguredMember, MemberStatus, NodeStatus } from './transport/index.ts'
export type { Settings, SettingName } from './command/index.ts'
export { version } from './version.ts'
