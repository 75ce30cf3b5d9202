/**
 * A cluster whose nodes this harness starts itself, through the command line, on this machine.
 *
 * Data lies in `<directory>/<id>`, the log in `<directory>/<id>.log`. Nothing outlives the harness:
 * `close` stops all, a harness that exits kills all, and for one that is killed its watchdog does
 * (`guard.ts`).
 */
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { connect } from 'quorate'
import type { Links } from '../network/links.ts'
import type { Cluster, ClusterNode, ClusterTools, NodeReport, Offer } from './cluster.ts'
import type { NodeClock, NodeDisk, NodeFlushes, SecondStart } from './cluster.ts'
import { clockObedience, OrderedClock } from './clock/node-clock.ts'
import { flushObedience, OrderedFlushes } from './flushes/node-flushes.ts'
import { Guard } from './guard.ts'
import { Newcomers, NobodyAnswered, type Newcomer, type Place } from './newcomers.ts'
import { initCommand, joinCommand, startCommand } from './node-commands.ts'
import type { CommandParts, NodeTuning } from './node-commands.ts'
import { NodeProcess } from './node-process.ts'
import { fetchReport, leaderOf } from './node-report.ts'
import { obedientEnvironment } from './orders/order-file.ts'
import { launcherPath } from './package-files.ts'
import { runCommand } from './run-command.ts'
import { diskBytesDefault, keepAndUnmount, mountSmallDisk, whyNoSmallDisks } from './small-disk.ts'
import { until } from './waiting.ts'

export type { NodeTuning } from './node-commands.ts'

/** What `node init` takes at most, as for a cluster of `quorate cluster up`. */
const nodesMax = 9
/** Making a directory is a matter of one fsync after the other; the machine may be busy. */
const initMsMax = 60_000
/** The exit code of a command that no node answered. */
const unavailable = 5
const reportMsDefault = 500
/** An operator's connection, while other faults may be about. */
const connectMsMax = 10_000

/** What a local cluster is made from. */
export interface LocalClusterOptions {
  /** Is made where it is missing; must hold no nodes yet. */
  readonly directory: string
  /** 1 to 9; they are named n1, n2, … */
  readonly nodes: number
  readonly links: Links
  readonly tuning?: NodeTuning
  /** The `quorate.js` that is started. Default: this package's own. */
  readonly launcher?: string
  /** Further arguments of `node start`. */
  readonly extraNodeArguments?: readonly string[]
  /** Variables of the nodes' environment beside the harness's own. */
  readonly nodeEnvironment?: Readonly<Record<string, string>>
  /** Nodes have wall clocks that can be set wrong. Default: true. */
  readonly clocks?: boolean
  /**
   * Each node's data lies on a file system of its own, in memory, so that it can be made full;
   * `true`: 1 GiB each. Where none can be mounted, the nodes do without, and `tools.disks` says why.
   * Default: false.
   */
  readonly smallDisks?: boolean | { readonly bytes: number }
  /** Parties of the links where nodes may live that join while the cluster runs. Default: none. */
  readonly places?: readonly Place[]
}

/** The ids of a cluster of so many nodes: n1, n2, … */
export function nodeIds(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `n${i + 1}`)
}

/**
 * Makes the nodes' directories and starts all nodes; resolves once their processes run (`ready`
 * waits until they serve). Rejects where a directory can't be made or a process not be started;
 * nothing is left running then.
 */
export async function openCluster(options: LocalClusterOptions): Promise<Cluster> {
  const { nodes: count } = options
  if (!Number.isSafeInteger(count) || count < 1 || count > nodesMax) {
    throw new RangeError(`a cluster has 1 to ${nodesMax} nodes, not ${count}`)
  }
  const directory = resolve(options.directory)
  mkdirSync(directory, { recursive: true })
  const guard = await Guard.open()
  try {
    const cluster = new LocalCluster({ ...options, directory }, guard)
    await cluster.open()
    return cluster
  } catch (error) {
    // It kills and unmounts whatever there is already.
    await guard.close()
    throw error
  }
}

interface LocalNode extends ClusterNode {
  readonly process: NodeProcess
  readonly command: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly clientListen: string
  readonly clock: NodeClock
  readonly flushes: NodeFlushes
}

