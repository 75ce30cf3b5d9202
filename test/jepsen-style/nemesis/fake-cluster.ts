/** A cluster of which no process runs: it does what it is told at once, and can be told to fail. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type {
  ClockAnswer,
  ClockOrder,
  Cluster,
  ClusterNode,
  ClusterTools,
  FlushAnswer,
  NodeReport,
  NodeState,
  Operator,
  SecondStart,
} from '../../../jepsen-style/cluster/cluster.ts'
import type { Fault, Nemesis, Scene } from '../../../jepsen-style/nemesis/nemesis.ts'
import type { Links } from '../../../jepsen-style/network/links.ts'
import type { Chance } from '../../../jepsen-style/workloads/workload.ts'

/** A node of it; tests set what they need. */
export class FakeNode implements ClusterNode {
  readonly id: string
  readonly dataDirectory: string
  readonly logFile: string
  now: NodeState = 'running'
  process: number | undefined
  ended: { count: number; last: string | undefined } = { count: 0, last: undefined }
  /** Whether it answers on `/status` while it runs. */
  answers = true
  order: ClockOrder | undefined
  clockAnswer: ClockAnswer | undefined
  delays: readonly number[] | undefined
  flushAnswer: FlushAnswer | undefined
  /** Whether it says so when it follows an order. */
  obeys = true
  full = false
  /** What its status says, beyond that it runs. */
  ready = true
  diskFull = false
  waitsFor: string | undefined
  commitIndex = 7
  lastIndex = 7
  baseIndex = 0
  /** What happens when it is started, instead of that it runs. */
  onStart: (() => void) | undefined

  constructor(id: string, directory: string, process: number) {
    this.id = id
    this.dataDirectory = join(directory, id)
    this.logFile = join(directory, `${id}.log`)
    this.process = process
  }

  state(): NodeState {
    return this.now
  }

  pid(): number | undefined {
    return this.now === 'stopped' ? undefined : this.process
  }

  endings(): { readonly count: number; readonly last: string | undefined } {
    return this.ended
  }

  end(how: string): void {
    if (this.now === 'stopped') return
    this.now = 'stopped'
    this.ended = { count: this.ended.count + 1, last: how }
  }

  /** Adds a line to its log. */
  log(line: Readonly<Record<string, unknown>>): void {
    writeFileSync(this.logFile, `${JSON.stringify(line)}\n`, { flag: 'a' })
  }
}

/** Changes members at once, or fails as it is told. */
export class FakeOperator implements Operator {
  readonly members = new Set<string>()
  /** Thrown by the next call of this name. */
  readonly failures = new Map<keyof Operator, Error>()
  readonly #calls: string[]
  #joined = 0

  constructor(calls: string[]) {
    this.#calls = calls
  }

  #did(name: keyof Operator, ...words: readonly string[]): void {
    this.#calls.push([name, ...words].join(' '))
    const failure = this.failures.get(name)
    this.failures.delete(name)
    if (failure !== undefined) throw failure
  }

  async transfer(to: string | undefined): Promise<string> {
    this.#did('transfer', to ?? 'anybody')
    return to ?? 'n3'
  }

  async join(): Promise<string> {
    const id = `new${++this.#joined}`
    this.members.add(id)
    this.#did('join')
    return id
  }

  async replace(id: string): Promise<string> {
    const by = `new${++this.#joined}`
    this.members.add(by)
    this.#did('replace', id)
    this.members.delete(id)
    return by
  }

  async remove(id: string): Promise<string> {
    this.#did('remove', id)
    this.members.delete(id)
    return 'exit code 0'
  }

  async kill(id: string): Promise<void> {
    this.#did('kill', id)
  }

  async clear(): Promise<void> {
    this.#did('clear')
    this.members.clear()
  }
}

/** The cluster. `calls` has what was done to it, in order. */
export class FakeCluster implements Cluster {
  readonly directory: string
  readonly nodes: readonly FakeNode[]
  readonly endpoints = ''
  readonly calls: string[] = []
  readonly tools: ClusterTools
  readonly operator = new FakeOperator(this.calls)
  leads: string | undefined = 'n1'
  second: SecondStart = { code: 1, log: '{"level":"error","message":"x","code":"QUORATE_LOCKED"}' }

