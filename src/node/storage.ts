/** What a node may use its disk for, worked out from what it was told and how large the disk is. */
import type { DiskSpace } from '../ports.ts'
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
}

const segmentBytesMost = 64 * 1024 * 1024
const segmentBytesLeast = 4 * 1024
const walMaxBytesMost = 512 * 1024 * 1024
/** The log goes by whole segments, so there are several in it. */
const segmentsPerLog = 8
/** Of a small disk the log takes at most such a part, and such a part is kept free. */
const logPart = 1 / 4
const floorPart = 1 / 8

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
  const floor = Math.min(2 * segmentBytes, Math.floor(total * floorPart))
  return {
    segmentBytes,
    walMaxBytes,
    walEntriesMax: settings.walEntriesMax,
    walKeepEntries: settings.walKeepEntries,
    freeSpaceFloorBytes: settings.freeSpaceFloorBytes ?? floor,
    scrubBytesPerSecond: settings.scrubBytesPerSecond,
  }
}

function wholeSectors(bytes: number): number {
  return Math.floor(bytes / 512) * 512
}
