/**
 * The header sector of a segment: whose log it is, and where that log stood when the segment was
 * made. So the first segment that is there describes where the log begins, with nothing else to
 * be lost: entries that are gone are summed up in the *base*, the last of them. Its bytes are
 * described at the top of `format.ts`.
 */
import { crc32 } from 'node:zlib'
import { assert } from '../assert.ts'
import { corruptError } from '../errors.ts'
import type { EntryId, HardState } from '../raft/index.ts'
import { allZero, fromHex, getUint53, sectorBytes, setUint53, toHex, viewOf } from './bytes.ts'
import { checkVersion, segmentHeaderBytes, walFormatVersion } from './format.ts'
import { decodeVotedFor } from './records.ts'

/** Whose log a segment belongs to. A file that says otherwise was copied in from elsewhere. */
export interface LogIdentity {
  /** 16 bytes in hex. */
  readonly clusterId: string
  readonly groupId: number
  /** The node's incarnation: 16 bytes in hex. */
  readonly incarnation: string
}

/** How a log stands before its first segment. */
export interface LogStart {
  /** The last entry that is gone; index 0: none is. */
  readonly base: EntryId
  readonly hardState: HardState
}

/** What a segment says of itself, apart from its identity. */
export interface SegmentHeader {
  readonly segmentNumber: number
  readonly fileBytes: number
  readonly firstFlush: number
  readonly previousChecksum: number
  /**
   * How the log stood before this segment; undefined in one of format version 1 that is not the
   * first of its log: it does not say.
   */
  readonly start: LogStart | undefined
  /** The log begins here, whatever segments are before it. */
  readonly reset: boolean
}

const segmentMagic = new TextEncoder().encode('QUORAWAL')
const votedForBytesMax = 64

/** How a log stands that never held anything. */
export const emptyStart: LogStart = {
  base: { index: 0, term: 0 },
  hardState: { currentTerm: 0, votedFor: undefined, commitIndex: 0 },
}

/** Why a log cannot stand like this; undefined: it can. */
function startProblem({ base, hardState }: LogStart): string | undefined {
  if ((base.index === 0) !== (base.term === 0)) return 'an entry has index or term 0'
  if (base.term > hardState.currentTerm) return 'the base is of a term ahead of the current one'
  if (hardState.currentTerm === 0 && hardState.votedFor !== undefined) {
    return 'there are no votes in term 0'
  }
  return undefined
}

/** The header sector of a new segment, and its seed. */
export function encodeSegmentHeader(
  identity: LogIdentity,
  header: SegmentHeader & { readonly start: LogStart },
): { bytes: Uint8Array; seed: number } {
  assert(header.fileBytes % sectorBytes === 0, 'a segment is made of whole sectors')
  assert(header.segmentNumber >= 1, 'segments are numbered from 1 on')
  const { base, hardState } = header.start
  const problem = startProblem(header.start)
  assert(problem === undefined, `a segment says how the log stands: ${problem ?? ''}`)
  const votedFor = new TextEncoder().encode(hardState.votedFor ?? '')
  assert(decodeVotedFor(votedFor) === hardState.votedFor, 'a vote goes to a node')
  const bytes = new Uint8Array(segmentHeaderBytes)
  const view = viewOf(bytes)
  bytes.set(segmentMagic, 0)
  view.setUint32(12, walFormatVersion, true)
  view.setUint32(16, identity.groupId, true)
  setUint53(view, 24, header.segmentNumber)
  setUint53(view, 32, header.fileBytes)
  setUint53(view, 40, header.firstFlush)
  view.setUint32(48, header.previousChecksum, true)
  bytes.set(fromHex(identity.clusterId), 56)
  bytes.set(fromHex(identity.incarnation), 72)
  setUint53(view, 88, base.index)
  setUint53(view, 96, base.term)
  setUint53(view, 104, hardState.currentTerm)
  setUint53(view, 112, hardState.commitIndex)
  view.setUint8(120, header.reset ? 1 : 0)
  view.setUint8(121, votedFor.length)
  bytes.set(votedFor, 128)
  const seed = crc32(bytes.subarray(12))
  view.setUint32(8, seed, true)
  return { bytes, seed }
}

