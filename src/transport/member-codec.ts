/**
 * Changes of membership, and members of a configuration, on the wire.
 *
 *     add     [0, id, peerAddress, clientAddress, learner, priority]
 *     promote [1, id]        remove [2, id]
 *     replace [3, id, id of the new one, peerAddress, clientAddress]
 *     update  [4, id, peerAddress, clientAddress, priority]
 *
 * A member: [id, peerAddress, clientAddress, voter, priority]. What is absent is nil.
 */
import { unreachable } from '../assert.ts'
import type { ConfiguredMember, MemberAddress, MemberChange, NewMember } from './client-protocol.ts'
import {
  addressCharsMax,
  bool,
  list,
  membersMax,
  nodeId,
  optional,
  orNil,
  text,
  tuple,
  uint,
} from './fields.ts'
import { badFrame, type Wire } from './msgpack.ts'

/** The highest priority of a member; contexts of configurations have one byte for it. */
const priorityMax = 255

/** How many fields a change of each kind has. */
const changeFields: readonly number[] = [6, 2, 2, 5, 5]

export function memberChangeToWire(change: MemberChange): Wire {
  switch (change.type) {
    case 'add':
      return [0, ...newMemberToWire(change), change.learner, change.priority]
    case 'promote':
      return [1, change.id]
    case 'remove':
      return [2, change.id]
    case 'replace':
      return [3, change.id, ...newMemberToWire(change.by)]
    case 'update': {
      const { id, peerAddress, clientAddress, priority } = change
      return [4, id, orNil(peerAddress), orNil(clientAddress), orNil(priority)]
    }
    default:
      return unreachable(change)
  }
}

export function decodeMemberChange(value: unknown): MemberChange {
  const fields = list(value, 6, 'a change of members')
  const kind = uint(fields[0], 'kind of change', changeFields.length - 1)
  if (fields.length !== changeFields[kind]) throw badFrame('a change with a wrong length')
  const id = nodeId(fields[1], 'id')
  switch (kind) {
    case 0:
      return {
        type: 'add',
        ...newMember(fields[1], fields[2], fields[3]),
        learner: bool(fields[4], 'learner'),
        priority: memberPriority(fields[5]),
      }
    case 1:
      return { type: 'promote', id }
    case 2:
      return { type: 'remove', id }
    case 3:
      return { type: 'replace', id, by: newMember(fields[2], fields[3], fields[4]) }
    default:
      return {
        type: 'update',
        id,
        peerAddress: optional(fields[2], (field) => memberAddress(field, 'peerAddress')),
        clientAddress: optional(fields[3], (field) => memberAddress(field, 'clientAddress')),
        priority: optional(fields[4], memberPriority),
      }
  }
}

export function configuredToWire(members: readonly ConfiguredMember[]): Wire {
  return members.map((each) => [...newMemberToWire(each), each.voter, each.priority])
}

export function decodeConfigured(value: unknown): ConfiguredMember[] {
  return list(value, membersMax, 'members').map((member) => {
    const fields = tuple(member, 5, 'a member')
    return {
      ...newMember(fields[0], fields[1], fields[2]),
      voter: bool(fields[3], 'voter'),
      priority: memberPriority(fields[4]),
    }
  })
}

/** What clients need of members: [id, clientAddress]. */
export function memberAddressesToWire(members: readonly MemberAddress[]): Wire {
  return members.map((member) => [member.id, orNil(member.clientAddress)])
}

export function decodeMemberAddresses(value: unknown): MemberAddress[] {
  return list(value, membersMax, 'members').map((member) => {
    const [id, address] = tuple(member, 2, 'a member')
    return {
      id: nodeId(id, 'member'),
      clientAddress: optional(address, (field) => memberAddress(field, 'clientAddress')),
    }
  })
}

function newMemberToWire({ id, peerAddress, clientAddress }: NewMember): readonly Wire[] {
  return [id, peerAddress, orNil(clientAddress)]
}

function newMember(id: unknown, peerAddress: unknown, clientAddress: unknown): NewMember {
  return {
    id: nodeId(id, 'id'),
    peerAddress: memberAddress(peerAddress, 'peerAddress'),
    clientAddress: optional(clientAddress, (field) => memberAddress(field, 'clientAddress')),
  }
}

function memberAddress(value: unknown, what: string): string {
  return text(value, what, addressCharsMax)
}

/** From 0 to `priorityMax`. */
export function memberPriority(value: unknown): number {
  return uint(value, 'priority', priorityMax)
}
