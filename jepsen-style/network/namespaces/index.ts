/**
 * Links made of network namespaces: one for each node, all joined by one that only routes, to
 * which the host is joined as well, for the clients. Cuts are real there: packets are gone, TCP
 * repeats them, and nobody is told.
 *
 * It takes root and iproute2; `detectNamespaces` says what else is there. Everything is named after
 * this process, and what dead ones have left behind is taken away first.
 */
import type { ActiveRule, LinkEffect, LinkRule, Links, Party } from '../links.ts'
import { clients } from '../links.ts'
import { ipBatch, run, runNow, setIpv4 } from './command.ts'
import { detectNamespaces } from './detect.ts'
import type { Direction } from './detours.ts'
import { Figures } from './figures.ts'
import { deleteLink, removeLeftovers } from './leftovers.ts'
import type { Block, RunNames } from './names.ts'
import { freeBlock, partiesMax, runNames } from './names.ts'
import { refuserRoutes } from './refuser.ts'
import { Router } from './router.ts'

export { detectNamespaces } from './detect.ts'
export type { NamespaceSupport } from './detect.ts'

/** Every node has an address of its own, and so all may have the same ports. */
const clientPort = 7101
const peerPort = 7201

/** Runs of this process, so that each has names of its own. */
let runs = 0

/**
 * Sets up the namespaces of these nodes; nothing runs in them yet. Rejects with the reason where
 * this machine can't, or with what the kernel said, and leaves nothing behind.
 */
export async function openNamespaces(options: {
  readonly nodes: readonly Party[]
}): Promise<Links> {
  const { nodes } = options
  if (nodes.length >= partiesMax) throw new Error(`at most ${partiesMax - 1} nodes`)
  const support = await detectNamespaces()
  if (!support.available) throw new Error(`no network namespaces here: ${support.reason}`)
  await removeLeftovers()
  runs++
  const block = freeBlock(process.pid + runs, await run(['ip', 'route', 'show', 'table', 'all']))
  const links = new NamespaceLinks(nodes, runNames(process.pid, runs), block, support.effects)
  try {
    await links.open()
  } catch (error) {
    await links.close()
    throw error
  }
  return links
}

class NamespaceLinks implements Links {
  readonly backend = 'namespaces'
  readonly effects: ReadonlySet<LinkEffect['type']>
  readonly #names: RunNames
  readonly #block: Block
  /** The clients first: a party's place is its number. */
  readonly #parties: readonly Party[]
  readonly #router: Router
  /** What was made, to be taken away again. */
  readonly #made: string[] = []
  /** A process that ends without closing takes what it made with it. */
  readonly #sweep = (): void => {
    for (const name of this.#made) runNow(['ip', 'netns', 'delete', name])
    runNow(['ip', 'link', 'delete', this.#names.hostLink])
  }
  #closed: Promise<void> | undefined

  constructor(
    nodes: readonly Party[],
    names: RunNames,
    block: Block,
    effects: ReadonlySet<LinkEffect['type']>,
  ) {
    this.#names = names
    this.#block = block
    this.effects = effects
    this.#parties = [clients, ...nodes]
    this.#router = new Router({
      names,
      figures: new Figures(names.router, effects.size > 1),
      parties: this.#parties,
      directionOf: (from, to) => this.#direction(from, to),
    })
  }

  async open(): Promise<void> {
    const { router, sink, refuser, loop, hostLink } = this.#names
    const nodes = this.#parties.slice(1).map((id) => this.#names.node(id))
    process.on('exit', this.#sweep)
    for (const name of [router, sink, refuser, loop, ...nodes]) {
      await run(['ip', 'netns', 'add', name])
      this.#made.push(name)
    }
    // Answers come by another way than they would be sent: a filter for the reverse path
    // (RFC 3704) would drop them. And nobody is to be told of a better way.
    const anyWay = { 'conf/all/rp_filter': 0, 'conf/default/rp_filter': 0 }
    const quiet = { 'conf/all/send_redirects': 0, 'conf/default/send_redirects': 0 }
    for (const name of [router, loop]) await setIpv4(name, { ip_forward: 1, ...anyWay, ...quiet })
    await setIpv4(refuser, anyWay)
    const { cidr } = this.#block
    await ipBatch(refuser, refuserRoutes(cidr))
    for (const number of this.#parties.keys()) await this.#join(number)
    await run(['ip', 'route', 'add', cidr, 'via', this.#block.of(0).router, 'dev', hostLink])
  }

  listenAddresses(node: Party): { readonly client: string; readonly peer: string } {
    const { party } = this.#block.of(this.#numberOf(node))
    return { client: `${party}:${clientPort}`, peer: `${party}:${peerPort}` }
  }

  peerAddress(_from: Party, to: Party): string {
    return this.listenAddresses(to).peer
  }

  clientAddress(to: Party): string {
    return this.listenAddresses(to).client
  }

  commandOf(node: Party, command: readonly string[]): readonly string[] {
    return ['ip', 'netns', 'exec', this.#names.node(node), ...command]
  }

  add(rule: LinkRule): Promise<ActiveRule> {
    return this.#router.add(rule)
  }

  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  /** A party gets its end of a link to the router. */
  async #join(number: number): Promise<void> {
    const { router, hostLink } = this.#names
    const { router: gateway, party } = this.#block.of(number)
    const device = deviceOf(number)
    const id = this.#parties[number]
    if (id === undefined || id === clients) {
      await run([
        'ip',
        'link',
        'add',
        hostLink,
        'type',
        'veth',
        'peer',
        'name',
        device,
        'netns',
        router,
      ])
      await run(['ip', 'address', 'add', `${party}/30`, 'dev', hostLink])
      await run(['ip', 'link', 'set', hostLink, 'up'])
    } else {
      const node = this.#names.node(id)
      await ipBatch(router, [`link add ${device} type veth peer name uplink netns ${node}`])
      await ipBatch(node, [
        'link set lo up',
        `address add ${party}/30 dev uplink`,
        'link set uplink up',
        `route add default via ${gateway}`,
      ])
    }
    await ipBatch(router, [`address add ${gateway}/30 dev ${device}`, `link set ${device} up`])
  }

  #direction(from: Party, to: Party): Direction {
    const [fromNumber, toNumber] = [this.#numberOf(from), this.#numberOf(to)]
    return {
      from: fromNumber,
      to: toNumber,
      fromAddress: this.#block.of(fromNumber).party,
      toAddress: this.#block.of(toNumber).party,
      port: from === clients ? clientPort : peerPort,
      device: deviceOf(fromNumber),
    }
  }

  #numberOf(party: Party): number {
    const number = this.#parties.indexOf(party)
    if (number < 0) throw new Error(`there is no node ${party}`)
    return number
  }

  /** Tries all, then rejects with the first failure. */
  async #close(): Promise<void> {
    await this.#router.close()
    const failures: unknown[] = []
    const attempt = (work: Promise<unknown>): Promise<unknown> =>
      work.catch((error: unknown) => failures.push(error))
    await attempt(deleteLink(this.#names.hostLink))
    for (const name of this.#made.splice(0)) await attempt(run(['ip', 'netns', 'delete', name]))
    process.off('exit', this.#sweep)
    if (failures.length > 0) throw failures[0]
  }
}

/** The router's end of the link to a party. */
function deviceOf(number: number): string {
  return `v${number}`
}
