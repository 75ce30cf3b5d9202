/** What a node has to do for its Raft core: built by `takeReady`, confirmed by `completePersist`. */
import { assert, present } from '../assert.ts'
import type { Core, Fetch, ReadState, Role, SnapshotOffer, TransferResult } from './core.ts'
import { knownLeader } from './core.ts'
import { countOwnVote } from './election.ts'
import type { Message } from './messages.ts'
import { flushReplication, maybeCommitQuorum } from './replication.ts'
import { isSnapshotWanted, takeWanted } from './snapshots.ts'
import type { ConfigurationAt, Entry, HardState, NodeId } from './types.ts'

/** A change of role, term or leader. Several between two Readies are told as one. */
export interface RoleChange {
  readonly role: Role['kind']
  readonly term: number
  readonly leader: NodeId | undefined
}

/** One batch of work; `index.ts` says what is to be done with it, and in which order. */
export interface Ready {
  /** To be persisted with `entries`, in one atomic write. */
  readonly hardState?: HardState
  /** To be appended to the log. An index that the log has already: cut it from there first. */
  readonly entries: readonly Entry[]
  /** May leave at once. */
  readonly messages: readonly Message[]
  /** May leave once `hardState` and `entries` are durable. */
  readonly messagesAfterPersist: readonly Message[]
  /** To be applied to the state machine; durable here already. */
  readonly committedEntries: readonly Entry[]
  readonly fetches: readonly Fetch[]
  readonly readStates: readonly ReadState[]
  readonly roleChange?: RoleChange
  /** Another configuration is in force, from its entry on, whether or not that is committed. */
  readonly configuration?: ConfigurationAt
  /** This node was a member and is none by a committed configuration. Told once. */
  readonly removed?: { readonly configIndex: number }
  /** How transfers ended that this node began. */
  readonly transfers?: readonly TransferResult[]
  /**
   * On a leader: these followers need a snapshot. Take one, or use one that is there, and call
   * `offerSnapshot`; or `snapshotLost` where that fails. Each is told once for each need.
   */
  readonly snapshotsWanted: readonly NodeId[]
  /** On a follower: fetch this, and start again on it. Told once, though the offer is repeated. */
  readonly snapshotOffered?: SnapshotOffer
  /**
   * The leader readmits this node, which recovers its log. Make durable that it recovers no more,
   * then call `readmitted`. Told once.
   */
  readonly readmitted?: true
  /** There is something to persist: persist, send the rest, then call `advance` with this Ready. */
  readonly mustSync: boolean
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** What was handed out last: Readies carry changes. */
export interface Handed {
  /** The Ready whose persist is under way. At most one is. */
  persisting: Ready | undefined
  roleChange: RoleChange
  configuration: ConfigurationAt
  removedAt: number | undefined
}

/** Nothing was handed out yet. */
export function nothingHanded(core: Core): Handed {
  const configuration = core.configurations.newest
  return {
    persisting: undefined,
    roleChange: currentRole(core),
    configuration,
    removedAt: undefined,
  }
}

/** Whether `takeReady` would find something to do. */
export function hasWork(core: Core, handed: Handed): boolean {
  if (core.flushDue || !core.outbox.isEmpty || core.reads.states.length > 0) return true
  if (core.fetches.length > 0 || isRoleNews(core, handed)) return true
  if (core.transfers.length > 0 || isMembershipNews(core, handed)) return true
  if (isSnapshotWanted(core) || isOfferNews(core)) return true
  if (core.recovery?.stage === 'readmitted') return true
  if (handed.persisting === undefined && needsPersist(core)) return true
  return canApply(core)
}

/** Collects all that there is to do. */
export function takeReady(core: Core, handed: Handed): Ready {
  if (core.role.kind === 'leader') flushReplication(core, core.role)
  core.flushDue = false
  const committedEntries = takeCommitted(core)
  const mustSync = handed.persisting === undefined && needsPersist(core)
  const hardState = mustSync ? changedHardState(core) : undefined
  const roleChange = isRoleNews(core, handed) ? currentRole(core) : undefined
  const ready: Mutable<Ready> = {
    entries: mustSync ? core.log.takeUnpersisted() : [],
    messages: core.outbox.takeMessages(),
    messagesAfterPersist: mustSync ? core.outbox.takeWaiting() : [],
    committedEntries,
    fetches: core.fetches,
    readStates: core.reads.states,
    snapshotsWanted: takeWanted(core),
    mustSync,
  }
  // What is there now and then is added one by one: a literal of spreads, made for each group of
  // writes, cost more than all that is in it.
  if (hardState !== undefined) ready.hardState = hardState
  if (roleChange !== undefined) ready.roleChange = roleChange
  if (core.transfers.length > 0) ready.transfers = core.transfers
  if (isMembershipNews(core, handed)) takeMembershipNews(core, handed, ready)
  if (isOfferNews(core)) ready.snapshotOffered = takeOffer(core)
  if (core.recovery?.stage === 'readmitted') {
    core.recovery.stage = 'told'
    ready.readmitted = true
  }
  core.fetches = []
  core.reads.states = []
  core.transfers = []
  if (roleChange !== undefined) handed.roleChange = roleChange
  if (mustSync) handed.persisting = ready
  assert(!mustSync || hardState !== undefined || ready.entries.length > 0, 'a persist has content')
  return ready
}

/**
 * The Ready is durable. Only now does this node count itself: its vote as a candidate, its share
 * of the quorum as a leader (paper, section 5.3; `etcd#14370`).
 */
export function completePersist(core: Core, handed: Handed, ready: Ready): void {
  assert(handed.persisting === ready, 'advance confirms the one Ready that is being persisted')
  handed.persisting = undefined
  if (ready.hardState !== undefined) {
    assert(ready.hardState.currentTerm >= core.durable.currentTerm, 'the durable term never falls')
    core.durable = ready.hardState
  }
  core.log.persisted()
  core.outbox.release({ hardState: core.durable, index: core.log.durableIndex })
  assert(!core.outbox.hasWaiting || needsPersist(core), 'what waits has something to wait for')
  countOwnVote(core)
  if (core.role.kind === 'leader') maybeCommitQuorum(core, core.role)
}

/** Committed entries that the node had to read from its log. They never change, so never stale. */
export function handleApplyFetched(core: Core, entries: readonly Entry[]): void {
  for (const entry of entries) {
    assert(entry.index <= core.commitIndex, 'only committed entries are fetched to be applied')
    assert(core.log.matches(entry), 'fetched entries are those of the log')
  }
  core.apply.completeFetch(entries)
}

/** The commit index alone is only a hint for the next start, and forces no write. */
function needsPersist({ log, durable, currentTerm, votedFor }: Core): boolean {
  return log.hasUnpersisted || durable.currentTerm !== currentTerm || durable.votedFor !== votedFor
}

/** Once there is a write, the commit index rides along. */
function changedHardState(core: Core): HardState | undefined {
  const { currentTerm, votedFor, commitIndex, durable } = core
  const isSame =
    durable.currentTerm === currentTerm &&
    durable.votedFor === votedFor &&
    durable.commitIndex === commitIndex
  return isSame ? undefined : { currentTerm, votedFor, commitIndex }
}

function currentRole(core: Core): RoleChange {
  return { role: core.role.kind, term: core.currentTerm, leader: knownLeader(core) }
}

function isRoleNews(core: Core, { roleChange }: Handed): boolean {
  const { role, term, leader } = currentRole(core)
  return role !== roleChange.role || term !== roleChange.term || leader !== roleChange.leader
}

function isMembershipNews({ configurations, removedAt }: Core, handed: Handed): boolean {
  return configurations.newest !== handed.configuration || removedAt !== handed.removedAt
}

function takeMembershipNews(core: Core, handed: Handed, ready: Mutable<Ready>): void {
  const { newest } = core.configurations
  const configIndex = core.removedAt
  if (newest !== handed.configuration) ready.configuration = newest
  if (configIndex !== undefined && configIndex !== handed.removedAt) ready.removed = { configIndex }
  handed.configuration = newest
  handed.removedAt = configIndex
}

/** A node starts again on a snapshot, and must then be found in the term that it was offered in. */
function isOfferNews({ offer, durable }: Core): boolean {
  return offer !== undefined && !offer.isTold && durable.currentTerm >= offer.term
}

function takeOffer({ offer }: Core): SnapshotOffer {
  const told = present(offer, 'there is news of an offer')
  told.isTold = true
  const { from, term, snapshot } = told
  return { from, term, snapshot }
}

/**
 * Entries are applied once they are committed and durable here. Committed alone would do for
 * safety of the group, but the state machine's disk would then run ahead of the log's, and after
 * a crash hold entries that this log lacks.
 */
function applyLimit(core: Core): number {
  return Math.min(core.commitIndex, core.log.durableIndex)
}

function canApply(core: Core): boolean {
  const { apply, limits, stateMissing } = core
  // There is nothing to apply them to.
  if (stateMissing) return false
  if (apply.handedOutIndex >= applyLimit(core) || apply.room(limits.applyBytesMax) === 0) {
    return false
  }
  // While a fetch is outstanding its answer is awaited.
  return apply.fetched.length > 0 || !apply.fetching
}

function takeCommitted(core: Core): readonly Entry[] {
  if (!canApply(core)) return []
  const { apply, limits, log } = core
  const from = apply.handedOutIndex + 1
  const to = applyLimit(core)
  const bytesMax = apply.room(limits.applyBytesMax)
  let entries = apply.fetched
  if (entries.length === 0 && !log.has(from)) {
    apply.startFetch()
    core.fetches.push({ purpose: 'apply', from, to, bytesMax })
    return []
  }
  if (entries.length === 0) {
    entries = log.slice(from, to, { entriesMax: Infinity, bytesMax })
  }
  assert(entries.length > 0, 'there is something to apply')
  apply.handOut(entries)
  return entries
}
