/**
 * The peer: three etcd nodes with their defaults for durability and timing. Only the quota of the
 * backend is raised, since the default of 2 GiB would end the growth scenario.
 */
import { versionOf } from '../measure/machine.ts'
import { buildLoad } from './etcd-load.ts'
import { askJson } from './http.ts'
import { LoadProcess } from './load-process.ts'
import { ServerCluster, type ServerKind } from './server-cluster.ts'
import type { SideKind } from './side.ts'

/** 8 GiB, the most that etcd's documentation suggests. */
const quotaBytes = 8_589_934_592
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
    start: async (directory) => await ServerCluster.start(etcdServers(etcd), directory, ids),
  }
}

function etcdServers(program: string): ServerKind {
  return {
    name: 'etcd',
    prepare: async ({ id, client, peer, data }, all) => {
      const url = `http://${client}`
      const members = all.map((node) => `${node.id}=http://${node.peer}`).join(',')
      return [program, '--name', id, '--data-dir', data,
        '--listen-client-urls', url, '--advertise-client-urls', url,
        '--listen-peer-urls', `http://${peer}`, '--initial-advertise-peer-urls', `http://${peer}`,
        '--initial-cluster', members, '--initial-cluster-state', 'new',
        '--initial-cluster-token', 'bench', '--quota-backend-bytes', String(quotaBytes),
        '--logger', 'zap', '--log-level', 'warn'] // prettier-ignore
    },
    // Its health check is a linearizable read of its own.
    ready: async (endpoint) => {
      const health = await askJson(`http://${endpoint}/health`)
      return health?.['health'] === 'true'
    },
    leads: async (endpoint) => {
      const status = await askJson(`http://${endpoint}/v3/maintenance/status`, {})
      const header = status?.['header']
      const member =
        typeof header === 'object' && header !== null && 'member_id' in header
          ? header.member_id
          : undefined
      const leads = member !== undefined && member === status?.['leader']
      // As JSON, numbers of 64 bits are strings.
      return leads ? Number(status?.['raftTerm']) : undefined
    },
  }
}
