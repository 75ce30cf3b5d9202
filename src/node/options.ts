/** What a node is told at its start, with defaults and checks. */
import { isDialable } from '../address.ts'
import { usageError } from '../errors.ts'
import type { Limits } from '../command/index.ts'
import { defaultLimits } from '../command/index.ts'
import type { Logger } from '../logger.ts'
import { silentLogger } from '../logger.ts'
import type { RaftLimits } from '../raft/index.ts'
import { isUnspecified } from './addresses.ts'
import type { ProposalLimits } from './proposals.ts'

/** A smaller log would be cut and begun anew all the time. */
const walMaxBytesMin = 65_536

/** Options of `startNode`. Addresses are `host:port`; port 0 asks for a free one. */
export interface NodeOptions {
  /** Made by `initialiseNode`. */
  readonly dataDirectory: string
  /** Where clients connect. Default `127.0.0.1:7101`. */
  readonly clientListen?: string
  /** Where the other nodes connect. Default `127.0.0.1:7201`. */
  readonly peerListen?: string
  /**
   * What clients are told instead of the address listened on; an address that the cluster was told
   * for this node (`clientAddress` of a member) comes before both. Needed where the node listens on
   * all addresses (`0.0.0.0`, `[::]`) and the cluster was told none: else clients learn none.
   */
  readonly clientAdvertise?: string
  /** What other nodes are told instead of the address listened on. */
  readonly peerAdvertise?: string
  /** Overrides the stored peer addresses when dialling, by node id. */
  readonly peers?: Readonly<Record<string, string>>
  /** How often a leader is heard of, ms. Default 50. */
  readonly heartbeatMs?: number
  /** After how long without a leader an election starts, ms, drawn anew each time. Default 300 to 600. */
  readonly electionTimeoutMinMs?: number
  readonly electionTimeoutMaxMs?: number
  /**
   * How many bytes the log may take. From half of it on what the state holds durably is dropped at
   * its front, in whole segments. Default 512 MiB, or a quarter of a smaller disk.
   */
  readonly walMaxBytes?: number
  /** The same for the number of its entries. Default 10,000,000. */
  readonly walEntriesMax?: number
  /** So many of the newest entries are kept for followers that lag, where there is room. Default 10,000. */
  readonly walKeepEntries?: number
  /**
   * With less free space writes are refused, until there is a sixteenth more. Default 128 MiB, two
   * segments of the log, or half of a smaller disk. 0: never.
   */
  readonly freeSpaceFloorBytes?: number
  /** How fast the state is read through in the background, to find rot. Default 1 MiB/s; 0: never. */
  readonly scrubBytesPerSecond?: number
  /** How often the leader has the copies of the state compared, ms. Default an hour; 0: never. */
  readonly auditEveryMs?: number
  readonly logger?: Logger
}

/** The same, complete and checked. */
export interface NodeSettings {
  readonly dataDirectory: string
  readonly clientListen: string
  readonly peerListen: string
  readonly clientAdvertise: string | undefined
  readonly peerAdvertise: string | undefined
  readonly peers: Readonly<Record<string, string>>
  readonly timing: Timing
  readonly storage: StorageSettings
  readonly limits: Limits
  readonly caps: NodeCaps
  readonly logger: Logger
}

/** What disks may be used for. Undefined: as the disk's size suggests. */
export interface StorageSettings {
  readonly walMaxBytes: number | undefined
  readonly walEntriesMax: number
  readonly walKeepEntries: number
  readonly freeSpaceFloorBytes: number | undefined
  readonly scrubBytesPerSecond: number
  readonly auditEveryMs: number
}

/**
 * Sizes within a node that have good defaults, and that a simulation makes small, so that a minute
 * of few writes meets every cap.
 */
export interface NodeCaps {
  readonly raft?: Partial<RaftLimits>
  readonly proposals?: Partial<ProposalLimits>
  /** Of the log's segments that are begun from now on. */
  readonly segmentBytes?: number
  /** See `StateMachineOptions`. */
  readonly overlayFlushBytes?: number
  readonly overlayBytesMax?: number
}

/** Time in ticks: a tick is half a heartbeat. */
export interface Timing {
  readonly tickMs: number
  readonly heartbeatTicks: number
  readonly electionTicksMin: number
  readonly electionTicksMax: number
  readonly electionTimeoutMaxMs: number
}

