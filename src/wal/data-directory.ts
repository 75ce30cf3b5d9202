/**
 * A node's data directory: how it is made, once, and how it is opened.
 *
 *     lock/                    held while a node runs
 *     node.json                who the node is; written last, so that what lacks it is half-made
 *     groups/0/wal/…           the log
 *     groups/0/vote            term and vote a second time
 *     groups/0/peers.json      the incarnations of the peers
 *     groups/0/current         which state is the live one
 *     groups/0/state-1/…       that state
 *     groups/0/unfinished      a restore had begun to put a state in place: only then, and left over
 */
import { dirname } from 'node:path'
import { assert } from '../assert.ts'
import { corruptError, QuorateError, usageError } from '../errors.ts'
import type { Disk, DiskLock, Random } from '../ports.ts'
import type { EntryId, NodeId } from '../raft/index.ts'
import { writeFileAtomically } from './atomic-file.ts'
import { allZero, toHex } from './bytes.ts'
import { readDocument, writeDocument } from './document.ts'
import { storageError } from './failure.ts'
import { segmentHeaderBytes } from './format.ts'
import {
  clusterIdOf,
  identityKind,
  isClusterName,
  logIdentityOf,
  parseIdentity,
  type Identity,
  type Member,
} from './identity.ts'
import { LogStore } from './log-store.ts'
import { PeerIncarnations } from './peer-incarnations.ts'
import { segmentPath, sortNames } from './segment-files.ts'
import { emptyStart, type LogIdentity, type LogStart } from './segment-header.ts'

/** What a new data directory is made from. */
export interface InitialiseOptions {
  readonly disk: Disk
  readonly random: Random
  readonly path: string
  readonly nodeId: NodeId
  readonly members: readonly Member[]
  /** One of the two is needed; the id is derived from the name where only that is given. */
  readonly clusterName?: string | undefined
  readonly clusterId?: string | undefined
  /** Length of the log's segments. Default: 64 MiB. */
  readonly segmentBytes?: number | undefined
  /**
   * It joins a running cluster: `members` are those that it was told of, itself not among them. The
   * cluster's id has to be given then, unless they are the first members, all of them. Default: false.
   */
  readonly joining?: boolean | undefined
  /**
   * Restored: the log begins behind `entry`, in the term `term`, which is at least the entry's.
   * `beforeIdentity` puts the state that holds it in place. Default: the log begins at the beginning.
   */
  readonly base?: { readonly entry: EntryId; readonly term: number } | undefined
  /**
   * Runs when all but `node.json` is there, and is given the group's directory: what it makes there
   * must be durable when it ends. If it fails, or is cut short, the directory is half-made.
   */
  readonly beforeIdentity?: ((groupDirectory: string) => Promise<void>) | undefined
}

/** An open data directory, locked against other processes. */
export interface DataDirectory {
  readonly path: string
  readonly identity: Identity
  /** Of group 0: for `LogStore`, `PeerIncarnations` and `StatePointer`. */
  readonly groupDirectory: string
  readonly logIdentity: LogIdentity
  /** Lets go of the lock. */
  close(): Promise<void>
}

const groupOf = (path: string): string => `${path}/groups/0`
/** While it is there, a state without `node.json` is half-made. */
const unfinished = 'unfinished'
const unfinishedText = new TextEncoder().encode('A restore into this directory has not ended.\n')
const lockOf = (path: string): string => `${path}/lock`

/** Makes a data directory. Where an attempt was cut short, it starts again from nothing. */
export async function initialise(options: InitialiseOptions): Promise<Identity> {
  const { disk, path } = options
  const identity = newIdentity(options)
  try {
    await makeDirectoryDurable(disk, path)
    const lock = await disk.lock(lockOf(path))
    try {
      await make(options, identity)
    } finally {
      await lock.release()
    }
  } catch (error) {
    throw storageError(`the data directory ${path} could not be made`, error)
  }
  return identity
}

