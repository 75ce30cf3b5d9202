/** The command lines of nodes: the documented ones, with the run's links between the nodes. */
import type { Links } from '../network/links.ts'

/** Timing, verbosity and log sizes of all nodes; what is left out has the product's default. */
export interface NodeTuning {
  readonly heartbeatMs?: number
  readonly electionTimeoutMinMs?: number
  readonly electionTimeoutMaxMs?: number
  readonly logLevel?: 'debug' | 'info' | 'warn' | 'error'
  /** Bytes that the log may take; from half of it on it is compacted. */
  readonly walMaxBytes?: number
  /** Newest entries that are kept for slow followers. */
  readonly walKeepEntries?: number
}

/** What the command lines are made from. */
export interface CommandParts {
  readonly launcher: string
  readonly links: Links
  /** All nodes. */
  readonly ids: readonly string[]
  readonly tuning: NodeTuning
  /** Further arguments of `node start`. */
  readonly extra: readonly string[]
}

/** The command that makes a node's data directory. */
export function initCommand(
  parts: CommandParts,
  node: { readonly id: string; readonly dataDirectory: string; readonly clusterName: string },
): string[] {
  const { launcher, links, ids } = parts
  return [
    process.execPath,
    launcher,
    'node',
    'init',
    ...option('--id', node.id),
    ...option('--data-dir', node.dataDirectory),
    ...option('--cluster', node.clusterName),
    ...option(
      '--peers',
      listOf(ids, (id) => links.listenAddresses(id).peer),
    ),
    ...option(
      '--clients',
      listOf(ids, (id) => links.clientAddress(id)),
    ),
  ]
}

/** The same for a node that joins: `asked` are client addresses of nodes that run. */
export function joinCommand(
  { launcher, links }: CommandParts,
  node: {
    readonly id: string
    readonly place: string
    readonly dataDirectory: string
    readonly asked: string
  },
): readonly string[] {
  return links.commandOf(node.place, [
    process.execPath,
    launcher,
    'node',
    'init',
    ...option('--id', node.id),
    ...option('--data-dir', node.dataDirectory),
    ...option('--join', node.asked),
  ])
}

/** The command that starts it, where the links want it to live. */
export function startCommand(
  parts: CommandParts,
  node: { readonly id: string; readonly place?: string; readonly dataDirectory: string },
): readonly string[] {
  const { launcher, links, ids, tuning, extra } = parts
  const { heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs, logLevel } = tuning
  const { walMaxBytes, walKeepEntries } = tuning
  const { place = node.id } = node
  const listen = links.listenAddresses(place)
  const others = ids.filter((id) => id !== node.id)
  return links.commandOf(place, [
    process.execPath,
    launcher,
    'node',
    'start',
    ...option('--data-dir', node.dataDirectory),
    ...option('--client-listen', listen.client),
    ...option('--peer-listen', listen.peer),
    // Leaders are named to clients by this address: without it they would go past the links.
    ...option('--client-advertise', links.clientAddress(place)),
    ...(others.length === 0
      ? []
      : option(
          '--peers',
          listOf(others, (id) => links.peerAddress(place, id)),
        )),
    ...option('--heartbeat', heartbeatMs),
    ...option('--election-timeout-min', electionTimeoutMinMs),
    ...option('--election-timeout-max', electionTimeoutMaxMs),
    ...option('--log-level', logLevel),
    ...option('--wal-max', walMaxBytes === undefined ? undefined : `${walMaxBytes}B`),
    ...option('--wal-keep', walKeepEntries),
    ...extra,
  ])
}

function listOf(ids: readonly string[], addressOf: (id: string) => string): string {
  return ids.map((id) => `${id}=${addressOf(id)}`).join(',')
}

function option(name: string, value: number | string | undefined): string[] {
  return value === undefined ? [] : [name, `${value}`]
}
