/** Who a node is: written once, when its data directory is made, and never changed. */
import { createHash } from 'node:crypto'
import { isDialable } from '../address.ts'
import type { EntryId, NodeId } from '../raft/index.ts'
import { isHex } from './bytes.ts'
import { canonicalJson, isRecord, type DocumentKind, type Parsed } from './document.ts'
import type { LogIdentity } from './segment-header.ts'
import { nodeIdPattern } from './records.ts'

/** One of a cluster's first members. */
export interface Member {
  /** 1 to 64 letters, digits, `.`, `_` or `-`, a letter or digit first; unique in the cluster for ever. */
  readonly id: NodeId
  /** `host:port` where its peers reach it. */
  readonly peerAddress: string
  /** `host:port` where clients reach it, if it was known. Default: as the node tells once it runs. */
  readonly clientAddress?: string | undefined
}

/** What `node.json` holds. */
export interface Identity {
  /** 16 bytes in hex, the same for all members. */
  readonly clusterId: string
  /** For people, 1 to 128 printable characters; absent where the cluster was named by its id. */
  readonly clusterName?: string | undefined
  /** Which of the members this node is. */
  readonly nodeId: NodeId
  /** 16 random bytes in hex, new with each data directory: a wiped node is another one. */
  readonly incarnation: string
  /**
   * The cluster's first members, 1 to 9, this node among them, sorted by id. Where it joins: members that
   * it was told of, and it is none of them.
   */
  readonly members: readonly Member[]
  /** It joins a running cluster, whose log tells it who the members are. Absent: it is a first one. */
  readonly joining?: true
  /** Restored: the log begins behind this entry, which the state holds. Absent: at the beginning. */
  readonly base?: EntryId
}

/** More first members than this would make every commit wait for too many disks. */
export const membersMax = 9

export const identityKind: DocumentKind = {
  name: 'node.json',
  document: 'quorate node',
  formatVersion: 1,
}

/** The identity under which the log of group 0 is kept. */
export function logIdentityOf(identity: Identity): LogIdentity {
  return { clusterId: identity.clusterId, groupId: 0, incarnation: identity.incarnation }
}

/**
 * The id of a cluster that was not given one: half a SHA-256 over its name and its first members,
 * so that all of them come to the same id by themselves, and clusters of the same name that live
 * elsewhere to another. Clients' addresses are left out: members need not know each other's.
 */
export function clusterIdOf(name: string, members: readonly Member[]): string {
  const peers = members.map(({ id, peerAddress }) => ({ id, peerAddress }))
  peers.sort((a, b) => (a.id < b.id ? -1 : 1))
  const text = canonicalJson({ name, peers })
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && isDialable(value)
}

function hasOnly(record: Readonly<Record<string, unknown>>, known: readonly string[]): boolean {
  return Object.keys(record).every((key) => known.includes(key))
}

function parseMember(value: unknown): Parsed<Member> {
  if (!isRecord(value) || !hasOnly(value, ['id', 'peerAddress', 'clientAddress'])) {
    return { problem: 'a member is { id, peerAddress, clientAddress? }' }
  }
  const { id, peerAddress, clientAddress } = value
  if (typeof id !== 'string' || !nodeIdPattern.test(id)) {
    const rule = 'letters, digits, ".", "_", "-", at most 64, a letter or digit first'
    return { problem: `the id of a member is not a name (${rule})` }
  }
  if (!isAddress(peerAddress)) {
    return { problem: `the peer address of member ${id} is no host:port that can be dialled` }
  }
  if (clientAddress === undefined) return { value: { id, peerAddress } }
  if (!isAddress(clientAddress)) {
    return { problem: `the client address of member ${id} is no host:port that can be dialled` }
  }
  return { value: { id, peerAddress, clientAddress } }
}

function parseMembers(value: unknown): Parsed<Member[]> {
  if (!Array.isArray(value) || value.length < 1 || value.length > membersMax) {
    return { problem: `a cluster has 1 to ${membersMax} first members` }
  }
  const members: Member[] = []
  for (const item of value) {
    const parsed = parseMember(item)
    if ('problem' in parsed) return parsed
    members.push(parsed.value)
  }
  members.sort((a, b) => (a.id < b.id ? -1 : 1))
  for (const field of ['id', 'peerAddress'] as const) {
    const distinct = new Set(members.map((member) => member[field]))
    if (distinct.size !== members.length) {
      return { problem: `two members have the same ${field === 'id' ? 'id' : 'peer address'}` }
    }
  }
  return { value: members }
}

/** Whether a cluster's name can be one. */
export function isClusterName(value: unknown): value is string {
  return typeof value === 'string' && /^\P{Cc}{1,128}$/u.test(value)
}

/** Validates an identity, from a file or from a caller. */
export function parseIdentity(value: unknown): Parsed<Identity> {
  const known = ['clusterId', 'clusterName', 'nodeId', 'incarnation', 'members', 'joining', 'base']
  if (!isRecord(value) || !hasOnly(value, known)) return { problem: 'it is not a node identity' }
  const { clusterId, clusterName, nodeId, incarnation } = value
  if (typeof clusterId !== 'string' || !isHex(clusterId, 16)) {
    return { problem: 'the cluster id is not 32 hex digits' }
  }
  if (clusterName !== undefined && !isClusterName(clusterName)) {
    return { problem: 'the name of the cluster is not 1 to 128 printable characters' }
  }
  if (typeof nodeId !== 'string') return { problem: 'the node id is missing' }
  if (typeof incarnation !== 'string' || !isHex(incarnation, 16)) {
    return { problem: 'the incarnation is not 32 hex digits' }
  }
  const members = parseMembers(value['members'])
  if ('problem' in members) return members
  const { joining } = value
  if (joining !== undefined && joining !== true) return { problem: 'joining is true or absent' }
  const base = parseBase(value['base'])
  if ('problem' in base) return base
  if (joining === true && base.value !== undefined) {
    return { problem: 'a node that joins a cluster gets its log from there, and has no base' }
  }
  const isMember = members.value.some((member) => member.id === nodeId)
  if (joining === undefined && !isMember) {
    return { problem: `node ${nodeId} is not among the members` }
  }
  if (joining === true && isMember) {
    return { problem: `node ${nodeId} is to join, and is among the members that it joins` }
  }
  const identity: Identity = {
    clusterId,
    nodeId,
    incarnation,
    members: members.value,
    ...(clusterName === undefined ? {} : { clusterName }),
    ...(joining === undefined ? {} : { joining }),
    ...(base.value === undefined ? {} : { base: base.value }),
  }
  return { value: identity }
}

function parseBase(value: unknown): Parsed<EntryId | undefined> {
  if (value === undefined) return { value }
  if (!isRecord(value) || !hasOnly(value, ['index', 'term'])) {
    return { problem: 'the base of the log is { index, term }' }
  }
  const { index, term } = value
  if (typeof index !== 'number' || !Number.isSafeInteger(index) || index < 1) {
    return { problem: 'the index of the base is a whole number from 1 on' }
  }
  if (typeof term !== 'number' || !Number.isSafeInteger(term) || term < 1) {
    return { problem: 'the term of the base is a whole number from 1 on' }
  }
  return { value: { index, term } }
}
