/** A cluster as its nodes tell it, however many of them answer. */
import { QuorateError } from '../errors.ts'
import type { MemberStatus, NodeStatus } from '../transport/index.ts'
import type { ClusterFile, NodeRecord } from './cluster-file.ts'
import { fetchNodeStatus } from './node-status.ts'
import { processState, type ProcessState } from './process.ts'

/** One node, answering or not. */
export interface NodeView {
  /** Unknown where neither the node nor another member nor `cluster.json` tells. */
  readonly id: string | undefined
  readonly clientAddress: string
  readonly peerAddress: string | undefined
  /** The node's answer; undefined where there was none. */
  readonly status: NodeStatus | undefined
  /** Why there was none. */
  readonly error: QuorateError | undefined
  /** Of a node of the local cluster: how its process is doing. */
  readonly process: ProcessState | undefined
  /** Where the node runs on this machine. */
  readonly pid: number | undefined
  /** Committed entries, as far as any node knows, that this one has not applied yet. */
  readonly lag: number | undefined
  /** Whether it takes part, and with a vote; undefined where no node tells who does. */
  readonly member: 'voter' | 'learner' | 'none' | undefined
}

/** All of them. */
export interface ClusterView {
  readonly clusterId: string | undefined
  /** The leader of the newest term that a node reported. */
  readonly leader: string | undefined
  readonly term: number
  /**
   * Who takes part: the leader's account of it, since it knows first, else that of the node that
   * has applied most. Empty where no node answered.
   */
  readonly members: readonly MemberStatus[]
  readonly nodes: readonly NodeView[]
}

/** Whom to ask. */
export interface ViewOptions {
  readonly endpoints: readonly string[]
  /** Adds what only the machine itself knows: processes, and ids of nodes that do not answer. */
  readonly local?: ClusterFile | undefined
  readonly timeoutMs: number
  /** Also ask the members that the nodes name. */
  readonly discover: boolean
}

/** Nodes asked at most, so that a strange answer cannot make this one ask the world. */
const nodesMax = 64

interface Asked {
  readonly endpoint: string
  readonly status?: NodeStatus
  readonly error?: QuorateError
}

/** Asks every node for its status. Never rejects because one of them does not answer. */
export async function viewCluster(options: ViewOptions): Promise<ClusterView> {
  const { endpoints, timeoutMs, local } = options
  const asked = await askAll(unique(endpoints), timeoutMs, local)
  if (options.discover) {
    const others = undiscovered(asked).slice(0, nodesMax)
    asked.push(...(await askAll(others, timeoutMs, local)))
  }
  return assemble(asked, local)
}

function askAll(
  endpoints: readonly string[],
  timeoutMs: number,
  local: ClusterFile | undefined,
): Promise<Asked[]> {
  return Promise.all(
    endpoints.map(async (endpoint): Promise<Asked> => {
      const record = local?.nodes.find((node) => node.clientAddress === endpoint)
      // A paused process accepts connections and never answers: no need to wait for that.
      if (record !== undefined && processState(record) === 'paused') {
        return { endpoint, error: pausedError(record) }
      }
      try {
        return { endpoint, status: await fetchNodeStatus(endpoint, timeoutMs) }
      } catch (error) {
        if (error instanceof QuorateError) return { endpoint, error }
        throw error
      }
    }),
  )
}

function pausedError(record: NodeRecord): QuorateError {
  return new QuorateError('QUORATE_TIMEOUT', `the process of ${record.id} is paused`, {
    outcome: 'not-applied',
  })
}

/** Addresses that nodes name for members of which nobody has answered yet. */
function undiscovered(asked: readonly Asked[]): string[] {
  const answered = new Set(asked.flatMap(({ status }) => (status ? [status.id] : [])))
  const tried = new Set(asked.map(({ endpoint }) => endpoint))
  const found = asked
    .flatMap(({ status }) => status?.members ?? [])
    .filter((member) => !answered.has(member.id))
    .flatMap((member) => (member.clientAddress === undefined ? [] : [member.clientAddress]))
    .filter((address) => !tried.has(address))
  return unique(found)
}

