/** The node's configuration file: JSON with the names of the flags; flags win over it. */
import { InvalidArgumentError } from 'commander'
import { usageError } from '../errors.ts'
import type { TuningOptions } from './node-tuning.ts'
import {
  parseAddress,
  parseCount,
  parseDuration,
  parseDurationOrNever,
  parseListenAddress,
  parseLogLevel,
  parseNodeId,
  parsePeers,
  parsePositive,
  parseSize,
} from './parsers.ts'

/** What `node init` and `node start` can be told. */
export interface NodeConfig extends TuningOptions {
  readonly id?: string
  readonly dataDir?: string
  readonly cluster?: string
  readonly clusterId?: string
  readonly peers?: Readonly<Record<string, string>>
  readonly clients?: Readonly<Record<string, string>>
  readonly clientListen?: string
  readonly peerListen?: string
  readonly clientAdvertise?: string
  readonly peerAdvertise?: string
}

/** How each entry is read, from the text that its flag would be given. */
const readers = {
  id: parseNodeId,
  dataDir: (text: string) => text,
  cluster: (text: string) => text,
  clusterId: (text: string) => text,
  peers: parsePeers,
  clients: parsePeers,
  clientListen: parseListenAddress,
  peerListen: parseListenAddress,
  clientAdvertise: parseAddress,
  peerAdvertise: parseAddress,
  heartbeat: parseDuration,
  electionTimeoutMin: parseDuration,
  electionTimeoutMax: parseDuration,
  logLevel: parseLogLevel,
  walMax: configSize,
  walEntries: parsePositive,
  walKeep: parseCount,
  freeSpaceFloor: (text: string) => (text === '0' ? 0 : configSize(text)),
  scrubRate: (text: string) => (text === '0' ? 0 : configSize(text)),
  auditEvery: parseDurationOrNever,
} as const

type EntryName = keyof typeof readers

/** A file larger than this is not a configuration. */
const configBytesMax = 1_048_576

/** Reads and checks a file; an entry that is not known is refused, so that no typo goes unseen. */
export async function readNodeConfig(path: string): Promise<NodeConfig> {
  const { realDisk } = await import('../system/index.ts')
  let bytes: Uint8Array | undefined
  try {
    bytes = await realDisk.readFile(path, configBytesMax)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw usageError(`the configuration cannot be read: ${reason}`)
  }
  if (bytes === undefined) throw usageError(`there is no configuration file ${path}`)
  return parseNodeConfig(new TextDecoder().decode(bytes), path)
}

/** The same for its text. */
export function parseNodeConfig(text: string, path: string): NodeConfig {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (error) {
    throw usageError(`${path} is not JSON: ${error instanceof Error ? error.message : ''}`)
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw usageError(`${path} must hold an object, like { "id": "n1", "dataDir": "/var/lib/n1" }`)
  }
  const config: Partial<Record<EntryName, unknown>> = {}
  for (const [name, value] of Object.entries(document)) {
    if (!isEntryName(name)) {
      const known = Object.keys(readers).join(', ')
      throw usageError(`${path} has an unknown entry ${name}; there are ${known}`)
    }
    config[name] = readEntry(name, value, path)
  }
  // Each entry was made by its own reader above, whose type the interface repeats.
  return config as NodeConfig
}

function readEntry(name: EntryName, value: unknown, path: string): unknown {
  const text = entryText(value)
  if (text === undefined || text === '') {
    throw usageError(`${path}: ${name} has a value of the wrong kind`)
  }
  try {
    return readers[name](text)
  } catch (error) {
    if (error instanceof InvalidArgumentError)
      throw usageError(`${path}: ${name}: ${error.message}`)
    throw error
  }
}

/** Numbers and maps may be written as JSON has them: 50, or { "n1": "10.0.0.1:7201" }. */
function entryText(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return `${value}`
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.entries(value)
    .map(([id, address]) => `${id}=${String(address)}`)
    .join(',')
}

function isEntryName(name: string): name is EntryName {
  return Object.hasOwn(readers, name)
}

/** A size as its flag takes it; a number of JSON is bytes. */
function configSize(text: string): number {
  return parseSize(/^\d+$/.test(text) ? `${text}B` : text)
}
