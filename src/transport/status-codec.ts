/** A node's status on the wire: a list of its fields in the order of `statusToWire`. */
import type { MemberStatus, NodeStatus } from './client-protocol.ts'
import {
  addressCharsMax,
  bool,
  identifier,
  list,
  membersMax,
  messageCharsMax,
  nodeId,
  oneOf,
  optional,
  orNil,
  ordinal,
  shortText,
  text,
  tuple,
  tupleFrom,
  uint,
} from './fields.ts'
import { memberPriority } from './member-codec.ts'
import type { Wire } from './msgpack.ts'

const roles: readonly NodeStatus['role'][] = ['follower', 'preCandidate', 'candidate', 'leader']
const states: readonly Exclude<MemberStatus['state'], undefined>[] = [
  'probe',
  'replicate',
  'snapshot',
]
const reasonsMax = 64
const countersMax = 1024
const nameCharsMax = 128

export function statusToWire(status: NodeStatus): Wire {
  return [
    status.clusterId,
    status.id,
    orNil(status.pid),
    status.incarnation,
    status.version,
    status.clientAddress,
    status.peerAddress,
    roles.indexOf(status.role),
    status.term,
    orNil(status.leader),
    status.commitIndex,
    status.appliedIndex,
    status.lastIndex,
    status.revision,
    Math.floor(status.clusterTime),
    status.walBytes,
    status.ready,
    status.reasons.slice(0, reasonsMax).map(shortText),
    status.members.map(memberToWire),
    Object.entries(status.counters).slice(0, countersMax),
    status.historyId,
    status.baseIndex,
    orNil(status.freeBytes),
    status.diskFull,
    status.stateMissing,
    orNil(status.waitsFor === undefined ? undefined : shortText(status.waitsFor)),
  ]
}

export function decodeStatus(value: unknown): NodeStatus {
  const fields = tupleFrom(value, 26, 'a status')
  return {
    clusterId: identifier(fields[0], 'clusterId'),
    id: nodeId(fields[1], 'id'),
    pid: optional(fields[2], (pid) => uint(pid, 'pid')),
    incarnation: identifier(fields[3], 'incarnation'),
    version: text(fields[4], 'version', nameCharsMax),
    clientAddress: text(fields[5], 'clientAddress', addressCharsMax),
    peerAddress: text(fields[6], 'peerAddress', addressCharsMax),
    role: oneOf(fields[7], roles, 'role'),
    term: ordinal(fields[8], 'term'),
    leader: optional(fields[9], (leader) => nodeId(leader, 'leader')),
    commitIndex: ordinal(fields[10], 'commitIndex'),
    appliedIndex: ordinal(fields[11], 'appliedIndex'),
    lastIndex: ordinal(fields[12], 'lastIndex'),
    revision: ordinal(fields[13], 'revision'),
    clusterTime: uint(fields[14], 'clusterTime'),
    walBytes: uint(fields[15], 'walBytes'),
    ready: bool(fields[16], 'ready'),
    reasons: list(fields[17], reasonsMax, 'reasons').map((reason) =>
      text(reason, 'reason', messageCharsMax),
    ),
    members: list(fields[18], membersMax, 'members').map(decodeMember),
    counters: Object.fromEntries(list(fields[19], countersMax, 'counters').map(decodeCounter)),
    historyId: identifier(fields[20], 'historyId'),
    baseIndex: ordinal(fields[21], 'baseIndex'),
    freeBytes: optional(fields[22], (free) => uint(free, 'freeBytes')),
    diskFull: bool(fields[23], 'diskFull'),
    stateMissing: bool(fields[24], 'stateMissing'),
    waitsFor: optional(fields[25], (waits) => text(waits, 'waitsFor', messageCharsMax)),
  }
}

function memberToWire(member: MemberStatus): Wire {
  return [
    member.id,
    member.peerAddress,
    orNil(member.clientAddress),
    member.connected,
    orNil(member.matchIndex),
    member.voter,
    orNil(member.state === undefined ? undefined : states.indexOf(member.state)),
    orNil(member.close),
    member.priority,
  ]
}

function decodeMember(value: unknown): MemberStatus {
  const fields = tupleFrom(value, 9, 'a member')
  return {
    id: nodeId(fields[0], 'member'),
    peerAddress: text(fields[1], 'peerAddress', addressCharsMax),
    clientAddress: optional(fields[2], (field) => text(field, 'clientAddress', addressCharsMax)),
    connected: bool(fields[3], 'connected'),
    matchIndex: optional(fields[4], (field) => ordinal(field, 'matchIndex')),
    voter: bool(fields[5], 'voter'),
    state: optional(fields[6], (field) => oneOf(field, states, 'state')),
    close: optional(fields[7], (field) => bool(field, 'close')),
    priority: memberPriority(fields[8]),
  }
}

/** `Object.fromEntries` defines properties, so a name like `__proto__` is a name and no more. */
function decodeCounter(value: unknown): [string, number] {
  const [name, count] = tuple(value, 2, 'a counter')
  return [text(name, 'counter', nameCharsMax), uint(count, 'count')]
}
