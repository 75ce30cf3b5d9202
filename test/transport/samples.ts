/** One of each frame, with values that are easy to find in the bytes. */
import type { Answer } from '../../src/command/types.ts'
import type { Message } from '../../src/raft/messages.ts'
import type {
  ClientFrame,
  MemberChange,
  NodeFrame,
  NodeStatus,
  Reply,
  Request,
} from '../../src/transport/client-protocol.ts'
import type { PeerFrame } from '../../src/transport/peer-protocol.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const addressed = { from: 'n1', to: 'n2', term: 5 }
const hash = new Uint8Array(16).fill(0xaa)

const messages: readonly Message[] = [
  { ...addressed, type: 'requestPreVote', proposedTerm: 6, lastLog: { term: 4, index: 1000 } },
  { ...addressed, type: 'requestPreVoteResult', proposedTerm: 6, granted: true },
  { ...addressed, type: 'requestVote', lastLog: { term: 4, index: 70_000 }, transfer: true },
  { ...addressed, type: 'requestVoteResult', granted: false },
  {
    ...addressed,
    type: 'appendEntries',
    prevLog: { term: 4, index: 9 },
    entries: [
      { term: 5, index: 10, kind: 'noop', data: bytes() },
      { term: 5, index: 11, kind: 'commands', data: bytes(1, 2, 3) },
      { term: 5, index: 12, kind: 'config', data: bytes(4) },
    ],
    leaderCommit: 8,
  },
  { ...addressed, type: 'appendEntriesAccepted', matchIndex: 2 ** 40 },
  {
    ...addressed,
    type: 'appendEntriesRejected',
    rejectedIndex: 9,
    hint: { term: 3, index: 7 },
    recovery: 2 ** 47,
  },
  { ...addressed, type: 'heartbeat', round: 17, leaderCommit: 8 },
  { ...addressed, type: 'heartbeatResult', round: 17 },
  { ...addressed, type: 'readIndexRequest', requestId: 99 },
  { ...addressed, type: 'readIndexResult', requestId: 99, readIndex: 11 },
  { ...addressed, type: 'readIndexRefused', requestId: 99 },
  { ...addressed, type: 'timeoutNow' },
  { ...addressed, type: 'removed', configIndex: 300 },
  { ...addressed, type: 'installSnapshot', snapshot: { term: 4, index: 70_000 } },
  { ...addressed, type: 'snapshotNeeded', baseIndex: 300 },
  { ...addressed, type: 'readmitted', recovery: 2 ** 47, index: 300 },
]

export const peerSamples: Record<string, PeerFrame> = {
  hello: {
    type: 'peerHello',
    protocolMin: 1,
    protocolMax: 2,
    link: 'bulk',
    clusterId: 'c1',
    groupId: 0,
    nodeId: 'n1',
    incarnation: 'i1',
    to: 'n2',
    peerAddress: 'h:1',
    clientAddress: 'h:2',
  },
  welcome: {
    type: 'peerWelcome',
    protocol: 1,
    nodeId: 'n2',
    incarnation: 'i2',
    peerAddress: 'h:3',
    clientAddress: 'h:4',
  },
  refusal: { type: 'peerRefusal', code: 'QUORATE_WRONG_CLUSTER', message: 'no' },
  snapshotRequest: { type: 'snapshotRequest', snapshot: { term: 4, index: 70_000 }, frame: 3 },
  snapshotFrame: {
    type: 'snapshotFrame',
    snapshot: { term: 4, index: 70_000 },
    frame: 3,
    bytes: bytes(1, 2),
    last: true,
  },
  stateDigest: {
    type: 'stateDigest',
    index: 70_000,
    effects: 'ef'.repeat(32),
    rows: '0a'.repeat(16),
    agreed: true,
  },
  snapshotUnknown: { type: 'snapshotUnknown', snapshot: { term: 4, index: 70_000 } },
  ping: { type: 'peerPing' },
  pong: { type: 'peerPong' },
  ...Object.fromEntries(
    messages.map((message) => [message.type, { type: 'messages' as const, messages: [message] }]),
  ),
}

