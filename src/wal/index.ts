/**
 * What a node keeps on disk, apart from its state: who it is, its log, its vote, and which peers
 * it trusts. How to use it:
 *
 * 1. `initialise` once; `openDataDirectory` at every start, which takes the lock.
 * 2. `LogStore.open` reads the log back, and refuses damage with file and offset.
 * 3. `LogStore.persist` before anything is sent that vouches for what is in it (thesis 3.8); one at
 *    a time. Any failure is final: the process ends, and the next start reads the disk again.
 * 4. `LogStore.read` for entries that memory no longer has.
 * 5. `PeerIncarnations.pin` before a message of a peer counts.
 * 6. `LogStore.compact` up to what is durable in the state, never further: it is gone from the log.
 * 7. `StatePointer.switchTo` to a state that came from a snapshot, then `LogStore.reset` behind its
 *    entry, if the log lacks that; in this order, and again at a start that finds only the first.
 * 8. `LogStore.replaceDamaged` where `open` refused the log; the node is `Recovering` from then on.
 */
export {
  initialise,
  openDataDirectory,
  type DataDirectory,
  type InitialiseOptions,
} from './data-directory.ts'
export type { LogIdentity } from './segment-header.ts'
export { clusterIdOf, type Identity, type Member } from './identity.ts'
export { LogStore, type LogStoreOptions } from './log-store.ts'
export { PeerIncarnations, type PinResult } from './peer-incarnations.ts'
export { Recovering, type RecoveringSince } from './recovering.ts'
export { Removed } from './removed.ts'
export { stateDirectoryName, StatePointer, type LiveState } from './state-pointer.ts'
export type { TornFlush } from './read-log.ts'
export { inspectLog, type LogItem } from './inspect.ts'
export { intactRuns } from './intact-runs.ts'
export type { Recovered, WalBatch } from './wal-types.ts'