  constructor(size: number) {
    this.directory = mkdtempSync(join(tmpdir(), 'quorate-fake-cluster-'))
    this.nodes = Array.from(
      { length: size },
      (_, i) => new FakeNode(`n${i + 1}`, this.directory, 1_000 + i),
    )
    for (const node of this.nodes) mkdirSync(node.dataDirectory)
    this.tools = {
      startTwice: async () => this.second,
      clocks: {
        type: 'had',
        of: (id) => ({
          set: (order) => {
            const node = this.node(id)
            node.order = order
            const differenceMs = order.type === 'rate' ? order.rate * 100 : order.ms
            node.clockAnswer = node.obeys ? { pid: node.process ?? 0, differenceMs } : undefined
          },
          answer: () => this.node(id).clockAnswer,
        }),
      },
      flushes: (id) => ({
        slow: (delays) => {
          const node = this.node(id)
          node.delays = delays
          const answer = { pid: node.process ?? 0, flushes: 0, delayedMs: 0 }
          node.flushAnswer = node.obeys ? answer : undefined
        },
        answer: () => this.node(id).flushAnswer,
      }),
      disks: {
        type: 'had',
        of: (id) => ({
          fill: () => void (this.node(id).full = true),
          free: () => void (this.node(id).full = false),
        }),
      },
      operator: this.operator,
      canJoin: true,
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  node(id: string): FakeNode {
    const node = this.nodes.find((each) => each.id === id)
    if (node === undefined) throw new RangeError(id)
    return node
  }

  async start(id: string): Promise<void> {
    this.calls.push(`start ${id}`)
    const node = this.node(id)
    if (node.now !== 'stopped') throw new Error(`${id} runs already`)
    node.now = 'running'
    node.process = (node.process ?? 0) + 100
    node.onStart?.()
  }

  async kill(id: string): Promise<void> {
    this.calls.push(`kill ${id}`)
    this.node(id).end('SIGKILL')
  }

  async stop(id: string): Promise<string> {
    this.calls.push(`stop ${id}`)
    this.node(id).end('exit code 143')
    return 'exit code 143'
  }

  pause(id: string): void {
    this.calls.push(`pause ${id}`)
    this.node(id).now = 'paused'
  }

  resume(id: string): void {
    const node = this.node(id)
    if (node.now !== 'paused') return
    this.calls.push(`resume ${id}`)
    node.now = 'running'
  }

  async report(id: string): Promise<NodeReport | undefined> {
    const node = this.node(id)
    if (node.now !== 'running' || !node.answers) return undefined
    const role = id === this.leads ? 'leader' : 'follower'
    const { ready, diskFull, waitsFor, commitIndex, lastIndex, baseIndex } = node
    const indexes = { commitIndex, lastIndex, appliedIndex: 7, revision: 3, baseIndex }
    return { id, role, term: 1, leader: this.leads, ready, ...indexes, diskFull, waitsFor }
  }

  async leader(): Promise<string | undefined> {
    return this.leads
  }

  async ready(ids: readonly string[]): Promise<boolean> {
    const reports = await Promise.all(ids.map((id) => this.report(id)))
    return reports.every((report) => report !== undefined)
  }

  async close(): Promise<void> {}
}

/** A small generator (mulberry32): the same chance for the same seed. */
export function fakeChance(seed: number): Chance {
  let state = seed >>> 0
  const fraction = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const between = (min: number, max: number): number => min + Math.floor(fraction() * (max - min))
  return {
    fraction,
    between,
    pick: (values) => {
      const value = values[between(0, values.length)]
      if (value === undefined) throw new RangeError('nothing to pick from')
      return value
    },
  }
}

/** Links that nothing is asked of. */
export const fakeLinks: Links = {
  backend: 'direct',
  effects: new Set(),
  listenAddresses: (node) => ({ client: `${node}:1`, peer: `${node}:2` }),
  peerAddress: (from, to) => `${from}-to-${to}:3`,
  clientAddress: (to) => `clients-to-${to}:4`,
  commandOf: (node, command) => ['at', node, ...command],
  add: () => Promise.reject(new Error('no effects')),
  close: async () => {},
}

/** A scene on a cluster; `busy` nodes are another fault's. */
export function sceneOf(cluster: FakeCluster, seed = 1, busy: readonly string[] = []): Scene {
  return {
    cluster,
    links: fakeLinks,
    chance: fakeChance(seed),
    damaged: new Set(),
    busy: new Set(busy),
    isTaken: (node) => busy.includes(node),
  }
}

/** Draws a fault that must be there. */
export async function drawn(nemesis: Nemesis, scene: Scene): Promise<Fault> {
  const fault = await nemesis.draw(scene)
  if (fault === undefined) throw new Error(`${nemesis.name} drew nothing`)
  return fault
}
