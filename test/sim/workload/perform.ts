/** A plan carried out: the calls of the SDK, and their answers in the words of the history. */
import { unreachable } from '../../../src/assert.ts'
import type {
  BatchOperation,
  Client,
  DeleteResult,
  KeyEntry,
  PutOptions,
  PutRecord,
  TokenState,
  WriteResult,
} from '../../../src/client/index.ts'
import type { SettingName } from '../../../src/command/index.ts'
import { broken, failedOutcome } from './failure.ts'
import type { Outcome, Request, SeenRow, WriteRequest } from './history.ts'
import type { Plan } from './plan.ts'
import { readTag, storedValue } from './values.ts'

/** A slow reader of a scan rests after each so many rows, and so many times at most. */
const rowsPerRest = 4
const restsMax = 3

/** What a call is made with, beside what it asks for. */
export interface CallSetting {
  readonly client: Client
  /** What reads are if they do not say. */
  readonly consistency: 'linearizable' | 'stale'
  readonly signal: AbortSignal | undefined
  readonly sleep: (ms: number) => Promise<void>
}

type Of<K extends Request['kind']> = Extract<Request, { readonly kind: K }>

interface SharedOptions {
  readonly timeout?: number
  readonly signal?: AbortSignal
}

/** Makes the calls of a plan; outcomes in the order of its requests. */
export async function perform(plan: Plan, setting: CallSetting): Promise<readonly Outcome[]> {
  const { signal } = setting
  const shared: SharedOptions = {
    ...(plan.timeout === undefined ? {} : { timeout: plan.timeout }),
    ...(signal === undefined ? {} : { signal }),
  }
  if (plan.many) return await putMany(plan.requests, setting.client, shared)
  const [request] = plan.requests
  if (request === undefined || plan.requests.length > 1) throw new Error('a plan is one call')
  if (request.kind === 'scan') return [await scan(request, plan, setting, shared)]
  try {
    return [await call(request, plan, setting, shared)]
  } catch (error) {
    return [failedOutcome(error, request)]
  }
}

function call(
  request: Exclude<Request, Of<'scan'>>,
  plan: Plan,
  setting: CallSetting,
  shared: SharedOptions,
): Promise<Outcome> {
  switch (request.kind) {
    case 'put':
    case 'delete':
    case 'batch':
      return write(request, plan, setting.client, shared)
    case 'get':
      return get(request, setting, shared)
    case 'verdict':
      return verdict(request, setting, shared)
    case 'setting':
      return set(request, setting.client, shared)
    default:
      return unreachable(request)
  }
}

async function write(
  request: WriteRequest,
  plan: Plan,
  client: Client,
  shared: SharedOptions,
): Promise<Outcome> {
  const { kind, changes, token, tokenTime, once } = request
  const options: PutOptions = {
    ...shared,
    ...(token === undefined ? {} : { token }),
    ...(tokenTime === undefined ? {} : { tokenTime }),
    ...(plan.throwMismatch ? { onMismatch: 'throw' } : {}),
  }
  if (kind === 'batch') return written(await client.batch(changes.map(batchOperation), options))
  const [change] = changes
  if (change === undefined || changes.length > 1) throw new Error('a put is of one key')
  const { key, value, ifRevision } = change
  const conditional = ifRevision === undefined ? options : { ...options, ifRevision }
  if (value === undefined) return deleted(await client.delete(key, conditional))
  const all = once === true ? { ...conditional, once } : conditional
  return written(await client.put(key, storedValue(value), all))
}

function batchOperation({ key, value, ifRevision }: WriteRequest['changes'][number]) {
  const operation: BatchOperation =
    value === undefined ? { type: 'delete', key } : { type: 'put', key, value: storedValue(value) }
  return ifRevision === undefined ? operation : { ...operation, ifRevision }
}

async function putMany(
  requests: readonly Request[],
  client: Client,
  shared: SharedOptions,
): Promise<readonly Outcome[]> {
  let results
  try {
    results = await client.putMany(requests.map(putRecord), shared)
  } catch (error) {
    // Without a usage error it never rejects: each record has an outcome of its own.
    throw broken('putMany was rejected as a whole', error)
  }
  if (results.length !== requests.length) throw broken('putMany answered another number of records')
  return results.map((result, i) => {
    const request = requests[i]
    if (request === undefined) throw new Error('putMany has a result for each record')
    return 'error' in result ? failedOutcome(result.error, request) : written(result)
  })
}

function putRecord(request: Request): PutRecord {
  const change = request.kind === 'put' ? request.changes[0] : undefined
  if (request.kind !== 'put' || change?.value === undefined) throw new Error('putMany takes puts')
  const { token, tokenTime } = request
  return {
    key: change.key,
    value: storedValue(change.value),
    ...(token === undefined ? {} : { token }),
    ...(tokenTime === undefined ? {} : { tokenTime }),
  }
}

