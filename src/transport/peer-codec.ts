/**
 * Frames between nodes, as positional lists. The first field is the frame's kind.
 *
 *     hello    [0, min, max, link, cluster, group, node, incarnation, to, peerAddress, clientAddress]
 *     welcome  [1, protocol, node, incarnation, peerAddress, clientAddress]
 *     refusal  [2, code, message]
 *     messages [3, from, to, [message, …]]
 *     ping     [4]
 *     pong     [5]
 *     snapshot [6 to 8, …], see `snapshot-codec.ts`
 *     digest   [9, index, effects, rows, agreed]
 *
 * A message is [kind, term, …]. All messages of a frame have one sender and one addressee, so a
 * frame names them once. An entry is the three fields term, kind, data; its index is not sent, for
 * the entries of a request are contiguous from `prevLog.index + 1` on, and a gap that can't be
 * written down can't arrive.
 */
import { assert, unreachable } from '../assert.ts'
import type { AppendEntries, AppendEntriesRejected, Message } from '../raft/index.ts'
import type { Entry, EntryId, EntryKind } from '../raft/index.ts'
import {
  addressCharsMax,
  bool,
  bytes,
  hex,
  identifier,
  list,
  messageCharsMax,
  nodeId,
  oneOf,
  ordinal,
  shortText,
  text,
  tuple,
  tupleFrom,
  uint,
} from './fields.ts'
import { badFrame, packFrame, unpackFrame, type Wire } from './msgpack.ts'
import type { DigestFrame, LinkKind, PeerFrame, PeerMessages } from './peer-protocol.ts'
import {
  decodeSnapshotFrame,
  decodeSnapshotRequest,
  decodeSnapshotUnknown,
  snapshotKinds,
  snapshotToWire,
} from './snapshot-codec.ts'

/** Messages in one frame. */
export const peerMessagesMax = 1024
/** Entries in one request: three values each, well below `frameElementsMax`. */
export const entriesPerMessageMax = 65_536

const links: readonly LinkKind[] = ['control', 'bulk']
const entryKinds: readonly EntryKind[] = ['noop', 'commands', 'config']

const kinds = {
  hello: 0,
  welcome: 1,
  refusal: 2,
  messages: 3,
  ping: 4,
  pong: 5,
  digest: 9,
} as const

function decodeDigest(fields: readonly unknown[]): DigestFrame {
  tuple(fields, 5, 'a digest')
  return {
    type: 'stateDigest',
    index: ordinal(fields[1], 'index', 1),
    effects: hex(fields[2], 64, 'effects'),
    rows: hex(fields[3], 32, 'rows'),
    agreed: bool(fields[4], 'agreed'),
  }
}

/** A version number; 0 is none. */
const versionMax = 65_535

/** The bytes of a frame. */
export function encodePeerFrame(frame: PeerFrame): Uint8Array {
  switch (frame.type) {
    case 'peerHello':
      return packFrame([
        kinds.hello,
        frame.protocolMin,
        frame.protocolMax,
        links.indexOf(frame.link),
        frame.clusterId,
        frame.groupId,
        frame.nodeId,
        frame.incarnation,
        frame.to,
        frame.peerAddress,
        frame.clientAddress,
      ])
    case 'peerWelcome':
      return packFrame([
        kinds.welcome,
        frame.protocol,
        frame.nodeId,
        frame.incarnation,
        frame.peerAddress,
        frame.clientAddress,
      ])
    case 'peerRefusal':
      return packFrame([kinds.refusal, frame.code, shortText(frame.message)])
    case 'messages':
      return encodeMessages(frame.messages)
    case 'peerPing':
      return packFrame([kinds.ping])
    case 'peerPong':
      return packFrame([kinds.pong])
    case 'snapshotRequest':
    case 'snapshotFrame':
    case 'snapshotUnknown':
      return packFrame(snapshotToWire(frame))
    case 'stateDigest':
      return packFrame([kinds.digest, frame.index, frame.effects, frame.rows, frame.agreed])
    default:
      return unreachable(frame)
  }
}

/** The frame of some bytes; `QUORATE_PROTOCOL` where they are none. */
export function decodePeerFrame(frame: Uint8Array): PeerFrame {
  const fields = list(unpackFrame(frame), 64, 'the frame')
  switch (fields[0]) {
    case kinds.hello:
      return decodeHello(fields)
    case kinds.welcome:
      return decodeWelcome(fields)
    case kinds.refusal:
      tupleFrom(fields, 3, 'a refusal')
      return {
        type: 'peerRefusal',
        code: identifier(fields[1], 'code'),
        message: text(fields[2], 'message', messageCharsMax),
      }
    case kinds.messages:
      return decodeMessages(fields)
    case kinds.ping:
      tuple(fields, 1, 'a ping')
      return { type: 'peerPing' }
    case kinds.pong:
      tuple(fields, 1, 'a pong')
      return { type: 'peerPong' }
    case snapshotKinds.request:
      return decodeSnapshotRequest(fields)
    case snapshotKinds.frame:
      return decodeSnapshotFrame(fields)
    case snapshotKinds.unknown:
      return decodeSnapshotUnknown(fields)
    case kinds.digest:
      return decodeDigest(fields)
    default:
      throw badFrame('of an unknown kind')
  }
}