function newIdentity(options: InitialiseOptions): Identity {
  const { nodeId, members, clusterName, clusterId, random, base } = options
  if (clusterName === undefined && clusterId === undefined) {
    throw usageError('a cluster needs a name or an id')
  }
  if (clusterName !== undefined && !isClusterName(clusterName)) {
    throw usageError('the name of a cluster is 1 to 128 printable characters')
  }
  if (base !== undefined && !(Number.isSafeInteger(base.term) && base.term >= base.entry.term)) {
    throw usageError(
      'a log that begins behind an entry is in the term of that entry, or a later one',
    )
  }
  const parsed = parseIdentity({
    clusterId: clusterId ?? clusterIdOf(clusterName ?? '', members),
    clusterName,
    nodeId,
    incarnation: toHex(random.bytes(16)),
    members,
    joining: options.joining === true ? true : undefined,
    base: base?.entry,
  })
  if ('problem' in parsed) throw usageError(parsed.problem)
  return parsed.value
}

async function make(options: InitialiseOptions, identity: Identity): Promise<void> {
  const { disk, path, segmentBytes, beforeIdentity } = options
  const existing = await readDocument({ disk, directory: path, kind: identityKind }, parseIdentity)
  if (existing !== undefined) {
    throw new QuorateError(
      'QUORATE_ALREADY_INITIALISED',
      `${path} already belongs to node ${existing.nodeId} of cluster ${existing.clusterId}: ` +
        `start it with "quorate node start --data-dir ${path}", or give another --data-dir`,
    )
  }
  await refuseUsed(disk, path)
  const directory = groupOf(path)
  await removeState(disk, directory)
  await disk.remove(`${path}/groups`)
  await disk.syncDirectory(path)
  await disk.makeDirectory(directory)
  const start = startOf(options)
  await LogStore.create({ disk, directory, identity: logIdentityOf(identity), segmentBytes, start })
  await PeerIncarnations.create({ disk, directory })
  await disk.syncDirectory(directory)
  await disk.syncDirectory(`${path}/groups`)
  await disk.syncDirectory(path)
  if (beforeIdentity !== undefined) {
    // From here to the end, what looks like the state of a node is none that was ever in use.
    await writeFileAtomically({ disk, directory, name: unfinished, bytes: unfinishedText })
    await beforeIdentity(directory)
    await disk.syncDirectory(directory)
  }
  await writeDocument({ disk, directory: path, kind: identityKind }, { ...identity })
  if (beforeIdentity === undefined) return
  await disk.remove(`${directory}/${unfinished}`)
  await disk.syncDirectory(directory)
}

/** How the log stands at first. */
function startOf({ base }: InitialiseOptions): LogStart {
  if (base === undefined) return emptyStart
  const { entry, term } = base
  const hardState = { currentTerm: term, votedFor: undefined, commitIndex: entry.index }
  return { base: { index: entry.index, term: entry.term }, hardState }
}

/**
 * Makes a directory, and its name durable. Names further up are made durable too, because an
 * attempt that was killed may have made them and not come that far.
 */
async function makeDirectoryDurable(disk: Disk, path: string): Promise<void> {
  await disk.makeDirectory(path)
  let child = path
  let parent = dirname(child)
  await disk.syncDirectory(parent)
  while (parent !== child) {
    child = parent
    parent = dirname(child)
    try {
      await disk.syncDirectory(parent)
    } catch (error) {
      // A directory that this user may not read is one that this user did not make names in, and
      // some file systems at the root of a container cannot sync theirs.
      if (!isForbidden(error)) throw error
      return
    }
  }
}

function isForbidden(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return (
    typeof error.code === 'string' && ['EACCES', 'EPERM', 'EINVAL', 'EROFS'].includes(error.code)
  )
}

/**
 * Refuses where a log was in use. What lacks `node.json` is half-made, and nothing in it was ever
 * promised to anybody, unless the file was lost later: a node that starts anew there has forgotten
 * what it voted for and acknowledged.
 */
