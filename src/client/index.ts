/** The client SDK. `connect` is the way in; `createClient` is for tests and simulations. */
export type * from './types.ts'
export { Client } from './client.ts'
export { connect } from './connect.ts'
export { createClient } from './create-client.ts'
export type { ClientOptions } from './create-client.ts'
export type { StatusListener } from './events.ts'
export { Scan } from './scan.ts'
export { SnapshotExport } from './snapshot-export.ts'
