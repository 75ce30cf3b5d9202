/**
 * What a client finds at the end of a lifetime, once everybody else is idle: that a write goes
 * through, all rows as the cluster and as each node has them, and the digests.
 */
import { createClient } from '../../../src/client/index.ts'
import type { Client } from '../../../src/client/index.ts'
import type { Network } from '../../../src/ports.ts'
import type { SeededRandom } from '../../../src/random.ts'
import type { Process } from '../kernel/process.ts'
import { checkError } from './failure.ts'
import type { Caller, History, Outcome, Request } from './history.ts'
import { perform } from './perform.ts'
import { callTag } from './values.ts'

/** The key of the write that proves that writes go through. */
export const finalKey = 'z/final'

/**
 * A digest is how rot in a state is found (LevelDB does not notice): the node that finds it stops,
 * and makes its state anew from its log. So those who did not tell are asked again for a while.
 */
const digestPauseMs = 1_000
const digestPatienceMs = 20_000

/** What the reads at the end are made with. */
export interface FinalReadsOptions {
  readonly process: Process
  readonly network: Network
  readonly random: SeededRandom
  /** Of the nodes that must answer. */
  readonly endpoints: readonly string[]
  readonly history: History
  /** Of each call, ms. */
  readonly timeout: number
}

/** One node at the end. */
export interface FinalNode {
  readonly endpoint: string
  /** A stale scan of everything, of that node alone. */
  readonly scan: Outcome
}

/** Digests of one node at the index of `FinalReads.digest`. */
export interface FinalDigest {
  readonly id: string
  readonly effects: string
  readonly rows: string
}

/** What was found. */
export interface FinalReads {
  readonly put: Outcome
  /** A linearizable scan of everything. */
  readonly scan: Outcome
  /** In the order of the endpoints; taken after `put` and `digest` were answered. */
  readonly nodes: readonly FinalNode[]
  /** Of the last try. Nodes that did not tell theirs are left out, and named in `digestError`. */
  readonly digest: { readonly index: number; readonly nodes: readonly FinalDigest[] } | undefined
  readonly digestError: string | undefined
}

/**
 * Reads everything. Failures are outcomes: whether there may be any is for the checks to say. All
 * calls stand in the history, too.
 */
export async function finalReads(options: FinalReadsOptions): Promise<FinalReads> {
  const { endpoints } = options
  const client = await connect(options, endpoints)
  const put = await putLast(options, client)
  const { digest, digestError } = await digests(options, client)
  const scan = await scanAll(options, client, undefined)
  if (client instanceof Failed) return { put, scan, nodes: [], digest, digestError }
  await client.close()
  const nodes: FinalNode[] = []
  for (const endpoint of endpoints) {
    const pinned = await connect(options, [endpoint])
    nodes.push({ endpoint, scan: await scanAll(options, pinned, endpoint) })
    if (!(pinned instanceof Failed)) await pinned.close()
  }
  return { put, scan, nodes, digest, digestError }
}

/** Nobody answered. */
class Failed {
  readonly outcome: Outcome
  readonly code: string

  constructor(code: string) {
    this.code = code
    this.outcome = { type: 'failed', code, outcome: 'not-applied', attempts: 0 }
  }
}

/** `pin` where it is one endpoint: what it says is then that node's own. */
async function connect(
  { process, network, random, timeout }: FinalReadsOptions,
  endpoints: readonly string[],
): Promise<Client | Failed> {
  try {
    return await createClient({
      clock: process.clock,
      random: random.fork(),
      network,
      endpoints,
      valueEncoding: 'utf8',
      timeout,
      pin: endpoints.length === 1,
    })
  } catch (error) {
    return new Failed(checkError(error).code)
  }
}

function putLast(options: FinalReadsOptions, client: Client | Failed): Promise<Outcome> {
  const value = callTag(options.history.nextId, 0, 16)
  return callOnce(options, client, undefined, { kind: 'put', changes: [{ key: finalKey, value }] })
}

function scanAll(
  options: FinalReadsOptions,
  client: Client | Failed,
  pinnedTo: string | undefined,
): Promise<Outcome> {
  const consistency = pinnedTo === undefined ? 'linearizable' : 'stale'
  const request = {
    kind: 'scan',
    prefix: '',
    reverse: false,
    limit: undefined,
    consistency,
  } as const
  return callOnce(options, client, pinnedTo, request)
}

async function callOnce(
  { process, history }: FinalReadsOptions,
  client: Client | Failed,
  pinnedTo: string | undefined,
  request: Request,
): Promise<Outcome> {
  const pinned = pinnedTo === undefined ? {} : { pinnedTo }
  const caller: Caller = { client: process.name, connection: history.newConnection(), ...pinned }
  const call = history.begin(caller, request)
  const outcome = client instanceof Failed ? client.outcome : await made(client, request, process)
  history.end(call, outcome)
  return outcome
}

async function made(client: Client, request: Request, process: Process): Promise<Outcome> {
  const [outcome] = await perform(
    {
      requests: [request],
      many: false,
      timeout: undefined,
      abortAfter: undefined,
      throwMismatch: false,
      leaveAfter: undefined,
      restMs: 0,
    },
    { client, consistency: 'linearizable', signal: undefined, sleep: (ms) => process.sleep(ms) },
  )
  if (outcome === undefined) throw new Error('a call has an outcome')
  return outcome
}

async function digests(
  { process, endpoints }: FinalReadsOptions,
  client: Client | Failed,
): Promise<Pick<FinalReads, 'digest' | 'digestError'>> {
  if (client instanceof Failed) return { digest: undefined, digestError: client.code }
  const end = process.kernel.now + digestPatienceMs
  for (;;) {
    const found = await digestOnce(process, client)
    const all = found.digest?.nodes.length === endpoints.length
    if (all || process.kernel.now + digestPauseMs > end) return found
    await process.sleep(digestPauseMs)
  }
}

async function digestOnce(
  { kernel }: Process,
  client: Client,
): Promise<Pick<FinalReads, 'digest' | 'digestError'>> {
  try {
    const { index, nodes } = await client.digest()
    const told: FinalDigest[] = []
    let digestError: string | undefined
    for (const node of nodes) {
      if ('error' in node) digestError ??= `${node.endpoint} ${checkError(node.error).code}`
      else told.push(node)
    }
    kernel.note('digest', index, digestError, ...told.flatMap(({ id, effects }) => [id, effects]))
    return { digest: { index, nodes: told }, digestError }
  } catch (error) {
    return { digest: undefined, digestError: checkError(error).code }
  }
}