class LocalCluster implements Cluster {
  readonly nodes: readonly LocalNode[]
  readonly endpoints: string
  readonly tools: ClusterTools
  readonly #options: LocalClusterOptions
  readonly #parts: CommandParts
  readonly #guard: Guard
  readonly #disks = new Map<string, NodeDisk>()
  readonly #newcomers: Newcomers
  readonly #joined: LocalNode[] = []
  #closed: Promise<void> | undefined

  constructor(options: LocalClusterOptions, guard: Guard) {
    const ids = nodeIds(options.nodes)
    this.#options = options
    this.#guard = guard
    this.#parts = {
      launcher: options.launcher ?? launcherPath,
      links: options.links,
      ids,
      tuning: options.tuning ?? {},
      extra: options.extraNodeArguments ?? [],
    }
    this.nodes = ids.map((id) => this.#makeNode(id))
    this.endpoints = ids.map((id) => options.links.clientAddress(id)).join(',')
    this.#newcomers = new Newcomers({
      places: options.places ?? [],
      connect: () => connect(this.#listenAddresses(), { timeout: connectMsMax }),
      make: (number, place) => this.#makeNewcomer(`n${ids.length + number}`, place),
    })
    const clocks: Offer<NodeClock> =
      options.clocks === false
        ? { type: 'missing', reason: 'the nodes were started with the clock of the machine' }
        : { type: 'had', of: (id) => this.node(id).clock }
    this.tools = {
      startTwice: (id, withinMs) => this.#startTwice(id, withinMs),
      clocks,
      flushes: (id) => this.node(id).flushes,
      disks: this.#openDisks(),
      operator: this.#newcomers,
      canJoin: (options.places ?? []).length > 0,
    }
  }

  get newcomers(): readonly ClusterNode[] {
    return this.#joined
  }

  /** Client addresses of all nodes, past the links. */
  #listenAddresses(): string {
    return this.nodes.map((node) => node.clientListen).join(',')
  }

  #makeNewcomer(id: string, place: Place): Newcomer {
    const { links } = this.#options
    const node = this.#makeNode(id, place)
    this.#joined.push(node)
    return {
      ...node,
      place,
      peerAddress: links.listenAddresses(place).peer,
      clientAddress: links.clientAddress(place),
      begin: async () => {
        const { dataDirectory } = node
        const asked = this.#listenAddresses()
        await this.#runInit(id, joinCommand(this.#parts, { id, place, dataDirectory, asked }))
        await node.process.start()
      },
      kill: () => node.process.kill(),
    }
  }

  /** `place`: where it lives among the links, if that has another name than the node. */
  #makeNode(id: string, place: Place = id): LocalNode {
    const { directory, nodeEnvironment, clocks, links } = this.#options
    const dataDirectory = join(directory, id)
    const logFile = join(directory, `${id}.log`)
    const clockFile = join(directory, `${id}.clock`)
    const flushFile = join(directory, `${id}.flushes`)
    const inherited = { ...process.env, ...nodeEnvironment }
    const obeyed = [
      ...(clocks === false ? [] : [clockObedience(clockFile)]),
      flushObedience(flushFile),
    ]
    const environment = {
      ...inherited,
      ...obedientEnvironment(obeyed, inherited['NODE_OPTIONS']),
    }
    const command = startCommand(this.#parts, { id, place, dataDirectory })
    const process_ = new NodeProcess({
      command,
      environment,
      logFile,
      onStart: (child) => this.#guard.watch(child),
    })
    return {
      id,
      dataDirectory,
      logFile,
      process: process_,
      command,
      environment,
      clientListen: links.listenAddresses(place).client,
      clock: new OrderedClock(clockFile),
      flushes: new OrderedFlushes(flushFile),
      state: () => process_.state(),
      pid: () => process_.pid,
      endings: () => process_.endings,
    }
  }

  #openDisks(): Offer<NodeDisk> {
    const { smallDisks = false } = this.#options
    if (smallDisks === false) {
      return { type: 'missing', reason: 'the nodes were not given file systems of their own' }
    }
    const reason = whyNoSmallDisks()
    if (reason !== undefined) return { type: 'missing', reason }
    const bytes = smallDisks === true ? diskBytesDefault : smallDisks.bytes
    for (const { id, dataDirectory } of this.nodes) {
      this.#disks.set(id, mountSmallDisk(dataDirectory, bytes))
      this.#guard.mounted(dataDirectory)
    }
    return {
      type: 'had',
      of: (id) => {
        const disk = this.#disks.get(id)
        if (disk === undefined) throw new RangeError(`there is no node ${id}`)
        return disk
      },
    }
  }

  /** Makes the directories and starts the nodes. */
  async open(): Promise<void> {
    // Its id is made from the name: another run on the same ports is another cluster.
    const clusterName = `chaos-${process.pid}-${Date.now().toString(36)}`
    await Promise.all(this.nodes.map((node) => this.#initialise(node, clusterName)))
    await Promise.all(this.nodes.map((node) => node.process.start()))
  }

  async #initialise(node: LocalNode, clusterName: string): Promise<void> {
    const { id, dataDirectory } = node
    await this.#runInit(id, initCommand(this.#parts, { id, dataDirectory, clusterName }))
  }

  async #runInit(id: string, command: readonly string[]): Promise<void> {
    const end = await runCommand(command, {
      environment: process.env,
      withinMs: initMsMax,
      onStart: (child) => this.#guard.watch(child),
    })
    if (end.code === 0) return
    const what = `the directory of ${id} could not be made (${end.code}): ${end.stderr}`
    throw end.code === unavailable ? new NobodyAnswered(what) : new Error(what)
  }

  node(id: string): LocalNode {
    const node = this.nodes.find((each) => each.id === id)
    if (node === undefined) throw new RangeError(`there is no node ${id}`)
    return node
  }

  async start(id: string): Promise<void> {
    if (this.#closed !== undefined) throw new Error(`the cluster is closed: ${id} is not started`)
    await this.node(id).process.start()
  }

  async kill(id: string): Promise<void> {
    await this.node(id).process.kill()
  }

  async stop(id: string): Promise<string> {
    return this.node(id).process.stop()
  }

  pause(id: string): void {
    this.node(id).process.pause()
  }

  resume(id: string): void {
    this.node(id).process.resume()
  }

  async report(id: string, withinMs = reportMsDefault): Promise<NodeReport | undefined> {
    return await reportOf(this.node(id), withinMs)
  }

  async leader(): Promise<string | undefined> {
    const found = leaderOf(await this.#reports())
    return this.nodes.some((node) => node.id === found) ? found : undefined
  }

  async ready(ids: readonly string[], withinMs: number): Promise<boolean> {
    let served = false
    await until(async () => {
      if (ids.some((id) => this.node(id).state() === 'stopped')) return true
      const reports = await this.#reports()
      const serving = new Set(reports.filter((each) => each.ready).map((each) => each.id))
      served = ids.every((id) => serving.has(id)) && leaderOf(reports) !== undefined
      return served
    }, withinMs)
    return served
  }

  /** Of all that run, newcomers too: to ask one that stands still would only take time. */
  async #reports(): Promise<NodeReport[]> {
    const running = [...this.nodes, ...this.#joined].filter((node) => node.state() === 'running')
    const reports = await Promise.all(running.map((node) => reportOf(node, reportMsDefault)))
    return reports.filter((report) => report !== undefined)
  }

  async #startTwice(id: string, withinMs: number): Promise<SecondStart> {
    const { command, environment } = this.node(id)
    const end = await runCommand(command, {
      environment,
      withinMs,
      onStart: (child) => this.#guard.watch(child),
    })
    return { code: end.code, log: end.stderr }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    try {
      await this.#newcomers.close()
      await Promise.all(this.nodes.map((node) => node.process.kill()))
      for (const id of this.#disks.keys()) {
        const { dataDirectory } = this.node(id)
        keepAndUnmount(dataDirectory)
        this.#guard.unmounted(dataDirectory)
      }
    } finally {
      await this.#guard.close()
    }
  }
}

async function reportOf(node: LocalNode, withinMs: number): Promise<NodeReport | undefined> {
  if (node.state() === 'stopped') return undefined
  const report = await fetchReport(node.clientListen, withinMs)
  // Another program may have taken the port of a node that has just ended.
  return report?.id === node.id ? report : undefined
}
