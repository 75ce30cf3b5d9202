/**
 * Looking at a log from outside, for people and tools: what is in it, and the first damage. Writes
 * nothing, repairs nothing, and needs no lock; beside a node that writes, what is said of the log's
 * end may be out of date.
 */
import { unreachable } from '../assert.ts'
import { QuorateError } from '../errors.ts'
import type { Disk } from '../ports.ts'
import type { EntryId, EntryKind } from '../raft/index.ts'
import { storageError } from './failure.ts'
import {
  nextFront,
  noFront,
  surveyLog,
  type Front,
  type SegmentFile,
  type Survey,
} from './front.ts'
import { checkUnused, readLog, walkLog, type LogRead } from './read-log.ts'
import { reconcile } from './reconcile.ts'
import { recordBytesOf, type WalRecord } from './records.ts'
import { Replay } from './replay.ts'
import type { ScannedFlush } from './scan-segment.ts'
import type { LogIdentity } from './segment-header.ts'
import { segmentPath } from './segment-files.ts'
import { VoteFile } from './vote-file.ts'

interface Place {
  readonly file: string
  /** Bytes from the beginning of the file. */
  readonly offset: number
  readonly bytes: number
}

/** One thing that was found. Each flush comes after its segment, each record after its flush. */
export type LogItem =
  | {
      readonly type: 'segment'
      readonly file: string
      readonly segmentNumber: number
      /** The last entry before it; undefined where it does not say (format version 1). */
      readonly base: EntryId | undefined
      /** Length of the file. */
      readonly bytes: number
      /** Whether another segment follows it. */
      readonly sealed: boolean
    }
  | ({ readonly type: 'flush'; readonly flushNumber: number } & Place)
  | ({ readonly type: 'record' } & RecordItem & Place)
  /** An incomplete last flush: never acknowledged, the next start cuts it. */
  | ({ readonly type: 'torn' } & Place)
  /** A file that is no part of the log: the next start, or the next compaction, removes it. */
  | { readonly type: 'leftover'; readonly file: string }
  /** The first damage. Nothing is known of what comes behind it, and nothing more is told. */
  | {
      readonly type: 'damage'
      readonly file: string
      readonly offset: number
      readonly what: string
    }

/** What a record is. */
type RecordItem =
  | { readonly kind: EntryKind; readonly index: number; readonly term: number }
  /** `index` is the commit index. */
  | {
      readonly kind: 'hardState'
      readonly index: number
      readonly term: number
      readonly votedFor: string | undefined
    }
  /** `index` is the number of the segment that follows; `term` is 0. */
  | { readonly kind: 'seal'; readonly index: number; readonly term: number }

/** Where to look. */
export interface InspectOptions {
  readonly disk: Disk
  /** The group's: `<data directory>/groups/0`. */
  readonly directory: string
  /** Whose log it must be; absent: anybody's, but one node's. */
  readonly identity?: LogIdentity | undefined
}

/**
 * Reads and verifies a log and the vote file beside it, by the rules of a start, and tells what is
 * there in order. Damage is the last item, and no error. Rejects with `QUORATE_FORMAT_TOO_NEW` or
 * `QUORATE_STORAGE` where the files cannot be read.
 */
export async function* inspectLog(
  options: InspectOptions,
): AsyncGenerator<LogItem, void, undefined> {
  try {
    yield* inspect(options)
  } catch (error) {
    const { file, offset } = error instanceof QuorateError ? error.details : {}
    const damage = error instanceof QuorateError && error.code === 'QUORATE_CORRUPT'
    if (!damage || file === undefined || offset === undefined) {
      throw storageError(`the log in ${options.directory} could not be read`, error)
    }
    const prefix = `${file} is damaged at byte ${offset}: `
    const { message } = error
    const what = message.startsWith(prefix) ? message.slice(prefix.length) : message
    yield { type: 'damage', file, offset, what }
  }
}

