/** Statuses and views of clusters that nobody runs, for tests of what is said about them. */
import type { ClusterView, MemberStatus, NodeStatus, NodeView } from '../../src/cluster/index.ts'
import { QuorateError } from '../../src/errors.ts'

/** A day on which nothing happened. */
export const noon = Date.UTC(2026, 0, 31, 12)

/** A member on a host of its own, as the leader has it. */
export function member(id: string, change: Partial<MemberStatus> = {}): MemberStatus {
  const host = `10.0.0.${Number(/\d+$/.exec(id)?.[0] ?? 0)}`
  return {
    id,
    peerAddress: `${host}:7201`,
    clientAddress: `${host}:7101`,
    connected: true,
    matchIndex: 100,
    voter: true,
    state: 'replicate',
    close: true,
    priority: 0,
    ...change,
  }
}

/** A healthy follower's account. */
export function status(id: string, change: Partial<NodeStatus> = {}): NodeStatus {
  const { peerAddress, clientAddress = '' } = member(id)
  return {
    clusterId: 'c1',
    historyId: 'c1',
    id,
    pid: undefined,
    incarnation: `i-${id}`,
    version: '1.0.0',
    clientAddress,
    peerAddress,
    role: 'follower',
    term: 5,
    leader: 'n1',
    commitIndex: 100,
    appliedIndex: 100,
    lastIndex: 100,
    baseIndex: 0,
    revision: 90,
    clusterTime: noon,
    walBytes: 1_000,
    freeBytes: 2 ** 40,
    diskFull: false,
    stateMissing: false,
    waitsFor: undefined,
    ready: true,
    reasons: [],
    members: [],
    counters: {},
    ...change,
  }
}

/** What a test says of one node; `null`: it does not answer. */
export type Told = Partial<NodeStatus> | null

/**
 * A cluster whose members are `members` (by default the nodes that are named, all voters), led by
 * `n1` unless that does not answer.
 */
export function cluster(
  told: Readonly<Record<string, Told>>,
  options: { members?: readonly MemberStatus[]; nodes?: Record<string, Partial<NodeView>> } = {},
): ClusterView {
  const ids = Object.keys(told)
  const members = options.members ?? ids.map((id) => member(id))
  const leads = told['n1'] !== null
  const nodes = ids.map((id): NodeView => {
    const change = told[id]
    const own = members.find((candidate) => candidate.id === id)
    const answer =
      change === null || change === undefined
        ? undefined
        : status(id, {
            members,
            ...(id === 'n1' && { role: 'leader' }),
            ...(!leads && { leader: undefined }),
            ...change,
          })
    return {
      id,
      clientAddress: member(id).clientAddress ?? '',
      peerAddress: member(id).peerAddress,
      status: answer,
      error:
        answer === undefined
          ? new QuorateError('QUORATE_CONNECTION_LOST', `${id} cannot be reached`)
          : undefined,
      process: undefined,
      pid: undefined,
      lag: answer && 0,
      member: own === undefined ? 'none' : own.voter ? 'voter' : 'learner',
      ...options.nodes?.[id],
    }
  })
  return { clusterId: 'c1', leader: leads ? 'n1' : undefined, term: 5, members, nodes }
}
