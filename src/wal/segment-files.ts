/** The files of a log: their names, and how a new one comes to be. */
import { assert } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { Disk, DiskFile } from '../ports.ts'
import { sectorBytes } from './bytes.ts'
import { flushHeaderBytes, segmentHeaderBytes } from './format.ts'
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  type LogIdentity,
  type LogStart,
  type SegmentHeader,
} from './segment-header.ts'

/** A smaller segment could not hold a flush and its seal. */
export const segmentBytesMin = 2 * 1024
/** A segment of the usual length; one with a larger flush is as long as that flush needs. */
export const segmentBytesDefault = 64 * 1024 * 1024

/** The length that new segments are to have, in bytes. */
export function checkedSegmentBytes(options: {
  readonly segmentBytes?: number | undefined
}): number {
  const segmentBytes = options.segmentBytes ?? segmentBytesDefault
  assert(segmentBytes >= segmentBytesMin, 'a segment has room for a flush and its seal')
  assert(segmentBytes % sectorBytes === 0, 'a segment is made of whole sectors')
  return segmentBytes
}

const namePattern = /^([0-9]{10})\.wal$/
const temporaryPattern = /^[0-9]{10}\.wal\.tmp$/

/** `<directory>/0000000001.wal`. */
export function segmentPath(directory: string, segmentNumber: number): string {
  assert(segmentNumber >= 1 && segmentNumber < 1e10, 'segment numbers have ten digits')
  return `${directory}/${String(segmentNumber).padStart(10, '0')}.wal`
}

/** The log's files in a directory listing. */
export function sortNames(names: readonly string[]): {
  segments: number[]
  temporary: string[]
} {
  const segments: number[] = []
  const temporary: string[] = []
  for (const name of names) {
    const match = namePattern.exec(name)
    if (match !== null) segments.push(Number(match[1]))
    if (temporaryPattern.test(name)) temporary.push(name)
  }
  return { segments: segments.sort((a, b) => a - b), temporary }
}

/** A segment that is open for writing. */
export interface OpenSegment {
  readonly file: DiskFile
  readonly path: string
  readonly header: SegmentHeader
  readonly seed: number
}

/**
 * Makes an empty segment. Its length and header are durable before it gets its name, and the name
 * before this returns: an entry in a file whose name is lost in a crash is lost too (`etcd#6368`).
 */
export async function createSegment(options: {
  readonly disk: Disk
  readonly directory: string
  readonly identity: LogIdentity
  readonly header: SegmentHeader & { readonly start: LogStart }
}): Promise<OpenSegment> {
  const { disk, directory, identity, header } = options
  assert(header.fileBytes >= segmentBytesMin, 'a segment has room for a flush and its seal')
  assert(header.fileBytes % sectorBytes === 0, 'a segment is made of whole sectors')
  const path = segmentPath(directory, header.segmentNumber)
  const temporary = `${path}.tmp`
  const { bytes, seed } = encodeSegmentHeader(identity, header)
  const file = await disk.open(temporary, 'create')
  try {
    await file.truncate(header.fileBytes)
    await file.write([bytes], 0)
    await file.sync()
    await disk.rename(temporary, path)
    await disk.syncDirectory(directory)
  } catch (error) {
    await file.close()
    throw error
  }
  return { file, path, header, seed }
}

/** Opens a segment and verifies its header and length; without an identity, anybody's. */
export async function openSegment(options: {
  readonly disk: Disk
  readonly directory: string
  readonly identity: LogIdentity | undefined
  readonly segmentNumber: number
  readonly mode: 'read' | 'write'
}): Promise<OpenSegment & { readonly identity: LogIdentity }> {
  const { disk, directory, identity, segmentNumber } = options
  const path = segmentPath(directory, segmentNumber)
  const size = await disk.size(path)
  if (size === undefined) throw corruptError(path, 0, 'the segment is missing')
  if (size < segmentHeaderBytes + flushHeaderBytes) {
    throw corruptError(path, size, 'the file ends before its first flush')
  }
  const file = await disk.open(path, options.mode)
  try {
    const bytes = await file.read(0, segmentHeaderBytes)
    if (bytes.length < segmentHeaderBytes) {
      throw corruptError(path, bytes.length, 'the file ends in its header')
    }
    const decoded = decodeSegmentHeader(bytes, identity, path)
    const { header, seed } = decoded
    if (header.segmentNumber !== segmentNumber) {
      throw corruptError(path, 24, `the file holds segment ${header.segmentNumber}`)
    }
    if (header.fileBytes < segmentBytesMin || header.fileBytes % sectorBytes !== 0) {
      throw corruptError(path, 32, 'the length that the header names is out of range')
    }
    if (size !== header.fileBytes) {
      const what = `the file has ${size} bytes, its header says ${header.fileBytes}`
      throw corruptError(path, Math.min(size, header.fileBytes), what)
    }
    return { file, path, header, seed, identity: decoded.identity }
  } catch (error) {
    await file.close()
    throw error
  }
}