const named = { id: 7, timeoutMs: 5000 }
const requests: readonly Request[] = [
  { ...named, kind: 'write', command: bytes(9, 8) },
  { ...named, kind: 'get', keys: [bytes(1), bytes(2)], consistency: 'linearizable' },
  { ...named, kind: 'verdict', token: bytes(3), time: undefined, consistency: 'stale' },
  {
    ...named,
    kind: 'scan',
    range: { gte: bytes(1), lt: bytes(2), reverse: false, limit: Infinity, keysOnly: true },
    consistency: 'stale',
  },
  { ...named, kind: 'scanNext', scanId: 3 },
  { ...named, kind: 'scanClose', scanId: 3 },
  { ...named, kind: 'status' },
  { ...named, kind: 'settings', consistency: 'linearizable' },
  { ...named, kind: 'digest', mark: bytes(5, 6) },
  { ...named, kind: 'transfer', to: 'n2' },
  { ...named, kind: 'export' },
  { ...named, kind: 'exportFrame', exportId: 3, frame: 70_000 },
  { ...named, kind: 'exportClose', exportId: 3 },
  { ...named, kind: 'compact' },
]

const changes: readonly MemberChange[] = [
  {
    type: 'add',
    id: 'n4',
    peerAddress: 'h:5',
    clientAddress: 'h:6',
    learner: true,
    priority: 9,
  },
  { type: 'promote', id: 'n4' },
  { type: 'remove', id: 'n4' },
  {
    type: 'replace',
    id: 'n3',
    by: { id: 'n4', peerAddress: 'h:5', clientAddress: undefined },
  },
  { type: 'update', id: 'n3', peerAddress: 'h:7', clientAddress: undefined, priority: 0 },
]

export const clientSamples: Record<string, ClientFrame> = {
  hello: { type: 'hello', protocolMin: 1, protocolMax: 1, clusterId: 'c1' },
  ...Object.fromEntries(
    requests.map((each) => [each.kind, { type: 'requests' as const, requests: [each] }]),
  ),
  ...Object.fromEntries(
    changes.map((change) => [
      `member-${change.type}`,
      { type: 'requests' as const, requests: [{ ...named, kind: 'member' as const, change }] },
    ]),
  ),
}

const answers: readonly Answer[] = [
  { status: 'applied', revision: 12 },
  { status: 'duplicate', revision: 11, existed: true },
  { status: 'mismatch', revision: 10, payloadHash: hash },
  { status: 'conflict', operation: 2, revision: 0 },
  { status: 'fenced', verdict: { status: 'absent', horizon: 1000, fenced: true } },
  { status: 'done' },
  { status: 'refused', code: 'QUORATE_TOKEN_EXPIRED', decided: true },
]

const status: NodeStatus = {
  clusterId: 'c1',
  historyId: 'c0',
  id: 'n1',
  pid: 4242,
  incarnation: 'i1',
  version: '0.1.0',
  clientAddress: 'h:2',
  peerAddress: 'h:1',
  role: 'leader',
  term: 5,
  leader: 'n1',
  commitIndex: 11,
  appliedIndex: 10,
  lastIndex: 12,
  baseIndex: 6,
  revision: 9,
  clusterTime: 1_700_000_000_000,
  walBytes: 67_108_864,
  freeBytes: 1000,
  diskFull: false,
  stateMissing: true,
  waitsFor: 'rain',
  ready: true,
  reasons: ['fine'],
  members: [
    {
      id: 'n2',
      peerAddress: 'h:3',
      clientAddress: undefined,
      connected: false,
      matchIndex: 3,
      voter: false,
      state: 'snapshot',
      close: false,
      priority: 5,
    },
  ],
  counters: { elections: 1 },
}

