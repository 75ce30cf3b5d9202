/**
 * Links through relays in this process, one for each direction in which somebody dials: they need
 * no rights, and know where a message ends, so that they can drop, delay, repeat, move and damage
 * whole ones.
 *
 * What passes is not changed: heads, pings and closes are those of the nodes themselves.
 * - A silent cut holds everything, also the ends of connections and connections that are opened
 *   meanwhile. When it is gone, what is left of it is delivered, late.
 * - A reset cut is what a firewall does that refuses the connections of one direction: those that
 *   `from` opened to `to` are reset, and new ones refused. What `to` opens to `from` lives on, with
 *   its answers; so a reset cut of one direction is a link that stays one-way.
 * - Loss is of whole messages, past the protocol's handshake. Only messages between nodes are
 *   repeated, moved (those of Raft) or damaged (all): a client's request may not come twice under
 *   one id.
 */
import type { Chance } from '../../workloads/workload.ts'
import type { ActiveRule, LinkEffect, LinkRule, Links, Party } from '../links.ts'
import { clients } from '../links.ts'
import type { RelayClock } from './clock.ts'
import { realClock } from './clock.ts'
import { relayHost } from './connection.ts'
import { RelayListener } from './listener.ts'
import { freePorts } from './ports.ts'
import { RelayRule, RuleBook } from './rules.ts'

/** How relays are opened. */
export interface RelayOptions {
  /** The ids of the nodes. */
  readonly nodes: readonly Party[]
  /** The first of the ports, which are taken in a row (default: some that are free). */
  readonly basePort?: number | undefined
  /**
   * What becomes of single messages. It should draw from nothing else: how many messages there
   * are depends on time, and so do its draws.
   */
  readonly chance: Chance
  /** Default: the time of this machine. */
  readonly clock?: RelayClock
}

/** Opens the relays; the nodes need not run yet. Rejects if a port is taken. */
export async function openRelays(options: RelayOptions): Promise<Links> {
  const { nodes, chance, clock = realClock } = options
  const pairs = nodes.flatMap((from) => nodes.flatMap((to) => (from === to ? [] : [{ from, to }])))
  const base = options.basePort ?? (await freePorts(3 * nodes.length + pairs.length))
  const rules = new RuleBook()
  const links = new RelayLinks(rules)
  let port = base
  try {
    for (const node of nodes) links.own.set(node, { client: port++, peer: port++ })
    for (const to of nodes) {
      const targetPort = links.portsOf(to).client
      const parts = { from: clients, to, targetPort, rules, chance, clock }
      links.entrances.set(pairName(clients, to), port)
      links.listeners.push(await RelayListener.open(port++, parts))
    }
    for (const { from, to } of pairs) {
      const parts = { from, to, targetPort: links.portsOf(to).peer, rules, chance, clock }
      links.entrances.set(pairName(from, to), port)
      links.listeners.push(await RelayListener.open(port++, parts))
    }
  } catch (error) {
    await links.close()
    throw error
  }
  return links
}

interface NodePorts {
  readonly client: number
  readonly peer: number
}

const effects: ReadonlySet<LinkEffect['type']> = new Set([
  'cut',
  'delay',
  'loss',
  'duplicate',
  'reorder',
  'bandwidth',
  'corrupt',
])

class RelayLinks implements Links {
  readonly backend = 'relay'
  readonly effects = effects
  /** The ports of the nodes themselves. */
  readonly own = new Map<Party, NodePorts>()
  /** The ports of the relays, by pair. */
  readonly entrances = new Map<string, number>()
  readonly listeners: RelayListener[] = []
  readonly #rules: RuleBook
  #closed: Promise<unknown> | undefined

  constructor(rules: RuleBook) {
    this.#rules = rules
  }

  portsOf(node: Party): NodePorts {
    const ports = this.own.get(node)
    if (ports === undefined) throw new Error(`there is no node ${node}`)
    return ports
  }

  listenAddresses(node: Party): { readonly client: string; readonly peer: string } {
    const { client, peer } = this.portsOf(node)
    return { client: `${relayHost}:${client}`, peer: `${relayHost}:${peer}` }
  }

  peerAddress(from: Party, to: Party): string {
    return this.#entrance(from, to)
  }

  clientAddress(to: Party): string {
    return this.#entrance(clients, to)
  }

  commandOf(_node: Party, command: readonly string[]): readonly string[] {
    return command
  }

  add(rule: LinkRule): Promise<ActiveRule> {
    const added = new RelayRule(rule)
    this.#rules.add(added)
    this.#changed(false)
    return Promise.resolve({
      counts: () => added.counts(),
      remove: () => {
        this.#rules.delete(added)
        this.#changed(added.effect.type !== 'cut')
        return Promise.resolve()
      },
    })
  }

  async close(): Promise<void> {
    this.#closed ??= Promise.all(this.listeners.map((listener) => listener.close()))
    await this.#closed
  }

  #changed(released: boolean): void {
    for (const listener of this.listeners) listener.rulesChanged(released)
  }

  #entrance(from: Party, to: Party): string {
    const port = this.entrances.get(pairName(from, to))
    if (port === undefined) throw new Error(`there is no link from ${from} to ${to}`)
    return `${relayHost}:${port}`
  }
}

function pairName(from: Party, to: Party): string {
  return `${from}>${to}`
}
