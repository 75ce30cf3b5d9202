/**
 * Backups: the state of a cluster as one file, and new clusters made from one. It reads and writes
 * files through the Disk port alone, and knows no network: what is saved comes from a source.
 */
export type { SaveProgress, SnapshotHeader, SnapshotSource } from './types.ts'
export { checkNotAborted } from './aborted.ts'
export { saveSnapshot, type SavedSnapshot, type SaveOptions } from './save.ts'
export { inspectSnapshot, verifySnapshot, type SnapshotInfo } from './verify.ts'
export { restoreSnapshot, type RestoreOptions, type Restored } from './restore.ts'
export { forceNewCluster, hasLostEntries, type ForcedCluster, type ForceOptions } from './force.ts'
