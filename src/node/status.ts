/** What a node says of itself, put together from its parts. */
import { isVoter } from '../raft/index.ts'
import type { RaftStatus } from '../raft/index.ts'
import type { MemberStatus, NodeStatus, PeerTransport } from '../transport/index.ts'
import { clientAddressOf, peerAddressOf, reachable } from './addresses.ts'
import type { KnownMember } from './member-list.ts'
import type { NodeParts } from './parts.ts'

/** Ways that lie open to a node without a state, a quorum or room. */
interface Upkept {
  readonly freeBytes: number | undefined
  readonly diskFull: boolean
  /** The snapshot that is being fetched, or for which there is no room. */
  readonly fetching: string | undefined
}

interface StatusSources {
  readonly parts: NodeParts
  readonly peers: PeerTransport
  readonly members: readonly KnownMember[]
  readonly upkeep: Upkept
  /** As this node says them itself. */
  readonly clientAddress: string
  readonly peerAddress: string
  readonly ready: boolean
  readonly counters: Readonly<Record<string, number>>
}

export function nodeStatus(sources: StatusSources): NodeStatus {
  const { parts, upkeep, clientAddress, peerAddress } = sources
  const { identity, raft, state, log } = parts
  const core = raft.status()
  const own = sources.members.find(({ id }) => id === core.id)
  const members = sources.members.map((member) => memberStatus(sources, member, core))
  return {
    clusterId: identity.clusterId,
    historyId: state.historyId ?? identity.clusterId,
    id: identity.nodeId,
    pid: parts.processId,
    incarnation: identity.incarnation,
    version: parts.version,
    clientAddress: clientAddressOf(own, sources) ?? clientAddress,
    peerAddress: reachable(peerAddress) ?? reachable(own?.peerAddress) ?? peerAddress,
    role: core.role,
    term: core.term,
    leader: core.leader,
    commitIndex: core.commitIndex,
    appliedIndex: state.appliedIndex,
    lastIndex: core.lastIndex,
    baseIndex: core.baseIndex,
    revision: state.revision,
    clusterTime: state.clusterTime,
    walBytes: log.bytes,
    freeBytes: upkeep.freeBytes,
    diskFull: upkeep.diskFull,
    stateMissing: core.stateMissing,
    waitsFor: waitsFor(sources, core),
    ready: sources.ready,
    reasons: reasons(sources, members, core),
    members,
    counters: { ...sources.counters, repaired: parts.repaired },
  }
}

function memberStatus(sources: StatusSources, member: KnownMember, core: RaftStatus): MemberStatus {
  const { id, voter, priority } = member
  const view = id === core.id ? undefined : sources.peers.peer(id)
  const said = id === core.id ? sources : view
  const overridden = sources.parts.settings.peers[id] !== undefined
  const addresses = {
    peerAddress: peerAddressOf(member, said, overridden),
    clientAddress: clientAddressOf(member, said),
  }
  if (id === core.id) {
    const self = { id, ...addresses, connected: true, voter, priority }
    return { ...self, matchIndex: undefined, state: undefined, close: undefined }
  }
  const known = core.peers.find((peer) => peer.id === id)
  return {
    id,
    ...addresses,
    connected: view?.connected ?? false,
    matchIndex: known?.matchIndex,
    voter,
    state: known?.state,
    close: known?.close,
    priority,
  }
}

/** What keeps the node from taking part in full; undefined: nothing. */
function waitsFor({ upkeep }: StatusSources, core: RaftStatus): string | undefined {
  if (upkeep.fetching !== undefined) return upkeep.fetching
  if (core.recovering) return 'a leader that brings its log up to what it had acknowledged'
  if (core.stateMissing) return 'a snapshot of the state from a leader'
  if (core.configuration.configuration.voters.length === 0) {
    return 'a leader to tell it who the members are: add it with "quorate member add"'
  }
  return undefined
}

/** Why the node is not ready, and what an operator should know even if it is. */
function reasons(
  sources: StatusSources,
  members: readonly MemberStatus[],
  core: RaftStatus,
): string[] {
  const { parts, peers, ready, upkeep } = sources
  const found: string[] = []
  if (!ready) {
    const voters = members.filter(({ id }) => isVoter(core.configuration.configuration, id))
    const reachable = voters.filter((member) => member.connected).length
    const quorum = Math.floor(voters.length / 2) + 1
    if (core.leader === undefined) found.push('no leader')
    if (reachable < quorum) {
      found.push(`no quorum: ${reachable} of ${voters.length} voters reachable, ${quorum} needed`)
    }
    const behind = core.commitIndex - parts.state.appliedIndex
    if (behind > 0) found.push(`catching up: ${behind} committed entries are not applied yet`)
    const awaited = waitsFor(sources, core)
    if (awaited !== undefined) found.push(`waits for ${awaited}`)
    if (found.length === 0) found.push('no linearizable read was confirmed lately')
  }
  if (upkeep.diskFull) found.push('the disk is nearly full: no writes are taken')
  for (const { id } of members) {
    const refused = peers.peer(id)?.refused
    if (refused !== undefined) found.push(`refused by ${id}: ${refused.message}`)
  }
  return found
}
