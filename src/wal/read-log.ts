/**
 * Reading a log from its first segment to its end, every byte of it. Writes nothing: what is done
 * about what was found is the business of `recovery.ts`, or of a person who looks (`inspect.ts`).
 */
import { present } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { Disk } from '../ports.ts'
import { firstNonZero } from './bytes.ts'
import { FileWindow } from './file-window.ts'
import { encodeFlush, sealFlushBytes } from './flush.ts'
import { segmentHeaderBytes } from './format.ts'
import {
  frontAfter,
  nextFront,
  noFront,
  type Crossing,
  type Front,
  type SegmentFile,
  type Survey,
} from './front.ts'
import { Replay } from './replay.ts'
import {
  couldBeSeal,
  scanSegment,
  type Chain,
  type Extent,
  type ScannedFlush,
  type ScannedSegment,
} from './scan-segment.ts'
import { segmentPath } from './segment-files.ts'
import type { SegmentInfo } from './segment-list.ts'

const windowBytes = 1024 * 1024

/** A flush that power took in the middle: never acknowledged, cut, and reported here. */
export interface TornFlush {
  readonly file: string
  readonly offset: number
  readonly bytes: number
}

/** What reading all segments has shown. */
export interface LogRead {
  readonly replay: Replay
  readonly chain: Chain
  readonly lastFlush: ({ path: string } & Extent) | undefined
  readonly torn: TornFlush | undefined
  /** A segment behind one that has no seal. */
  readonly unused: SegmentFile | undefined
}

/** What is met while a log is read. */
export type Step =
  | { readonly type: 'segment'; readonly segment: SegmentFile }
  | { readonly type: 'flush'; readonly path: string; readonly flush: ScannedFlush }

/**
 * Reads and verifies the log, and finds out which segment it begins with: see `front.ts`. Writes
 * nothing. `onFront` hears of each front that is tried; the last one counts.
 */
export async function readLog(options: {
  readonly disk: Disk
  readonly directory: string
  readonly tailBytesMax: number
  readonly survey: Survey
  readonly onFront?: (front: Front) => void
}): Promise<{ read: LogRead; at: number }> {
  const { survey, directory } = options
  let front = nextFront(survey, 0)
  if (front === undefined) throw noFront(survey, directory)
  for (;;) {
    options.onFront?.(front)
    const replay = new Replay(front.start, options.tailBytesMax)
    const steps = walkLog(options, replay, survey.segments.slice(front.at))
    let step = await steps.next()
    while (step.done !== true) step = await steps.next()
    const read = step.value
    if (!('crossed' in read)) return { read, at: front.at }
    front = frontAfter(survey, front, read)
    if (front === undefined) throw read.error
  }
}

/** A log that cannot begin where it was read from. */
export interface Crossed extends Crossing {
  /** What it is where the log cannot begin later either. */
  readonly error: Error
}

/** Reads segments into `replay`, step by step. Throws `QUORATE_CORRUPT` at the first damage. */
export async function* walkLog(
  options: { readonly disk: Disk; readonly directory: string },
  replay: Replay,
  segments: readonly SegmentFile[],
): AsyncGenerator<Step, LogRead | Crossed, undefined> {
  const { directory } = options
  const first = present(segments[0], 'a log has a segment').header
  const chain: Chain = {
    nextFlush: first.firstFlush,
    previousChecksum: first.previousChecksum,
  }
  let lastFlush: ({ path: string } & Extent) | undefined
  let torn: TornFlush | undefined
  let sealed = true
  for (const [at, segment] of segments.entries()) {
    const { path } = segment
    if (!sealed) {
      if (at !== segments.length - 1) {
        const { segmentNumber, end } = replay.segments.last
        const unsealed = segmentPath(directory, segmentNumber)
        throw corruptError(unsealed, end, 'the seal of the segment is missing')
      }
      return { replay, chain, lastFlush, torn, unused: segment }
    }
    if (at > 0) checkHeader(segment, chain, replay)
    yield { type: 'segment', segment }
    const scanned = yield* walkSegment(options.disk, segment, chain, replay)
    if ('crossed' in scanned) return scanned
    replay.segments.grow(scanned.end)
    if (scanned.lastFlush !== undefined) lastFlush = { path, ...scanned.lastFlush }
    if (scanned.torn !== undefined) torn = { file: path, ...scanned.torn }
    sealed = scanned.nextSegment !== undefined
  }
  if (sealed) {
    const missing = segmentPath(directory, replay.segments.last.segmentNumber + 1)
    throw corruptError(missing, 0, 'the segment is missing, though the one before leads on to it')
  }
  return { replay, chain, lastFlush, torn, unused: undefined }
}