function decodeHello(fields: readonly unknown[]): PeerFrame {
  tupleFrom(fields, 11, 'a hello')
  return {
    type: 'peerHello',
    protocolMin: uint(fields[1], 'protocolMin', versionMax),
    protocolMax: uint(fields[2], 'protocolMax', versionMax),
    link: oneOf(fields[3], links, 'link'),
    clusterId: identifier(fields[4], 'clusterId'),
    groupId: uint(fields[5], 'groupId'),
    nodeId: nodeId(fields[6], 'nodeId'),
    incarnation: identifier(fields[7], 'incarnation'),
    to: nodeId(fields[8], 'to'),
    peerAddress: text(fields[9], 'peerAddress', addressCharsMax),
    clientAddress: text(fields[10], 'clientAddress', addressCharsMax),
  }
}

function decodeWelcome(fields: readonly unknown[]): PeerFrame {
  tupleFrom(fields, 6, 'a welcome')
  return {
    type: 'peerWelcome',
    protocol: uint(fields[1], 'protocol', versionMax),
    nodeId: nodeId(fields[2], 'nodeId'),
    incarnation: identifier(fields[3], 'incarnation'),
    peerAddress: text(fields[4], 'peerAddress', addressCharsMax),
    clientAddress: text(fields[5], 'clientAddress', addressCharsMax),
  }
}

function encodeMessages(messages: readonly Message[]): Uint8Array {
  const [first] = messages
  assert(first !== undefined, 'a frame of messages holds at least one')
  const encoded = messages.map((message) => {
    assert(message.from === first.from && message.to === first.to, 'a frame has one sender')
    return encodeMessage(message)
  })
  return packFrame([kinds.messages, first.from, first.to, encoded])
}

function decodeMessages(fields: readonly unknown[]): PeerMessages {
  tuple(fields, 4, 'messages')
  const from = nodeId(fields[1], 'from')
  const to = nodeId(fields[2], 'to')
  const encoded = list(fields[3], peerMessagesMax, 'messages')
  if (encoded.length === 0) throw badFrame('no messages')
  return { type: 'messages', messages: encoded.map((message) => decodeMessage(message, from, to)) }
}

function encodeMessage(message: Message): Wire {
  const { term } = message
  switch (message.type) {
    case 'requestPreVote':
      return [0, term, message.proposedTerm, message.lastLog.term, message.lastLog.index]
    case 'requestPreVoteResult':
      return [1, term, message.proposedTerm, message.granted]
    case 'requestVote':
      return [2, term, message.lastLog.term, message.lastLog.index, message.transfer]
    case 'requestVoteResult':
      return [3, term, message.granted]
    case 'appendEntries':
      return encodeAppendEntries(message)
    case 'appendEntriesAccepted':
      return [5, term, message.matchIndex, message.recovery ?? null]
    case 'appendEntriesRejected':
      return encodeRejected(message)
    case 'heartbeat':
      return [7, term, message.round, message.leaderCommit]
    case 'heartbeatResult':
      return [8, term, message.round, message.recovery ?? null]
    case 'readIndexRequest':
      return [9, term, message.requestId]
    case 'readIndexResult':
      return [10, term, message.requestId, message.readIndex]
    case 'readIndexRefused':
      return [11, term, message.requestId]
    case 'timeoutNow':
      return [12, term]
    case 'removed':
      return [13, term, message.configIndex]
    case 'installSnapshot':
      return [14, term, message.snapshot.term, message.snapshot.index]
    case 'snapshotNeeded':
      return [15, term, message.baseIndex]
    case 'readmitted':
      return [16, term, message.recovery, message.index]
    default:
      return unreachable(message)
  }
}

/** How many fields a message of each kind has. */
const messageFields: readonly number[] = [5, 4, 5, 3, 6, 4, 6, 4, 4, 3, 4, 3, 2, 3, 4, 3, 4]

