/** What a node says of itself over HTTP, on the port that serves its clients. */
import { get } from 'node:http'
import { QuorateError } from '../errors.ts'
import type { MemberStatus, NodeStatus } from '../transport/index.ts'
import { errnoOf } from './cluster-file.ts'

const bodyBytesMax = 4_194_304
const membersMax = 1_000

/** Asks one node for its status. Rejects with a `QuorateError` where no node answers in time. */
export async function fetchNodeStatus(address: string, timeoutMs: number): Promise<NodeStatus> {
  const body = await fetchText(address, '/status', timeoutMs)
  let document: unknown
  try {
    document = JSON.parse(body)
  } catch {
    throw notANode(address)
  }
  const status = parseNodeStatus(document)
  if (status === undefined) throw notANode(address)
  return status
}

function notANode(address: string): QuorateError {
  return new QuorateError('QUORATE_PROTOCOL', `${address} does not answer as a quorate node does`, {
    outcome: 'not-applied',
  })
}

function fetchText(address: string, path: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)))
    const fail = (error: unknown): void => {
      const cause = signal.aborted ? signal.reason : error
      reject(unreachableError(address, timeoutMs, signal.aborted, cause))
    }
    const url = `http://${address}${path}`
    // The address may come from another node: one that nobody can ask is as one that is away.
    if (!URL.canParse(url)) return fail(new Error('no such address can be dialled'))
    const request = get(url, { signal, agent: false }, (response) => {
      if (response.statusCode !== 200) {
        response.resume()
        reject(notANode(address))
        return
      }
      const chunks: Buffer[] = []
      let length = 0
      response.on('data', (chunk: Buffer) => {
        length += chunk.length
        if (length > bodyBytesMax) request.destroy(new Error('the answer is too large'))
        else chunks.push(chunk)
      })
      response.on('error', fail)
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    })
    request.on('error', fail)
  })
}

function unreachableError(
  address: string,
  timeoutMs: number,
  timedOut: boolean,
  cause: unknown,
): QuorateError {
  if (timedOut) {
    return new QuorateError(
      'QUORATE_TIMEOUT',
      `${address} did not answer within ${Math.round(timeoutMs)} ms`,
      { outcome: 'not-applied', cause },
    )
  }
  const refused = errnoOf(cause) === 'ECONNREFUSED'
  const reason = refused ? 'nothing listens there' : (errnoOf(cause) ?? 'the connection broke')
  return new QuorateError('QUORATE_CONNECTION_LOST', `${address} cannot be reached: ${reason}`, {
    outcome: 'not-applied',
    cause,
  })
}

/** Validates a status document; undefined where it is not one. */
export function parseNodeStatus(document: unknown): NodeStatus | undefined {
  if (!isObject(document)) return undefined
  const { clusterId, id, incarnation, version, clientAddress, peerAddress, role } = document
  if (!isText(clusterId) || !isText(id) || !isText(incarnation) || !isText(version))
    return undefined
  if (!isText(clientAddress) || !isText(peerAddress) || !isRole(role)) return undefined
  const { term, commitIndex, appliedIndex, lastIndex, revision, clusterTime, walBytes } = document
  if (!isCount(term) || !isCount(commitIndex) || !isCount(appliedIndex)) return undefined
  if (!isCount(lastIndex) || !isCount(revision) || !isCount(walBytes)) return undefined
  if (typeof clusterTime !== 'number' || typeof document['ready'] !== 'boolean') return undefined
  const { pid, leader, reasons, members, counters } = document
  if (!Array.isArray(reasons) || !Array.isArray(members)) return undefined
  if (members.length > membersMax || !isObject(counters)) return undefined
  const parsed = members.map(parseMember)
  const later = parseLater(document)
  if (parsed.includes(undefined) || later === undefined) return undefined
  return {
    clusterId,
    ...later,
    id,
    pid: isCount(pid) ? pid : undefined,
    incarnation,
    version,
    clientAddress,
    peerAddress,
    role,
    term,
    leader: isText(leader) ? leader : undefined,
    commitIndex,
    appliedIndex,
    lastIndex,
    revision,
    clusterTime,
    walBytes,
    ready: document['ready'],
    reasons: reasons.filter((reason: unknown) => typeof reason === 'string'),
    members: parsed.filter((member) => member !== undefined),
    counters: Object.fromEntries(
      Object.entries(counters).filter((pair): pair is [string, number] => isCount(pair[1])),
    ),
  }
}

/**
 * What the first version did not tell yet. While nodes are upgraded one by one, some leave it out:
 * then it is what such a node has. Of the wrong kind it is refused like all else.
 */
function parseLater(
  document: Record<string, unknown>,
):
  | Pick<
      NodeStatus,
      'historyId' | 'baseIndex' | 'freeBytes' | 'diskFull' | 'stateMissing' | 'waitsFor'
    >
  | undefined {
  const { clusterId, historyId = clusterId, baseIndex = 0, freeBytes, waitsFor } = document
  const { diskFull = false, stateMissing = false } = document
  if (!isText(historyId) || !isCount(baseIndex)) return undefined
  if (freeBytes !== undefined && !isCount(freeBytes)) return undefined
  if (waitsFor !== undefined && typeof waitsFor !== 'string') return undefined
  if (typeof diskFull !== 'boolean' || typeof stateMissing !== 'boolean') return undefined
  return { historyId, baseIndex, freeBytes, diskFull, stateMissing, waitsFor }
}

function parseMember(member: unknown): MemberStatus | undefined {
  if (!isObject(member)) return undefined
  const { id, peerAddress, clientAddress, connected, matchIndex } = member
  const { voter = true, state, close, priority = 0 } = member
  if (!isText(id) || !isText(peerAddress) || typeof connected !== 'boolean') return undefined
  if (typeof voter !== 'boolean' || !isCount(priority)) return undefined
  return {
    id,
    peerAddress,
    clientAddress: isText(clientAddress) ? clientAddress : undefined,
    connected,
    matchIndex: isCount(matchIndex) ? matchIndex : undefined,
    voter,
    state: isProgress(state) ? state : undefined,
    close: typeof close === 'boolean' ? close : undefined,
    priority,
  }
}

function isProgress(state: unknown): state is MemberStatus['state'] {
  return state === 'probe' || state === 'replicate' || state === 'snapshot'
}

function isRole(role: unknown): role is NodeStatus['role'] {
  return role === 'follower' || role === 'preCandidate' || role === 'candidate' || role === 'leader'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
