/**
 * `cluster.json`: what is known of a local cluster, beside its nodes' directories.
 *
 * It is read by every CLI call, so it is only ever replaced as a whole, and what it says of a
 * process is a hint: a process id may have passed to a stranger since (see `process.ts`).
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs'
import { realpathSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { QuorateError, corruptError, usageError } from '../errors.ts'
import { sleep, wallTime } from './time.ts'

/** Timing, sizes and verbosity that every node of the cluster is started with; undefined: its default. */
export interface NodeTuning {
  readonly heartbeatMs?: number
  readonly electionTimeoutMinMs?: number
  readonly electionTimeoutMaxMs?: number
  readonly logLevel?: string
  /** See `NodeOptions`. */
  readonly walMaxBytes?: number
  readonly walEntriesMax?: number
  readonly walKeepEntries?: number
  readonly freeSpaceFloorBytes?: number
  readonly scrubBytesPerSecond?: number
  readonly auditEveryMs?: number
}

/** One node as `cluster.json` has it. */
export interface NodeRecord {
  readonly id: string
  /** The process that was started last; null: none, or it was stopped in good order. */
  readonly pid: number | null
  readonly clientAddress: string
  readonly peerAddress: string
  /** The node's data directory, absolute. */
  readonly directory: string
  readonly logFile: string
}

/** The document. */
export interface ClusterFile {
  readonly schema: 1
  readonly clusterName: string
  readonly clusterId: string
  /** Absolute. */
  readonly dataDirectory: string
  /** Whether all nodes' directories have been made. */
  readonly initialised: boolean
  readonly tuning: NodeTuning
  readonly nodes: readonly NodeRecord[]
  /** Ids of nodes that were removed from the cluster, and whose files are still there. */
  readonly dropped?: readonly string[]
}

/** The document's name within the cluster's data directory. */
export const clusterFileName = 'cluster.json'

const lockName = `${clusterFileName}.lock`
const clusterFileBytesMax = 1_048_576
const lockWaitMsMax = 5_000
const lockStaleMs = 10_000

