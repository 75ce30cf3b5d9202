/**
 * Frames from clients to nodes, as positional lists. The first field is the frame's kind.
 *
 *     hello    [0, min, max, cluster]
 *     requests [1, [request, …]]
 *
 * A request is [kind, id, timeoutMs, …]. What is absent is nil.
 */
import { unreachable } from '../assert.ts'
import type { KeyRange } from '../command/index.ts'
import type { ClientFrame, ClientHello, Consistency, Request } from './client-protocol.ts'
import {
  bool,
  bytes,
  identifier,
  list,
  nodeId,
  oneOf,
  optional,
  orNil,
  ordinal,
  snapshotFrameNumber,
  tuple,
  tupleFrom,
  uint,
} from './fields.ts'
import { decodeMemberChange, memberChangeToWire } from './member-codec.ts'
import { badFrame, packFrame, unpackFrame, type Wire } from './msgpack.ts'

/** Requests in one frame, whatever a node allows. */
export const requestsPerFrameCap = 16_384
/** Keys of one get. */
export const keysPerGetMax = 1_024
/** What a longer timeout is sent as: a day. */
export const timeoutMsMax = 86_400_000

const consistencies: readonly Consistency[] = ['linearizable', 'stale']
const versionMax = 65_535
/** The wire allows what a frame can hold; a node's own limits are checked at its door. */
const anyLength = Infinity

/** The bytes of a frame. */
export function encodeClientFrame(frame: ClientFrame): Uint8Array {
  switch (frame.type) {
    case 'hello':
      return packFrame([0, frame.protocolMin, frame.protocolMax, orNil(frame.clusterId)])
    case 'requests':
      return packRequests(frame.requests.map(requestToWire))
    default:
      return unreachable(frame)
  }
}

/** A frame of requests that are in wire form already. */
export function packRequests(requests: readonly Wire[]): Uint8Array {
  return packFrame([1, requests])
}

/** The frame of some bytes; `QUORATE_PROTOCOL` where they are none. */
export function decodeClientFrame(
  frame: Uint8Array,
  requestsMax: number = requestsPerFrameCap,
): ClientFrame {
  const fields = list(unpackFrame(frame), 64, 'the frame')
  switch (fields[0]) {
    case 0:
      return decodeHello(fields)
    case 1: {
      tuple(fields, 2, 'requests')
      return { type: 'requests', requests: list(fields[1], requestsMax, 'requests').map(request) }
    }
    default:
      throw badFrame('of an unknown kind')
  }
}

function decodeHello(fields: readonly unknown[]): ClientHello {
  tupleFrom(fields, 4, 'a hello')
  return {
    type: 'hello',
    protocolMin: uint(fields[1], 'protocolMin', versionMax),
    protocolMax: uint(fields[2], 'protocolMax', versionMax),
    clusterId: optional(fields[3], (value) => identifier(value, 'clusterId')),
  }
}

/** A request in wire form. */
export function requestToWire(request: Request): Wire {
  const { id } = request
  // A time left that rounds to 0 would be dropped unserved, so the rest of a millisecond counts.
  const timeout = Math.min(Math.max(0, Math.ceil(request.timeoutMs)), timeoutMsMax)
  switch (request.kind) {
    case 'write':
      return [0, id, timeout, request.command]
    case 'get':
      return [1, id, timeout, request.keys, choice(request.consistency)]
    case 'verdict':
      return [2, id, timeout, request.token, orNil(request.time), choice(request.consistency)]
    case 'scan':
      return [3, id, timeout, rangeToWire(request.range), choice(request.consistency)]
    case 'scanNext':
      return [4, id, timeout, request.scanId]
    case 'scanClose':
      return [5, id, timeout, request.scanId]
    case 'status':
      return [6, id, timeout]
    case 'settings':
      return [7, id, timeout, choice(request.consistency)]
    case 'digest':
      return [8, id, timeout, request.mark]
    case 'member':
      return [9, id, timeout, memberChangeToWire(request.change)]
    case 'transfer':
      return [10, id, timeout, orNil(request.to)]
    case 'export':
      return [11, id, timeout]
    case 'exportFrame':
      return [12, id, timeout, request.exportId, request.frame]
    case 'exportClose':
      return [13, id, timeout, request.exportId]
    case 'compact':
      return [14, id, timeout]
    default:
      return unreachable(request)
  }
}

