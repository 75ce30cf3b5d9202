/** What a client does next: drawn from the mix, in the words of the SDK. */
import { unreachable } from '../../../src/assert.ts'
import type { Random } from '../../../src/ports.ts'
import { randomBetween, randomFraction } from '../../../src/random.ts'
import type { Change, Request, ScanBounds, WriteRequest } from './history.ts'
import type { Keyspace, TokenRecord } from './keyspace.ts'
import { readKinds, writeKinds } from './mix.ts'
import type { ClientMix, Kind, SettingChange, WorkloadMix } from './mix.ts'
import { callTag, onceTag, tokenTag } from './values.ts'

const dayMs = 24 * 3_600_000

/** One step of a client: a call, or the records of one `putMany`. */
export interface Plan {
  readonly requests: readonly Request[]
  readonly many: boolean
  /** Undefined: that of the client. */
  readonly timeout: number | undefined
  /** The signal gives it up after so many ms. */
  readonly abortAfter: number | undefined
  readonly throwMismatch: boolean
  /** Leaves a scan after so many rows. */
  readonly leaveAfter: number | undefined
  /** Rests for so many ms after each few rows of a scan. */
  readonly restMs: number
}

/** What a plan is drawn from. */
export interface PlanSource {
  readonly random: Random
  readonly mix: WorkloadMix
  readonly client: ClientMix
  readonly keyspace: Keyspace
  /** The id of the call that begins with this plan. */
  readonly nextId: number
  /** As the SDK knows it. */
  readonly clusterTime: number
}

/** Draws the next step. The calls must begin at once, before another one is drawn. */
export function drawPlan(source: PlanSource): Plan {
  const { random, mix, client, keyspace } = source
  const setting = client.pin === undefined ? keyspace.settings.shift() : undefined
  const kind = setting === undefined ? drawKind(source) : 'setting'
  const requests =
    kind === 'putMany'
      ? drawPutMany(source)
      : [setting === undefined ? drawRequest(source, kind) : settingRequest(setting)]
  const hurried = randomFraction(random) < mix.tinyTimeoutShare
  const aborts = randomFraction(random) < mix.abortShare
  const rests = randomFraction(random) < 0.2
  const leaves = randomFraction(random) < 0.15
  const after = randomBetween(random, 0, 200)
  const plan = {
    requests,
    many: kind === 'putMany',
    timeout: hurried ? 1 + tiny(after) : undefined,
    abortAfter: aborts ? tiny(after) : undefined,
    throwMismatch: randomFraction(random) < 0.1,
    leaveAfter: undefined,
    restMs: rests ? after : 0,
  }
  return kind === 'scan' && leaves ? leaving(plan, 1 + (after % 8)) : plan
}

/** Of 0 to 199 ms, mostly so few that a call is just under way. */
function tiny(ms: number): number {
  return ms % 4 === 0 ? ms : ms % 9
}

/** A scan that is left after so many rows has seen what one with that limit sees. */
function leaving(plan: Plan, rows: number): Plan {
  const [request] = plan.requests
  // One of no rows at all ends by itself.
  if (request?.kind !== 'scan' || request.limit === 0) return plan
  const limit = Math.min(request.limit ?? rows, rows)
  return { ...plan, requests: [{ ...request, limit }], leaveAfter: rows }
}

function drawKind({ random, mix, client }: PlanSource): Kind {
  // A follower refuses writes: who is pinned to one mostly reads.
  const reads = client.pin !== undefined && randomFraction(random) < 0.8
  const kinds = reads ? readKinds : allKinds
  let total = 0
  for (const kind of kinds) total += mix.weights[kind]
  let left = randomBetween(random, 0, total)
  for (const kind of kinds) {
    left -= mix.weights[kind]
    if (left < 0) return kind
  }
  return 'entry'
}

const allKinds: readonly Kind[] = [...writeKinds, ...readKinds, 'setting']

function drawRequest(source: PlanSource, kind: Exclude<Kind, 'putMany'>): Request {
  switch (kind) {
    case 'put':
      return { kind: 'put', changes: [put(source, source.keyspace.key(source.random), 0)] }
    case 'token':
      return drawToken(source)
    case 'repeat':
      return drawRepeat(source)
    case 'once':
      return drawOnce(source)
    case 'compare':
      return drawCompare(source)
    case 'delete':
      return drawDelete(source)
    case 'batch':
      return drawBatch(source)
    case 'get':
    case 'entry':
    case 'getMany':
      return drawGet(source, kind)
    case 'scan':
      return drawScan(source)
    case 'verdict':
      return drawVerdict(source)
    case 'setting':
      return settingRequest(laterSettings[randomBetween(source.random, 0, laterSettings.length)])
    default:
      return unreachable(kind)
  }
}

