/**
 * The head of a snapshot file: a line that says what the file is, and one of JSON that says of
 * what. The JSON has one form, so that a reader can tell whether it is what was written.
 */
import { corruptError, QuorateError } from '../errors.ts'
import type { SnapshotSummary } from '../state/index.ts'
import type { SnapshotHeader } from './types.ts'

/** The newest format of snapshot files that this build reads, and the one it writes. */
export const fileFormat = 1
/** The first line, without its end. */
export const firstLine = 'quorate snapshot'
/** A line of the head is no longer. */
export const headLineBytesMax = 4096

/** The head's bytes. */
export function encodeHead(header: SnapshotHeader): Uint8Array {
  return new TextEncoder().encode(`${firstLine}\n${headerLine(header)}\n`)
}

function headerLine({
  clusterId,
  clusterTime,
  historyId,
  revision,
  snapshot,
}: SnapshotHeader): string {
  const { index, term } = snapshot
  // In the order of the letters.
  const fields = { clusterId, clusterTime, format: fileFormat, historyId, revision }
  return JSON.stringify({ ...fields, snapshot: { index, term } })
}

/** Reads the second line. `at`: where it begins, in the unzipped bytes. */
export function decodeHeader(file: string, at: number, line: string): SnapshotHeader {
  const fields = parseFields(line)
  const format = fields?.['format']
  if (typeof format === 'number' && format > fileFormat) {
    throw new QuorateError(
      'QUORATE_FORMAT_TOO_NEW',
      `${file} has snapshot file format ${format}, this Quorate reads up to ${fileFormat}: ` +
        'use the newer version that wrote it',
      { details: { file, offset: at } },
    )
  }
  const header = fields === undefined ? undefined : headerOf(fields)
  if (header === undefined || headerLine(header) !== line) {
    throw corruptError(file, at, 'its header is not one that was written')
  }
  return header
}

function parseFields(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isRecord(value) ? value : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function headerOf(fields: Readonly<Record<string, unknown>>): SnapshotHeader | undefined {
  const { clusterId, historyId, snapshot, revision, clusterTime } = fields
  if (!isId(clusterId) || !isId(historyId) || !isRecord(snapshot)) return undefined
  const { index, term } = snapshot
  if (!isCount(index) || !isCount(term) || !isCount(revision) || !isCount(clusterTime)) {
    return undefined
  }
  return { clusterId, historyId, snapshot: { term, index }, revision, clusterTime }
}

/** Throws unless what a header says of the frames behind it is so. */
export function checkHeader(name: string, header: SnapshotHeader, summary: SnapshotSummary): void {
  const { snapshot, revision, clusterTime, historyId, clusterId } = header
  const agrees =
    summary.snapshot.index === snapshot.index &&
    summary.snapshot.term === snapshot.term &&
    summary.revision === revision &&
    summary.clusterTime === clusterTime &&
    (summary.historyId ?? clusterId) === historyId
  if (!agrees) throw corruptError(name, 0, 'its header and its rows are of different states')
}

/** Whether a value is the id of a cluster or of a history. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{32}$/.test(value)
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
