/**
 * Nodes as real processes, each started by itself as on a host of its own, so that they can join,
 * go, be damaged and come back. Shared by the scripts here and by test/e2e/life*.test.ts.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fetchNodeStatus } from '../../src/cluster/node-status.ts'
import { connect, QuorateError } from '../../src/index.ts'
import type { Client, NodeStatus } from '../../src/index.ts'

/** A status is some KiB; a node that takes longer for it is as good as away. */
const statusMsMax = 2_000
/** A node that is asked to stop may hand the leadership over and write its state first. */
const stopMsMax = 20_000
const pollMs = 25

/** A pause between two looks, or between two calls of a load. */
export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

/** Looks until something is so; throws at the deadline with what was last seen. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  deadlineMs = 30_000,
): Promise<T> {
  const end = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const found = await look()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      last = error
    }
    if (performance.now() > end) {
      throw new Error(`waited ${deadlineMs} ms in vain until ${what}`, { cause: last })
    }
    await pause(pollMs)
  }
}

/** What a command left behind. */
export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function listens(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
  })
}

const given = new Set<number>()

/** A port that is free now; below those that systems give to outgoing connections. */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    if (given.has(port)) continue
    given.add(port)
    if (await listens(port)) return port
  }
  throw new Error('no free port was found')
}

/** One node: its directory, its addresses, and its process while it has one. */
export class LifeNode {
  readonly id: string
  readonly directory: string
  readonly clientAddress: string
  readonly peerAddress: string
  readonly logFile: string
  readonly #launcher: string
  #child: ChildProcess | undefined
  #ended: Promise<number | null> | undefined

  constructor(options: {
    id: string
    directory: string
    ports: { client: number; peer: number }
    launcher: string
  }) {
    this.id = options.id
    this.directory = join(options.directory, options.id)
    this.logFile = `${this.directory}.log`
    this.clientAddress = `127.0.0.1:${options.ports.client}`
    this.peerAddress = `127.0.0.1:${options.ports.peer}`
    this.#launcher = options.launcher
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  get runs(): boolean {
    return this.#child !== undefined
  }

  /** Starts its process; `further` are arguments of `node start`. */
  start(further: readonly string[] = []): void {
    if (this.#child !== undefined) throw new Error(`${this.id} runs already`)
    const log = openSync(this.logFile, 'a')
    const child = spawn(
      process.execPath,
      [
        this.#launcher, 'node', 'start', '--data-dir', this.directory,
        '--client-listen', this.clientAddress, '--peer-listen', this.peerAddress, ...further,
      ], // prettier-ignore
      { stdio: ['ignore', 'ignore', log] },
    )
    closeSync(log)
    this.#child = child
    this.#ended = new Promise((done) => {
      const end = (code: number | null): void => {
        this.#child = undefined
        done(code)
      }
      child.once('exit', end)
      child.once('error', () => end(null))
    })
  }

