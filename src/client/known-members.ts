/**
 * Who the members are, as told by the nodes that this client is connected to. Nodes learn of changes
 * at different moments, and a removed one may never do; so each one's word counts while it is
 * connected, and all of them are taken together.
 *
 * A node that knows no leader may know of an older cluster, or, with a wiped disk, of none but its
 * first: its word adds addresses, but makes nobody forgotten. Only who knows a leader can do that.
 */
import type { MemberAddress } from '../transport/index.ts'
import type { Endpoint } from './endpoint.ts'

interface Word {
  readonly members: readonly MemberAddress[]
  /** Whether its node knew a leader when it was asked last. */
  readonly isLed: boolean
}

export class KnownMembers {
  /** What each connected endpoint told last, the newest word last. */
  readonly #told = new Map<Endpoint, Word>()
  /** The last word of one that has no connection any more: kept until somebody who is led speaks. */
  #kept: readonly MemberAddress[] | undefined
  #hint: { readonly id: string; readonly address: string } | undefined
  #addresses: ReadonlyMap<string, string> = new Map()

  /** Client addresses by node id, of those that have told one. */
  get addresses(): ReadonlyMap<string, string> {
    return this.#addresses
  }

  /**
   * A connected node said who takes part, and whether it knows a leader; undefined: of that it said
   * nothing, and what it said before stands.
   */
  tell(endpoint: Endpoint, members: readonly MemberAddress[], knowsLeader?: boolean): void {
    const isLed = knowsLeader ?? this.#told.get(endpoint)?.isLed === true
    this.#told.delete(endpoint)
    this.#told.set(endpoint, { members, isLed })
    if (isLed) {
      this.#kept = undefined
      // Who leads is a member: where one that is a member itself does not name it, it is gone.
      const hinted = this.#hint?.id
      if (hinted !== undefined && names(members, endpoint.nodeId) && !names(members, hinted)) {
        this.#hint = undefined
      }
    }
    this.#merge()
  }

  /** A refusal named the leader and its address: it may be newer than all lists. */
  hint(id: string, address: string): void {
    this.#hint = { id, address }
    this.#merge()
  }

  /** The endpoint has no connection any more. */
  forget(endpoint: Endpoint): void {
    const word = this.#told.get(endpoint)
    if (word === undefined) return
    const isMissed = word.isLed
      ? !this.#isSuperseded(endpoint)
      : this.#told.size === 1 && this.#kept === undefined
    if (isMissed) this.#kept = word.members
    this.#told.delete(endpoint)
    this.#merge()
  }

  /** Whether others are there to ask, and none of them names the node behind this endpoint. */
  isDisowned(endpoint: Endpoint): boolean {
    const { nodeId } = endpoint
    if (nodeId === undefined || this.#hint?.id === nodeId) return false
    if (this.#kept !== undefined && names(this.#kept, nodeId)) return false
    let asked = 0
    for (const [other, { members, isLed }] of this.#told) {
      if (other === endpoint) continue
      if (names(members, nodeId)) return false
      // One that was removed, or is about to join, does not name itself: it may know nothing.
      if (isLed && names(members, other.nodeId)) asked++
    }
    return asked > 0
  }

  /**
   * Whether what it told is no loss: another one that is led has spoken since, or names its node.
   * One that does neither may be the one that has missed something.
   */
  #isSuperseded(endpoint: Endpoint): boolean {
    let since = false
    for (const [other, { members, isLed }] of this.#told) {
      if (other === endpoint) since = true
      else if (isLed && (since || names(members, endpoint.nodeId))) return true
    }
    return false
  }

  #merge(): void {
    const addresses = new Map<string, string>()
    if (this.#hint !== undefined) addresses.set(this.#hint.id, this.#hint.address)
    const words = [...this.#told.values()].map(({ members }) => members)
    for (const members of this.#kept === undefined ? words : [this.#kept, ...words]) {
      for (const { id, clientAddress } of members) {
        if (clientAddress !== undefined) addresses.set(id, clientAddress)
      }
    }
    this.#addresses = addresses
  }
}

function names(members: readonly MemberAddress[], nodeId: string | undefined): boolean {
  return members.some(({ id }) => id === nodeId)
}
