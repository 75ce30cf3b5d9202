/** Taking a log in again, flush by flush, by the rules that it was written by. */
import type { EntryId } from '../raft/index.ts'
import { LiveLog } from './live-log.ts'
import { recordBytesFor, type WalRecord } from './records.ts'
import type { ScannedFlush } from './scan-segment.ts'
import type { LogStart, SegmentHeader } from './segment-header.ts'
import { SegmentList } from './segment-list.ts'
import { ConfigEntries, Tail } from './tail.ts'

/** Why a flush cannot be part of the log. */
export interface ReplayProblem {
  readonly problem: string
  /** Where in its file the record is. */
  readonly fileOffset: number
  /** Set where an entry of the log's base, or before it, is written anew: its index. */
  readonly crossed?: number
}

/** A log as it is being read. */
export class Replay {
  readonly live: LiveLog
  readonly segments = new SegmentList()
  readonly tail: Tail
  readonly configEntries = new ConfigEntries()
  readonly #base: EntryId

  constructor(start: LogStart, tailBytesMax: number) {
    this.live = new LiveLog(start)
    this.tail = new Tail(tailBytesMax)
    this.#base = start.base
  }

  /** Why the header of the next segment is not one that would have been written here. */
  headerProblem({ start }: SegmentHeader): string | undefined {
    if (start === undefined) return undefined
    const { index, hardState } = this.live
    const { base } = start
    if (base.index !== index.lastIndex || base.term !== index.lastTerm) {
      return `the segment begins behind entry ${base.index}, and entry ${index.lastIndex} is the last`
    }
    const same =
      start.hardState.currentTerm === hardState.currentTerm &&
      start.hardState.votedFor === hardState.votedFor &&
      start.hardState.commitIndex === hardState.commitIndex
    return same ? undefined : 'the segment was made with another hard state than the last one'
  }

  /** Takes in a flush. After a problem the log is to be thrown away. */
  take({ records, header }: ScannedFlush): ReplayProblem | undefined {
    const { live } = this
    const first = records[0]?.fileOffset
    let previous: EntryId | undefined
    for (const { record, fileOffset } of records) {
      if (record.type === 'entry') {
        const { entry } = record
        if (entry.index <= this.#base.index) {
          const problem = `entry ${entry.index} would overwrite a committed entry`
          return { problem, fileOffset, crossed: entry.index }
        }
        const problem = live.entryProblem(entry, live.hardState.currentTerm, previous)
        if (problem !== undefined) return { problem, fileOffset }
        const { segmentNumber, fileOffset: flushOffset } = header
        if (entry.index <= live.index.lastIndex) this.segments.cross(entry.index)
        const place = { segmentNumber, flushOffset, recordOffset: fileOffset }
        live.append(entry, place, recordBytesFor(entry.data.length))
        this.tail.append(entry)
        this.configEntries.append(entry)
        previous = entry
        continue
      }
      const problem =
        record.type === 'seal'
          ? sealProblem(record, records.length, header.segmentNumber)
          : fileOffset === first
            ? live.problemWith(record.hardState)
            : 'a hard state is not first in its flush'
      if (problem !== undefined) return { problem, fileOffset }
      if (record.type === 'hardState') live.setHardState(record.hardState)
    }
    live.settle()
    return undefined
  }
}

function sealProblem(
  seal: Extract<WalRecord, { type: 'seal' }>,
  recordsInFlush: number,
  segmentNumber: number,
): string | undefined {
  if (recordsInFlush !== 1) return 'a seal is not alone in its flush'
  return seal.nextSegment === segmentNumber + 1 ? undefined : 'a seal skips segments'
}
