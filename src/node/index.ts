/** A node of a Quorate cluster. `startNode` is the way in; `openNode` is for simulations. */
export { initialiseNode, startNode } from './start.ts'
export type { InitialiseNodeOptions } from './start.ts'
export type { ClosedReason, RunningNode } from './supervise.ts'
export type { Identity, Member } from '../wal/index.ts'
export { checkNodeOptions, type NodeOptions } from './options.ts'
