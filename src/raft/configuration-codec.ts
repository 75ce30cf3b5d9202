/**
 * A configuration as the bytes of a config entry.
 *
 *     format version (1) = 1, number of members (1), then for each member, ids ascending:
 *     part (1), bytes of the id (1), id (ASCII), bytes of the context (2, big endian), context
 *
 * `part`: 1 voter, 2 outgoing voter, 3 both, 4 learner. A configuration with an outgoing voter is
 * joint. There is one encoding for each configuration, and nothing else decodes: the bytes come
 * from a disk or from another node.
 */
import { assert } from '../assert.ts'
import { contextBytesMax, isNodeId, membersMax, memberIds } from './configuration.ts'
import type { Configuration, NodeId } from './types.ts'

const formatVersion = 1
const partVoter = 1
const partOutgoing = 2
const partLearner = 4

/** The bytes of a configuration that is not empty. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const { voters, votersOutgoing, learners, contexts } = configuration
  const members = memberIds(configuration).toSorted()
  assert(members.length > 0 && members.length <= membersMax, 'a configuration has some members')
  const bytes: number[] = [formatVersion, members.length]
  for (const id of members) {
    assert(isNodeId(id), 'members have names')
    const context = contexts.get(id) ?? new Uint8Array(0)
    assert(context.length <= contextBytesMax, 'a context keeps to its cap')
    const part =
      (voters.includes(id) ? partVoter : 0) +
      (votersOutgoing.includes(id) ? partOutgoing : 0) +
      (learners.includes(id) ? partLearner : 0)
    assert(isPart(part), 'a member has one part')
    bytes.push(part, id.length, ...new TextEncoder().encode(id))
    bytes.push(context.length >> 8, context.length & 0xff, ...context)
  }
  return Uint8Array.from(bytes)
}

/** The configuration of some bytes; undefined where they are none. */
export function decodeConfiguration(bytes: Uint8Array): Configuration | undefined {
  const count = bytes[1] ?? 0
  if (bytes[0] !== formatVersion || count < 1 || count > membersMax) return undefined
  const voters: NodeId[] = []
  const votersOutgoing: NodeId[] = []
  const learners: NodeId[] = []
  const contexts = new Map<NodeId, Uint8Array>()
  let at = 2
  let previous = ''
  for (let n = 0; n < count; n++) {
    const member = decodeMember(bytes, at)
    // Ascending also means that nobody is named twice.
    if (member === undefined || member.id <= previous) return undefined
    const { part, id, context } = member
    previous = id
    at = member.end
    if ((part & partVoter) !== 0) voters.push(id)
    if ((part & partOutgoing) !== 0) votersOutgoing.push(id)
    if ((part & partLearner) !== 0) learners.push(id)
    if (context.length > 0) contexts.set(id, context)
  }
  if (at !== bytes.length || voters.length === 0) return undefined
  return { voters, votersOutgoing, learners, contexts }
}

interface DecodedMember {
  readonly part: number
  readonly id: NodeId
  readonly context: Uint8Array
  readonly end: number
}

function decodeMember(bytes: Uint8Array, start: number): DecodedMember | undefined {
  const part = bytes[start] ?? 0
  const idBytes = bytes[start + 1] ?? 0
  if (!isPart(part)) return undefined
  const idEnd = start + 2 + idBytes
  const contextStart = idEnd + 2
  if (contextStart > bytes.length) return undefined
  const id = String.fromCharCode(...bytes.subarray(start + 2, idEnd))
  const contextBytes = ((bytes[idEnd] ?? 0) << 8) | (bytes[idEnd + 1] ?? 0)
  const end = contextStart + contextBytes
  if (!isNodeId(id) || contextBytes > contextBytesMax || end > bytes.length) return undefined
  // A copy: what was read lies in a buffer that belongs to somebody else.
  return { part, id, context: bytes.slice(contextStart, end), end }
}

function isPart(part: number): boolean {
  return part >= partVoter && part <= partLearner
}
