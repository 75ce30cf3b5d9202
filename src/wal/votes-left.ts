/**
 * What is left of a damaged log tells of votes. The vote file is written before the log is, so no
 * flush tells of more than it does; where one does, the disk has lost a write of the vote file. That
 * cannot be seen from the vote file itself: what it held before checks as well.
 */
import { QuorateError } from '../errors.ts'
import type { Disk } from '../ports.ts'
import { sectorBytes } from './bytes.ts'
import { FileWindow } from './file-window.ts'
import { decodeFlush, lengthsPlausible } from './flush.ts'
import { decodeFlushHeader, flushHeaderBytes, segmentHeaderBytes } from './format.ts'
import { hardStateProblem } from './live-log.ts'
import { openSegment, segmentPath, sortNames } from './segment-files.ts'
import type { LogIdentity } from './segment-header.ts'
import type { Vote } from './vote-file.ts'

const windowBytes = 1024 * 1024

interface Place {
  readonly disk: Disk
  /** Of the log. */
  readonly directory: string
  readonly identity: LogIdentity
}

/** The term of a vote or an entry that cannot have come before `vote`; undefined: there is none. */
export async function newerTermLeft(place: Place, vote: Vote): Promise<number | undefined> {
  const { segments } = sortNames((await place.disk.list(place.directory)) ?? [])
  // The newest first: there it is, if anywhere.
  for (const segmentNumber of segments.toReversed()) {
    for await (const left of votesOf(place, segmentNumber)) {
      if (hardStateProblem(left, vote) !== undefined) return left.currentTerm
    }
  }
  return undefined
}

type Left = Pick<Vote, 'currentTerm' | 'votedFor'>

/** All that a segment tells; what cannot be read tells nothing. */
async function* votesOf(place: Place, segmentNumber: number): AsyncGenerator<Left> {
  try {
    yield* readVotes(place, segmentNumber)
  } catch (error) {
    if (!(error instanceof QuorateError) || error.code !== 'QUORATE_CORRUPT') throw error
  }
}

async function* readVotes(place: Place, segmentNumber: number): AsyncGenerator<Left> {
  const { file, header, seed } = await openSegment({ ...place, segmentNumber, mode: 'read' })
  try {
    if (header.start !== undefined) yield header.start.hardState
    const window = new FileWindow({
      file,
      path: segmentPath(place.directory, segmentNumber),
      fileBytes: header.fileBytes,
      windowBytes,
    })
    // Each flush for itself, whatever stands before it: the chain is broken somewhere.
    let at = segmentHeaderBytes
    while (at + flushHeaderBytes <= header.fileBytes) {
      const bytes = await window.bytes(at, flushHeaderBytes)
      const flush = decodeFlushHeader(bytes, seed, { segmentNumber, fileOffset: at })
      const isWhole =
        flush !== undefined && lengthsPlausible(flush) && at + flush.flushBytes <= header.fileBytes
      if (!isWhole) {
        at += sectorBytes
        continue
      }
      const decoded = decodeFlush(await window.bytes(at, flush.flushBytes), flush, seed)
      if ('problem' in decoded) {
        at += sectorBytes
        continue
      }
      for (const { record } of decoded.records) {
        if (record.type === 'hardState') yield record.hardState
        if (record.type === 'entry') yield { currentTerm: record.entry.term, votedFor: undefined }
      }
      at += flush.flushBytes
    }
  } finally {
    await file.close()
  }
}