function checkHeader({ path, header }: SegmentFile, chain: Chain, replay: Replay): void {
  if (header.firstFlush !== chain.nextFlush) {
    const what = `the segment begins with flush ${header.firstFlush}, not ${chain.nextFlush}`
    throw corruptError(path, 40, what)
  }
  if (header.previousChecksum !== chain.previousChecksum) {
    throw corruptError(path, 48, 'the segment follows another one than the one before it')
  }
  const problem = replay.headerProblem(header)
  if (problem !== undefined) throw corruptError(path, 88, problem)
}

async function* walkSegment(
  disk: Disk,
  segment: SegmentFile,
  chain: Chain,
  replay: Replay,
): AsyncGenerator<Step, ScannedSegment | Crossed, undefined> {
  const { path, header, seed } = segment
  const { segmentNumber, fileBytes } = header
  const base = header.start?.base
  replay.segments.push({ segmentNumber, seed, end: segmentHeaderBytes, base })
  const file = await disk.open(path, 'read')
  try {
    const window = new FileWindow({ file, path, fileBytes, windowBytes })
    const flushes = scanSegment({ window, seed, segmentNumber, chain })
    for (;;) {
      const next = await flushes.next()
      if (next.done === true) return next.value
      const flush = next.value
      const wrong = replay.take(flush)
      if (wrong !== undefined) {
        const error = corruptError(path, wrong.fileOffset, wrong.problem)
        if (wrong.crossed === undefined) throw error
        return { crossed: wrong.crossed, segmentNumber, error }
      }
      yield { type: 'flush', path, flush }
    }
  } finally {
    await file.close()
  }
}

/** Throws unless this successor of a segment without seal was never used. */
export async function checkUnused(
  disk: Disk,
  directory: string,
  successor: SegmentFile,
  { replay, torn, chain }: Pick<LogRead, 'replay' | 'torn' | 'chain'>,
): Promise<void> {
  const before = replay.segments.last
  const unsealed = segmentPath(directory, before.segmentNumber)
  // The flush before a seal is durable when the successor is made: only the seal can be torn.
  if (torn !== undefined && !couldBeSeal(torn)) {
    throw corruptError(torn.file, torn.offset, 'a flush is incomplete, and a segment follows')
  }
  const { path, header } = successor
  // The successor was made for the seal that comes next. If it was made for a later one, then the
  // log has lost its last flushes, which were durable.
  const seal = sealAt(before, chain)
  if (header.firstFlush !== seal.flushNumber + 1 || header.previousChecksum !== seal.checksum) {
    throw corruptError(unsealed, before.end, 'the last flush of the segment is missing')
  }
  const problem = replay.headerProblem(header)
  if (problem !== undefined) throw corruptError(path, 88, problem)
  const file = await disk.open(path, 'read')
  try {
    const window = new FileWindow({ file, path, fileBytes: header.fileBytes, windowBytes })
    for (let at = segmentHeaderBytes; at < header.fileBytes; at += windowBytes) {
      const length = Math.min(windowBytes, header.fileBytes - at)
      if (firstNonZero(await window.bytes(at, length)) === -1) continue
      const what = 'the seal is missing, and the next segment is used'
      throw corruptError(unsealed, before.end, what)
    }
  } finally {
    await file.close()
  }
}

/** The seal that belongs where the log ends. */
function sealAt(segment: SegmentInfo, chain: Chain): { flushNumber: number; checksum: number } {
  const frame = new Uint8Array(sealFlushBytes)
  const checksum = encodeFlush(frame, [{ type: 'seal', nextSegment: segment.segmentNumber + 1 }], {
    flushNumber: chain.nextFlush,
    previousChecksum: chain.previousChecksum,
    segmentNumber: segment.segmentNumber,
    fileOffset: segment.end,
    seed: segment.seed,
  })
  return { flushNumber: chain.nextFlush, checksum }
}
