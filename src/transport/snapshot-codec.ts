/**
 * Frames of a snapshot between nodes, as positional lists like all frames of `peer-codec.ts`.
 *
 *     request [6, term, index, frame]
 *     frame   [7, term, index, frame, bytes, last]
 *     unknown [8, term, index]
 */
import { assert, unreachable } from '../assert.ts'
import type { EntryId } from '../raft/index.ts'
import {
  bool,
  ordinal,
  snapshotFrameBytes,
  snapshotFrameBytesMax,
  snapshotFrameNumber,
  tuple,
} from './fields.ts'
import type { Wire } from './msgpack.ts'
import type { SnapshotFrame } from './peer-protocol.ts'

/** The kinds of frames that this file knows. */
export const snapshotKinds = { request: 6, frame: 7, unknown: 8 } as const

export function snapshotToWire(frame: SnapshotFrame): Wire {
  const { term, index } = frame.snapshot
  switch (frame.type) {
    case 'snapshotRequest':
      return [snapshotKinds.request, term, index, frame.frame]
    case 'snapshotFrame': {
      const { bytes } = frame
      assert(bytes.length > 0, 'a frame of a snapshot holds something')
      assert(bytes.length <= snapshotFrameBytesMax, 'a frame keeps to snapshotFrameBytesMax')
      return [snapshotKinds.frame, term, index, frame.frame, bytes, frame.last]
    }
    case 'snapshotUnknown':
      return [snapshotKinds.unknown, term, index]
    default:
      return unreachable(frame)
  }
}

export function decodeSnapshotRequest(fields: readonly unknown[]): SnapshotFrame {
  tuple(fields, 4, 'a request for a snapshot')
  const frame = snapshotFrameNumber(fields[3])
  return { type: 'snapshotRequest', snapshot: entryId(fields), frame }
}

export function decodeSnapshotFrame(fields: readonly unknown[]): SnapshotFrame {
  tuple(fields, 6, 'a frame of a snapshot')
  return {
    type: 'snapshotFrame',
    snapshot: entryId(fields),
    frame: snapshotFrameNumber(fields[3]),
    bytes: snapshotFrameBytes(fields[4]),
    last: bool(fields[5], 'last'),
  }
}

export function decodeSnapshotUnknown(fields: readonly unknown[]): SnapshotFrame {
  tuple(fields, 3, 'the end of a snapshot')
  return { type: 'snapshotUnknown', snapshot: entryId(fields) }
}

/** A snapshot of nothing is none. */
function entryId(fields: readonly unknown[]): EntryId {
  return { term: ordinal(fields[1], 'term', 1), index: ordinal(fields[2], 'index', 1) }
}
