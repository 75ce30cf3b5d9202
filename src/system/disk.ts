/** The real disk: files by `node:fs`, and a lock that the kernel takes back with the process. */
import { constants, fdatasyncSync, writevSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import type { ClassicLevel } from 'classic-level'
import { LevelDatabase } from './level.ts'
import { QuorateError } from '../errors.ts'
import type { Disk, DiskFile, DiskLock, DiskSpace } from '../ports.ts'
import { quickSyncBytesMax, SyncPace } from './sync-pace.ts'

/** More buffers in one call are refused by Linux (`IOV_MAX`). */
const buffersPerCallMax = 1024
/** A signal may interrupt a call; this often in a row it is something else. */
const interruptionsMax = 100

const flags = {
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  write: constants.O_RDWR,
  read: constants.O_RDONLY,
} as const

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The result, or undefined where there is no such file. */
async function unlessAbsent<T>(operation: Promise<T>): Promise<T | undefined> {
  try {
    return await operation
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Repeats a call that a signal interrupted before it had done anything. Never used for fsync. */
async function uninterrupted<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (codeOf(error) !== 'EINTR' || attempt >= interruptionsMax) throw error
    }
  }
}

async function readAt(
  handle: fs.FileHandle,
  target: Uint8Array,
  offset: number,
): Promise<Uint8Array> {
  let done = 0
  while (done < target.length) {
    const at = done
    const { bytesRead } = await uninterrupted(() =>
      handle.read(target, at, target.length - at, offset + at),
    )
    if (bytesRead === 0) return target.subarray(0, done)
    done += bytesRead
  }
  return target
}

/** Writes them all; `write` takes as many at once as the system allows, and says how much it wrote. */
async function writeAt(
  buffers: readonly Uint8Array[],
  offset: number,
  write: (buffers: readonly Uint8Array[], position: number) => number | Promise<number>,
): Promise<void> {
  let rest = buffers.filter((buffer) => buffer.length > 0)
  let position = offset
  while (rest.length > 0) {
    const now = rest.slice(0, buffersPerCallMax)
    const at = position
    const bytesWritten = await uninterrupted(async () => await write(now, at))
    // A disk that takes nothing, and says nothing, would keep this loop going for ever.
    if (bytesWritten === 0) throw new Error('the disk accepted none of the bytes written')
    position += bytesWritten
    rest = behind(rest, bytesWritten)
  }
}

/** What is left of the buffers behind their first `count` bytes. */
function behind(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count
  for (const [at, buffer] of buffers.entries()) {
    if (skip < buffer.length) return [buffer.subarray(skip), ...buffers.slice(at + 1)]
    skip -= buffer.length
  }
  return []
}

/** For every file: a process has one disk as a rule, and nothing but the pace hangs on it. */
const pace = new SyncPace()

/** `fresh`: just made, so that its first sync is of more than what is written to it. */
function wrap(handle: fs.FileHandle, fresh: boolean): DiskFile {
  let unsynced = fresh ? Infinity : 0
  // Only while it is open: the number of a closed file may be another file's already. What goes on
  // in the pool is safe from that by the handle.
  const onLoop = (): boolean => unsynced <= quickSyncBytesMax && pace.isQuick && handle.fd >= 0
  return {
    read: (offset, length) => readAt(handle, new Uint8Array(length), offset),
    write: async (buffers, offset) => {
      for (const { length } of buffers) unsynced += length
      const write = onLoop()
        ? (now: readonly Uint8Array[], position: number) => writevSync(handle.fd, now, position)
        : async (now: readonly Uint8Array[], position: number) =>
            (await handle.writev(now, position)).bytesWritten
      await writeAt(buffers, offset, write)
    },
    truncate: (length) => {
      unsynced = Infinity
      return handle.truncate(length)
    },
    sync: async () => {
      const isSmall = unsynced <= quickSyncBytesMax
      const quick = onLoop()
      unsynced = 0
      if (!quick) {
        if (isSmall) pace.pooled()
        return await handle.datasync()
      }
      const begun = performance.now()
      fdatasyncSync(handle.fd)
      pace.took(performance.now() - begun)
    },
    close: () => handle.close(),
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await fs.open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readFile(path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  const handle = await unlessAbsent(fs.open(path, flags.read))
  if (handle === undefined) return undefined
  try {
    const { size } = await handle.stat()
    if (size > bytesMax) {
      throw new QuorateError('QUORATE_TOO_LARGE', `${path} has ${size} bytes, over ${bytesMax}`)
    }
    return await readAt(handle, new Uint8Array(size), 0)
  } finally {
    await handle.close()
  }
}

/** Some file systems, and paths that are not there, have no answer. */
async function space(path: string): Promise<DiskSpace | undefined> {
  try {
    const { bavail, blocks, bsize } = await fs.statfs(path)
    return blocks === 0 ? undefined : { free: bavail * bsize, total: blocks * bsize }
  } catch {
    return undefined
  }
}

/**
 * Opens an otherwise empty LevelDB database for its lock: a kernel lock on its file `LOCK`, gone
 * the moment the process is, so that there is nothing to clean up after a kill.
 */
async function lock(path: string): Promise<DiskLock> {
  let database = new LevelDatabase(path)
  try {
    await openDatabase(database, path)
  } catch (error) {
    if (error instanceof QuorateError) throw error
    // A power cut can leave a database that does not open. There is nothing in it, so that its
    // files can go, except `LOCK`: another process may hold that very file, and would then have a
    // lock that nobody sees.
    for (const name of (await unlessAbsent(fs.readdir(path))) ?? []) {
      if (name !== 'LOCK') await fs.rm(`${path}/${name}`, { recursive: true, force: true })
    }
    database = new LevelDatabase(path)
    await openDatabase(database, path)
  }
  return { release: () => database.close() }
}

async function openDatabase(database: ClassicLevel, path: string): Promise<void> {
  try {
    await database.open()
  } catch (error) {
    if (error instanceof Error && codeOf(error.cause) === 'LEVEL_LOCKED') {
      throw new QuorateError(
        'QUORATE_LOCKED',
        `${path} is locked: another process is running on this data directory`,
        { cause: error },
      )
    }
    throw error
  }
}

/** The machine's files. Only their owner may read what is made here. */
export const realDisk: Disk = {
  makeDirectory: async (path) => {
    await fs.mkdir(path, { recursive: true, mode: 0o700 })
  },
  list: async (path) => (await unlessAbsent(fs.readdir(path)))?.sort(),
  size: async (path) => {
    const stats = await unlessAbsent(fs.stat(path))
    return stats?.isFile() === true ? stats.size : undefined
  },
  readFile,
  open: async (path, mode) => wrap(await fs.open(path, flags[mode], 0o600), mode === 'create'),
  rename: (from, to) => fs.rename(from, to),
  remove: (path) => fs.rm(path, { recursive: true, force: true }),
  syncDirectory,
  space,
  lock,
}
