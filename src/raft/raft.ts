/** One Raft node's consensus core, from the outside. It only dispatches and checks. */
import type { RaftConfig } from './config.ts'
import type { Core, Fetch, Role } from './core.ts'
import { createCore, knownLeader } from './core.ts'
import { dispatch } from './dispatch.ts'
import { tickElection } from './election.ts'
import { tickHeartbeat } from './heartbeat.ts'
import { checkInvariants, takeSnapshot } from './invariants.ts'
import { failSnapshot, isSnapshotUseful, tickStateMissing } from './install.ts'
import type { Message } from './messages.ts'
import type { ConfigChange } from './config-change.ts'
import { startChange } from './membership.ts'
import type { ProposeConfigResult } from './membership.ts'
import { startTransfer, tickTransfer } from './transfer.ts'
import type { TransferStart } from './transfer.ts'
import { noteCommitted } from './removal.ts'
import { expireReads, startRead } from './reads.ts'
import { endRecovery } from './recovery.ts'
import type { ReadIndexStart } from './reads.ts'
import type { Handed, Ready } from './ready.ts'
import { completePersist, handleApplyFetched, hasWork, nothingHanded, takeReady } from './ready.ts'
import type { ProposeResult } from './replication.ts'
import { appendProposal, handleFetched, tickCheckQuorum, tickOwnDisk } from './replication.ts'
import type { RaftStatus } from './status.ts'
import { describeStatus } from './status.ts'
import { compactLog, loseSnapshot, offerSnapshot, tickSnapshots } from './snapshots.ts'
import type { ConfigurationAt, Entry, EntryId, NodeId } from './types.ts'

/** A Raft node without disk, network or clock; the head of `index.ts` says how to drive it. */
export class Raft {
  readonly #core: Core
  readonly #handed: Handed

  constructor(config: RaftConfig) {
    this.#core = createCore(config)
    this.#handed = nothingHanded(this.#core)
    // What is known to be committed at the start may have removed this node.
    this.#change(noteCommitted)
  }

  /**
   * Whether a leadership that is handed over to this node would be of no use, because its disk takes
   * no writes. It still votes, and stands for election where nobody leads.
   */
  set reluctant(reluctant: boolean) {
    this.#core.isReluctant = reluctant
  }