async function* inspect(options: InspectOptions): AsyncGenerator<LogItem, void, undefined> {
  const { disk } = options
  const directory = `${options.directory}/wal`
  const survey = await surveyLog({ disk, directory, identity: options.identity })
  for (const name of survey.temporary) yield { type: 'leftover', file: `${directory}/${name}` }
  for (const segmentNumber of survey.abandoned) {
    yield { type: 'leftover', file: segmentPath(directory, segmentNumber) }
  }
  const front = await findFront({ disk, directory, survey })
  for (const { path } of survey.segments.slice(0, front.at)) yield { type: 'leftover', file: path }
  const segments = survey.segments.slice(front.at)
  const steps = walkLog({ disk, directory }, new Replay(front.start, 0), segments)
  for (;;) {
    const step = await steps.next()
    if (step.done === true) {
      if ('crossed' in step.value) throw step.value.error
      yield* inspectEnd(options, directory, step.value, survey)
      return
    }
    if (step.value.type === 'segment') yield segmentItem(step.value.segment, segments)
    else yield* flushItems(step.value.path, step.value.flush)
  }
}

/** Where the log begins; it has to be read for that. Damage will be met again, and told then. */
async function findFront(options: {
  readonly disk: Disk
  readonly directory: string
  readonly survey: Survey
}): Promise<Front> {
  let last = nextFront(options.survey, 0)
  if (last === undefined) throw noFront(options.survey, options.directory)
  const onFront = (front: Front): void => {
    last = front
  }
  try {
    await readLog({ ...options, tailBytesMax: 0, onFront })
  } catch (error) {
    if (!(error instanceof QuorateError) || error.code !== 'QUORATE_CORRUPT') throw error
  }
  return last
}

function segmentItem({ path, header }: SegmentFile, segments: readonly SegmentFile[]): LogItem {
  const { segmentNumber, start, fileBytes } = header
  return {
    type: 'segment',
    file: path,
    segmentNumber,
    base: start?.base,
    bytes: fileBytes,
    sealed: segments.at(-1)?.header.segmentNumber !== segmentNumber,
  }
}

function* flushItems(file: string, { header, records }: ScannedFlush): Generator<LogItem> {
  const { flushNumber, flushBytes, fileOffset } = header
  yield { type: 'flush', file, offset: fileOffset, bytes: flushBytes, flushNumber }
  for (const { record, fileOffset: offset } of records) {
    yield { type: 'record', file, offset, bytes: recordBytesOf(record), ...recordItem(record) }
  }
}

function recordItem(record: WalRecord): RecordItem {
  switch (record.type) {
    case 'entry': {
      const { kind, index, term } = record.entry
      return { kind, index, term }
    }
    case 'hardState': {
      const { currentTerm, commitIndex, votedFor } = record.hardState
      return { kind: 'hardState', index: commitIndex, term: currentTerm, votedFor }
    }
    case 'seal':
      return { kind: 'seal', index: record.nextSegment, term: 0 }
    default:
      return unreachable(record)
  }
}

async function* inspectEnd(
  { disk, directory: group }: InspectOptions,
  directory: string,
  read: LogRead,
  survey: Survey,
): AsyncGenerator<LogItem, void, undefined> {
  const { torn, unused, replay, chain } = read
  if (torn !== undefined) yield { type: 'torn', ...torn }
  if (unused !== undefined) {
    await checkUnused(disk, directory, unused, read)
    yield { type: 'leftover', file: unused.path }
  }
  const { incarnation } = survey.identity
  const reading = await VoteFile.read({ disk, directory: group, incarnation })
  const { segmentNumber, end: offset } = replay.segments.last
  const end = { file: segmentPath(directory, segmentNumber), offset }
  const { hardState } = replay.live
  const lastFlush = chain.nextFlush - 1
  // Throws where log and vote contradict each other.
  reconcile({ hardState, lastFlush, tornFlush: torn, end }, reading, `${group}/vote`)
}