/** Settings that clients change now and then, back to their defaults as well. */
const laterSettings: readonly SettingChange[] = [
  { name: 'tokenRetentionMs', value: 1_500 },
  { name: 'tokenRetentionMs', value: 10_000 },
  { name: 'tokenRetentionMs', value: dayMs },
  { name: 'sessionExpiryMs', value: 3_000 },
  { name: 'sessionExpiryMs', value: 20_000 },
  { name: 'sessionExpiryMs', value: 3_600_000 },
]

function settingRequest(change: SettingChange | undefined): Request {
  if (change === undefined) throw new Error('a setting has a name and a value')
  return { kind: 'setting', name: change.name, value: change.value }
}

function valueBytes({ random, mix }: PlanSource): number {
  if (randomFraction(random) >= mix.largeShare) return randomBetween(random, 8, 64)
  return randomBetween(random, 8, mix.valueBytesMax + 1)
}

function put(source: PlanSource, key: string, change: number): Change {
  return { key, value: callTag(source.nextId, change, valueBytes(source)) }
}

/** The revision that a condition asks for: mostly the newest known, also none, also a guess. */
function condition({ random, keyspace }: PlanSource, key: string): number {
  const known = keyspace.revision(key)
  const draw = randomFraction(random)
  if (draw < 0.8) return known
  return draw < 0.9 ? 0 : Math.max(0, known - 1)
}

function drawCompare(source: PlanSource): WriteRequest {
  const key = source.keyspace.key(source.random)
  const ifRevision = condition(source, key)
  if (randomFraction(source.random) < 0.15) {
    return { kind: 'delete', changes: [{ key, value: undefined, ifRevision }] }
  }
  return { kind: 'put', changes: [{ ...put(source, key, 0), ifRevision }] }
}

function drawDelete({ random, keyspace }: PlanSource): WriteRequest {
  if (randomFraction(random) < 0.3) {
    const once = keyspace.onceKey(random)
    once.payload++
    return { kind: 'delete', changes: [{ key: once.key, value: undefined }] }
  }
  return { kind: 'delete', changes: [{ key: keyspace.key(random), value: undefined }] }
}

function drawOnce(source: PlanSource): WriteRequest {
  const { random, mix, keyspace } = source
  const once = keyspace.onceKey(random)
  const { key, number } = once
  // A plain put ends the memory of the key as a delete does.
  if (randomFraction(random) < 0.05) return { kind: 'put', changes: [put(source, key, 0)] }
  if (randomFraction(random) < mix.otherPayloadShare) once.payload++
  const value = onceTag(number, once.payload, 40)
  return { kind: 'put', once: true, changes: [{ key, value }] }
}

/** Changes of different keys: puts, deletes, some under a condition. */
function drawChanges(source: PlanSource, value: (n: number) => string): Change[] {
  const { random, keyspace } = source
  const keys = keyspace.someKeys(random, randomBetween(random, 1, 6))
  return keys.map((key, n) => {
    const removed = randomFraction(random) < 0.2
    const change = { key, value: removed ? undefined : value(n) }
    if (randomFraction(random) >= 0.1) return change
    return { ...change, ifRevision: condition(source, key) }
  })
}

function drawBatch(source: PlanSource): WriteRequest {
  const value = (n: number): string => callTag(source.nextId, n, valueBytes(source))
  return { kind: 'batch', changes: drawChanges(source, value) }
}

function drawPutMany(source: PlanSource): WriteRequest[] {
  const { random, keyspace, nextId } = source
  return Array.from({ length: randomBetween(random, 2, 10) }, (_, n) => {
    if (randomFraction(random) < 0.25) {
      const record = newRecord(source)
      return underToken(record, payloadOf(source, record, false))
    }
    const value = callTag(nextId + n, 0, valueBytes(source))
    return { kind: 'put', changes: [{ key: keyspace.key(random), value }] }
  })
}

function newRecord({ random, mix, keyspace, clusterTime }: PlanSource): TokenRecord {
  const tokenTime = randomFraction(random) < mix.defaultTimeShare ? undefined : clusterTime
  return keyspace.newRecord(random, tokenTime)
}

