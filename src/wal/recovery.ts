/**
 * Opening a log: its segments are read from the first to the last, every byte is verified, and the
 * log ends up ready for its next flush. Damage is refused with file and offset.
 */
import { assert } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Disk, DiskFile } from '../ports.ts'
import { sectorBytes } from './bytes.ts'
import { flushHeaderBytes } from './format.ts'
import { surveyLog, type SegmentFile, type Survey } from './front.ts'
import { checkUnused, readLog, type LogRead, type TornFlush } from './read-log.ts'
import type { Replay } from './replay.ts'
import type { Chain, Extent } from './scan-segment.ts'
import type { LogIdentity } from './segment-header.ts'
import { openSegment, segmentPath, type OpenSegment } from './segment-files.ts'
import type { Recovered } from './wal-types.ts'

/** A log that was read back. */
export interface RecoveredLog {
  readonly replay: Replay
  readonly chain: Chain
  readonly current: OpenSegment
  readonly recovered: Recovered
  /** Segments from before the first one, which a compaction had not come to yet. */
  readonly passedOver: readonly number[]
}

/** What the owner of the log is to know of it. */
function recoveredOf(directory: string, { replay, chain, torn }: LogRead): Recovered {
  const { hardState, index } = replay.live
  // The hint may run ahead of a leader's own log, and of a log that lost its torn flush.
  const committed = Math.min(hardState.commitIndex, index.lastIndex)
  return {
    base: index.base,
    hardState: { ...hardState, commitIndex: Math.max(index.base.index, committed) },
    termRuns: index.termRuns(),
    lastIndex: index.lastIndex,
    configEntries: replay.configEntries.entries(),
    tail: replay.tail.entries(),
    lastFlush: chain.nextFlush - 1,
    end: {
      file: segmentPath(directory, replay.segments.last.segmentNumber),
      offset: replay.segments.last.end,
    },
    tornFlush: torn,
  }
}

interface RecoveryOptions {
  readonly disk: Disk
  readonly directory: string
  readonly identity: LogIdentity
  readonly tailBytesMax: number
  readonly logger: Logger
  /** Judges what was read; throws where the log may not be used. */
  readonly accept: (recovered: Recovered) => void
}

const windowBytes = 1024 * 1024

/**
 * Reads the log in `directory`, from the segment on that it begins with, and mends its end. A torn
 * flush is evidence, of a vote that may be lost with it: nothing goes before `accept` has seen it,
 * or a node that refuses now would find nothing to refuse at its next start.
 */
export async function recoverLog(options: RecoveryOptions): Promise<RecoveredLog> {
  const { disk, logger, directory } = options
  const survey = await surveyLog(options)
  await tidyDirectory(options, survey)
  const { read, at } = await readLog({ ...options, survey })
  const passedOver = survey.segments.slice(0, at).map(({ header }) => header.segmentNumber)
  if (passedOver.length > 0) {
    const front = segmentPath(directory, read.replay.segments.front.segmentNumber)
    logger.info('a compaction of the log was cut short; the log begins later', { file: front })
  }
  const { replay, chain, torn, unused } = read
  const recovered = recoveredOf(directory, read)
  options.accept(recovered)
  if (unused !== undefined) await dropUnusedSuccessor(options, unused, { replay, torn, chain })
  if (torn !== undefined) await eraseTornFlush(disk, torn)
  if (read.lastFlush !== undefined) await rewriteFlush(disk, read.lastFlush)
  const { segmentNumber } = replay.segments.last
  const current = await openSegment({ ...options, segmentNumber, mode: 'write' })
  return { replay, chain, current, recovered, passedOver }
}

/** Removes what an unfinished creation or reset left. */
async function tidyDirectory(options: RecoveryOptions, survey: Survey): Promise<void> {
  const { disk, directory, logger } = options
  for (const name of survey.temporary) {
    logger.info('removing a log segment that was never finished', { file: `${directory}/${name}` })
    await disk.remove(`${directory}/${name}`)
  }
  // A process that was killed may have left a name that is not durable yet. From here on the log
  // relies on it; of a reset, before anything goes that the log would consist of without it.
  await disk.syncDirectory(directory)
  for (const segmentNumber of survey.abandoned) {
    const file = segmentPath(directory, segmentNumber)
    logger.info('removing a log segment from before the log was reset', { file })
    await disk.remove(file)
  }
  if (survey.abandoned.length > 0) await disk.syncDirectory(directory)
}

/**
 * A segment without seal has a successor: the crash came after the successor was made and before
 * the seal was durable. Nothing can be in it. It goes, and is made again when it is needed, since
 * its header names the checksum of a seal that may now come later.
 */
async function dropUnusedSuccessor(
  options: RecoveryOptions,
  successor: SegmentFile,
  found: Pick<LogRead, 'replay' | 'torn' | 'chain'>,
): Promise<void> {
  const { disk, directory, logger } = options
  await checkUnused(disk, directory, successor, found)
  const { path } = successor
  logger.info('removing a log segment that was not used yet', { file: path })
  await disk.remove(path)
  await disk.syncDirectory(directory)
}

/**
 * Overwrites a torn flush with zeros, so that a crash at any byte of it leaves a flush that is still
 * known as torn, and one that was written whole is never taken for it:
 *
 * 1. the last byte, which no whole flush has as zero: from here on the header shows that it is torn;
 * 2. everything behind the header, in whatever order the sectors go;
 * 3. the header: what is left of it has nothing behind it.
 */
async function eraseTornFlush(disk: Disk, torn: TornFlush): Promise<void> {
  const { file: path, offset, bytes } = torn
  assert(bytes >= sectorBytes, 'a torn flush has left a sector')
  await withFile(disk, path, async (file) => {
    await file.write([new Uint8Array(1)], offset + bytes - 1)
    await file.sync()
    for (let at = flushHeaderBytes; at < bytes; at += windowBytes) {
      await file.write([new Uint8Array(Math.min(windowBytes, bytes - at))], offset + at)
    }
    await file.sync()
    await file.write([new Uint8Array(flushHeaderBytes)], offset)
    await file.sync()
  })
}

/**
 * Writes the last flush once more, as it is, and syncs it.
 *
 * What a start reads may be in the operating system's cache alone: a process that was killed had
 * not synced yet, or an fsync failed and marked the pages clean (Rebello and others, ATC'20). A
 * node that builds on such a flush, and acknowledges it, loses it in the next power cut. Earlier
 * flushes are durable, since the last one was begun after them.
 */
async function rewriteFlush(disk: Disk, flush: { path: string } & Extent): Promise<void> {
  assert(flush.bytes > 0, 'a flush has bytes')
  await withFile(disk, flush.path, async (file) => {
    for (let at = 0; at < flush.bytes; at += windowBytes) {
      const length = Math.min(windowBytes, flush.bytes - at)
      const bytes = await file.read(flush.offset + at, length)
      if (bytes.length !== length) {
        throw corruptError(flush.path, flush.offset + at + bytes.length, 'the file ends early')
      }
      await file.write([bytes], flush.offset + at)
    }
    await file.sync()
  })
}

async function withFile(
  disk: Disk,
  path: string,
  work: (file: DiskFile) => Promise<void>,
): Promise<void> {
  const file = await disk.open(path, 'write')
  try {
    await work(file)
  } finally {
    await file.close()
  }
}
