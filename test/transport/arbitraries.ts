/** Every frame there is, for property tests. */
import * as fc from 'fast-check'
import { errorKinds, type ErrorCode } from '../../src/errors.ts'
import type { Answer, KeyRange, TokenVerdict } from '../../src/command/types.ts'
import type { Message } from '../../src/raft/messages.ts'
import type { Entry } from '../../src/raft/types.ts'
import type {
  ClientFrame,
  MemberChange,
  NodeFrame,
  NodeStatus,
  Reply,
  Request,
  WireError,
} from '../../src/transport/client-protocol.ts'
import type { PeerFrame } from '../../src/transport/peer-protocol.ts'

const ordinal = fc.oneof(fc.nat(), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 52))
const positive = ordinal.map((n) => Math.max(1, n))
const safe = fc.oneof(fc.nat(), fc.maxSafeNat())
const blob = fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes))
const hash = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => new Uint8Array(bytes))
const nodeId = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,10}$/)
const identifier = fc.stringMatching(/^[!-~]{1,20}$/)
const text = fc.string({ unit: 'binary', maxLength: 20 })
const address = fc.constantFrom('127.0.0.1:7101', '[::1]:7201', 'host.example:1')
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined })
const version = fc.nat(65_535)
const command = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => new Uint8Array(bytes))
const priority = fc.nat(255)
const snapshot = fc.record({ term: positive, index: positive })
const frameNumber = fc.nat(4_294_967_295)
const newMember = { id: nodeId, peerAddress: address, clientAddress: maybe(address) }

const entryId = fc.record({ term: ordinal, index: ordinal })

/** Bodies of messages; sender and addressee are those of the frame. */
type Body = Message extends infer M ? (M extends Message ? Omit<M, 'from' | 'to'> : never) : never

const appendEntries: fc.Arbitrary<Body> = fc
  .record({
    prevLog: fc.record({ term: fc.nat(1000), index: ordinal }),
    steps: fc.array(
      fc.record({
        rise: fc.nat(3),
        kind: fc.constantFrom('noop' as const, 'commands' as const, 'config' as const),
        data: blob,
      }),
      { maxLength: 5 },
    ),
    ahead: fc.nat(5),
    leaderCommit: ordinal,
  })
  .map(({ prevLog, steps, ahead, leaderCommit }) => {
    const entries: Entry[] = []
    let term = Math.max(1, prevLog.term)
    let index = prevLog.index
    for (const { rise, kind, data } of steps) {
      term += rise
      entries.push({ term, index: ++index, kind, data: kind === 'noop' ? new Uint8Array() : data })
    }
    return { type: 'appendEntries', term: term + ahead, prevLog, entries, leaderCommit }
  })

/** What a node that recovers its log adds to its answers. */
const marked = <T extends object>(
  answer: fc.Arbitrary<T>,
): fc.Arbitrary<T & { recovery?: number }> =>
  fc
    .tuple(answer, maybe(positive))
    .map(([plain, recovery]) => ({ ...plain, ...(recovery === undefined ? {} : { recovery }) }))