/** What is written under a token: one put, or where it may be, now and then a delete or a batch. */
function payloadOf(source: PlanSource, record: TokenRecord, free: boolean): WriteRequest {
  const { random, keyspace } = source
  const payload = record.payloads++
  const bytes = valueBytes(source)
  const draw = free ? randomFraction(random) : 1
  if (draw < 0.15) {
    const changes = drawChanges(source, (n) => tokenTag(record.number, payload, n, bytes))
    return { kind: 'batch', changes }
  }
  const key = keyspace.key(random)
  if (draw < 0.22) return { kind: 'delete', changes: [{ key, value: undefined }] }
  const change = { key, value: tokenTag(record.number, payload, 0, bytes) }
  if (draw < 0.3) {
    return { kind: 'put', changes: [{ ...change, ifRevision: condition(source, key) }] }
  }
  return { kind: 'put', changes: [change] }
}

function underToken(record: TokenRecord, write: WriteRequest): WriteRequest {
  record.write ??= write
  const { token, tokenTime } = record
  return { ...write, token, ...(tokenTime === undefined ? {} : { tokenTime }) }
}

function drawToken(source: PlanSource): WriteRequest {
  const record = newRecord(source)
  return underToken(record, payloadOf(source, record, true))
}

/** Another call with a token that was used before, as another replica of a collector makes it. */
function drawRepeat(source: PlanSource): WriteRequest {
  const { random, mix, keyspace, clusterTime } = source
  const doubted = randomFraction(random) < 0.2 ? keyspace.doubtful(random) : undefined
  const record = doubted ?? keyspace.record(random) ?? newRecord(source)
  const other = randomFraction(random) < mix.otherPayloadShare
  const write = record.write === undefined || other ? payloadOf(source, record, true) : record.write
  const request = underToken(record, write)
  if (randomFraction(random) >= mix.otherTimeShare) return request
  // Long past, about the horizon, a little ahead, and so far ahead that it is refused.
  const shifts = [-dayMs - 60_000, -10_000, -2_000, 0, 5_000, 3_600_000, 8 * dayMs]
  const shift = shifts[randomBetween(random, 0, shifts.length)] ?? 0
  return { ...request, tokenTime: Math.max(0, clusterTime + shift) }
}

function drawConsistency({ random, mix, client }: PlanSource): 'linearizable' | 'stale' {
  if (client.consistency === 'stale' && randomFraction(random) < 0.5) return 'stale'
  return randomFraction(random) < mix.staleShare ? 'stale' : 'linearizable'
}

function drawGet(source: PlanSource, method: 'get' | 'entry' | 'getMany'): Request {
  const { random, keyspace } = source
  const count = method === 'getMany' ? randomBetween(random, 2, 9) : 1
  const once = randomFraction(random) < 0.1 ? [keyspace.onceKey(random).key] : undefined
  const keys = once ?? keyspace.someKeys(random, count)
  return { kind: 'get', method, keys, consistency: drawConsistency(source) }
}

function drawScan(source: PlanSource): Request {
  const { random } = source
  const bounds = randomFraction(random) < 0.3 ? drawBounds(source) : undefined
  const drawn = ['', 'a/', 'b/', 'o/', 'a/1'][randomBetween(random, 0, 5)] ?? ''
  const prefix = bounds === undefined ? drawn : ''
  const keysOnly = randomFraction(random) < 0.2
  const reverse = randomFraction(random) < 0.4
  const limited = randomFraction(random) < 0.4
  const rows = randomBetween(random, 0, 12)
  const limit = limited ? rows : undefined
  return {
    kind: 'scan',
    prefix,
    ...(bounds === undefined ? {} : { bounds }),
    reverse,
    ...(keysOnly ? { keysOnly } : {}),
    limit,
    consistency: drawConsistency(source),
  }
}

/** Mostly open at one end. The range may be empty, or end before it begins. */
function drawBounds({ random, keyspace }: PlanSource): ScanBounds {
  const [from, to] = [keyspace.key(random), keyspace.key(random)]
  const lower = randomFraction(random) < 0.5 ? { gte: from } : { gt: from }
  const upper = randomFraction(random) < 0.5 ? { lt: to } : { lte: to }
  const draw = randomFraction(random)
  if (draw < 0.4) return lower
  return draw < 0.8 ? upper : { ...lower, ...upper }
}

function drawVerdict(source: PlanSource): Request {
  const { random, mix, keyspace } = source
  const draw = randomFraction(random)
  const doubted = draw < 0.5 ? keyspace.doubtful(random) : undefined
  const used = draw < 0.7 ? (doubted ?? keyspace.record(random)) : undefined
  // A token that nobody has written with yet: a fence comes first, the write after it.
  const record = used ?? newRecord(source)
  const { token, tokenTime } = record
  const fence = randomFraction(random) < mix.fenceShare
  const consistency = fence ? 'linearizable' : drawConsistency(source)
  const dated = tokenTime !== undefined && randomFraction(random) < 0.9
  return { kind: 'verdict', token, fence, consistency, ...(dated ? { tokenTime } : {}) }
}
