/** Asking every node the same: what it says of itself, and what state it has. */
import { QuorateError } from '../errors.ts'
import type { Clock, Random } from '../ports.ts'
import { randomFraction } from '../random.ts'
import type { NodeStatus, RequestBody } from '../transport/index.ts'
import type { Calls } from './calls.ts'
import type { Endpoint } from './endpoint.ts'
import type { Router } from './router.ts'
import { doneResult, unexpected } from './settle.ts'
import type {
  CallOptions,
  ClusterDigest,
  ClusterMembers,
  ClusterStatus,
  EndpointStatus,
  NodeDigest,
} from './types.ts'

/** Marks written for one `digest`, where those before may or may not have been applied. */
const marksMax = 8
/** Times that all nodes are asked for one `digest`, where one of them had no time for the mark. */
const roundsMax = 8
/** Until then, where the node does not say, ms. */
const retryAfterMs = 1_000

export interface ObserveParts {
  readonly calls: Calls
  readonly router: Router
  readonly clock: Clock
  readonly random: Random
  readonly timeoutMs: number
}

/** Every endpoint's own account; one that cannot be reached stands there with its error. */
export async function clusterStatus(
  parts: ObserveParts,
  options: CallOptions,
): Promise<ClusterStatus> {
  const { router } = parts
  const asked = new Set<Endpoint>()
  const answers: Promise<EndpointStatus>[] = []
  // Two passes: the first answers may tell of members that were not given to `connect`.
  for (let pass = 0; pass < 2; pass++) {
    for (const endpoint of router.learnEndpoints()) {
      if (asked.has(endpoint)) continue
      asked.add(endpoint)
      answers.push(endpointStatus(parts, endpoint, options))
    }
    await Promise.all(answers)
  }
  const endpoints = await Promise.all(answers)
  let term = 0
  let leader: string | undefined
  for (const { node } of endpoints) {
    if (node === undefined || node.term < term) continue
    if (node.term > term) leader = undefined
    term = node.term
    leader ??= node.leader
  }
  return { clusterId: router.clusterId, leader, term, endpoints }
}

async function endpointStatus(
  { calls, router }: ObserveParts,
  endpoint: Endpoint,
  options: CallOptions,
): Promise<EndpointStatus> {
  try {
    const node = await ask<NodeStatus>(calls, endpoint, { kind: 'status' }, options, (body) =>
      body.kind === 'status' ? body.status : undefined,
    )
    router.onStatus(node, endpoint)
    return { endpoint: endpoint.address, node, error: undefined }
  } catch (error) {
    return { endpoint: endpoint.address, node: undefined, error: endpointError(error) }
  }
}

/** Nodes that are asked for the members one after the other, each of which does not lead any more. */
const leadersMax = 8

/** The members as the leader tells. */
export async function clusterMembers(
  { calls, router, clock, timeoutMs }: ObserveParts,
  options: CallOptions,
): Promise<ClusterMembers> {
  const deadline = clock.monotonic() + (options.timeout ?? timeoutMs)
  for (let asked = 1; ; asked++) {
    const timeout = Math.max(1, deadline - clock.monotonic())
    const plan = { name: 'members', route: { to: 'leader' }, body: { kind: 'status' } } as const
    const left = { ...options, timeout }
    const { status, from } = await calls.read(plan, left, (reply, call) => {
      if (reply.kind !== 'status') throw unexpected(call, reply.kind)
      return { status: reply.status, from: call.servedBy }
    })
    const { id, term, lastIndex, commitIndex, members } = status
    if (status.role === 'leader') return { leader: id, term, lastIndex, commitIndex, members }
    if (asked >= leadersMax) {
      const message = `members: ${id} does not lead, nor did ${leadersMax - 1} others that were asked`
      throw new QuorateError('QUORATE_NO_QUORUM', message, { outcome: 'not-applied' })
    }
    if (from !== undefined) {
      router.forgetLeader(from)
      router.onStatus(status, from)
    }
  }
}

/**
 * The digests of all nodes at one index: a mark is written, and each node tells what it had when
 * it applied that mark. A node that was busy then, with the digests of another mark or with
 * catching up, can tell nothing of that mark ever: another one is written, while there is time. Of
 * all rounds the one counts in which the most nodes told something.
 */
export async function clusterDigest(
  parts: ObserveParts,
  options: CallOptions,
): Promise<ClusterDigest> {
  const { clock, random } = parts
  const deadline = clock.monotonic() + (options.timeout ?? parts.timeoutMs)
  let best: readonly Told[] = []
  for (let round = 1; ; round++) {
    let told: readonly Told[]
    try {
      told = await digestsAtMark(parts, options, deadline)
    } catch (error) {
      // What was told before stands, whatever became of the leader or the time since.
      if (countOf(best) === 0 || isEnd(error)) throw error
      return common(best)
    }
    if (countOf(told) >= countOf(best)) best = told
    const pauses = told.flatMap((each) => ('error' in each ? busyFor(each.error) : []))
    // Those who were told the same time must not come back at the same time.
    const pauseMs = Math.max(0, ...pauses) * (1 + randomFraction(random))
    const isLate = clock.monotonic() + pauseMs >= deadline
    if (pauses.length === 0 || isLate || round >= roundsMax) return common(best)
    await pause(clock, pauseMs, options.signal)
  }
}