  /** Time moves on by one tick. */
  tick(): void {
    this.#change((core) => {
      core.ticks++
      expireReads(core)
      tickRole(core)
      tickTransfer(core)
      tickStateMissing(core)
    })
  }

  /** A message arrived. It may be late, repeated, or out of order: all of that is expected. */
  step(message: Message): void {
    this.#change((core) => dispatch(core, message))
  }

  /** Asks for commands to be replicated, one entry each: all or none is taken in. */
  propose(data: readonly Uint8Array[]): ProposeResult {
    return this.#change((core): ProposeResult => {
      if (core.role.kind === 'leader') return appendProposal(core, core.role, data)
      return { type: 'notLeader', leader: knownLeader(core) }
    })
  }

  /**
   * Begins a change of membership; one at a time. Where voters change, it goes through a joint
   * configuration, which the leader leaves by itself.
   */
  proposeConfig(change: ConfigChange): ProposeConfigResult {
    return this.#change((core): ProposeConfigResult => {
      if (core.role.kind === 'leader') return startChange(core, core.role, change)
      return { type: 'notLeader', leader: knownLeader(core) }
    })
  }

  /**
   * Hands the leadership over, to `to` or to the most caught-up voter. No proposals are taken until
   * that ended, at the latest after an election timeout. How it ended comes with a Ready.
   */
  transferLeadership(to?: NodeId): TransferStart {
    return this.#change((core): TransferStart => {
      if (core.role.kind === 'leader') return startTransfer(core, core.role, to)
      return { type: 'notLeader', leader: knownLeader(core) }
    })
  }

  /**
   * Begins a linearizable read, on the leader or on a follower. An accepted request ends in
   * exactly one read state; a confirmed one may be served once `readIndex` is applied.
   */
  readIndex(): ReadIndexStart {
    return this.#change((core) => startRead(core))
  }

  /** Whether `ready` would have something to do. */
  hasReady(): boolean {
    return hasWork(this.#core, this.#handed)
  }

  /** Takes the work that there is. It may be called at any time. */
  ready(): Ready {
    return this.#change((core) => takeReady(core, this.#handed))
  }

  /** Everything in this Ready is durable now. Once for each Ready with `mustSync`, no other. */
  advance(ready: Ready): void {
    this.#change((core) => completePersist(core, this.#handed, ready))
  }

  /** The state machine holds everything up to `index`; more may be handed out. */
  applied(index: number): void {
    this.#change((core) => core.apply.applied(index))
  }

  /** The answer to a fetch: entries from `fetch.from` on, as many as its bounds allow. */
  fetched(fetch: Fetch, entries: readonly Entry[]): void {
    this.#change((core) => {
      if (fetch.purpose === 'apply') handleApplyFetched(core, entries)
      else handleFetched(core, fetch, entries)
    })
  }

  /**
   * A leader's node has a snapshot ready for `to`, of entry `snapshot`, which it applied. False if
   * that is of no use: nobody waits for it any more, or it is too old, and a newer one is wanted.
   */
  offerSnapshot(to: NodeId, snapshot: EntryId): boolean {
    return this.#change((core) => offerSnapshot(core, to, snapshot))
  }

  /** The node can't serve, or can't take, the snapshot for `to`: it is told again to take one. */
  snapshotLost(to: NodeId): void {
    this.#change((core) => loseSnapshot(core, to))
  }

  /** The fetch of the snapshot that was offered broke off: the next offer is told again. */
  snapshotFailed(): void {
    this.#change(failSnapshot)
  }

  /**
   * Whether to start again on this snapshot is a step forward and loses nothing. It may have been
   * so when the fetch began, and be so no more: ask before the switch, and then stop at once.
   */
  isSnapshotUseful(snapshot: EntryId): boolean {
    return isSnapshotUseful(this.#core, snapshot)
  }

  /** That this node is readmitted, as a Ready said, is durable: it votes and counts again. */
  readmitted(): void {
    this.#change(endRecovery)
  }

  /** The log on disk begins behind `base` now, an entry that was applied. */
  compacted(base: EntryId): void {
    this.#change((core) => compactLog(core, base))
  }

  /** What this node is at the moment. */
  get role(): Role['kind'] {
    return this.#core.role.kind
  }

  /** Who leads the current term, as far as this node knows. */
  get leader(): NodeId | undefined {
    return knownLeader(this.#core)
  }

  /** Everything up to here is on this node's disk. */
  get durableIndex(): number {
    return this.#core.log.durableIndex
  }

  /**
   * What is committed and stands on this node's disk just so: what a node that starts again on that
   * disk may take for committed. Beyond it the disk may still hold other entries, which a write that
   * is not complete was to replace.
   */
  get durableCommitIndex(): number {
    return Math.min(this.#core.commitIndex, this.#core.log.durableIndex)
  }

  /** The configuration in force: the newest in the log, committed or not. */
  get configuration(): ConfigurationAt {
    return this.#core.configurations.newest
  }

  /** A copy of the state, for operators. */
  status(): RaftStatus {
    return describeStatus(this.#core)
  }

  /** Runs one change of state, and checks that it led from a right state to a right one. */
  #change<T>(change: (core: Core) => T): T {
    const before = takeSnapshot(this.#core)
    const result = change(this.#core)
    checkInvariants(this.#core, before)
    return result
  }
}

function tickRole(core: Core): void {
  if (core.role.kind !== 'leader') return tickElection(core)
  tickCheckQuorum(core, core.role)
  if (core.role.kind === 'leader') tickOwnDisk(core, core.role)
  if (core.role.kind === 'leader') tickSnapshots(core, core.role)
  return tickHeartbeat(core)
}
