/** The state machine: what committed commands did, and the one way to read it. */
export type { RowDatabase, StateDatabase } from './database.ts'
export { readManifest } from './manifest-check.ts'
export type { LiveTable } from './manifest-check.ts'
export type { Scan } from './scan.ts'
export { StateMachine } from './state-machine.ts'
export type { AppliedEntry, StateMachineOptions } from './state-machine.ts'
export type { StateReader } from './state-reader.ts'
export { checkTable } from './table-check.ts'