function decodeMessage(encoded: unknown, from: string, to: string): Message {
  const fields = list(encoded, 6, 'a message')
  const kind = uint(fields[0], 'message kind', messageFields.length - 1)
  if (fields.length !== messageFields[kind]) throw badFrame('a message with a wrong length')
  const [, , a, b, c, d] = fields
  const addressed = { from, to, term: ordinal(fields[1], 'term') }
  switch (kind) {
    case 0: {
      const proposedTerm = ordinal(a, 'proposedTerm', 1)
      return { type: 'requestPreVote', ...addressed, proposedTerm, lastLog: entryId(b, c) }
    }
    case 1: {
      const proposedTerm = ordinal(a, 'proposedTerm', 1)
      return { type: 'requestPreVoteResult', ...addressed, proposedTerm, granted: bool(b, 'vote') }
    }
    case 2:
      return {
        type: 'requestVote',
        ...addressed,
        lastLog: entryId(a, b),
        transfer: bool(c, 'transfer'),
      }
    case 3:
      return { type: 'requestVoteResult', ...addressed, granted: bool(a, 'vote') }
    case 4:
      return decodeAppendEntries(fields, addressed)
    case 5:
      return {
        type: 'appendEntriesAccepted',
        ...addressed,
        matchIndex: ordinal(a, 'matchIndex'),
        ...recovery(b),
      }
    case 6: {
      const rejectedIndex = ordinal(a, 'rejectedIndex')
      const hint = entryId(b, c)
      return { type: 'appendEntriesRejected', ...addressed, rejectedIndex, hint, ...recovery(d) }
    }
    case 7: {
      const round = ordinal(a, 'round')
      return { type: 'heartbeat', ...addressed, round, leaderCommit: ordinal(b, 'leaderCommit') }
    }
    case 8:
      return { type: 'heartbeatResult', ...addressed, round: ordinal(a, 'round'), ...recovery(b) }
    case 9:
      return { type: 'readIndexRequest', ...addressed, requestId: requestId(a) }
    case 10: {
      const readIndex = ordinal(b, 'readIndex')
      return { type: 'readIndexResult', ...addressed, requestId: requestId(a), readIndex }
    }
    case 11:
      return { type: 'readIndexRefused', ...addressed, requestId: requestId(a) }
    case 12:
      return { type: 'timeoutNow', ...addressed }
    case 13:
      return { type: 'removed', ...addressed, configIndex: ordinal(a, 'configIndex', 1) }
    case 14:
      return { type: 'installSnapshot', ...addressed, snapshot: snapshotId(a, b) }
    case 15:
      return { type: 'snapshotNeeded', ...addressed, baseIndex: ordinal(a, 'baseIndex') }
    default:
      return {
        type: 'readmitted',
        ...addressed,
        recovery: uint(a, 'recovery', Number.MAX_SAFE_INTEGER, 1),
        index: ordinal(b, 'index'),
      }
  }
}

function requestId(value: unknown): number {
  return uint(value, 'requestId', Number.MAX_SAFE_INTEGER, 1)
}

function entryId(term: unknown, index: unknown): EntryId {
  return { term: ordinal(term, 'term of an entry'), index: ordinal(index, 'index of an entry') }
}

/** What an answer says of a recovery: nil where there is none. */
function recovery(value: unknown): { recovery?: number } {
  if (value === null) return {}
  return { recovery: uint(value, 'recovery', Number.MAX_SAFE_INTEGER, 1) }
}

function encodeRejected({ term, rejectedIndex, hint, ...rest }: AppendEntriesRejected): Wire {
  return [6, term, rejectedIndex, hint.term, hint.index, rest.recovery ?? null]
}

function snapshotId(term: unknown, index: unknown): EntryId {
  return {
    term: ordinal(term, 'term of a snapshot', 1),
    index: ordinal(index, 'index of a snapshot', 1),
  }
}

function encodeAppendEntries(message: AppendEntries): Wire {
  const { term, prevLog, entries, leaderCommit } = message
  assert(entries.length <= entriesPerMessageMax, 'a request keeps to entriesPerMessageMax')
  const flat: Wire[] = []
  let index = prevLog.index
  for (const entry of entries) {
    // logcabin#160: a batch that was not contiguous damaged the follower's log.
    assert(entry.index === ++index, 'the entries of a request are contiguous')
    flat.push(entry.term, entryKinds.indexOf(entry.kind), entry.data)
  }
  return [4, term, prevLog.term, prevLog.index, leaderCommit, flat]
}

function decodeAppendEntries(
  fields: readonly unknown[],
  addressed: { from: string; to: string; term: number },
): AppendEntries {
  const prevLog = entryId(fields[2], fields[3])
  const leaderCommit = ordinal(fields[4], 'leaderCommit')
  const flat = list(fields[5], 3 * entriesPerMessageMax, 'entries')
  if (flat.length % 3 !== 0) throw badFrame('a part of an entry')
  const entries: Entry[] = []
  let { term: termBefore, index } = prevLog
  for (let i = 0; i < flat.length; i += 3) {
    // Terms never fall along a log and no leader has entries of a later term than its own (paper,
    // section 5.3); a frame that says otherwise was not made by a correct leader.
    const term = uint(flat[i], 'term of an entry', addressed.term, Math.max(1, termBefore))
    const kind = oneOf(flat[i + 1], entryKinds, 'kind of an entry')
    const data = bytes(flat[i + 2], 'data of an entry', kind === 'noop' ? 0 : Infinity)
    entries.push({ term, index: ++index, kind, data })
    termBefore = term
  }
  return { type: 'appendEntries', ...addressed, prevLog, entries, leaderCommit }
}