/** How many nodes told their digests. */
function countOf(told: readonly Told[]): number {
  return told.filter((each) => 'digests' in each).length
}

/** Whether the caller, or the client, wants nothing more. */
function isEnd(error: unknown): boolean {
  if (!(error instanceof QuorateError)) return true
  return error.code === 'QUORATE_ABORTED' || error.code === 'QUORATE_CLOSED'
}

/** How long a node that refused a mark wants to be left alone, ms; nothing if it did not. */
function busyFor({ code, details }: QuorateError): number[] {
  return code === 'QUORATE_OVERLOADED' ? [details.retryAfter ?? retryAfterMs] : []
}

/** Ends early when the signal does; whatever comes next then fails because of it. */
function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.timer(ms, end)
    if (signal?.aborted === true) end()
    else signal?.addEventListener('abort', end)
  })
}

async function digestsAtMark(
  parts: ObserveParts,
  options: CallOptions,
  deadline: number,
): Promise<readonly Told[]> {
  const { calls, router, clock } = parts
  const left = (): CallOptions => ({
    ...options,
    timeout: Math.max(1, deadline - clock.monotonic()),
  })
  // The mark is a write like any other: a cluster without a quorum should not keep the caller
  // waiting for as long as reading millions of rows may take.
  const mark = await writeMark(parts, () => ({
    ...left(),
    timeout: Math.min(left().timeout ?? parts.timeoutMs, parts.timeoutMs),
  }))
  const asked = router.learnEndpoints().map(async (endpoint) => {
    try {
      const digests = await ask(calls, endpoint, { kind: 'digest', mark }, left(), (body) =>
        body.kind === 'digest' ? body : undefined,
      )
      return { endpoint, digests }
    } catch (error) {
      return { endpoint, error: endpointError(error) }
    }
  })
  return await Promise.all(asked)
}

/**
 * A mark has no session, so one that may have been written is not written again: a second copy
 * stands at another index. Another mark is another name, and can be told from the first.
 */
async function writeMark(parts: ObserveParts, left: () => CallOptions): Promise<Uint8Array> {
  const { calls, random } = parts
  for (let tries = 1; ; tries++) {
    const id = random.bytes(16)
    const plan = {
      name: 'digest',
      identity: 'none',
      sequenced: false,
      command: () => ({ kind: 'mark', id }) as const,
    } as const
    try {
      await calls.write(plan, left(), doneResult)
      return id
    } catch (error) {
      const again = error instanceof QuorateError && error.outcome === 'unknown' && error.retryable
      if (!again || error.code === 'QUORATE_TIMEOUT' || tries >= marksMax) throw error
    }
  }
}

type Told =
  | {
      readonly endpoint: Endpoint
      readonly digests: { index: number; effects: string; rows: string }
    }
  | { readonly endpoint: Endpoint; readonly error: QuorateError }

function common(told: readonly Told[]): ClusterDigest {
  const nodes: NodeDigest[] = []
  const ids = new Set<string>()
  let index: number | undefined
  for (const each of told) {
    const { endpoint } = each
    if ('error' in each) {
      nodes.push({ endpoint: endpoint.address, error: each.error })
      continue
    }
    const id = endpoint.nodeId ?? endpoint.address
    // Two addresses of one node are one node.
    if (ids.has(id)) continue
    ids.add(id)
    const { digests } = each
    index ??= digests.index
    if (digests.index === index) {
      nodes.push({ id, effects: digests.effects, rows: digests.rows })
    } else {
      const message = `${id} met the mark at index ${digests.index}, others at ${index}`
      const error = new QuorateError('QUORATE_INTERNAL', message, { outcome: 'not-applied' })
      nodes.push({ endpoint: endpoint.address, error })
    }
  }
  if (index !== undefined) return { index, nodes }
  const causes = told.flatMap((each) => ('error' in each ? [each.error] : []))
  // A node that was reached and is still reading says more of the trouble than one that is gone.
  const late = causes.find((error) => error.code === 'QUORATE_TIMEOUT')
  const cause = late ?? causes[0]
  const message =
    late === undefined
      ? 'digest: no node told its digests'
      : 'digest: no node had read all its rows in time; large states need a longer time-out'
  const code = late === undefined ? 'QUORATE_CONNECTION_LOST' : 'QUORATE_TIMEOUT'
  throw new QuorateError(code, message, { outcome: 'not-applied', cause })
}

/** Asks one endpoint once. */
function ask<T>(
  calls: Calls,
  endpoint: Endpoint,
  body: RequestBody,
  options: CallOptions,
  pick: (body: Parameters<Parameters<typeof calls.read>[2]>[0]) => T | undefined,
): Promise<T> {
  const plan = { name: body.kind, route: { to: 'endpoint', endpoint }, body, single: true } as const
  return calls.read(plan, options, (reply, call) => {
    const picked = pick(reply)
    if (picked === undefined) throw unexpected(call, reply.kind)
    return picked
  })
}

/** What stands beside an endpoint; what is not about that endpoint ends the whole. */
function endpointError(error: unknown): QuorateError {
  if (!(error instanceof QuorateError)) throw error
  const own = ['QUORATE_ABORTED', 'QUORATE_CLOSED', 'QUORATE_USAGE', 'QUORATE_OVERLOADED']
  if (own.includes(error.code) && error.attempts === 0) throw error
  if (isEnd(error)) throw error
  return error
}