/** Fills in defaults; a usage error where the values cannot work together. */
export function nodeSettings(options: NodeOptions, caps: NodeCaps = {}): NodeSettings {
  const logger = options.logger ?? silentLogger
  if (options.dataDirectory === '') throw usageError('the data directory must be named')
  return {
    dataDirectory: options.dataDirectory,
    clientListen: checkAddress(options.clientListen ?? '127.0.0.1:7101', 'client address'),
    peerListen: checkAddress(options.peerListen ?? '127.0.0.1:7201', 'peer address'),
    clientAdvertise: advertisedAddress(options.clientAdvertise, 'advertised client address'),
    peerAdvertise: advertisedAddress(options.peerAdvertise, 'advertised peer address'),
    peers: options.peers ?? {},
    timing: timing(
      options.heartbeatMs ?? 50,
      options.electionTimeoutMinMs ?? 300,
      options.electionTimeoutMaxMs ?? 2 * (options.electionTimeoutMinMs ?? 300),
    ),
    storage: storage(options),
    limits: defaultLimits,
    caps,
    logger,
  }
}

/** What a node may be told beside its directory, checked alone; a usage error as at its start. */
export function checkNodeOptions(options: Omit<NodeOptions, 'dataDirectory'>): void {
  nodeSettings({ ...options, dataDirectory: '.' })
}

function storage(options: NodeOptions): StorageSettings {
  const { walMaxBytes, walEntriesMax, walKeepEntries } = options
  const { freeSpaceFloorBytes, scrubBytesPerSecond, auditEveryMs } = options
  return {
    walMaxBytes: optionalCount(walMaxBytes, walMaxBytesMin, 'cap of the log'),
    walEntriesMax: count(walEntriesMax ?? 10_000_000, 1, 'cap of entries in the log'),
    walKeepEntries: count(walKeepEntries ?? 10_000, 0, 'number of entries to keep'),
    freeSpaceFloorBytes: optionalCount(freeSpaceFloorBytes, 0, 'floor of free space'),
    scrubBytesPerSecond: count(scrubBytesPerSecond ?? 1_048_576, 0, 'rate of the scrubber'),
    auditEveryMs: count(auditEveryMs ?? 3_600_000, 0, 'time between comparisons of states'),
  }
}

function optionalCount(value: number | undefined, least: number, what: string): number | undefined {
  return value === undefined ? undefined : count(value, least, what)
}

function count(value: number, least: number, what: string): number {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw usageError(`the ${what} must be a whole number from ${least} on, not ${value}`)
}

function timing(heartbeatMs: number, minMs: number, maxMs: number): Timing {
  for (const [name, value] of [
    ['heartbeat', heartbeatMs],
    ['least election timeout', minMs],
    ['greatest election timeout', maxMs],
  ] as const) {
    if (!Number.isFinite(value) || value < 2 || value > 600_000) {
      throw usageError(`the ${name} must be 2 to 600000 ms, not ${value}`)
    }
  }
  if (minMs < 3 * heartbeatMs) {
    throw usageError(
      `the least election timeout (${minMs} ms) must be at least three heartbeats (${heartbeatMs} ms each), or a late heartbeat would depose a healthy leader`,
    )
  }
  if (maxMs < 1.25 * minMs) {
    throw usageError(
      `the greatest election timeout (${maxMs} ms) must be at least 1.25 times the least (${minMs} ms), or candidates would split the vote again and again`,
    )
  }
  const tickMs = heartbeatMs / 2
  return {
    tickMs,
    heartbeatTicks: 2,
    electionTicksMin: Math.ceil(minMs / tickMs),
    electionTicksMax: Math.ceil(maxMs / tickMs),
    electionTimeoutMaxMs: maxMs,
  }
}

function advertisedAddress(address: string | undefined, what: string): string | undefined {
  if (address === undefined) return undefined
  checkAddress(address, what)
  if (!isUnspecified(address) && isDialable(address)) return address
  throw usageError(`the ${what} must lead to this node from elsewhere, and ${address} does not`)
}

/** `host:port`, with IPv6 hosts in brackets. */
export function checkAddress(address: string, what: string): string {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(address)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) {
    throw usageError(`the ${what} must be host:port, not ${JSON.stringify(address)}`)
  }
  return address
}
