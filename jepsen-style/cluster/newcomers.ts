/**
 * Nodes that join a running cluster and leave it again, by the documented way: `node init --join`,
 * `node start`, and the SDK's changes of members. Each has an id that none had before; the places
 * where they listen are few and used again.
 */
import { QuorateError, type Client } from 'quorate'
import type { ClusterNode, Operator } from './cluster.ts'
import { sleep, until } from './waiting.ts'

/** One change, tried again as long as the cluster is in trouble, ms. */
const changeMsMax = 40_000
/** One attempt of it. */
const attemptMsMax = 8_000
const retryMs = 200
/** How long a node that was removed may take to learn of it and to end by itself. */
const farewellMsMax = 5_000
/** Leadership is handed over quickly or not at all. */
const transferMsMax = 3_000

/** No node of the cluster answered one that wants to join; nothing was made. */
export class NobodyAnswered extends Error {}

/** A place where a node that joins may live. */
export type Place = string

/** A node that joined. */
export interface Newcomer extends ClusterNode {
  readonly place: Place
  /** Where the members reach it. */
  readonly peerAddress: string
  readonly clientAddress: string
  /** Makes its directory, and starts it; rejects with `NobodyAnswered` where that is so. */
  begin(): Promise<void>
  kill(): Promise<void>
}

/** As much of a client as changes take. */
export type MemberClient = Pick<
  Client,
  'addMember' | 'removeMember' | 'replaceMember' | 'members' | 'transferLeadership' | 'close'
>

/** What this is made from. */
export interface NewcomersOptions {
  readonly places: readonly Place[]
  /** Connects to the first nodes, past all links. */
  readonly connect: () => Promise<MemberClient>
  /** A node of this number, counted from 1, at a place. */
  readonly make: (number: number, place: Place) => Newcomer
}

/** The operator of a cluster that the harness started. */
export class Newcomers implements Operator {
  readonly #nodes: Newcomer[] = []
  readonly #options: NewcomersOptions
  /** Those that are, or may be, members. */
  readonly #present = new Map<string, Newcomer>()
  #client: Promise<MemberClient> | undefined
  #closed = false

  constructor(options: NewcomersOptions) {
    this.#options = options
  }

  async transfer(to: string | undefined): Promise<string> {
    const client = await this.#connected()
    return await client.transferLeadership(to, { timeout: transferMsMax })
  }

  async join(): Promise<string> {
    const node = await this.#begin()
    await this.#persist((client) => client.addMember(addressesOf(node), limits))
    await this.#becomesVoter(node.id)
    return node.id
  }

  async replace(id: string): Promise<string> {
    const before = this.#of(id)
    const node = await this.#begin()
    await this.#persist((client) => client.replaceMember(id, addressesOf(node), limits))
    await this.#becomesVoter(node.id)
    await this.#leaves(before)
    return node.id
  }

  async remove(id: string): Promise<string> {
    const node = this.#of(id)
    await this.#persist((client) => client.removeMember(id, limits))
    return await this.#leaves(node)
  }

  async kill(id: string): Promise<void> {
    await this.#of(id).kill()
  }

  async clear(): Promise<void> {
    for (const id of this.#present.keys()) {
      const isMember = await this.#persist(async (client) => {
        const { members } = await client.members(limits)
        return members.some((member) => member.id === id)
      })
      if (isMember) await this.remove(id)
      else await this.#leaves(this.#of(id))
    }
  }

  /** Ends all processes and the connection, and what is still being tried. */
  async close(): Promise<void> {
    this.#closed = true
    const client = await this.#client?.catch(() => undefined)
    this.#client = undefined
    await client?.close()
    await Promise.all(this.#nodes.map((node) => node.kill()))
  }

  /** A new node, running, that nobody knows yet. */
  async #begin(): Promise<Newcomer> {
    const taken = new Set([...this.#present.values()].map(({ place }) => place))
    const place = this.#options.places.find((each) => !taken.has(each))
    if (place === undefined) throw new Error('there is no place for another node')
    const node = this.#options.make(this.#nodes.length + 1, place)
    this.#nodes.push(node)
    this.#present.set(node.id, node)
    // All that joined may be cleared away while it tries.
    const isWanted = (): boolean => !this.#closed && this.#present.get(node.id) === node
    await this.#patiently(
      (error) => error instanceof NobodyAnswered && isWanted(),
      async () => node.begin(),
    )
    if (isWanted()) return node
    await node.kill()
    throw new Error(`${node.id} was given up before it ran`)
  }

  #of(id: string): Newcomer {
    const node = this.#present.get(id)
    if (node === undefined) throw new RangeError(`there is no node ${id} that joined`)
    return node
  }

  async #becomesVoter(id: string): Promise<void> {
    const votes = await until(async () => {
      const client = await this.#connected()
      const told = await client.members(limits).catch(() => undefined)
      return told?.members.some((member) => member.id === id && member.voter) === true
    }, changeMsMax)
    if (!votes) throw new Error(`${id} did not get its vote within ${changeMsMax / 1000} s`)
  }

  /** Waits for a node that is no member to end by itself, and ends it where it does not learn of it. */
  async #leaves(node: Newcomer): Promise<string> {
    const alone = await until(() => node.state() === 'stopped', farewellMsMax)
    if (!alone) await node.kill()
    this.#present.delete(node.id)
    const { last = 'never started' } = node.endings()
    return alone ? last : `${last}, by the harness`
  }

  async #connected(): Promise<MemberClient> {
    if (this.#closed) throw new Error('the cluster is closed')
    this.#client ??= this.#options.connect()
    try {
      return await this.#client
    } catch (error) {
      this.#client = undefined
      throw error
    }
  }

  /** Tries again what failed: other faults may be about, and a change that is done is done. */
  async #persist<T>(work: (client: MemberClient) => Promise<T>): Promise<T> {
    return await this.#patiently(
      (error) => error instanceof QuorateError,
      async () => await work(await this.#connected()),
    )
  }

  async #patiently<T>(passes: (error: unknown) => boolean, work: () => Promise<T>): Promise<T> {
    const end = performance.now() + changeMsMax
    for (;;) {
      try {
        return await work()
      } catch (error) {
        if (!passes(error) || performance.now() >= end) throw error
        await sleep(retryMs)
      }
    }
  }
}

const limits = { timeout: attemptMsMax }

function addressesOf({ id, peerAddress, clientAddress }: Newcomer): {
  readonly id: string
  readonly peerAddress: string
  readonly clientAddress: string
} {
  return { id, peerAddress, clientAddress }
}
