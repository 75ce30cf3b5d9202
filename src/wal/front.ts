/**
 * Where a log begins. The oldest segments go when the log is compacted, and all of them when it is
 * reset; nothing but the segments themselves says so, hence nothing can contradict them.
 *
 * **Compaction** removes segments from the oldest on, and makes each removal durable before the
 * next one. So a crash leaves a run of segments without a gap, and a gap is always damage. The run
 * may begin with a segment that was to go as well. Mostly the log can begin there all the same;
 * where it cannot, because what its header calls the base was overwritten later (it is *crossed*) or
 * because its header does not say (format version 1), the log begins with the next one that can.
 * Such a one exists: it is the segment that the compaction was for. What is passed over is left on
 * the disk until the next compaction: should segments be missing for another reason, a person will
 * want to look at them. (The node sees it: its state has then not applied what the base stands for.)
 *
 * **Reset** makes a segment with a flag in its header, whose name is its moment: with it the log
 * begins there, and everything before it is garbage, whichever of it a crash leaves.
 */
import { assert, present } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { Disk } from '../ports.ts'
import type { LogIdentity, LogStart, SegmentHeader } from './segment-header.ts'
import { openSegment, segmentPath, sortNames } from './segment-files.ts'

/** A segment whose header was read. */
export interface SegmentFile {
  readonly path: string
  readonly header: SegmentHeader
  readonly seed: number
}

/** The files of a log as they were found. */
export interface Survey {
  /** Oldest first, without gaps; at least one. */
  readonly segments: readonly SegmentFile[]
  /** Numbers of segments from before a reset. */
  readonly abandoned: readonly number[]
  /** Names of files that never became segments. */
  readonly temporary: readonly string[]
  /** Whose log it is. */
  readonly identity: LogIdentity
}

interface Place {
  readonly disk: Disk
  readonly directory: string
  /** Undefined: it may be anybody's log. */
  readonly identity: LogIdentity | undefined
}

/** Reads the headers of all segments. Writes nothing. */
export async function surveyLog(place: Place): Promise<Survey> {
  const { disk, directory } = place
  const names = await disk.list(directory)
  if (names === undefined) throw corruptError(directory, 0, 'the directory of the log is missing')
  const { segments: numbers, temporary } = sortNames(names)
  const newest = numbers.at(-1)
  if (newest === undefined) {
    throw corruptError(segmentPath(directory, 1), 0, 'the segment is missing: the log is gone')
  }
  const segments: SegmentFile[] = []
  let { identity } = place
  for (const [at, segmentNumber] of numbers.toReversed().entries()) {
    const due = newest - at
    if (segmentNumber !== due) {
      throw corruptError(segmentPath(directory, due), 0, 'the segment is missing')
    }
    const opened = await openSegment({ disk, directory, identity, segmentNumber, mode: 'read' })
    await opened.file.close()
    const { path, header, seed } = opened
    // All segments are of one log, whosever it is.
    identity ??= opened.identity
    segments.push({ path, header, seed })
    if (header.reset) break
  }
  segments.reverse()
  const oldest = present(segments[0], 'a segment was found').header.segmentNumber
  const abandoned = numbers.filter((number) => number < oldest)
  return { segments, abandoned, temporary, identity: present(identity, 'segments name a log') }
}

/** A segment that a log may begin with, by its position in a survey. */
export interface Front {
  readonly at: number
  readonly start: LogStart
}

/** The first segment from position `at` on that says how the log stood before it. */
export function nextFront({ segments }: Survey, at: number): Front | undefined {
  for (const [position, { header }] of segments.entries()) {
    if (position >= at && header.start !== undefined) return { at: position, start: header.start }
  }
  return undefined
}

/** An entry that was written in place of a log's base, or of one before it. */
export interface Crossing {
  /** The entry's index. */
  readonly crossed: number
  /** The segment that holds it. */
  readonly segmentNumber: number
}

/**
 * Where a log begins that cannot begin at `front`, because its base was overwritten: at the next
 * segment that was made after that, or behind an entry that this one left alone. Undefined where the
 * log does begin at `front`: it is the first one ever, or a reset, and the crossing is damage.
 */
export function frontAfter(survey: Survey, front: Front, crossing: Crossing): Front | undefined {
  const { segments } = survey
  const { header } = present(segments[front.at], 'the front is one of the segments')
  if (header.segmentNumber === 1 || header.reset) return undefined
  for (let at = front.at + 1; at < segments.length; at++) {
    const next = nextFront(survey, at)
    if (next === undefined) return undefined
    const { segmentNumber } = present(segments[next.at], 'the front is one of the segments').header
    const after = segmentNumber > crossing.segmentNumber
    if (after || next.start.base.index < crossing.crossed) return next
    ;({ at } = next)
  }
  return undefined
}

/** No segment says where the log begins: those that did are missing. */
export function noFront({ segments }: Survey, directory: string): Error {
  const [oldest] = segments
  const number = present(oldest, 'a survey has a segment').header.segmentNumber
  assert(number > 1, 'the very first segment always says where the log begins')
  const what = 'the segment is missing, and the ones behind it do not say where the log begins'
  return corruptError(segmentPath(directory, number - 1), 0, what)
}

/** Removes segments, oldest first, each durably before the next: see the top of this file. */
export async function removeSegments(
  disk: Disk,
  directory: string,
  numbers: readonly number[],
): Promise<void> {
  let previous = 0
  for (const segmentNumber of numbers) {
    assert(segmentNumber > previous, 'segments are removed from the oldest on')
    await disk.remove(segmentPath(directory, segmentNumber))
    await disk.syncDirectory(directory)
    previous = segmentNumber
  }
}
