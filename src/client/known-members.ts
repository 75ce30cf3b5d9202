/**
 * Who the members are, as told by the nodes that this client is connected to. Nodes learn of changes
 * at different moments, and a removed one may never do; so each one's word counts while it is
 * connected, and all of them are taken together.
 */
import type { MemberAddress } from '../transport/index.ts'
import type { Endpoint } from './endpoint.ts'

export class KnownMembers {
  /** What each endpoint told last, the newest word last. */
  readonly #told = new Map<Endpoint, readonly MemberAddress[]>()
  /** The only endpoint that is left, though its connection is gone: better than to know nobody. */
  #stale: Endpoint | undefined
  #hint: { readonly id: string; readonly address: string } | undefined
  #addresses: ReadonlyMap<string, string> = new Map()

  /** Client addresses by node id, of those that have told one. */
  get addresses(): ReadonlyMap<string, string> {
    return this.#addresses
  }

  /** A connected node said who takes part. */
  tell(endpoint: Endpoint, members: readonly MemberAddress[]): void {
    if (this.#stale !== undefined) this.#told.delete(this.#stale)
    this.#stale = undefined
    this.#told.delete(endpoint)
    this.#told.set(endpoint, members)
    this.#merge()
  }

  /** A refusal named the leader and its address: it may be newer than all lists. */
  hint(id: string, address: string): void {
    this.#hint = { id, address }
    this.#merge()
  }

  /** The endpoint has no connection any more. */
  forget(endpoint: Endpoint): void {
    if (!this.#told.has(endpoint)) return
    if (this.#told.size === 1) {
      this.#stale = endpoint
      return
    }
    this.#told.delete(endpoint)
    this.#merge()
  }

  /** Whether others are there to ask, and none of them names the node behind this endpoint. */
  isDisowned(endpoint: Endpoint): boolean {
    const { nodeId } = endpoint
    if (nodeId === undefined || this.#hint?.id === nodeId) return false
    let asked = 0
    for (const [other, members] of this.#told) {
      if (other === endpoint || other === this.#stale) continue
      if (members.some(({ id }) => id === nodeId)) return false
      // One that was removed, or is about to join, does not name itself: it may know nothing.
      if (members.some(({ id }) => id === other.nodeId)) asked++
    }
    return asked > 0
  }

  #merge(): void {
    const addresses = new Map<string, string>()
    if (this.#hint !== undefined) addresses.set(this.#hint.id, this.#hint.address)
    for (const members of this.#told.values()) {
      for (const { id, clientAddress } of members) {
        if (clientAddress !== undefined) addresses.set(id, clientAddress)
      }
    }
    this.#addresses = addresses
  }
}