/**
 * Reads a header sector, which must be whole: it was durable before its name. Without an identity,
 * it may be anybody's.
 */
export function decodeSegmentHeader(
  bytes: Uint8Array,
  identity: LogIdentity | undefined,
  file: string,
): { header: SegmentHeader; seed: number; identity: LogIdentity } {
  assert(bytes.length === segmentHeaderBytes, 'a segment header is one sector')
  const view = viewOf(bytes)
  if (Buffer.compare(bytes.subarray(0, 8), segmentMagic) !== 0) {
    throw corruptError(file, 0, 'it does not begin like a log segment')
  }
  const seed = view.getUint32(8, true)
  if (crc32(bytes.subarray(12)) !== seed) {
    throw corruptError(file, 8, 'the checksum of the segment header does not match')
  }
  const version = view.getUint32(12, true)
  checkVersion(version, walFormatVersion, file, 12)
  const found: LogIdentity = {
    clusterId: toHex(bytes.subarray(56, 72)),
    groupId: view.getUint32(16, true),
    incarnation: toHex(bytes.subarray(72, 88)),
  }
  if (identity !== undefined) checkIdentity(found, identity, file)
  const segmentNumber = getUint53(view, 24)
  const fileBytes = getUint53(view, 32)
  const firstFlush = getUint53(view, 40)
  if (segmentNumber === undefined || fileBytes === undefined || firstFlush === undefined) {
    throw corruptError(file, 24, 'a number of the segment header is out of range')
  }
  if (view.getUint32(20, true) !== 0 || view.getUint32(52, true) !== 0) {
    throw corruptError(file, 20, 'a reserved field of the segment header is not zero')
  }
  const previousChecksum = view.getUint32(48, true)
  const rest =
    version === 1 ? decodeVersion1(bytes, segmentNumber, file) : decodeStart(bytes, view, file)
  const header = { segmentNumber, fileBytes, firstFlush, previousChecksum, ...rest }
  return { header, seed, identity: found }
}

function checkIdentity(found: LogIdentity, identity: LogIdentity, file: string): void {
  if (found.clusterId !== identity.clusterId) {
    throw corruptError(file, 56, 'the segment belongs to another cluster')
  }
  if (found.incarnation !== identity.incarnation) {
    throw corruptError(file, 72, 'the segment belongs to another incarnation of the node')
  }
  if (found.groupId !== identity.groupId) {
    throw corruptError(file, 16, 'the segment belongs to another group')
  }
}

type Start = Pick<SegmentHeader, 'start' | 'reset'>

function decodeVersion1(bytes: Uint8Array, segmentNumber: number, file: string): Start {
  if (!allZero(bytes.subarray(88))) {
    throw corruptError(file, 88, 'a reserved field of the segment header is not zero')
  }
  return { start: segmentNumber === 1 ? emptyStart : undefined, reset: false }
}

function decodeStart(bytes: Uint8Array, view: DataView, file: string): Start {
  const index = getUint53(view, 88)
  const term = getUint53(view, 96)
  const currentTerm = getUint53(view, 104)
  const commitIndex = getUint53(view, 112)
  const flags = view.getUint8(120)
  const length = view.getUint8(121)
  if (
    index === undefined ||
    term === undefined ||
    currentTerm === undefined ||
    commitIndex === undefined
  ) {
    throw corruptError(file, 88, 'a number of the segment header is out of range')
  }
  const zeros =
    length <= votedForBytesMax &&
    allZero(bytes.subarray(122, 128)) &&
    allZero(bytes.subarray(128 + length))
  if (!zeros || flags > 1) {
    throw corruptError(file, 120, 'a reserved field of the segment header is not zero')
  }
  const votedFor = decodeVotedFor(bytes.subarray(128, 128 + length))
  if (votedFor === false) {
    throw corruptError(file, 128, 'the name of who got the vote is not valid')
  }
  const start = { base: { index, term }, hardState: { currentTerm, votedFor, commitIndex } }
  const problem = startProblem(start)
  if (problem !== undefined) throw corruptError(file, 88, problem)
  return { start, reset: flags === 1 }
}
