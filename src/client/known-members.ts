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
  /** Whether the node has known a leader since it was connected to. */
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

  /** A connected node said who takes part; `knowsLeader`: and that somebody leads. */
  tell(endpoint: Endpoint, members: readonly MemberAddress[], knowsLeader: boolean): void {
    // Between two leaders, and when it says nothing of one, it is still the node that it was.
    const isLed = knowsLeader || this.#told.get(endpoint)?.isLed === true
    if (isLed) this.#kept = undefined
    this.#told.delete(endpoint)
    this.#told.set(endpoint, { members, isLed })
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
    this.#told.delete(endpoint)
    const others = [...this.#told.values()]
    const isBest = word.isLed
      ? !others.some(({ isLed }) => isLed)
      : others.length === 0 && this.#kept === undefined
    if (isBest) this.#kept = word.members
    this.#merge()
  }

  /** Whether others are there to ask, and none of them names the node behind this endpoint. */
  isDisowned(endpoint: Endpoint): boolean {
    const { nodeId } = endpoint
    if (nodeId === undefined || this.#hint?.id === nodeId) return false
    let asked = 0
    for (const [other, { members, isLed }] of this.#told) {
      if (other === endpoint) continue
      if (members.some(({ id }) => id === nodeId)) return false
      // One that was removed, or is about to join, does not name itself: it may know nothing.
      if (isLed && members.some(({ id }) => id === other.nodeId)) asked++
    }
    return asked > 0
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
