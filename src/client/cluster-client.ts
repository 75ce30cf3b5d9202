/**
 * What a client says to the cluster as a whole: how it is, who takes part, who leads, its settings,
 * and a copy of all that it holds. Records are the business of `Client`.
 */
import { isDialable } from '../address.ts'
import { assert } from '../assert.ts'
import { defaultSettings, isPriority, priorityMax } from '../command/index.ts'
import type { CallId, Command, SettingName, Settings } from '../command/index.ts'
import { usageError } from '../errors.ts'
import type { Clock, Random } from '../ports.ts'
import type { MemberChange, NewMember } from '../transport/index.ts'
import { checkTimeout } from './admission.ts'
import type { Calls } from './calls.ts'
import type { ClusterTime } from './cluster-time.ts'
import type { StatusEvents } from './events.ts'
import { clusterDigest, clusterMembers, clusterStatus } from './observe.ts'
import type { Router } from './router.ts'
import { doneResult, unexpected } from './settle.ts'
import { openExport, type SnapshotExport } from './snapshot-export.ts'
import type {
  AddMemberOptions,
  CallOptions,
  ClusterDigest,
  ClusterMembers,
  ClusterStatus,
  Consistency,
  MembersResult,
  NewMemberOptions,
  UpdateMemberOptions,
} from './types.ts'
import type { Wheel } from './wheel.ts'
import type { Encodings } from './write-options.ts'

/** What a client is made of. */
export interface ClientParts {
  readonly calls: Calls
  readonly router: Router
  readonly wheel: Wheel
  readonly clock: Clock
  readonly random: Random
  readonly clusterTime: ClusterTime
  readonly events: StatusEvents
  readonly encodings: Encodings
  readonly consistency: Consistency
  readonly timeoutMs: number
}

/** The part of `Client` that is about the cluster. */
export abstract class ClusterClient {
  readonly #parts: ClientParts

  constructor(parts: ClientParts) {
    this.#parts = parts
  }

  /** The cluster's id, 32 hex digits. */
  get clusterId(): string {
    const { clusterId } = this.#parts.router
    assert(clusterId !== undefined, 'a client is made once a node has answered')
    return clusterId
  }

  /**
   * Every node's own account of itself, also of members that were not given to `connect`. An endpoint
   * that does not answer within `timeout` is listed with why; that rejects nothing.
   */
  status(options: CallOptions = {}): Promise<ClusterStatus> {
    return guarded(() => {
      checkTimeout(options.timeout)
      return clusterStatus(this.#parts, options)
    })
  }

  /**
   * The digests of every node's state at one index of the log. It writes a mark, so it needs a quorum
   * and rejects like a write; a node that cannot tell is listed with why. The nodes read all their rows
   * for it: give a `timeout` to match.
   */
  digest(options: CallOptions = {}): Promise<ClusterDigest> {
    return guarded(() => {
      checkTimeout(options.timeout)
      return clusterDigest(this.#parts, options)
    })
  }

  /**
   * The cluster's settings: `clusterVersion`, `tokenRetentionMs` and `sessionExpiryMs` in ms of cluster
   * time, `tokensMax`, `sessionsMax`. `consistency` defaults to that of `connect`.
   */
  settings(options: CallOptions & { readonly consistency?: Consistency } = {}): Promise<Settings> {
    return guarded(() => {
      const consistency = consistencyOf(options, this.#parts.consistency)
      const route = { to: consistency === 'stale' ? 'nearest' : 'reader' } as const
      const body = { kind: 'settings', consistency } as const
      return this.#parts.calls.read({ name: 'settings', route, body }, options, (reply, call) => {
        if (reply.kind !== 'settings') throw unexpected(call, reply.kind)
        return reply.settings
      })
    })
  }

  /**
   * Changes one setting for the whole cluster; resolves once it is in force. Times are ms:
   * `tokenRetentionMs` (24 hours) and `sessionExpiryMs` (1 hour) from 1 ms to 92 days, `tokensMax`
   * (10,000,000) from 1 to 1,000,000,000, `sessionsMax` (1,000,000) from 1 to 10,000,000, whole numbers
   * all. `clusterVersion` only goes up, to what the leader's build knows.
   *
   * Rejects with `QUORATE_USAGE` where the value is none of these, else as a write does. It has no token:
   * one that ends as `unknown` may be made again.
   */
  setSetting(name: SettingName, value: number, options: CallOptions = {}): Promise<void> {
    return guarded(() => {
      if (!Object.hasOwn(defaultSettings, name)) throw usageError(`there is no setting ${name}`)
      const command = (call: CallId): Command => ({ kind: 'setting', call, name, value })
      const plan = { name: 'setSetting', identity: 'none', sequenced: true, command } as const
      return this.#parts.calls.write(plan, options, doneResult)
    })
  }

  /** The members and how far each is, as the leader tells. `QUORATE_NO_QUORUM` where none is found. */
  members(options: CallOptions = {}): Promise<ClusterMembers> {
    return guarded(() => {
      checkTimeout(options.timeout)
      return clusterMembers(this.#parts, options)
    })
  }

  /**
   * Adds a node: it gets the log as a learner first and, unless it is to stay one, a vote once it is
   * close to its end. Resolves when that is over, which takes as long as the node takes to catch up:
   * give a `timeout` to match. After one the change goes on; the same call again waits further, and
   * resolves at once where all is done.
   *
   * Like all changes of members it may be repeated at will, and fails with `QUORATE_MEMBERSHIP`,
   * whose `details.reason` says why, where the cluster does not make it.
   */
  addMember(member: AddMemberOptions, options: CallOptions = {}): Promise<MembersResult> {
    return this.#changeMembers('addMember', options, () => {
      const { learner = false, priority = 0 } = member
      checkPriority(priority)
      return { type: 'add', ...newMember(member), learner, priority }
    })
  }