/** How many fields a request of each kind has. */
const requestFields: readonly number[] = [4, 5, 6, 5, 4, 4, 3, 4, 4, 4, 4, 3, 5, 4, 3]

function request(value: unknown): Request {
  const fields = list(value, 6, 'a request')
  const kind = uint(fields[0], 'request kind', requestFields.length - 1)
  if (fields.length !== requestFields[kind]) throw badFrame('a request with a wrong length')
  const [, , , a, b, c] = fields
  const id = uint(fields[1], 'request id')
  const timeoutMs = uint(fields[2], 'timeoutMs', timeoutMsMax)
  switch (kind) {
    case 0:
      return { id, timeoutMs, kind: 'write', command: bytes(a, 'command', anyLength, 1) }
    case 1:
      return { id, timeoutMs, kind: 'get', keys: keyList(a), consistency: consistency(b) }
    case 2: {
      const token = bytes(a, 'token', anyLength)
      const time = optional(b, (ms) => uint(ms, 'token time'))
      return { id, timeoutMs, kind: 'verdict', token, time, consistency: consistency(c) }
    }
    case 3:
      return { id, timeoutMs, kind: 'scan', range: keyRange(a), consistency: consistency(b) }
    case 4:
      return { id, timeoutMs, kind: 'scanNext', scanId: ordinal(a, 'scanId') }
    case 5:
      return { id, timeoutMs, kind: 'scanClose', scanId: ordinal(a, 'scanId') }
    case 6:
      return { id, timeoutMs, kind: 'status' }
    case 7:
      return { id, timeoutMs, kind: 'settings', consistency: consistency(a) }
    case 8:
      return { id, timeoutMs, kind: 'digest', mark: bytes(a, 'mark', anyLength) }
    case 9:
      return { id, timeoutMs, kind: 'member', change: decodeMemberChange(a) }
    case 10:
      return { id, timeoutMs, kind: 'transfer', to: optional(a, (to) => nodeId(to, 'to')) }
    case 11:
      return { id, timeoutMs, kind: 'export' }
    case 12: {
      const exportId = ordinal(a, 'exportId')
      return { id, timeoutMs, kind: 'exportFrame', exportId, frame: snapshotFrameNumber(b) }
    }
    case 13:
      return { id, timeoutMs, kind: 'exportClose', exportId: ordinal(a, 'exportId') }
    default:
      return { id, timeoutMs, kind: 'compact' }
  }
}

function keyList(value: unknown): Uint8Array[] {
  return list(value, keysPerGetMax, 'keys').map((key) => bytes(key, 'key', anyLength))
}

function choice(value: Consistency): number {
  return consistencies.indexOf(value)
}

function consistency(value: unknown): Consistency {
  return oneOf(value, consistencies, 'consistency')
}

/** [gte, gt, lte, lt, reverse, limit or nil for all, keysOnly]. */
function rangeToWire(range: KeyRange): Wire {
  return [
    orNil(range.gte),
    orNil(range.gt),
    orNil(range.lte),
    orNil(range.lt),
    range.reverse,
    // Beyond what can be counted there is no limit; infinity itself is no number of the wire.
    Number.isSafeInteger(range.limit) ? range.limit : null,
    range.keysOnly,
  ]
}

function keyRange(value: unknown): KeyRange {
  const fields = tuple(value, 7, 'a range')
  const bound = (name: 'gte' | 'gt' | 'lte' | 'lt', key: unknown): Partial<KeyRange> =>
    key === null ? {} : { [name]: bytes(key, name, anyLength) }
  return {
    ...bound('gte', fields[0]),
    ...bound('gt', fields[1]),
    ...bound('lte', fields[2]),
    ...bound('lt', fields[3]),
    reverse: bool(fields[4], 'reverse'),
    limit: optional(fields[5], (limit) => uint(limit, 'limit')) ?? Infinity,
    keysOnly: bool(fields[6], 'keysOnly'),
  }
}
