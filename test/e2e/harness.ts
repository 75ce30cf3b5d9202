/**
 * Real processes for the end-to-end tests: runs the built CLI, starts local clusters on free
 * ports, and waits for conditions with a deadline. Nothing here sleeps for the sake of sleeping.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { NodeReport } from '../../jepsen-style/cluster/cluster.ts'
import { fetchReport, leaderOf } from '../../jepsen-style/cluster/node-report.ts'
import { connect } from '../../src/index.ts'
import type { Client } from '../../src/index.ts'

const bin = resolve(import.meta.dirname, '../../bin/quorate.js')

/** What a command left behind. */
export interface Finished {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

interface RunOptions {
  /** Nobody reads what it tells on stderr. */
  readonly deaf?: boolean
  readonly input?: string | Uint8Array
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs `quorate` with these arguments to its end. */
export async function quorate(
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...process.env, NO_COLOR: '1', QUORATE_ENDPOINTS: '', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const stdout: Buffer[] = []
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  if (options.deaf === true) child.stderr.destroy()
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const code = await new Promise<number | null>((done, failed) => {
    child.on('error', failed)
    child.on('close', done)
  })
  return { code, stdout: Buffer.concat(stdout), stderr }
}

/** Runs `quorate … -o json` and parses what it printed; throws unless it exited as expected. */
export async function quorateJson(
  args: readonly string[],
  options: RunOptions & { readonly expectCode?: number } = {},
): Promise<Record<string, unknown>> {
  const finished = await quorate([...args, '-o', 'json'], options)
  const expected = options.expectCode ?? 0
  if (finished.code !== expected) {
    throw new Error(
      `quorate ${args.join(' ')} exited ${finished.code}, not ${expected}\n${finished.stderr}\n${finished.stdout.toString()}`,
    )
  }
  return JSON.parse(finished.stdout.toString()) as Record<string, unknown>
}

/** Polls until the condition holds; throws at the deadline with what was last seen. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  deadlineMs = 30_000,
): Promise<T> {
  const end = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const found = await probe()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      last = error
    }
    if (performance.now() > end) {
      throw new Error(`waited ${deadlineMs} ms in vain until ${what}`, { cause: last })
    }
    await pause(50)
  }
}

/** A pause between two probes, or between two calls of a load that is only to be there. */
export function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

/**
 * A base port with `count` free ports from it on, and as many 100 above. Files run at the same
 * time: each worker has a range of its own, so that none takes a port between the look and the use.
 */
export async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    // Below the ports that systems give to outgoing connections, which could take one meanwhile.
    const base = portFrom + Math.floor(Math.random() * (portsOfWorker - 200))
    const ports = Array.from({ length: count }, (_, i) => [base + i, base + 100 + i]).flat()
    if ((await Promise.all(ports.map(isFree))).every(Boolean)) return base
  }
  throw new Error('no free ports found')
}

const portsOfWorker = 2_000
const portFrom = 10_000 + (Number(process.env['VITEST_POOL_ID'] ?? '0') % 5) * portsOfWorker

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)))
  })
}

/** A directory that goes away with the test. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'quorate-e2e-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A status page is small; a node that takes longer for it is as good as away. */
const reportMsMax = 2_000

/** Processes whose command line names something in this directory. */
export function processesOf(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${directory}/`)
      } catch {
        // It has gone meanwhile.
        return false
      }
    })
}

/** One node as `status` shows it. */
export interface StatusRow {
  readonly id: string
  readonly pid: number | null
  readonly clientAddress: string
  readonly peerAddress: string
  readonly role: string
  readonly term: number
  readonly commitIndex: number
  readonly appliedIndex: number
  readonly revision: number
  readonly walBytes: number
  readonly reachable: boolean
  readonly ready: boolean
  readonly reasons: readonly string[]
}

/** A local cluster, driven through the CLI alone. */
export class LocalCluster {
  readonly directory: string
  readonly port: number
  readonly size: number
  readonly #remove: () => void

  private constructor(directory: string, port: number, size: number, remove: () => void) {
    this.directory = directory
    this.port = port
    this.size = size
    this.#remove = remove
  }

  static async up(size = 3): Promise<LocalCluster> {
    const { path, remove } = temporaryDirectory()
    const port = await freePorts(size)
    const cluster = new LocalCluster(join(path, 'data'), port, size, remove)
    const up = await quorate([
      'cluster', 'up', '-n', String(size), '--data-dir', cluster.directory,
      '--port', String(port), '--detach',
    ]) // prettier-ignore
    if (up.code !== 0) throw new Error(`cluster up exited ${up.code}: ${up.stderr}`)
    return cluster
  }

  get endpoints(): string {
    return Array.from({ length: this.size }, (_, i) => `127.0.0.1:${this.port + i}`).join(',')
  }

  endpoint(id: string): string {
    return `127.0.0.1:${this.port + Number(id.slice(1)) - 1}`
  }

  ids(): string[] {
    return Array.from({ length: this.size }, (_, i) => `n${i + 1}`)
  }

  /** A subcommand of `cluster` on this cluster. */
  async run(...args: string[]): Promise<Finished> {
    return await quorate(['cluster', ...args, '--data-dir', this.directory])
  }

  async connect(options: { timeout?: number } = {}): Promise<Client> {
    return await connect(this.endpoints, { timeout: 20_000, ...options })
  }

  async pinned(id: string): Promise<Client> {
    return await connect(this.endpoint(id), { pin: true, timeout: 10_000 })
  }

  async status(): Promise<{ leader: string | null; term: number; nodes: StatusRow[] }> {
    const status = await quorateJson(['status', '-e', this.endpoints])
    return status as unknown as { leader: string | null; term: number; nodes: StatusRow[] }
  }

  /** The process of a node, as `cluster.json` has it. */
  pid(id: string): number {
    const file = JSON.parse(readFileSync(join(this.directory, 'cluster.json'), 'utf8')) as {
      nodes: { id: string; pid: number }[]
    }
    const node = file.nodes.find((each) => each.id === id)
    if (node === undefined) throw new Error(`no node ${id} in cluster.json`)
    return node.pid
  }

  /** What a node says of itself; undefined: it does not answer. */
  async report(id: string): Promise<NodeReport | undefined> {
    return await fetchReport(this.endpoint(id), reportMsMax)
  }

  /** What the nodes say of themselves, without a process for each question. */
  async reports(): Promise<readonly NodeReport[]> {
    const asked = this.ids().map((id) => this.report(id))
    return (await Promise.all(asked)).filter((report) => report !== undefined)
  }

  async leader(): Promise<string> {
    return await until('there is a leader', async () => leaderOf(await this.reports()))
  }

  /** Every node serves, with the same applied index as the leader. */
  async caughtUp(): Promise<void> {
    await until('every node has caught up', async () => {
      const reports = await this.reports()
      return (
        leaderOf(reports) !== undefined &&
        reports.length === this.size &&
        reports.every((report) => report.ready) &&
        new Set(reports.map((report) => report.appliedIndex)).size === 1
      )
    })
  }

  /** SIGKILL, at once. */
  kill(id: string): void {
    process.kill(this.pid(id), 'SIGKILL')
  }

  /** Leaves nothing behind. In no good order: what `cluster down` does is tested where it is shown. */
  async down(): Promise<void> {
    for (const pid of processesOf(this.directory)) process.kill(pid, 'SIGKILL')
    await until('its nodes are gone', async () => processesOf(this.directory).length === 0)
    this.#remove()
  }
}