/** The cluster of a directory; undefined where there is none. */
export function readClusterFile(dataDirectory: string): ClusterFile | undefined {
  const path = join(dataDirectory, clusterFileName)
  try {
    if (statSync(path).size > clusterFileBytesMax) {
      throw corruptError(path, clusterFileBytesMax, 'it is too large to be a cluster.json')
    }
    return settleIn(parseClusterFile(readFileSync(path, 'utf8'), path), realpathSync(dataDirectory))
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/**
 * The directory may have been moved or copied since. A copy must not take the original's
 * processes for its own, so its nodes' paths follow it; a process is known by these paths.
 */
function settleIn(file: ClusterFile, dataDirectory: string): ClusterFile {
  if (file.dataDirectory === dataDirectory) return file
  const nodes = file.nodes.map((node) => ({ ...node, ...nodePaths(dataDirectory, node.id) }))
  return { ...file, dataDirectory, nodes }
}

/** Where a node's things are within the cluster's data directory. */
export function nodePaths(
  dataDirectory: string,
  id: string,
): Pick<NodeRecord, 'directory' | 'logFile'> {
  return { directory: join(dataDirectory, id), logFile: join(dataDirectory, 'logs', `${id}.log`) }
}

/** The cluster of a directory; refuses where there is none. */
export function requireClusterFile(dataDirectory: string): ClusterFile {
  const file = readClusterFile(dataDirectory)
  if (file !== undefined) return file
  throw new QuorateError(
    'QUORATE_NOT_INITIALISED',
    `there is no local cluster in ${dataDirectory}: it holds no ${clusterFileName}`,
  )
}

/** Replaces the document as a whole: a reader sees the old one or the new one. */
export function writeClusterFile(file: ClusterFile): void {
  mkdirSync(file.dataDirectory, { recursive: true })
  const path = join(file.dataDirectory, clusterFileName)
  const temporary = `${path}.${process.pid}.tmp`
  const descriptor = openSync(temporary, 'w')
  try {
    writeFileSync(descriptor, JSON.stringify(file, undefined, 2) + '\n')
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  renameSync(temporary, path)
}

/**
 * Changes one node's entry. Two commands may do so at once (`restart n1` and `restart n2`, or `up`
 * twice), so the reading, what `change` does, and the writing happen under a lock: else a process id
 * would be lost, and with it a process that nobody stops any more. `change` gets the entry as it is
 * now, and the file that it stands in.
 */
export async function updateNode(
  dataDirectory: string,
  id: string,
  change: (node: NodeRecord, file: ClusterFile) => NodeRecord,
): Promise<void> {
  await withLock(dataDirectory, () => {
    const file = requireClusterFile(dataDirectory)
    const nodes = file.nodes.map((node) => (node.id === id ? change(node, file) : node))
    writeClusterFile({ ...file, nodes })
  })
}

/** Notes that a process has ended, unless the node has another one by now. */
export async function forgetProcess(dataDirectory: string, ended: NodeRecord): Promise<void> {
  await updateNode(dataDirectory, ended.id, (node) =>
    node.pid === ended.pid ? { ...node, pid: null } : node,
  )
}

/**
 * Leaves a node out from now on: it is no part of the cluster any more. Its files stay until the
 * cluster is wiped. The last one stays in: a file without nodes would say nothing.
 */
export async function dropNode(dataDirectory: string, id: string): Promise<void> {
  await withLock(dataDirectory, () => {
    const file = requireClusterFile(dataDirectory)
    const nodes = file.nodes.filter((node) => node.id !== id)
    if (nodes.length === 0) return
    writeClusterFile({ ...file, nodes, dropped: [...(file.dropped ?? []), id] })
  })
}

/** Whether an entry of the data directory is what a command that was killed leaves of its own. */
export function isLeftover(name: string): boolean {
  return name === lockName || (name.startsWith(`${clusterFileName}.`) && name.endsWith('.tmp'))
}

/**
 * Does what writes the document as a whole, while no other command does: two of them at once would
 * each write over what the other has noted. The directory is made if it is not there, since it holds
 * the lock, and goes if it is empty in the end.
 */
export async function withClusterLock<T>(
  dataDirectory: string,
  action: () => Promise<T>,
): Promise<T> {
  // Before each attempt: whoever held the lock may have taken the directory away again.
  const prepare = (): void => {
    try {
      mkdirSync(dataDirectory, { recursive: true })
    } catch (error) {
      const code = errnoOf(error)
      if (code !== 'EEXIST' && code !== 'ENOTDIR') throw error
      throw usageError(`${dataDirectory} is no directory: name another place with --data-dir`)
    }
  }
  try {
    return await withLock(dataDirectory, action, prepare)
  } finally {
    removeIfEmpty(dataDirectory)
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory)
  } catch {
    // It holds something, or is gone.
  }
}

/** A directory is the lock: making one fails where there is one already. */
async function withLock<T>(
  dataDirectory: string,
  action: () => T | Promise<T>,
  prepare?: () => void,
): Promise<T> {
  const lock = join(dataDirectory, lockName)
  for (let waited = 0; !tryLock(lock, prepare); waited += 10) {
    // Its holder works for a moment; one that is older was killed in between.
    if (waited >= lockWaitMsMax) {
      throw new QuorateError(
        'QUORATE_LOCKED',
        `another command holds ${lock}; remove it if none is running`,
      )
    }
    await sleep(10)
  }
  try {
    return await action()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

function tryLock(lock: string, prepare?: () => void): boolean {
  prepare?.()
  try {
    mkdirSync(lock)
    return true
  } catch (error) {
    if (prepare !== undefined && errnoOf(error) === 'ENOENT') return false
    if (errnoOf(error) !== 'EEXIST') throw error
    if (isStale(lock)) rmSync(lock, { recursive: true, force: true })
    return false
  }
}

function isStale(lock: string): boolean {
  try {
    return wallTime() - statSync(lock).mtimeMs > lockStaleMs
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

/** Validates the document: it may have been edited by hand. */
export function parseClusterFile(text: string, path: string): ClusterFile {
  const refuse = (what: string): never => {
    throw corruptError(path, 0, `${what}; mend it, or remove ${dirname(path)} to start afresh`)
  }
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    return refuse('it is not JSON')
  }
  if (!isObject(document)) return refuse('it is not an object')
  if (document['schema'] !== 1) {
    throw new QuorateError(
      'QUORATE_FORMAT_TOO_NEW',
      `${path} has schema ${JSON.stringify(document['schema'])}, this quorate reads schema 1`,
    )
  }
  const { clusterName, clusterId, dataDirectory, nodes, dropped = [] } = document
  if (!isText(clusterName) || !isText(clusterId) || !isText(dataDirectory)) {
    return refuse('clusterName, clusterId or dataDirectory is missing')
  }
  if (!Array.isArray(nodes) || nodes.length === 0) return refuse('it lists no nodes')
  if (!Array.isArray(dropped) || !dropped.every(isId))
    return refuse('an entry of dropped is broken')
  return {
    schema: 1,
    clusterName,
    clusterId,
    dataDirectory,
    initialised: document['initialised'] !== false,
    tuning: parseTuning(document['tuning']),
    nodes: nodes.map((node: unknown) => parseNode(node) ?? refuse('an entry of nodes is broken')),
    ...(dropped.length > 0 && { dropped }),
  }
}

function parseNode(node: unknown): NodeRecord | undefined {
  if (!isObject(node)) return undefined
  const { id, pid, clientAddress, peerAddress, directory, logFile } = node
  if (!isId(id)) return undefined
  if (!isText(clientAddress) || !isText(peerAddress)) return undefined
  if (!isText(directory) || !isText(logFile)) return undefined
  // A signal to process 0 or below goes to whole groups of processes, and 1 is init.
  if (pid !== null && !(typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 1)) {
    return undefined
  }
  return { id, pid, clientAddress, peerAddress, directory, logFile }
}

function parseTuning(value: unknown): NodeTuning {
  if (!isObject(value)) return {}
  const { heartbeatMs, electionTimeoutMinMs, electionTimeoutMaxMs, logLevel } = value
  const { walMaxBytes, walEntriesMax, walKeepEntries, freeSpaceFloorBytes } = value
  const { scrubBytesPerSecond, auditEveryMs } = value
  return {
    ...(isPositive(heartbeatMs) && { heartbeatMs }),
    ...(isPositive(electionTimeoutMinMs) && { electionTimeoutMinMs }),
    ...(isPositive(electionTimeoutMaxMs) && { electionTimeoutMaxMs }),
    ...(isText(logLevel) && { logLevel }),
    ...(isPositive(walMaxBytes) && { walMaxBytes }),
    ...(isPositive(walEntriesMax) && { walEntriesMax }),
    ...(isPositiveOrZero(walKeepEntries) && { walKeepEntries }),
    ...(isPositiveOrZero(freeSpaceFloorBytes) && { freeSpaceFloorBytes }),
    ...(isPositiveOrZero(scrubBytesPerSecond) && { scrubBytesPerSecond }),
    ...(isPositiveOrZero(auditEveryMs) && { auditEveryMs }),
  }
}

/** The operating system's code of an error (`ENOENT`), if it has one. */
export function errnoOf(error: unknown): string | undefined {
  return isObject(error) && typeof error['code'] === 'string' ? error['code'] : undefined
}

function isMissing(error: unknown): boolean {
  const code = errnoOf(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** It names a directory. */
function isId(value: unknown): value is string {
  return isText(value) && /^[A-Za-z0-9][\w.-]*$/.test(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0
}

function isPositiveOrZero(value: unknown): value is number {
  return value === 0 || isPositive(value)
}
