/**
 * What a damaged log still tells for certain, for whoever has nothing else to go on from.
 *
 * The log falls into runs: each begins with a segment that says how the log stood before it, and
 * ends with the last flush before the next damage. A run is a log that this node had at some time,
 * and what it knew to be committed then stays so, whatever the damage has taken. Writes nothing.
 */
import { QuorateError } from '../errors.ts'
import type { Disk } from '../ports.ts'
import type { Entry, EntryId } from '../raft/index.ts'
import { storageError } from './failure.ts'
import type { SegmentFile } from './front.ts'
import type { InspectOptions } from './inspect.ts'
import { readEntries } from './read-entries.ts'
import { walkLog } from './read-log.ts'
import { Replay } from './replay.ts'
import { openSegment, sortNames } from './segment-files.ts'

/** Flushes that follow each other, every byte of which checks. */
export interface IntactRun {
  /** The last entry before it. */
  readonly base: EntryId
  /** Its entries up to here are committed; of those behind nobody knows. */
  readonly committedIndex: number
  /** As `LogStore.read`, but nothing behind `committedIndex`. */
  readonly read: (from: number, to: number, bytesMax: number) => Promise<Entry[]>
}

interface Place {
  readonly disk: Disk
  readonly directory: string
}

/** The runs of a log, oldest first. Rejects with `QUORATE_STORAGE` where files cannot be read. */
export async function* intactRuns(
  options: InspectOptions,
): AsyncGenerator<IntactRun, void, undefined> {
  const place = { disk: options.disk, directory: `${options.directory}/wal` }
  try {
    const segments = await segmentsThatOpen(place, options.identity)
    for (let at = 0; at < segments.length;) {
      const start = segments[at]?.header.start
      if (start === undefined) {
        at++
        continue
      }
      const replay = new Replay(start, 0)
      const { crossed } = await walkToDamage(place, replay, neighbours(segments.slice(at)))
      yield runOf(place, replay)
      const { segmentNumber: last } = replay.segments.last
      // One whose base was overwritten is no beginning for what comes after; the next one may be.
      at = crossed
        ? at + 1
        : segments.findLastIndex((each) => each.header.segmentNumber <= last) + 1
    }
  } catch (error) {
    throw storageError(`the log in ${options.directory} could not be read`, error)
  }
}

/** Oldest first, and without those whose header does not check. */
async function segmentsThatOpen(
  place: Place,
  identity: InspectOptions['identity'],
): Promise<SegmentFile[]> {
  const segments: SegmentFile[] = []
  const names = await place.disk.list(place.directory)
  for (const segmentNumber of sortNames(names ?? []).segments) {
    try {
      const opened = await openSegment({ ...place, identity, segmentNumber, mode: 'read' })
      await opened.file.close()
      const { path, header, seed } = opened
      segments.push({ path, header, seed })
    } catch (error) {
      if (!isDamage(error)) throw error
    }
  }
  return segments
}

/** As many from the first on as have no gap in their numbers. */
function neighbours(segments: readonly SegmentFile[]): readonly SegmentFile[] {
  const first = segments[0]?.header.segmentNumber ?? 0
  const end = segments.findIndex(({ header }, at) => header.segmentNumber !== first + at)
  return end === -1 ? segments : segments.slice(0, end)
}

async function walkToDamage(
  place: Place,
  replay: Replay,
  segments: readonly SegmentFile[],
): Promise<{ crossed: boolean }> {
  const steps = walkLog(place, replay, segments)
  try {
    for (;;) {
      const step = await steps.next()
      if (step.done === true) return { crossed: 'crossed' in step.value }
      if (step.value.type !== 'flush') continue
      const { fileOffset, flushBytes } = step.value.flush.header
      replay.segments.grow(fileOffset + flushBytes)
    }
  } catch (error) {
    if (!isDamage(error)) throw error
    return { crossed: false }
  }
}

function runOf(place: Place, { live, segments }: Replay): IntactRun {
  const { index, committedFloor: committedIndex } = live
  const { base } = index
  return {
    base,
    committedIndex,
    read: async (from, wanted, bytesMax) => {
      const to = Math.min(wanted, committedIndex)
      if (from <= base.index || from > to) return []
      const start = index.checkpointFor(from)
      const runs = index.runsBetween(from, to)
      const left = segments.from(start.segmentNumber)
      return await readEntries({ ...place, segments: left, start, from, to, bytesMax, runs })
    },
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'QUORATE_CORRUPT'
}
