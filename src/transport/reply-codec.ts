/**
 * Frames from nodes to clients, as positional lists. The first field is the frame's kind.
 *
 *     welcome [0, protocol, cluster, node, incarnation, leader, members, clusterTime, limits]
 *     replies [1, [reply, …]]
 *     goodbye [2, error]
 *     members [3, members]
 *
 * A reply is [kind, id, …]. What is absent is nil.
 */
import { unreachable } from '../assert.ts'
import type { ScanRow, Settings } from '../command/index.ts'
import { answerToWire, decodeAnswer, decodeVerdict, verdictToWire } from './answer-codec.ts'
import type { ClientLimits, Goodbye, NodeFrame, Reply, Welcome } from './client-protocol.ts'
import {
  bool,
  bytes,
  identifier,
  list,
  nodeId,
  optional,
  orNil,
  ordinal,
  snapshotFrameBytes,
  text,
  tuple,
  tupleFrom,
  uint,
} from './fields.ts'
import {
  configuredToWire,
  decodeConfigured,
  decodeMemberAddresses,
  memberAddressesToWire,
} from './member-codec.ts'
import { badFrame, packFrame, unpackFrame, type Wire } from './msgpack.ts'
import { decodeStatus, statusToWire } from './status-codec.ts'
import { decodeWireError, wireErrorToWire } from './wire-error.ts'

/** Replies in one frame. */
export const repliesPerFrameMax = 16_384
/** Rows in one reply: of a get, or of a page. */
export const rowsPerReplyMax = 65_536
const digestCharsMax = 256
const versionMax = 65_535
/** Rows and keys are as large as the frame lets them be: they were checked when they came in. */
const anyLength = Infinity

/** The bytes of a frame. */
export function encodeNodeFrame(frame: NodeFrame): Uint8Array {
  switch (frame.type) {
    case 'welcome':
      return packFrame(welcomeToWire(frame))
    case 'replies':
      return packReplies(frame.replies.map(replyToWire))
    case 'goodbye':
      return packFrame([2, wireErrorToWire(frame.error)])
    case 'members':
      return packFrame([3, memberAddressesToWire(frame.members)])
    default:
      return unreachable(frame)
  }
}

/** A frame of replies that are in wire form already. */
export function packReplies(replies: readonly Wire[]): Uint8Array {
  return packFrame([1, replies])
}

/** The frame of some bytes; `QUORATE_PROTOCOL` where they are none. */
export function decodeNodeFrame(frame: Uint8Array): NodeFrame {
  const fields = list(unpackFrame(frame), 64, 'the frame')
  switch (fields[0]) {
    case 0:
      return decodeWelcome(fields)
    case 1:
      tuple(fields, 2, 'replies')
      return {
        type: 'replies',
        replies: list(fields[1], repliesPerFrameMax, 'replies').map(decodeReply),
      }
    case 2:
      return decodeGoodbye(fields)
    case 3:
      tupleFrom(fields, 2, 'members')
      return { type: 'members', members: decodeMemberAddresses(fields[1]) }
    default:
      throw badFrame('of an unknown kind')
  }
}

function decodeGoodbye(fields: readonly unknown[]): Goodbye {
  tupleFrom(fields, 2, 'a goodbye')
  return { type: 'goodbye', error: decodeWireError(fields[1]) }
}

function welcomeToWire(welcome: Welcome): Wire {
  const { limits } = welcome
  return [
    0,
    welcome.protocol,
    welcome.clusterId,
    welcome.nodeId,
    welcome.incarnation,
    orNil(welcome.leader),
    memberAddressesToWire(welcome.members),
    Math.floor(welcome.clusterTime),
    [
      limits.keyBytesMax,
      limits.valueBytesMax,
      limits.tokenBytesMax,
      limits.batchBytesMax,
      limits.frameBytesMax,
      limits.requestsPerFrameMax,
    ],
  ]
}

function decodeWelcome(fields: readonly unknown[]): Welcome {
  tupleFrom(fields, 9, 'a welcome')
  return {
    type: 'welcome',
    protocol: uint(fields[1], 'protocol', versionMax),
    clusterId: identifier(fields[2], 'clusterId'),
    nodeId: nodeId(fields[3], 'nodeId'),
    incarnation: identifier(fields[4], 'incarnation'),
    leader: optional(fields[5], (value) => nodeId(value, 'leader')),
    members: decodeMemberAddresses(fields[6]),
    clusterTime: uint(fields[7], 'clusterTime'),
    limits: decodeLimits(fields[8]),
  }
}

function decodeLimits(value: unknown): ClientLimits {
  const fields = tupleFrom(value, 6, 'limits')
  return {
    keyBytesMax: uint(fields[0], 'keyBytesMax'),
    valueBytesMax: uint(fields[1], 'valueBytesMax'),
    tokenBytesMax: uint(fields[2], 'tokenBytesMax'),
    batchBytesMax: uint(fields[3], 'batchBytesMax'),
    frameBytesMax: uint(fields[4], 'frameBytesMax', undefined, 1),
    requestsPerFrameMax: uint(fields[5], 'requestsPerFrameMax', undefined, 1),
  }
}

