/** A node of a Quorate cluster. `startNode` is the way in; `openNode` is for simulations. */
export { initialiseNode, startNode } from './start.ts'
export type { InitialiseNodeOptions } from './start.ts'
export type { RunningNode } from './supervise.ts'
export type { NodeOptions } from './options.ts'