async function refuseUsed(disk: Disk, path: string): Promise<void> {
  const used = await findUse(disk, path)
  if (used === undefined) return
  const what = `the file is missing, and ${used} shows that the node was in use`
  throw corruptError(`${path}/${identityKind.name}`, 0, what)
}

/** What there is in a group's directory before `node.json` is. */
const made = new Set([
  'peers.json',
  'peers.json.tmp',
  'vote',
  'vote.tmp',
  'wal',
  unfinished,
  `${unfinished}.tmp`,
])

/** Whether a name in a group's directory belongs to the state. */
function isState(name: string): boolean {
  return name.startsWith('state-') || name === 'current' || name === 'current.tmp'
}

/**
 * A directory goes name by name, in an order of the file system's: without the file that tells that
 * it is half-made, a state that is left of it would look like one that was in use.
 */
async function removeState(disk: Disk, directory: string): Promise<void> {
  const names = ((await disk.list(directory)) ?? []).filter(isState)
  for (const name of names) await disk.remove(`${directory}/${name}`)
  if (names.length > 0) await disk.syncDirectory(directory)
}

/** The file that shows that there was a node here; undefined where there was none. */
async function findUse(disk: Disk, path: string): Promise<string | undefined> {
  const groups = (await disk.list(`${path}/groups`)) ?? []
  for (const name of groups) if (name !== '0') return `${path}/groups/${name}`
  const group = groupOf(path)
  const names = (await disk.list(group)) ?? []
  const restoring = names.includes(unfinished)
  for (const name of names) {
    if (!made.has(name) && !(restoring && isState(name))) return `${group}/${name}`
  }
  const { segments } = sortNames((await disk.list(`${group}/wal`)) ?? [])
  for (const segmentNumber of segments) {
    const file = segmentPath(`${group}/wal`, segmentNumber)
    if (segmentNumber > 1 || (await holdsFlushes(disk, file))) return file
  }
  return undefined
}

/** Whether there is anything in a segment behind its header. */
async function holdsFlushes(disk: Disk, path: string): Promise<boolean> {
  const size = await disk.size(path)
  // It gets its name with its full length: any other was not left by an attempt that was cut short.
  if (size === undefined || size <= segmentHeaderBytes) return true
  const file = await disk.open(path, 'read')
  const step = 1024 * 1024
  try {
    for (let at = segmentHeaderBytes; at < size; at += step) {
      if (!allZero(await file.read(at, Math.min(step, size - at)))) return true
    }
  } finally {
    await file.close()
  }
  return false
}

/** Locks a data directory and reads who its node is. */
export async function openDataDirectory(options: {
  readonly disk: Disk
  readonly path: string
}): Promise<DataDirectory> {
  const { disk, path } = options
  let lock: DiskLock | undefined
  try {
    // Nothing is written, the lock included, where there never was a node.
    if ((await disk.size(`${path}/${identityKind.name}`)) === undefined) {
      await refuseUsed(disk, path)
      throw notInitialised(path)
    }
    lock = await disk.lock(lockOf(path))
    const kind = identityKind
    const identity = await readDocument({ disk, directory: path, kind }, parseIdentity)
    if (identity === undefined) throw notInitialised(path)
    const held = lock
    assert(identity.members.length > 0, 'an identity that was validated has members')
    return {
      path,
      identity,
      groupDirectory: groupOf(path),
      logIdentity: logIdentityOf(identity),
      close: () => held.release(),
    }
  } catch (error) {
    await lock?.release()
    throw storageError(`the data directory ${path} could not be opened`, error)
  }
}

function notInitialised(path: string): QuorateError {
  return new QuorateError(
    'QUORATE_NOT_INITIALISED',
    `there is no node in ${path}: make one with "quorate node init --id <id> --data-dir ${path} ` +
      '--cluster <name> --peers <id>=<host>:<port>,…", with all members of the cluster, and start ' +
      'it then. If there was one, and its disk was replaced: a node that lost its data must not ' +
      'come back under its old id',
  )
}
