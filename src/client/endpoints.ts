/**
 * All the addresses of a client: those given to `connect`, which stay, and those learnt from nodes,
 * which come and go with the members.
 *
 * Those given come first, also where it is not known yet who they are: they may lead through a proxy
 * or a translated address, where the advertised one would not.
 */
import type { Endpoint } from './endpoint.ts'
import { KnownMembers } from './known-members.ts'

/** Addresses learnt from nodes beyond those given. */
const learntMax = 16

export class Endpoints {
  readonly members = new KnownMembers()
  readonly #make: (address: string, expectedNodeId: string | undefined) => Endpoint
  readonly #onDropped: (endpoint: Endpoint) => void
  readonly #all: Endpoint[] = []
  readonly #given: number

  /** `onDropped` is told of each that is let go. */
  constructor(
    addresses: readonly string[],
    make: (address: string, expectedNodeId: string | undefined) => Endpoint,
    onDropped: (endpoint: Endpoint) => void,
  ) {
    this.#make = make
    this.#onDropped = onDropped
    this.#given = addresses.length
    for (const address of addresses) this.#all.push(make(address, undefined))
  }

  /** Those given, then those learnt. */
  get all(): readonly Endpoint[] {
    return this.#all
  }

  /** The one endpoint of a pinned client, if it is open. */
  get only(): Endpoint | undefined {
    const endpoint = this.#all[0]
    return endpoint?.open === true ? endpoint : undefined
  }

  /** An open endpoint of this node. */
  openTo(nodeId: string | undefined): Endpoint | undefined {
    return this.#all.find((endpoint) => endpoint.open && endpoint.nodeId === nodeId)
  }

  /** The open endpoint that answers fastest; `avoid` only where there is no other. */
  nearest(avoid: Endpoint | undefined): Endpoint | undefined {
    let nearest: Endpoint | undefined
    for (const endpoint of this.#all) {
      if (!endpoint.open || endpoint === avoid) continue
      if (nearest === undefined || endpoint.rttMs < nearest.rttMs) nearest = endpoint
    }
    return nearest ?? (avoid?.open === true ? avoid : undefined)
  }

  /**
   * The endpoint by which a node is to be reached, open or not. Its advertised address is used once
   * all those given are known to be others, or do not answer.
   */
  towards(nodeId: string): Endpoint | undefined {
    const open = this.openTo(nodeId)
    if (open !== undefined) return open
    const address = this.members.addresses.get(nodeId)
    const known = this.#all.find((endpoint) => stands(endpoint, nodeId, address))
    const pending = this.#dialUnknown()
    if (known !== undefined || pending || address === undefined) return known
    return this.#isFree(address) ? this.#learn(nodeId, address) : undefined
  }

  /** Connects to all members, but first to those given: behind one of them each may already be. */
  follow(): void {
    if (this.#dialUnknown()) return
    this.learnAll()
    for (const endpoint of this.#all) if (!endpoint.open) endpoint.dial()
  }

  /** An endpoint for each member whose address is known and that none stands for. */
  learnAll(): void {
    for (const [id, address] of this.members.addresses) {
      const known = this.#all.some((endpoint) => stands(endpoint, id, address))
      if (!known && this.#isFree(address)) this.#learn(id, address)
    }
  }

  /** Lets go of those learnt whose node is no member any more, once they owe nothing. */
  dropDisowned(wanted: ReadonlySet<Endpoint>): void {
    for (const endpoint of this.#all.slice(this.#given)) {
      if (!endpoint.idle || wanted.has(endpoint) || !this.members.isDisowned(endpoint)) continue
      this.#remove(endpoint)
    }
  }

  /** Dials those given of whom it is not known who they are; whether some may yet tell. */
  #dialUnknown(): boolean {
    let pending = false
    for (const endpoint of this.#all) {
      if (!endpoint.given || endpoint.nodeId !== undefined) continue
      endpoint.dial()
      pending ||= endpoint.lastError === undefined
    }
    return pending
  }

  /**
   * Whether an endpoint may be made for this address. Where one stands there, someone else answers,
   * or nobody; but one that was learnt for a node that is told to be elsewhere, or nowhere, gives up
   * its place: the address has got another owner.
   */
  #isFree(address: string): boolean {
    const standing = this.#all.find((endpoint) => endpoint.address === address)
    if (standing === undefined) return true
    const { given, open, dialling, nodeId } = standing
    if (given || open || dialling || nodeId === undefined) return false
    if (this.members.addresses.get(nodeId) === address) return false
    this.#remove(standing)
    return true
  }

  #learn(id: string, address: string): Endpoint | undefined {
    if (this.#all.length - this.#given >= learntMax) {
      const unused = this.#all.find((each) => !each.given && !each.open)
      if (unused === undefined) return undefined
      this.#remove(unused)
    }
    const endpoint = this.#make(address, id)
    endpoint.nodeId = id
    this.#all.push(endpoint)
    return endpoint
  }

  #remove(endpoint: Endpoint): void {
    this.#all.splice(this.#all.indexOf(endpoint), 1)
    this.members.forget(endpoint)
    endpoint.close()
    this.#onDropped(endpoint)
  }
}

/**
 * Whether a node is to be reached by this endpoint. One that is down stands for its node still,
 * unless the node has moved: then another address is told of it than was when it was met here.
 */
function stands(endpoint: Endpoint, id: string, address: string | undefined): boolean {
  if (endpoint.nodeId !== id) return false
  const { open, dialling, advertisedAs } = endpoint
  return open || dialling || address === undefined || (advertisedAs ?? address) === address
}
