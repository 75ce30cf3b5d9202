/** What the tests of the log share: a small log on a disk in memory, and ways to look at it. */
import { QuorateError } from '../../src/errors.ts'
import type { Entry, HardState } from '../../src/raft/types.ts'
import type { LogIdentity } from '../../src/wal/segment-header.ts'
import { Wal } from '../../src/wal/wal.ts'
import type { Recovered, WalOptions } from '../../src/wal/wal-types.ts'
import { MemoryDisk } from '../suites/memory-disk.ts'

export const identity: LogIdentity = {
  clusterId: '0123456789abcdef0123456789abcdef',
  groupId: 0,
  incarnation: 'fedcba9876543210fedcba9876543210',
}
export const otherIncarnation = '00112233445566778899aabbccddeeff'
export const directory = 'data/groups/0/wal'
export const firstSegment = `${directory}/0000000001.wal`

/** Options for a log with small segments. */
export function walOptions(disk: MemoryDisk, overrides: Partial<WalOptions> = {}): WalOptions {
  return { disk, directory, identity, segmentBytes: 8 * 1024, ...overrides }
}

/** A disk on which a path of directories exists durably. */
export async function diskWith(path: string): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await disk.makeDirectory(path)
  const steps = path.split('/')
  for (let at = 0; at < steps.length; at++) {
    await disk.syncDirectory(at === 0 ? '.' : steps.slice(0, at).join('/'))
  }
  return disk
}

/** An empty log, and the disk it is on. */
export async function newLog(overrides: Partial<WalOptions> = {}): Promise<{
  disk: MemoryDisk
  wal: Wal
}> {
  const disk = await diskWith(directory)
  await Wal.create(walOptions(disk, overrides))
  const { wal } = await Wal.open(walOptions(disk, overrides))
  return { disk, wal }
}

/** An entry whose data tells its index, its term and a salt. */
export function entry(index: number, term: number, bytes = 40, salt = 0): Entry {
  const data = new Uint8Array(bytes)
  for (let at = 0; at < bytes; at++) data[at] = (index * 31 + term * 7 + at + salt) % 251
  return { index, term, kind: 'commands', data }
}

/** Entries `from` to `to`, both included. */
export function entries(from: number, to: number, term: number, bytes = 40): Entry[] {
  return Array.from({ length: to - from + 1 }, (_, at) => entry(from + at, term, bytes))
}

/** A hard state. */
export function hard(currentTerm: number, votedFor?: string, commitIndex = 0): HardState {
  return { currentTerm, votedFor, commitIndex }
}

/** Everything that a log says: what it recovered, and what reading it gives. */
export interface Seen {
  readonly recovered: Recovered
  readonly read: Entry[]
}

/** Opens a log, reads all of it, and closes it. */
export async function see(disk: MemoryDisk, overrides: Partial<WalOptions> = {}): Promise<Seen> {
  const { wal, recovered } = await Wal.open(walOptions(disk, overrides))
  const first = recovered.base.index + 1
  const read = await wal.read(first, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  await wal.close()
  return { recovered, read }
}

/** The refusal of an operation that must be refused. */
export async function refusal(operation: Promise<unknown>): Promise<QuorateError> {
  try {
    await operation
  } catch (error) {
    if (error instanceof QuorateError) return error
    throw error
  }
  throw new Error('it was not refused')
}

/** The log's content, or the refusal to open it. */
export async function seeOrRefusal(
  disk: MemoryDisk,
  overrides: Partial<WalOptions> = {},
): Promise<Seen | QuorateError> {
  try {
    return await see(disk, overrides)
  } catch (error) {
    if (error instanceof QuorateError) return error
    throw error
  }
}

/** What two entries are compared by: comparing large byte arrays element by element is slow. */
export function short(list: readonly Entry[]): string[] {
  return list.map(
    ({ index, term, kind, data }) =>
      `${index}/${term} ${kind} ${Buffer.from(data).toString('base64')}`,
  )
}
