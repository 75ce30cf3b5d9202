/**
 * The consensus core: Raft (Ongaro and Ousterhout, 2014; Ongaro's thesis, 2014) as a pure,
 * synchronous state machine. It has no disk, no network and no clock; whoever drives it has them,
 * and these duties (thesis, sections 3.8 and 10.2.1):
 *
 *  1. Call `tick` at a steady pace, but first hand in (`step`) the messages that have arrived: a
 *     process that was stopped for a while must not judge its leader dead by unread heartbeats.
 *  2. While `hasReady`, take `ready()`. It may be called at any time, also while a Ready is still
 *     being persisted; such a Ready has nothing to persist (`mustSync` is false).
 *  3. Send `messages` at once, in order. A message may be lost, not altered. Receivers are members
 *     of the configuration in force, which `configuration` tells when it changes; beside them, who
 *     asked, and who was removed just now. Let nodes of other groups not in.
 *  4. If `mustSync`: write `entries` and `hardState` in one atomic write and make it durable. An
 *     entry whose index the log has already replaces everything from that index on. A write that
 *     fails stops the node: it must not go on with a disk of unknown content.
 *  5. Only then send `messagesAfterPersist`, and call `advance` with that very Ready, once. A
 *     Ready with `mustSync` false has no such messages and is not advanced.
 *  6. Apply `committedEntries` in order and call `applied`. They are durable in the own log, so a
 *     state machine on disk never runs ahead of it. Applying may go on beside later persists.
 *  7. Answer each of `fetches` by one `fetched` with that very fetch and the entries from `from`
 *     on, at least one if there is one, within its bounds. What was written for a Ready that is
 *     advanced must be seen by the reads for fetches. The answer may come late, at any time.
 *  8. Serve a read once its `readIndex` is applied; end a refused one as not done.
 *  9. Start again after a crash with hard state and entries as they were last made durable, and
 *     with the index that the state machine holds. A node that lost either must not start, but for
 *     a state that a snapshot can bring back (`stateMissing`).
 * 10. End waiters by (term, index), never by index alone (`redisraft#52`), and on `roleChange` by
 *     what is then known: an entry proposed in a term that is over may still be committed.
 * 11. Give at the start all config entries that the log holds above `configuration`, not only those
 *     in the tail. A snapshot carries the configuration of its index.
 * 12. On `removed`, end quietly: nobody counts on this node. Never use its id for another node.
 * 13. Let go of the front of the log only up to what the state machine holds durably; then say so
 *     (`compacted`). A read of what is gone gives nothing. What followers are offered, as `status`
 *     tells, is better spared: else the next snapshot is needed as soon as this one is there.
 * 14. Answer each of `snapshotsWanted` by `offerSnapshot`, or by `snapshotLost` where there is none
 *     to be had. Serve what was offered for as long as it is asked for, leading or not.
 * 15. On `snapshotOffered`, fetch it from who offers it; where that breaks off, `snapshotFailed`.
 *     Once it is whole and durable beside the state, ask `isSnapshotUseful`, put it in place of the
 *     state, and in the same step go on with nothing of this core: start again. A log that does not
 *     hold the snapshot's entry is then replaced by an empty one behind it; one that does is kept.
 *
 * 16. A node that lost its log, and is certain of term and vote, starts with `recovering`, after that
 *     has been made durable. On `readmitted` it makes durable that it recovers no more, then calls
 *     `readmitted`. Before, it is not to be counted on for anything.
 *
 * An `AssertionError` thrown from here means that the program, or what another member's disk
 * forgot, broke Raft itself. The node must stop.
 */
export { Raft } from './raft.ts'
export { defaultLimits, emptyHardState, emptyLog } from './config.ts'
export { decodeConfiguration, encodeConfiguration } from './configuration-codec.ts'
export {
  emptyConfiguration,
  firstConfiguration,
  isVoter,
  memberIds,
  voterIds,
} from './configuration.ts'
export type { RaftConfig, RaftLimits, RaftTiming, RecoveredLog } from './config.ts'
export type { ConfigChange, ConfigRefusal } from './config-change.ts'
export type { ApplyFetch, Fetch, IgnoredCounts, ReadState } from './core.ts'
export type { SnapshotOffer, TransferResult } from './core.ts'
export type { ProposeConfigResult } from './membership.ts'
export type { ReplicateFetch } from './progress.ts'
export type { ReadIndexStart } from './reads.ts'
export type { ProposeResult } from './replication.ts'
export type { Ready, RoleChange } from './ready.ts'
export type { PeerStatus, RaftStatus } from './status.ts'
export type { TransferRefusal, TransferStart } from './transfer.ts'
export type * from './messages.ts'
export type * from './types.ts'
