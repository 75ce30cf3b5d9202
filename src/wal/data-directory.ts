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
 */
import { dirname } from 'node:path'
import { assert } from '../assert.ts'
import { corruptError, QuorateError, usageError } from '../errors.ts'
import type { Disk, DiskLock, Random } from '../ports.ts'
import type { NodeId } from '../raft/index.ts'
import { allZero, toHex } from './bytes.ts'
import { readDocument, writeDocument } from './document.ts'
import { storageError } from './failure.ts'
import { segmentHeaderBytes, type LogIdentity } from './format.ts'
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
  const { nodeId, members, clusterName, clusterId, random } = options
  if (clusterName === undefined && clusterId === undefined) {
    throw usageError('a cluster needs a name or an id')
  }
  if (clusterName !== undefined && !isClusterName(clusterName)) {
    throw usageError('the name of a cluster is 1 to 128 printable characters')
  }
  const parsed = parseIdentity({
    clusterId: clusterId ?? clusterIdOf(clusterName ?? '', members),
    clusterName,
    nodeId,
    incarnation: toHex(random.bytes(16)),
    members,
  })
  if ('problem' in parsed) throw usageError(parsed.problem)
  return parsed.value
}

async function make(options: InitialiseOptions, identity: Identity): Promise<void> {
  const { disk, path, segmentBytes } = options
  const existing = await readDocument({ disk, directory: path, kind: identityKind }, parseIdentity)
  if (existing !== undefined) {
    throw new QuorateError(
      'QUORATE_ALREADY_INITIALISED',
      `${path} already belongs to node ${existing.nodeId} of cluster ${existing.clusterId}: ` +
        `start it with "quorate node start --data-dir ${path}", or give another --data-dir`,
    )
  }
  await refuseUsed(disk, path)
  await disk.remove(`${path}/groups`)
  await disk.syncDirectory(path)
  const directory = groupOf(path)
  await disk.makeDirectory(directory)
  await LogStore.create({ disk, directory, identity: logIdentityOf(identity), segmentBytes })
  await PeerIncarnations.create({ disk, directory })
  await disk.syncDirectory(directory)
  await disk.syncDirectory(`${path}/groups`)
  await disk.syncDirectory(path)
  await writeDocument({ disk, directory: path, kind: identityKind }, { ...identity })
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

/** The file that shows that there was a node here; undefined where there was none. */
async function findUse(disk: Disk, path: string): Promise<string | undefined> {
  const groups = (await disk.list(`${path}/groups`)) ?? []
  for (const name of groups) if (name !== '0') return `${path}/groups/${name}`
  const group = groupOf(path)
  const made = ['peers.json', 'peers.json.tmp', 'vote', 'vote.tmp', 'wal']
  for (const name of (await disk.list(group)) ?? []) {
    if (!made.includes(name)) return `${group}/${name}`
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