/** A reply in wire form. */
export function replyToWire(reply: Reply): Wire {
  const { id } = reply
  switch (reply.kind) {
    case 'answer':
      return [0, id, Math.floor(reply.clusterTime), answerToWire(reply.answer)]
    case 'rows':
      return [1, id, reply.readRevision, reply.rows.map(rowToWire)]
    case 'verdict':
      return [2, id, verdictToWire(reply.verdict)]
    case 'page': {
      const rows = reply.rows.map((row) => [row.key, row.value, row.revision])
      return [3, id, reply.scanId, reply.revision, reply.done, rows]
    }
    case 'status':
      return [4, id, statusToWire(reply.status)]
    case 'settings':
      return [5, id, settingsToWire(reply.settings)]
    case 'digest':
      return [6, id, reply.index, reply.effects, reply.rows]
    case 'done':
      return [7, id]
    case 'error':
      return [8, id, wireErrorToWire(reply.error)]
    case 'members':
      return [9, id, reply.index, configuredToWire(reply.members)]
    case 'transferred':
      return [10, id, reply.leader]
    case 'export': {
      const { exportId, snapshot, revision, historyId } = reply
      const at = [snapshot.term, snapshot.index]
      return [11, id, exportId, at, revision, Math.floor(reply.clusterTime), historyId]
    }
    case 'frame':
      return [12, id, reply.bytes, reply.last]
    default:
      return unreachable(reply)
  }
}

/** How many fields a reply of each kind has. */
const replyFields: readonly number[] = [4, 4, 3, 6, 3, 3, 5, 2, 3, 4, 3, 7, 4]

function decodeReply(value: unknown): Reply {
  const fields = list(value, 7, 'a reply')
  const kind = uint(fields[0], 'reply kind', replyFields.length - 1)
  if (fields.length !== replyFields[kind]) throw badFrame('a reply with a wrong length')
  const id = uint(fields[1], 'request id')
  const [, , a, b, c, d, e] = fields
  switch (kind) {
    case 0: {
      const clusterTime = uint(a, 'clusterTime')
      return { id, kind: 'answer', answer: decodeAnswer(b), clusterTime }
    }
    case 1: {
      const rows = list(b, rowsPerReplyMax, 'rows').map((row) => optional(row, decodeRow))
      return { id, kind: 'rows', rows, readRevision: ordinal(a, 'readRevision') }
    }
    case 2:
      return { id, kind: 'verdict', verdict: decodeVerdict(a) }
    case 3: {
      const rows = list(d, rowsPerReplyMax, 'rows').map(decodeScanRow)
      const [scanId, revision] = [ordinal(a, 'scanId'), ordinal(b, 'revision')]
      return { id, kind: 'page', scanId, revision, rows, done: bool(c, 'done') }
    }
    case 4:
      return { id, kind: 'status', status: decodeStatus(a) }
    case 5:
      return { id, kind: 'settings', settings: decodeSettings(a) }
    case 6: {
      const effects = text(b, 'effects', digestCharsMax)
      const rows = text(c, 'rows', digestCharsMax)
      return { id, kind: 'digest', index: ordinal(a, 'index'), effects, rows }
    }
    case 7:
      return { id, kind: 'done' }
    case 8:
      return { id, kind: 'error', error: decodeWireError(a) }
    case 9:
      return { id, kind: 'members', index: ordinal(a, 'index'), members: decodeConfigured(b) }
    case 10:
      return { id, kind: 'transferred', leader: nodeId(a, 'leader') }
    case 11: {
      const [term, index] = tuple(b, 2, 'an entry')
      const snapshot = { term: ordinal(term, 'term'), index: ordinal(index, 'index') }
      const [exportId, revision] = [ordinal(a, 'exportId'), ordinal(c, 'revision')]
      const [clusterTime, historyId] = [uint(d, 'clusterTime'), identifier(e, 'historyId')]
      return { id, kind: 'export', exportId, snapshot, revision, clusterTime, historyId }
    }
    default:
      return { id, kind: 'frame', bytes: snapshotFrameBytes(a), last: bool(b, 'last') }
  }
}

function rowToWire(row: { value: Uint8Array; revision: number } | undefined): Wire {
  return row === undefined ? null : [row.value, row.revision]
}

function decodeRow(row: unknown): { value: Uint8Array; revision: number } {
  const [value, revision] = tuple(row, 2, 'a row')
  return { value: bytes(value, 'value', anyLength), revision: ordinal(revision, 'revision') }
}

function decodeScanRow(row: unknown): ScanRow {
  const [key, value, revision] = tuple(row, 3, 'a row')
  return {
    key: bytes(key, 'key', anyLength),
    value: bytes(value, 'value', anyLength),
    revision: ordinal(revision, 'revision'),
  }
}

function settingsToWire(settings: Settings): Wire {
  return [
    settings.clusterVersion,
    settings.tokenRetentionMs,
    settings.sessionExpiryMs,
    settings.tokensMax,
    settings.sessionsMax,
  ]
}

function decodeSettings(value: unknown): Settings {
  const fields = tuple(value, 5, 'settings')
  return {
    clusterVersion: uint(fields[0], 'clusterVersion'),
    tokenRetentionMs: uint(fields[1], 'tokenRetentionMs'),
    sessionExpiryMs: uint(fields[2], 'sessionExpiryMs'),
    tokensMax: uint(fields[3], 'tokensMax'),
    sessionsMax: uint(fields[4], 'sessionsMax'),
  }
}
