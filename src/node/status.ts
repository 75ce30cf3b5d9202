/** What a node says of itself, put together from its parts. */
import type { NodeStatus, PeerTransport } from '../transport/index.ts'
import type { NodeParts } from './parts.ts'

interface StatusSources {
  readonly parts: NodeParts
  readonly peers: PeerTransport
  readonly clientAddress: string
  readonly peerAddress: string
  readonly ready: boolean
  readonly counters: Readonly<Record<string, number>>
}

export function nodeStatus(sources: StatusSources): NodeStatus {
  const { parts, peers, clientAddress, peerAddress } = sources
  const { identity, raft, state, log } = parts
  const core = raft.status()
  const members = identity.members.map((member) => {
    if (member.id === identity.nodeId) {
      return { id: member.id, peerAddress, clientAddress, connected: true, matchIndex: undefined }
    }
    const peer = peers.peer(member.id)
    return {
      id: member.id,
      peerAddress: peer?.peerAddress ?? member.peerAddress,
      clientAddress: peer?.clientAddress ?? member.clientAddress,
      connected: peer?.connected ?? false,
      matchIndex: core.peers.find(({ id }) => id === member.id)?.matchIndex,
    }
  })
  return {
    clusterId: identity.clusterId,
    id: identity.nodeId,
    pid: parts.processId,
    incarnation: identity.incarnation,
    version: parts.version,
    clientAddress,
    peerAddress,
    role: core.role,
    term: core.term,
    leader: core.leader,
    commitIndex: core.commitIndex,
    appliedIndex: state.appliedIndex,
    lastIndex: core.lastIndex,
    revision: state.revision,
    clusterTime: state.clusterTime,
    walBytes: log.bytes,
    ready: sources.ready,
    reasons: reasons(sources, members),
    members,
    counters: sources.counters,
  }
}

/** Why the node is not ready, and what an operator should know even if it is. */
function reasons(sources: StatusSources, members: NodeStatus['members']): string[] {
  const { parts, peers, ready } = sources
  const core = parts.raft.status()
  const found: string[] = []
  if (!ready) {
    const reachable = members.filter((member) => member.connected).length
    const quorum = Math.floor(members.length / 2) + 1
    if (core.leader === undefined) found.push('no leader')
    if (reachable < quorum) {
      found.push(`no quorum: ${reachable} of ${members.length} members reachable, ${quorum} needed`)
    }
    const behind = core.commitIndex - parts.state.appliedIndex
    if (behind > 0) found.push(`catching up: ${behind} committed entries are not applied yet`)
    if (found.length === 0) found.push('no linearizable read was confirmed lately')
  }
  for (const { id } of members) {
    const refused = peers.peer(id)?.refused
    if (refused !== undefined) found.push(`refused by ${id}: ${refused.message}`)
  }
  return found
}