const body: fc.Arbitrary<Body> = fc.oneof(
  fc.record({
    type: fc.constant('requestPreVote' as const),
    term: ordinal,
    proposedTerm: positive,
    lastLog: entryId,
  }),
  fc.record({
    type: fc.constant('requestPreVoteResult' as const),
    term: ordinal,
    proposedTerm: positive,
    granted: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('requestVote' as const),
    term: ordinal,
    lastLog: entryId,
    transfer: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('requestVoteResult' as const),
    term: ordinal,
    granted: fc.boolean(),
  }),
  appendEntries,
  marked(
    fc.record({
      type: fc.constant('appendEntriesAccepted' as const),
      term: ordinal,
      matchIndex: ordinal,
    }),
  ),
  marked(
    fc.record({
      type: fc.constant('appendEntriesRejected' as const),
      term: ordinal,
      rejectedIndex: ordinal,
      hint: entryId,
    }),
  ),
  fc.record({
    type: fc.constant('heartbeat' as const),
    term: ordinal,
    round: ordinal,
    leaderCommit: ordinal,
  }),
  marked(
    fc.record({ type: fc.constant('heartbeatResult' as const), term: ordinal, round: ordinal }),
  ),
  fc.record({ type: fc.constant('readIndexRequest' as const), term: ordinal, requestId: positive }),
  fc.record({
    type: fc.constant('readIndexResult' as const),
    term: ordinal,
    requestId: positive,
    readIndex: ordinal,
  }),
  fc.record({ type: fc.constant('readIndexRefused' as const), term: ordinal, requestId: positive }),
  fc.record({ type: fc.constant('timeoutNow' as const), term: ordinal }),
  fc.record({ type: fc.constant('removed' as const), term: ordinal, configIndex: positive }),
  fc.record({
    type: fc.constant('installSnapshot' as const),
    term: ordinal,
    snapshot: fc.record({ term: positive, index: positive }),
  }),
  fc.record({ type: fc.constant('snapshotNeeded' as const), term: ordinal, baseIndex: ordinal }),
  fc.record({
    type: fc.constant('readmitted' as const),
    term: ordinal,
    recovery: positive,
    index: ordinal,
  }),
)

const addresses = { peerAddress: address, clientAddress: address }

export const peerFrame: fc.Arbitrary<PeerFrame> = fc.oneof(
  fc.record({
    type: fc.constant('peerHello' as const),
    protocolMin: version,
    protocolMax: version,
    link: fc.constantFrom('control' as const, 'bulk' as const),
    clusterId: identifier,
    groupId: safe,
    nodeId,
    incarnation: identifier,
    to: nodeId,
    ...addresses,
  }),
  fc.record({
    type: fc.constant('peerWelcome' as const),
    protocol: version,
    nodeId,
    incarnation: identifier,
    ...addresses,
  }),
  fc.record({ type: fc.constant('peerRefusal' as const), code: identifier, message: text }),
  fc.constantFrom({ type: 'peerPing' as const }, { type: 'peerPong' as const }),
  fc.record({ type: fc.constant('snapshotRequest' as const), snapshot, frame: frameNumber }),
  fc.record({
    type: fc.constant('snapshotFrame' as const),
    snapshot,
    frame: frameNumber,
    bytes: command,
    last: fc.boolean(),
  }),
  fc.record({ type: fc.constant('snapshotUnknown' as const), snapshot }),
  fc.record({
    type: fc.constant('stateDigest' as const),
    index: fc.integer({ min: 1, max: 2 ** 40 }),
    effects: fc.constantFrom('00'.repeat(32), 'f9'.repeat(32)),
    rows: fc.constantFrom('00'.repeat(16), 'ab'.repeat(16)),
    agreed: fc.boolean(),
  }),
  fc
    .tuple(nodeId, nodeId, fc.array(body, { minLength: 1, maxLength: 6 }))
    .map(([from, to, bodies]) => ({
      type: 'messages' as const,
      messages: bodies.map((each) => ({ ...each, from, to })),
    })),
)

const range: fc.Arbitrary<KeyRange> = fc.record(
  {
    gte: blob,
    gt: blob,
    lte: blob,
    lt: blob,
    reverse: fc.boolean(),
    limit: fc.oneof(safe, fc.constant(Infinity)),
    keysOnly: fc.boolean(),
  },
  { requiredKeys: ['reverse', 'limit', 'keysOnly'] },
)

const consistency = fc.constantFrom('linearizable' as const, 'stale' as const)
const named = { id: safe, timeoutMs: fc.nat(86_400_000) }

const change: fc.Arbitrary<MemberChange> = fc.oneof(
  fc.record({ type: fc.constant('add' as const), ...newMember, learner: fc.boolean(), priority }),
  fc.record({ type: fc.constant('promote' as const), id: nodeId }),
  fc.record({ type: fc.constant('remove' as const), id: nodeId }),
  fc.record({ type: fc.constant('replace' as const), id: nodeId, by: fc.record(newMember) }),
  fc.record({
    type: fc.constant('update' as const),
    id: nodeId,
    peerAddress: maybe(address),
    clientAddress: maybe(address),
    priority: maybe(priority),
  }),
)