function written({ verdict, revision, payloadHash }: WriteResult): Outcome {
  if (!Number.isSafeInteger(revision) || revision < 0) throw broken(`written at ${revision}`)
  const hash = payloadHash === undefined ? {} : { payloadHash }
  return { type: 'written', verdict, revision, ...hash }
}

function deleted({ verdict, revision, existed, payloadHash }: DeleteResult): Outcome {
  const hash = payloadHash === undefined ? {} : { payloadHash }
  return { type: 'written', verdict, revision, existed, ...hash }
}

/** Says it only where the client's own default says otherwise. */
function consistencyOf(
  wanted: 'linearizable' | 'stale',
  { consistency }: CallSetting,
): { readonly consistency?: 'linearizable' | 'stale' } {
  return wanted === consistency ? {} : { consistency: wanted }
}

async function get(request: Of<'get'>, setting: CallSetting, shared: SharedOptions) {
  const { client } = setting
  const options = { ...shared, ...consistencyOf(request.consistency, setting) }
  const { keys, method } = request
  const [key = ''] = keys
  if (method === 'entry') return readEntry(await client.entry(key, options))
  const values =
    method === 'getMany' ? await client.getMany(keys, options) : [await client.get(key, options)]
  if (values.length !== keys.length) throw broken('a read answered another number of keys')
  const rows = values.map((value, i): SeenRow | undefined =>
    value === undefined ? undefined : { key: keys[i] ?? '', value: readTag(value), revision: 0 },
  )
  return { type: 'read', rows, readRevision: undefined } as const
}

function readEntry(entry: KeyEntry | undefined): Outcome {
  if (entry === undefined) return { type: 'read', rows: [undefined], readRevision: undefined }
  const { value, revision, readRevision } = entry
  const row = { key: String(entry.key), value: readTag(value), revision }
  return { type: 'read', rows: [row], readRevision }
}

async function scan(
  request: Of<'scan'>,
  plan: Plan,
  setting: CallSetting,
  shared: SharedOptions,
): Promise<Outcome> {
  const { prefix, bounds, reverse, keysOnly, limit } = request
  const leaves = plan.leaveAfter !== undefined
  const rows: SeenRow[] = []
  const found = setting.client.scan({
    ...shared,
    ...consistencyOf(request.consistency, setting),
    ...(bounds ?? { prefix }),
    ...(keysOnly === undefined ? {} : { keysOnly }),
    reverse,
    ...(limit === undefined || leaves ? {} : { limit }),
  })
  try {
    for await (const { key, value, revision, readRevision } of found) {
      if (readRevision !== found.revision) throw broken('a scan changed its revision on the way')
      if (keysOnly === true && value !== undefined) throw broken('a scan of keys told a value')
      rows.push({ key: String(key), value: keysOnly === true ? '' : readTag(value), revision })
      if (leaves && rows.length === limit) break
      if (rests(plan, rows.length)) await setting.sleep(plan.restMs)
    }
  } catch (error) {
    return failedOutcome(error, request, { rows, readRevision: found.revision })
  }
  return { type: 'read', rows, readRevision: found.revision }
}

function rests({ restMs }: Plan, rows: number): boolean {
  return restMs > 0 && rows % rowsPerRest === 0 && rows <= restsMax * rowsPerRest
}

async function verdict(request: Of<'verdict'>, setting: CallSetting, shared: SharedOptions) {
  const { token, tokenTime, fence } = request
  const state = await setting.client.verdict(token, {
    ...shared,
    ...consistencyOf(request.consistency, setting),
    ...(tokenTime === undefined ? {} : { tokenTime }),
    ...(fence ? { fence } : {}),
  })
  return tokenOutcome(state)
}

function tokenOutcome(state: TokenState): Outcome {
  switch (state.status) {
    case 'recorded': {
      const { revision, payloadHash } = state
      return { type: 'token', state: 'recorded', revision, payloadHash }
    }
    case 'absent':
      return { type: 'token', state: 'absent', horizon: state.horizon, fenced: state.fenced }
    case 'expired':
      return { type: 'token', state: 'expired', horizon: state.horizon }
    default:
      return unreachable(state)
  }
}

async function set(request: Of<'setting'>, client: Client, shared: SharedOptions) {
  await client.setSetting(settingName(request.name), request.value, shared)
  return { type: 'done' } as const
}

const settingNames: readonly SettingName[] = [
  'clusterVersion',
  'tokenRetentionMs',
  'sessionExpiryMs',
  'tokensMax',
  'sessionsMax',
]

function settingName(name: string): SettingName {
  const known = settingNames.find((each) => each === name)
  if (known === undefined) throw new Error(`there is no setting ${name}`)
  return known
}
