/** What a node may use its disk for, worked out from what it was told and how large the disk is. */
import type { DiskSpace } from '../ports.ts'
import type { DatabaseSizes } from '../state/index.ts'
import type { NodeCaps, StorageSettings } from './options.ts'

/** Complete. Bytes, but for counts of entries. */
export interface StorageCaps {
  readonly segmentBytes: number
  readonly walMaxBytes: number
  readonly walEntriesMax: number
  readonly walKeepEntries: number
  /** 0: no floor. */
  readonly freeSpaceFloorBytes: number
  /** 0: no scrubbing. */
  readonly scrubBytesPerSecond: number
  readonly database: DatabaseSizes
}

const mebibyte = 1024 * 1024
const segmentBytesMost = 64 * mebibyte
const segmentBytesLeast = 4 * 1024
const walMaxBytesMost = 512 * mebibyte
/** The log goes by whole segments, so there are several in it. */
const segmentsPerLog = 8
/** Of a small disk the log takes at most such a part. */
const logPart = 1 / 4
/**
 * Of a small disk such a part is kept free. LevelDB makes room by writing what it has once more,
 * and lets go of the old tables only then. It does so without asking, writes or not, and at most for
 * all that it has: half of the disk has room for a copy of the other half. On a large disk two
 * segments are more than it rewrites at once, which is the first two levels: twelve write buffers,
 * and 10 MiB.
 */
const floorPart = 1 / 2
/** LevelDB's own figures, and the part of a small disk that its write buffer is. */
const writeBufferBytesMost = 4 * mebibyte
const writeBufferBytesLeast = 65_536
const writeBufferPart = 1 / 64
/** LevelDB takes no less than 1 MiB for it. */
const tableBytesLeast = mebibyte

/** `room`: of the disk, where it can tell. */
export function storageCaps(
  settings: StorageSettings,
  caps: NodeCaps,
  room: DiskSpace | undefined,
): StorageCaps {
  const total = room?.total ?? Infinity
  const walMaxBytes =
    settings.walMaxBytes ?? Math.max(65_536, Math.min(walMaxBytesMost, Math.floor(total * logPart)))
  const share = Math.floor(walMaxBytes / segmentsPerLog)
  const segmentBytes =
    caps.segmentBytes ??
    wholeSectors(Math.max(segmentBytesLeast, Math.min(segmentBytesMost, share)))
  // Of the largest, not of these: LevelDB takes no less because the log is cut more finely.
  const twoSegments = 2 * (caps.segmentBytes ?? segmentBytesMost)
  return {
    segmentBytes,
    walMaxBytes,
    walEntriesMax: settings.walEntriesMax,
    walKeepEntries: settings.walKeepEntries,
    freeSpaceFloorBytes:
      settings.freeSpaceFloorBytes ?? Math.min(twoSegments, Math.floor(total * floorPart)),
    scrubBytesPerSecond: settings.scrubBytesPerSecond,
    database: databaseSizes(total),
  }
}

function databaseSizes(total: number): DatabaseSizes {
  const part = Math.floor(total * writeBufferPart)
  const writeBufferBytes = Math.max(writeBufferBytesLeast, Math.min(writeBufferBytesMost, part))
  return { writeBufferBytes, tableBytes: Math.max(tableBytesLeast, writeBufferBytes / 2) }
}

function wholeSectors(bytes: number): number {
  return Math.floor(bytes / 512) * 512
}