export const request: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ ...named, kind: fc.constant('write' as const), command }),
  fc.record({
    ...named,
    kind: fc.constant('get' as const),
    keys: fc.array(blob, { maxLength: 4 }),
    consistency,
  }),
  fc.record({
    ...named,
    kind: fc.constant('verdict' as const),
    token: blob,
    time: maybe(safe),
    consistency,
  }),
  fc.record({ ...named, kind: fc.constant('scan' as const), range, consistency }),
  fc.record({ ...named, kind: fc.constant('scanNext' as const), scanId: ordinal }),
  fc.record({ ...named, kind: fc.constant('scanClose' as const), scanId: ordinal }),
  fc.record({ ...named, kind: fc.constant('status' as const) }),
  fc.record({ ...named, kind: fc.constant('settings' as const), consistency }),
  fc.record({ ...named, kind: fc.constant('digest' as const), mark: blob }),
  fc.record({ ...named, kind: fc.constant('member' as const), change }),
  fc.record({ ...named, kind: fc.constant('transfer' as const), to: maybe(nodeId) }),
  fc.record({ ...named, kind: fc.constant('export' as const) }),
  fc.record({
    ...named,
    kind: fc.constant('exportFrame' as const),
    exportId: ordinal,
    frame: frameNumber,
  }),
  fc.record({ ...named, kind: fc.constant('exportClose' as const), exportId: ordinal }),
  fc.record({ ...named, kind: fc.constant('compact' as const) }),
)

export const clientFrame: fc.Arbitrary<ClientFrame> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    protocolMin: version,
    protocolMax: version,
    clusterId: maybe(identifier),
  }),
  fc.record({
    type: fc.constant('requests' as const),
    requests: fc.array(request, { maxLength: 6 }),
  }),
)

const code = fc.constantFrom(...(Object.keys(errorKinds) as ErrorCode[]))