  /** Signals its process, if there is one. */
  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** SIGKILL; resolves once it is gone. */
  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#ended
  }

  /** SIGTERM; resolves with its exit code. Throws where it does not go. */
  async stop(): Promise<number | null> {
    this.signal('SIGTERM')
    return await this.gone(stopMsMax)
  }

  /** Resolves with the exit code once it has ended by itself. */
  async gone(withinMs: number): Promise<number | null> {
    await until(`${this.id} has ended`, async () => !this.runs, withinMs)
    return (await this.#ended) ?? null
  }

  /** What it says of itself; undefined: it does not answer. */
  async status(): Promise<NodeStatus | undefined> {
    try {
      return await fetchNodeStatus(this.clientAddress, statusMsMax)
    } catch (error) {
      if (error instanceof QuorateError) return undefined
      throw error
    }
  }

  /** The lines of its log with this text. */
  said(text: string): readonly Record<string, unknown>[] {
    return readFileSync(this.logFile, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{') && line.includes(text))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  /** Anonymous memory, bytes; 0: it does not run. Linux alone tells. */
  anonymousBytes(): number {
    if (this.pid === undefined) return 0
    try {
      const text = readFileSync(`/proc/${this.pid}/status`, 'utf8')
      return 1024 * Number(/^RssAnon:\s+(\d+) kB/m.exec(text)?.[1] ?? 0)
    } catch {
      // It has gone meanwhile.
      return 0
    }
  }

  get walDirectory(): string {
    return join(this.directory, 'groups/0/wal')
  }

  /** The sum of its log's files, as `ls` shows them. */
  walBytes(): number {
    let sum = 0
    for (const name of readdirSync(this.walDirectory)) {
      try {
        sum += statSync(join(this.walDirectory, name)).size
      } catch {
        // Dropped by a compaction between the two looks.
      }
    }
    return sum
  }
}

/** Nodes that belong together, in one directory that goes away with them. */
export class LifeCluster implements AsyncDisposable {
  readonly directory: string
  readonly nodes = new Map<string, LifeNode>()
  readonly #launcher: string
  readonly #onExit: () => void

  constructor(options: { launcher?: string; directory?: string } = {}) {
    this.#launcher = options.launcher ?? resolve('bin/quorate.js')
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), 'quorate-life-'))
    mkdirSync(this.directory, { recursive: true })
    this.#onExit = () => {
      for (const node of this.nodes.values()) node.signal('SIGKILL')
    }
    process.on('exit', this.#onExit)
  }

  /** A node with this name and free ports; nothing is made on disk yet. */
  async plan(id: string): Promise<LifeNode> {
    const ports = { client: await freePort(), peer: await freePort() }
    const node = new LifeNode({ id, directory: this.directory, ports, launcher: this.#launcher })
    this.nodes.set(id, node)
    return node
  }

  /** Makes the first members of a cluster, and starts them. */
  async begin(ids: readonly string[], further: readonly string[] = []): Promise<void> {
    const nodes: LifeNode[] = []
    for (const id of ids) nodes.push(await this.plan(id))
    await Promise.all(
      nodes.map(async ({ id, directory }) => {
        await this.cli('node', 'init', '--id', id, '--data-dir', directory, '--cluster', 'life',
          '--peers', peerList(nodes)) // prettier-ignore
      }),
    )
    for (const node of nodes) node.start(further)
    await this.ready()
  }

  /** A node for the cluster that runs: set up and started, no member yet. */
  async newcomer(id: string, further: readonly string[] = []): Promise<LifeNode> {
    const join = this.endpoints()
    const node = await this.plan(id)
    await this.cli('node', 'init', '--id', id, '--data-dir', node.directory, '--join', join)
    node.start(further)
    await until(`${id} answers`, async () => await node.status())
    return node
  }

  node(id: string): LifeNode {
    const node = this.nodes.get(id)
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  /** Of the nodes that run, or of these. */
  endpoints(ids?: readonly string[]): string {
    return [...this.nodes.values()]
      .filter((node) => (ids === undefined ? node.runs : ids.includes(node.id)))
      .map((node) => node.clientAddress)
      .join(',')
  }

  async connect(options: { timeout?: number; ids?: readonly string[] } = {}): Promise<Client> {
    const { timeout = 20_000, ids } = options
    return await connect(this.endpoints(ids), { timeout })
  }

  /** Runs `quorate` to its end; throws unless it exited with 0. */
  async cli(...args: string[]): Promise<Finished> {
    const finished = await this.tryCli(...args)
    if (finished.code === 0) return finished
    throw new Error(`quorate ${args.join(' ')} exited ${finished.code}\n${finished.stderr}`)
  }

  /** Runs `quorate` to its end. */
  tryCli(...args: string[]): Promise<Finished> {
    return new Promise((done, failed) => {
      const child = spawn(process.execPath, [this.#launcher, ...args], {
        cwd: this.directory,
        env: { ...process.env, NO_COLOR: '1', QUORATE_ENDPOINTS: this.endpoints() },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let stdout = ''
      let stderr = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      child.on('error', failed)
      child.on('close', (code) => done({ code, stdout, stderr }))
    })
  }

  /** What the nodes that run say of themselves. */
  async reports(): Promise<readonly NodeStatus[]> {
    const running = [...this.nodes.values()].filter((node) => node.runs)
    const reports = await Promise.all(running.map((node) => node.status()))
    return reports.filter((report) => report !== undefined)
  }

  /** Who says of itself that it leads, in the highest term that anybody names. */
  async leader(): Promise<NodeStatus> {
    return await until('there is a leader', async () => {
      const reports = await this.reports()
      const term = Math.max(0, ...reports.map((report) => report.term))
      return reports.find((report) => report.role === 'leader' && report.term === term)
    })
  }

  /** Every node that runs serves, has nothing to wait for, and has applied as much as the others. */
  async ready(withinMs = 30_000): Promise<void> {
    const running = (): number => [...this.nodes.values()].filter((node) => node.runs).length
    await until(
      'every node has caught up',
      async () => {
        const reports = await this.reports()
        return (
          reports.length === running() &&
          reports.some((report) => report.role === 'leader') &&
          reports.every((report) => report.ready && report.waitsFor === undefined) &&
          new Set(reports.map((report) => report.appliedIndex)).size === 1
        )
      },
      withinMs,
    )
  }

  /** How many different states the nodes hold at one index, and of how many nodes that is known. */
  async digests(): Promise<{ nodes: number; kinds: number }> {
    await using db = await this.connect()
    const { nodes } = await db.digest({ timeout: 60_000 })
    const known = nodes.flatMap((node) => ('id' in node ? [`${node.effects} ${node.rows}`] : []))
    return { nodes: known.length, kinds: new Set(known).size }
  }

  /** Leaves nothing behind; with `keep` the directory. */
  async close(keep = false): Promise<void> {
    process.off('exit', this.#onExit)
    await Promise.all([...this.nodes.values()].map((node) => node.kill()))
    if (!keep) rmSync(this.directory, { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** As `--peers` takes it. */
export function peerList(nodes: readonly LifeNode[]): string {
  return nodes.map(({ id, peerAddress }) => `${id}=${peerAddress}`).join(',')
}