  /** Gives a learner a vote. `lagging` is waited out. */
  promoteMember(id: string, options: CallOptions = {}): Promise<MembersResult> {
    return this.#changeMembers('promoteMember', options, () => ({ type: 'promote', id: named(id) }))
  }

  /** Takes a node out of the cluster. Its id is used up: no node may have it again. */
  removeMember(id: string, options: CallOptions = {}): Promise<MembersResult> {
    return this.#changeMembers('removeMember', options, () => ({ type: 'remove', id: named(id) }))
  }

  /** Puts a new node in the place of another, in one step once it has caught up. */
  replaceMember(
    id: string,
    by: NewMemberOptions,
    options: CallOptions = {},
  ): Promise<MembersResult> {
    return this.#changeMembers('replaceMember', options, () => {
      return { type: 'replace', id: named(id), by: newMember(by) }
    })
  }

  /** Changes what is known of a member: its addresses, its priority. */
  updateMember(
    id: string,
    changes: UpdateMemberOptions,
    options: CallOptions = {},
  ): Promise<MembersResult> {
    return this.#changeMembers('updateMember', options, () => {
      const { peerAddress, clientAddress, priority } = changes
      if (peerAddress !== undefined) checkAddress(peerAddress)
      if (clientAddress !== undefined) checkAddress(clientAddress)
      if (priority !== undefined) checkPriority(priority)
      return { type: 'update', id: named(id), peerAddress, clientAddress, priority }
    })
  }

  /**
   * Hands the leadership over to a node, or without an id to the most caught-up follower. Resolves
   * to who leads then. A node that leads already is done. `QUORATE_TRANSFER` where it cannot be,
   * with `details.reason`.
   */
  transferLeadership(to?: string, options: CallOptions = {}): Promise<string> {
    return guarded(() => {
      const target = to === undefined ? undefined : named(to)
      const body = { kind: 'transfer', to: target } as const
      const plan = { name: 'transferLeadership', body } as const
      return this.#parts.calls.change(plan, options, (reply, call) => {
        if (reply.kind !== 'transferred') throw unexpected(call, reply.kind)
        return reply.leader
      })
    })
  }

  /**
   * A copy of the whole state of one node, as of one moment, in frames of at most 256 KiB;
   * `timeout` is that of each frame. It lives on its connection: when that goes, it ends with
   * `QUORATE_EXPORT_LOST`.
   *
   * @example
   * const copy = await db.exportSnapshot()
   * for await (const frame of copy) file.write(frame)
   */
  exportSnapshot(options: CallOptions = {}): Promise<SnapshotExport> {
    return guarded(() => openExport(this.#parts.calls, this.clusterId, options))
  }

  #changeMembers(
    name: string,
    options: CallOptions,
    make: () => MemberChange,
  ): Promise<MembersResult> {
    return guarded(() => {
      const plan = { name, body: { kind: 'member', change: make() } } as const
      return this.#parts.calls.change(plan, options, (reply, call) => {
        if (reply.kind !== 'members') throw unexpected(call, reply.kind)
        return { index: reply.index, members: reply.members }
      })
    })
  }
}

/** What is thrown before a call begins rejects it all the same: a method fails in one way only. */
export function guarded<T>(begin: () => Promise<T>): Promise<T> {
  try {
    return begin()
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error('a call threw'))
  }
}

/** The consistency of a read; throws where it is none. */
export function consistencyOf(
  options: { readonly consistency?: Consistency },
  byDefault: Consistency,
): Consistency {
  const consistency = options.consistency ?? byDefault
  if (consistency === 'linearizable' || consistency === 'stale') return consistency
  throw usageError("`consistency` is 'linearizable' or 'stale'")
}

function newMember({ id, peerAddress, clientAddress }: NewMemberOptions): NewMember {
  checkAddress(peerAddress)
  if (clientAddress !== undefined) checkAddress(clientAddress)
  return { id: named(id), peerAddress, clientAddress }
}

function named(id: unknown): string {
  if (typeof id === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(id)) return id
  throw usageError(`a node id is 1 to 64 letters, digits, '.', '_' or '-', not ${String(id)}`)
}

function checkAddress(address: unknown): void {
  if (typeof address === 'string' && isDialable(address)) return
  throw usageError(`an address is a host:port that can be dialled, not ${String(address)}`)
}

function checkPriority(priority: unknown): void {
  if (typeof priority === 'number' && isPriority(priority)) return
  throw usageError(`a priority is a whole number from 0 to ${priorityMax}`)
}
