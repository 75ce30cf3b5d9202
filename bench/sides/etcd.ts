/**
 * The peer: three etcd nodes with their defaults for durability and timing. Only the quota of the
 * backend is raised, since the default of 2 GiB would end the growth scenario.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { present } from '../../src/assert.ts'
import { versionOf } from '../measure/machine.ts'
import { buildLoad } from './etcd-load.ts'
import { askJson } from './http.ts'
import { LoadProcess } from './load-process.ts'
import { freePort, Server, until } from './processes.ts'
import type { Cluster, SideKind, SideNode } from './side.ts'

/** 8 GiB, the most that etcd's documentation suggests. */
const quotaBytes = 8_589_934_592
const servesMsMax = 120_000
const ids = ['e1', 'e2', 'e3'] as const

/** Where the programs are found. */
export interface EtcdOptions {
  /** A program name on the PATH, or a path. */
  readonly etcd: string
  readonly go: string
  /** The load generator's sources, and where it is built. */
  readonly sources: string
  readonly target: string
}

/** The peer; or why it cannot be had on this machine. */
export async function etcdSide(options: EtcdOptions): Promise<SideKind | { missing: string }> {
  const { etcd, go, sources, target } = options
  const said = versionOf(etcd, ['--version'])
  if (said === undefined) {
    return { missing: `etcd was not found (${etcd}): see bench/etcd/README.md for how to get it` }
  }
  if (versionOf(go, ['version']) === undefined) {
    return {
      missing: 'Go was not found: its load generator is built with it, see bench/etcd/README.md',
    }
  }
  let load: string
  try {
    load = await buildLoad(go, sources, target)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { missing: `etcd's load generator could not be built: ${why.slice(0, 500)}` }
  }
  return {
    name: 'etcd',
    version: `etcd ${said.replace(/^etcd Version:\s*/i, '')}`,
    settings: 'defaults, but a backend quota of 8 GiB',
    load: (endpoints) => new LoadProcess([load], endpoints),
    start: async (directory) => await startCluster(etcd, directory),
  }
}

class EtcdNode implements SideNode {
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

  /** Its health check is a linearizable read of its own. */
  async healthy(): Promise<true | undefined> {
    const health = await askJson(`http://${this.endpoint}/health`)
    return health?.['health'] === 'true' ? true : undefined
  }

  async leads(): Promise<boolean> {
    const status = await askJson(`http://${this.endpoint}/v3/maintenance/status`, {})
    const header = status?.['header']
    const member =
      typeof header === 'object' && header !== null && 'member_id' in header
        ? header.member_id
        : undefined
    return member !== undefined && member === status?.['leader']
  }
}

async function startCluster(etcd: string, directory: string): Promise<Cluster> {
  mkdirSync(directory, { recursive: true })
  const ports = await Promise.all(ids.flatMap(() => [freePort(), freePort()]))
  const planned = ids.map((id, i) => ({
    id,
    client: `127.0.0.1:${ports[2 * i]}`,
    peer: `http://127.0.0.1:${ports[2 * i + 1]}`,
  }))
  const members = planned.map(({ id, peer }) => `${id}=${peer}`).join(',')
  const nodes = planned.map(({ id, client, peer }) => {
    const url = `http://${client}`
    const args = ['--name', id, '--data-dir', join(directory, id),
      '--listen-client-urls', url, '--advertise-client-urls', url,
      '--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer,
      '--initial-cluster', members, '--initial-cluster-state', 'new',
      '--initial-cluster-token', 'bench', '--quota-backend-bytes', String(quotaBytes),
      '--logger', 'zap', '--log-level', 'warn'] // prettier-ignore
    return new EtcdNode(id, client, new Server(etcd, args, join(directory, `${id}.log`)))
  })
  const cluster = new EtcdCluster(directory, nodes)
  try {
    for (const { server } of nodes) server.start()
    await Promise.all(nodes.map((node) => cluster.serves(node)))
    return cluster
  } catch (error) {
    await cluster.close()
    throw error
  }
}

class EtcdCluster implements Cluster {
  readonly nodes: readonly EtcdNode[]
  readonly #directory: string

  constructor(directory: string, nodes: readonly EtcdNode[]) {
    this.#directory = directory
    this.nodes = nodes
  }

  async leader(): Promise<SideNode> {
    const look = async (): Promise<SideNode | undefined> => {
      const claims = await Promise.all(this.nodes.map((node) => node.leads()))
      return this.nodes.find((_, i) => claims[i] === true)
    }
    return await until('etcd has a leader', look, servesMsMax)
  }

  async serves(node: EtcdNode): Promise<void> {
    await until(`${node.id} of etcd serves`, () => node.healthy(), servesMsMax)
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

  #node(id: string): EtcdNode {
    return present(
      this.nodes.find((node) => node.id === id),
      'a cluster is asked for its own nodes',
    )
  }
}
