/** Our side: three nodes as users start them, with the defaults that users get. */
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { version } from 'quorate'
import { present } from '../../src/assert.ts'
import type { Measured } from '../report/record.ts'
import { askJson } from './http.ts'
import { LoadProcess } from './load-process.ts'
import { freePort, Server, until } from './processes.ts'
import type { Cluster, SideKind, SideNode } from './side.ts'

const run = promisify(execFile)
const servesMsMax = 120_000
const ids = ['n1', 'n2', 'n3'] as const

/** The built package, seen from it: `bin` lies beside the folder of its sources and of its build. */
function launcher(): string {
  return fileURLToPath(new URL('../bin/quorate.js', import.meta.resolve('quorate')))
}

/** Our side as it is built. */
export function quorateSide(): SideKind {
  return sideOf('quorate', 'defaults: fdatasync on a majority before the answer', [])
}

/** The same nodes without their state machine; see `core/without-state.ts`. */
export function coreSide(): SideKind {
  const preload = new URL('../core/without-state.js', import.meta.url)
  return sideOf('core', 'the same without its state machine', ['--import', preload.href])
}

/** `nodeArgs`: what the nodes' processes are told before the program. */
function sideOf(name: Measured, settings: string, nodeArgs: readonly string[]): SideKind {
  const program = fileURLToPath(new URL('../load/main.js', import.meta.url))
  return {
    name,
    version: `Quorate ${version}`,
    settings,
    load: (endpoints) => new LoadProcess([process.execPath, program], endpoints),
    start: async (directory) => await startCluster(directory, nodeArgs),
  }
}

class QuorateNode implements SideNode {
  readonly id: string
  readonly endpoint: string
  readonly server: Server

  constructor(id: string, endpoint: string, server: Server) {
    this.id = id
    this.endpoint = endpoint
    this.server = server
  }

  get pid(): number | undefined {
    return this.server.pid
  }

  /** Whether it could serve a linearizable read now. */
  async ready(): Promise<true | undefined> {
    return (await askJson(`http://${this.endpoint}/readyz`)) && true
  }

  /** The term in which it leads; undefined: it does not. */
  async leads(): Promise<number | undefined> {
    const status = await askJson(`http://${this.endpoint}/status`)
    const term = status?.['term']
    return status?.['role'] === 'leader' && typeof term === 'number' ? term : undefined
  }
}

async function startCluster(directory: string, nodeArgs: readonly string[]): Promise<Cluster> {
  mkdirSync(directory, { recursive: true })
  const ports = await Promise.all(ids.flatMap(() => [freePort(), freePort()]))
  const bin = launcher()
  const planned = ids.map((id, i) => ({
    id,
    client: `127.0.0.1:${ports[2 * i]}`,
    peer: `127.0.0.1:${ports[2 * i + 1]}`,
    data: join(directory, id),
  }))
  const peers = planned.map(({ id, peer }) => `${id}=${peer}`).join(',')
  const nodes = await Promise.all(
    planned.map(async ({ id, client, peer, data }) => {
      await run(process.execPath, [bin, 'node', 'init', '--id', id, '--data-dir', data,
        '--cluster', 'bench', '--peers', peers]) // prettier-ignore
      const args = [...nodeArgs, bin, 'node', 'start', '--data-dir', data, '--client-listen', client,
        '--peer-listen', peer, '--log-level', 'warn'] // prettier-ignore
      return new QuorateNode(id, client, new Server(process.execPath, args, `${data}.log`))
    }),
  )
  const cluster = new QuorateCluster(directory, nodes)
  try {
    for (const { server } of nodes) server.start()
    await Promise.all(nodes.map((node) => cluster.serves(node)))
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

class QuorateCluster implements Cluster {
  readonly nodes: readonly QuorateNode[]
  readonly #directory: string

  constructor(directory: string, nodes: readonly QuorateNode[]) {
    this.#directory = directory
    this.nodes = nodes
  }

  async leader(): Promise<SideNode> {
    const look = async (): Promise<SideNode | undefined> => {
      const claims = await Promise.all(
        this.nodes.map(async (node) => ({ node, term: (await node.leads()) ?? -1 })),
      )
      const newest = claims.reduce((best, claim) => (claim.term > best.term ? claim : best))
      return newest.term < 0 ? undefined : newest.node
    }
    return await until('quorate has a leader', look, servesMsMax)
  }

  async serves(node: QuorateNode): Promise<void> {
    await until(`${node.id} of quorate serves`, () => node.ready(), servesMsMax)
  }

  async kill(id: string): Promise<void> {
    await this.#node(id).server.kill()
  }

  async restart(id: string): Promise<void> {
    const node = this.#node(id)
    node.server.start()
    await this.serves(node)
  }

  signal(id: string, signal: NodeJS.Signals): void {
    this.#node(id).server.signal(signal)
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ server }) => server.kill()))
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #node(id: string): QuorateNode {
    return present(
      this.nodes.find((node) => node.id === id),
      'a cluster is asked for its own nodes',
    )
  }
}