/** Puts the answers together, one entry a node. */
function assemble(asked: readonly Asked[], local: ClusterFile | undefined): ClusterView {
  const statuses = asked.flatMap(({ status }) => (status === undefined ? [] : [status]))
  const commitIndex = Math.max(0, ...statuses.map((status) => status.commitIndex))
  const members = membersOf(statuses)
  const nodes: NodeView[] = []
  const seen = new Set<string>()
  // Those that answered come first, so that a second address of one node does not hide it.
  for (const answer of [...asked].sort((a, b) => rank(a) - rank(b))) {
    const member = statuses
      .flatMap((status) => status.members)
      .find((other) => other.clientAddress === answer.endpoint)
    const recorded = local?.nodes.find((node) => node.clientAddress === answer.endpoint)
    const id = answer.status?.id ?? recorded?.id ?? member?.id
    const name = id ?? answer.endpoint
    // Nodes of two clusters may have one name; which of them one that does not answer is, who knows.
    const whole = answer.status === undefined ? name : `${answer.status.clusterId}/${name}`
    if (seen.has(whole)) continue
    seen.add(whole).add(name)
    const peerAddress = answer.status?.peerAddress ?? recorded?.peerAddress ?? member?.peerAddress
    nodes.push({
      id,
      // What clients are told of a local node may still be from before it moved to another port.
      clientAddress: recorded?.clientAddress ?? answer.status?.clientAddress ?? answer.endpoint,
      peerAddress,
      status: answer.status,
      error: answer.error,
      process: recorded && processState(recorded),
      pid: pidOf(answer, recorded),
      lag: answer.status && Math.max(0, commitIndex - answer.status.appliedIndex),
      member: memberOf(members, id),
    })
  }
  nodes.sort((a, b) => compareIds(a.id ?? a.clientAddress, b.id ?? b.clientAddress))
  return {
    clusterId: statuses[0]?.clusterId ?? local?.clusterId,
    leader: leaderOf(statuses, nodes),
    term: Math.max(0, ...statuses.map((status) => status.term)),
    members,
    nodes,
  }
}

function membersOf(statuses: readonly NodeStatus[]): readonly MemberStatus[] {
  const weight = (status: NodeStatus): readonly number[] => [
    status.role === 'leader' ? 1 : 0,
    status.term,
    status.appliedIndex,
  ]
  let best: NodeStatus | undefined
  for (const status of statuses) {
    if (best === undefined || isAbove(weight(status), weight(best))) best = status
  }
  return best?.members.toSorted((a, b) => compareIds(a.id, b.id)) ?? []
}

/** Compares by the first that differs. */
function isAbove(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, i) => value !== b[i])
  return at !== -1 && (a[at] ?? 0) > (b[at] ?? 0)
}

function memberOf(members: readonly MemberStatus[], id: string | undefined): NodeView['member'] {
  if (members.length === 0 || id === undefined) return undefined
  const member = members.find((candidate) => candidate.id === id)
  if (member === undefined) return 'none'
  return member.voter ? 'voter' : 'learner'
}

function rank(asked: Asked): number {
  return asked.status === undefined ? 1 : 0
}

function pidOf(asked: Asked, recorded: NodeRecord | undefined): number | undefined {
  if (asked.status?.pid !== undefined && isLoopback(asked.endpoint)) return asked.status.pid
  if (recorded === undefined || processState(recorded) === 'stopped') return undefined
  return recorded.pid ?? undefined
}

/** Whether an address is this machine's own. */
export function isLoopback(address: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+$/.test(address)
}

/**
 * The leader of the newest term. Followers go on naming one that has just died until they miss
 * it; where its process is known to be gone, there is none.
 */
function leaderOf(statuses: readonly NodeStatus[], nodes: readonly NodeView[]): string | undefined {
  const term = Math.max(0, ...statuses.map((status) => status.term))
  const newest = statuses.filter((status) => status.term === term)
  const itself = newest.find((status) => status.role === 'leader')
  if (itself !== undefined) return itself.id
  const named = newest.find((status) => status.leader !== undefined)?.leader
  const view = nodes.find((node) => node.id === named)
  return view?.status === undefined && view?.process === 'stopped' ? undefined : named
}

/** By name, and where names end in numbers, by number: n2 before n10. */
export function compareIds(a: string, b: string): number {
  const [, aName = a, aNumber = ''] = /^(.*?)(\d*)$/.exec(a) ?? []
  const [, bName = b, bNumber = ''] = /^(.*?)(\d*)$/.exec(b) ?? []
  if (aName !== bName) return aName < bName ? -1 : 1
  return Number(aNumber) - Number(bNumber)
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}