export const wireError: fc.Arbitrary<WireError> = fc.record(
  {
    code,
    outcome: fc.constantFrom('not-applied' as const, 'unknown' as const),
    message: text,
    details: fc.record(
      {
        leader: nodeId,
        leaderAddress: address,
        retryAfter: fc.nat(),
        operation: fc.nat(),
        revision: safe,
        payloadHash: identifier,
        lastKey: text,
        file: text,
        offset: safe,
        reason: identifier,
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
)

const verdict: fc.Arbitrary<TokenVerdict> = fc.oneof(
  fc.record({ status: fc.constant('recorded' as const), revision: ordinal, payloadHash: hash }),
  fc.record({ status: fc.constant('absent' as const), horizon: safe, fenced: fc.boolean() }),
  fc.record({ status: fc.constant('expired' as const), horizon: safe }),
)

const existed = { requiredKeys: ['status', 'revision'] as ('status' | 'revision')[] }

const answer: fc.Arbitrary<Answer> = fc.oneof(
  fc.record(
    { status: fc.constant('applied' as const), revision: ordinal, existed: fc.boolean() },
    existed,
  ),
  fc.record(
    { status: fc.constant('duplicate' as const), revision: ordinal, existed: fc.boolean() },
    existed,
  ),
  fc.record({ status: fc.constant('mismatch' as const), revision: ordinal, payloadHash: hash }),
  fc.record({ status: fc.constant('conflict' as const), operation: ordinal, revision: ordinal }),
  fc.record({ status: fc.constant('fenced' as const), verdict }),
  fc.constant({ status: 'done' as const }),
  fc.record({ status: fc.constant('refused' as const), code, decided: fc.boolean() }),
)

export const status: fc.Arbitrary<NodeStatus> = fc.record({
  clusterId: identifier,
  historyId: identifier,
  id: nodeId,
  pid: maybe(fc.nat()),
  incarnation: identifier,
  version: text,
  clientAddress: address,
  peerAddress: address,
  role: fc.constantFrom(
    'follower' as const,
    'preCandidate' as const,
    'candidate' as const,
    'leader' as const,
  ),
  term: ordinal,
  leader: maybe(nodeId),
  commitIndex: ordinal,
  appliedIndex: ordinal,
  lastIndex: ordinal,
  baseIndex: ordinal,
  revision: ordinal,
  clusterTime: safe,
  walBytes: safe,
  freeBytes: maybe(safe),
  diskFull: fc.boolean(),
  stateMissing: fc.boolean(),
  waitsFor: maybe(text),
  ready: fc.boolean(),
  reasons: fc.array(text, { maxLength: 3 }),
  members: fc.array(
    fc.record({
      id: nodeId,
      peerAddress: address,
      clientAddress: maybe(address),
      connected: fc.boolean(),
      matchIndex: maybe(ordinal),
      voter: fc.boolean(),
      state: maybe(fc.constantFrom('probe' as const, 'replicate' as const, 'snapshot' as const)),
      close: maybe(fc.boolean()),
      priority,
    }),
    { maxLength: 3 },
  ),
  counters: fc.dictionary(fc.stringMatching(/^[a-zA-Z]{1,12}$/), fc.nat(), { maxKeys: 4 }),
})

const row = fc.record({ value: blob, revision: ordinal })

export const reply: fc.Arbitrary<Reply> = fc.oneof(
  fc.record({ id: safe, kind: fc.constant('answer' as const), answer, clusterTime: safe }),
  fc.record({
    id: safe,
    kind: fc.constant('rows' as const),
    rows: fc.array(maybe(row), { maxLength: 4 }),
    readRevision: ordinal,
  }),
  fc.record({ id: safe, kind: fc.constant('verdict' as const), verdict }),
  fc.record({
    id: safe,
    kind: fc.constant('page' as const),
    scanId: ordinal,
    revision: ordinal,
    rows: fc.array(fc.record({ key: blob, value: blob, revision: ordinal }), { maxLength: 4 }),
    done: fc.boolean(),
  }),
  fc.record({ id: safe, kind: fc.constant('status' as const), status }),
  fc.record({
    id: safe,
    kind: fc.constant('settings' as const),
    settings: fc.record({
      clusterVersion: fc.nat(),
      tokenRetentionMs: safe,
      sessionExpiryMs: safe,
      tokensMax: safe,
      sessionsMax: safe,
    }),
  }),
  fc.record({
    id: safe,
    kind: fc.constant('digest' as const),
    index: ordinal,
    effects: identifier,
    rows: identifier,
  }),
  fc.record({ id: safe, kind: fc.constant('done' as const) }),
  fc.record({
    id: safe,
    kind: fc.constant('members' as const),
    index: ordinal,
    members: fc.array(fc.record({ ...newMember, voter: fc.boolean(), priority }), { maxLength: 3 }),
  }),
  fc.record({ id: safe, kind: fc.constant('transferred' as const), leader: nodeId }),
  fc.record({
    id: safe,
    kind: fc.constant('export' as const),
    exportId: ordinal,
    snapshot: entryId,
    revision: ordinal,
    clusterTime: safe,
    historyId: identifier,
  }),
  fc.record({ id: safe, kind: fc.constant('frame' as const), bytes: command, last: fc.boolean() }),
  fc.record({ id: safe, kind: fc.constant('error' as const), error: wireError }),
)

export const nodeFrame: fc.Arbitrary<NodeFrame> = fc.oneof(
  fc.record({
    type: fc.constant('welcome' as const),
    protocol: version,
    clusterId: identifier,
    nodeId,
    incarnation: identifier,
    leader: maybe(nodeId),
    members: fc.array(fc.record({ id: nodeId, clientAddress: maybe(address) }), { maxLength: 3 }),
    clusterTime: safe,
    limits: fc.record({
      keyBytesMax: safe,
      valueBytesMax: safe,
      tokenBytesMax: safe,
      batchBytesMax: safe,
      frameBytesMax: safe.map((n) => Math.max(1, n)),
      requestsPerFrameMax: safe.map((n) => Math.max(1, n)),
    }),
  }),
  fc.record({ type: fc.constant('replies' as const), replies: fc.array(reply, { maxLength: 6 }) }),
  fc.record({ type: fc.constant('goodbye' as const), error: wireError }),
  fc.record({
    type: fc.constant('members' as const),
    members: fc.array(fc.record({ id: nodeId, clientAddress: maybe(address) }), { maxLength: 3 }),
  }),
)
