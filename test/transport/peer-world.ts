/** Whole peer transports over the memory network on a manual clock, and what they say. */
import { expect } from 'vitest'
import type { LogFields, Logger } from '../../src/logger.ts'
import type { Message } from '../../src/raft/messages.ts'
import { SeededRandom } from '../../src/random.ts'
import { PeerTransport, type PeerLimits } from '../../src/transport/index.ts'
import { decodePeerFrame, encodePeerFrame } from '../../src/transport/peer-codec.ts'
import type { PeerFrame, PeerHello, StateFrame } from '../../src/transport/peer-protocol.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { MemoryNetwork } from '../suites/memory-network.ts'
import { End } from '../suites/network.ts'

export const ids = ['n1', 'n2', 'n3']

/** A node that only receives, and remembers whom it pinned. */
export class Member {
  readonly received: Message[] = []
  readonly snapshots: { from: string; frame: StateFrame }[] = []
  readonly refusals: string[] = []
  readonly advertised: string[] = []
  readonly log: string[] = []
  readonly transport: PeerTransport
  readonly pins: Map<string, string>
  pinning: Promise<void> = Promise.resolve()

  constructor(
    cluster: Cluster,
    id: string,
    options: {
      incarnation?: string
      clusterId?: string
      groupId?: number
      /** Where it runs; by default on a host of its own name. */
      host?: string
      limits?: Partial<PeerLimits>
      pins?: Map<string, string>
      members?: readonly { id: string; peerAddress: string }[]
    } = {},
  ) {
    this.pins = options.pins ?? new Map()
    const { host = id } = options
    const note = (message: string, fields?: LogFields): void => {
      this.log.push(`${message} ${fields?.['peer'] ?? ''}`.trim())
    }
    const logger: Logger = { debug: () => {}, info: note, warn: note, error: note }
    this.transport = new PeerTransport({
      network: cluster.wires.host(host),
      clock: cluster.clock,
      random: new SeededRandom(7),
      logger,
      identity: {
        clusterId: options.clusterId ?? 'cluster',
        groupId: options.groupId ?? 0,
        nodeId: id,
        incarnation: options.incarnation ?? `${id}-first`,
      },
      listenAddress: `${host}:7201`,
      advertised: { clientAddress: () => `${host}:7101` },
      members: options.members ?? ids.map((each) => ({ id: each, peerAddress: `${each}:7201` })),
      acceptIncarnation: async (peer, incarnation) => {
        await this.pinning
        const known = this.pins.get(peer)
        if (known === undefined) this.pins.set(peer, incarnation)
        return known === undefined || known === incarnation
      },
      onMessages: (messages) => this.received.push(...messages),
      onStateFrame: (from, frame) => this.snapshots.push({ from, frame }),
      onAdvertised: (peer) => this.advertised.push(peer),
      onRefused: (peer, code) => this.refusals.push(`${peer} ${code}`),
      limits: options.limits ?? {},
    })
  }

  count(name: string): number {
    return this.transport.counters[name] ?? 0
  }

  connected(id: string): boolean {
    return this.transport.peer(id)?.connected ?? false
  }
}

export class Cluster {
  readonly clock = new ManualClock()
  readonly wires = new MemoryNetwork(this.clock, 1)

  async start(...members: Member[]): Promise<void> {
    for (const { transport } of members) await this.clock.until(transport.start())
    await this.clock.advance(2000)
  }

  /** Two members that are linked. */
  async pair(limits: Partial<PeerLimits> = {}): Promise<[Member, Member]> {
    const [a, b] = [new Member(this, 'n1', { limits }), new Member(this, 'n2', { limits })]
    await this.start(a, b)
    expect([a.connected('n2'), b.connected('n1')]).toEqual([true, true])
    return [a, b]
  }

  /** A connection to n1's peer port on which the test says what it likes. */
  async bare(host = 'stranger'): Promise<End> {
    const options = { frameBytesMax: 100_000_000, timeoutMs: 1000 }
    return new End(await this.clock.until(this.wires.host(host).connect('n1:7201', options)))
  }
}

export const heartbeat = (to: string, round: number, from = 'n1'): Message => ({
  type: 'heartbeat',
  from,
  to,
  term: 1,
  round,
  leaderCommit: 0,
})

export const append = (to: string, index: number, bytes: number): Message => ({
  type: 'appendEntries',
  from: 'n1',
  to,
  term: 1,
  prevLog: { term: 1, index: index - 1 },
  entries: [{ term: 1, index, kind: 'commands', data: new Uint8Array(bytes) }],
  leaderCommit: 0,
})

export const rounds = (messages: readonly Message[]): number[] =>
  messages.flatMap((message) => (message.type === 'heartbeat' ? [message.round] : []))

export const hello = (changes: Partial<PeerHello> = {}): Uint8Array =>
  encodePeerFrame({
    type: 'peerHello',
    protocolMin: 1,
    protocolMax: 1,
    link: 'control',
    clusterId: 'cluster',
    groupId: 0,
    nodeId: 'n2',
    incarnation: 'n2-first',
    to: 'n1',
    peerAddress: 'n2:7201',
    clientAddress: 'n2:7101',
    ...changes,
  })

export const framesOf = (end: End): PeerFrame[] => end.frames.map((bytes) => decodePeerFrame(bytes))
