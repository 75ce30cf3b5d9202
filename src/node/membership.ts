/**
 * Who takes part, as this node knows it: it follows the configuration in force, and on the leader
 * it carries out what operators ask to be changed, of members and of the leadership.
 */
import type { PeerStatus, Raft, Ready } from '../raft/index.ts'
import type { PeerTarget, WireError } from '../transport/index.ts'
import type { Identity } from '../wal/index.ts'
import { Leadership } from './leadership.ts'
import { MemberChanges } from './member-changes.ts'
import { membersOf } from './member-list.ts'
import type { KnownMember } from './member-list.ts'

interface MembershipOptions {
  readonly raft: Raft
  readonly identity: Identity
  /** Addresses to dial in place of those that are known, by node id. */
  readonly overrides: Readonly<Record<string, string>>
  /** Which incarnation of a node this one has met first, or is. */
  readonly incarnationOf: (id: string) => string | undefined
  readonly now: () => number
  /** The core has something to go on with. */
  readonly wake: () => void
  readonly notLeader: () => WireError
  /** Another configuration is in force. */
  readonly onChanged: () => void
}

export class Membership {
  readonly changes: MemberChanges
  readonly leadership: Leadership
  readonly #options: MembershipOptions
  #members: readonly KnownMember[]

  constructor(options: MembershipOptions) {
    this.#options = options
    const { raft, identity, now, wake, notLeader } = options
    this.#members = this.#read()
    const isLeader = (): boolean => raft.role === 'leader'
    const isClose = (id: string): boolean => this.#peer(id)?.close === true
    this.changes = new MemberChanges({
      members: () => this.#members,
      index: () => raft.configuration.index,
      settled: () => raft.status().configurationSettled,
      propose: (change) => {
        const result = raft.proposeConfig(change)
        wake()
        return result
      },
      isLeader,
      isClose,
      incarnationOf: options.incarnationOf,
      notLeader,
    })
    this.leadership = new Leadership({
      self: identity.nodeId,
      now,
      transfer: (to) => {
        const start = raft.transferLeadership(to)
        wake()
        return start
      },
      isLeader,
      members: () => this.#members,
      isClose,
      notLeader,
    })
  }

  /** All members by the configuration in force, sorted by id. */
  get members(): readonly KnownMember[] {
    return this.#members
  }

  /** Whom to dial, and where. */
  get targets(): readonly PeerTarget[] {
    const { overrides } = this.#options
    return this.#members.flatMap(({ id, peerAddress }) => {
      const address = overrides[id] ?? peerAddress
      return address === '' ? [] : [{ id, peerAddress: address }]
    })
  }

  /** What the core says of members and of hand-overs. */
  attend({ configuration, transfers, roleChange }: Ready): void {
    if (configuration !== undefined) {
      this.#members = this.#read()
      this.#options.onChanged()
    }
    if (transfers !== undefined) this.leadership.ended(transfers)
    if (roleChange === undefined) return
    this.leadership.roleChanged(roleChange.role === 'leader')
    if (roleChange.role !== 'leader') this.changes.leadershipLost()
  }

  /** `diskFull`: this node would take no writes as a leader. */
  tick(now: number, diskFull: boolean): void {
    this.#options.raft.reluctant = diskFull
    this.changes.tick(now)
    this.leadership.tick(now, diskFull)
  }

  #read(): readonly KnownMember[] {
    return membersOf(this.#options.raft.configuration.configuration)
  }

  #peer(id: string): PeerStatus | undefined {
    return this.#options.raft.status().peers.find((peer) => peer.id === id)
  }
}