const replies: Record<string, Reply> = {
  ...Object.fromEntries(
    answers.map((answer) => [
      `answer-${answer.status}`,
      { id: 7, kind: 'answer' as const, answer, clusterTime: 1_700_000_000_000 },
    ]),
  ),
  rows: {
    id: 7,
    kind: 'rows',
    rows: [{ value: bytes(1), revision: 3 }, undefined],
    readRevision: 12,
  },
  'verdict-recorded': {
    id: 7,
    kind: 'verdict',
    verdict: { status: 'recorded', revision: 3, payloadHash: hash },
  },
  'verdict-expired': { id: 7, kind: 'verdict', verdict: { status: 'expired', horizon: 1000 } },
  page: {
    id: 7,
    kind: 'page',
    scanId: 3,
    revision: 12,
    rows: [{ key: bytes(1), value: bytes(2), revision: 4 }],
    done: true,
  },
  status: { id: 7, kind: 'status', status },
  settings: {
    id: 7,
    kind: 'settings',
    settings: {
      clusterVersion: 1,
      tokenRetentionMs: 86_400_000,
      sessionExpiryMs: 3_600_000,
      tokensMax: 10_000_000,
      sessionsMax: 1_000_000,
    },
  },
  digest: { id: 7, kind: 'digest', index: 12, effects: 'ab', rows: 'cd' },
  done: { id: 7, kind: 'done' },
  members: {
    id: 7,
    kind: 'members',
    index: 300,
    members: [
      { id: 'n1', peerAddress: 'h:1', clientAddress: 'h:2', voter: true, priority: 5 },
      { id: 'n2', peerAddress: 'h:3', clientAddress: undefined, voter: false, priority: 0 },
    ],
  },
  transferred: { id: 7, kind: 'transferred', leader: 'n2' },
  export: {
    id: 7,
    kind: 'export',
    exportId: 3,
    snapshot: { term: 4, index: 70_000 },
    revision: 12,
    clusterTime: 1_700_000_000_000,
    historyId: 'c0',
  },
  frame: { id: 7, kind: 'frame', bytes: bytes(1, 2), last: false },
  refusal: {
    id: 7,
    kind: 'error',
    error: {
      code: 'QUORATE_MEMBERSHIP',
      outcome: 'not-applied',
      message: 'no',
      details: { reason: 'lagging' },
    },
  },
  error: {
    id: 7,
    kind: 'error',
    error: {
      code: 'QUORATE_NOT_LEADER',
      outcome: 'not-applied',
      message: 'no',
      details: { leader: 'n2', leaderAddress: 'h:4' },
    },
  },
}

export const nodeSamples: Record<string, NodeFrame> = {
  welcome: {
    type: 'welcome',
    protocol: 1,
    clusterId: 'c1',
    nodeId: 'n1',
    incarnation: 'i1',
    leader: undefined,
    members: [
      { id: 'n1', clientAddress: 'h:2' },
      { id: 'n2', clientAddress: undefined },
    ],
    clusterTime: 1_700_000_000_000,
    limits: {
      keyBytesMax: 4096,
      valueBytesMax: 1_048_576,
      tokenBytesMax: 256,
      batchBytesMax: 4_194_304,
      frameBytesMax: 8_388_608,
      requestsPerFrameMax: 4096,
    },
  },
  goodbye: {
    type: 'goodbye',
    error: { code: 'QUORATE_STOPPING', outcome: 'not-applied', message: 'bye', details: {} },
  },
  'members-frame': {
    type: 'members',
    members: [
      { id: 'n1', clientAddress: 'h:2' },
      { id: 'n2', clientAddress: undefined },
    ],
  },
  ...Object.fromEntries(
    Object.entries(replies).map(([name, each]) => [
      name,
      { type: 'replies' as const, replies: [each] },
    ]),
  ),
}
