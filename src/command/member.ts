/**
 * What all members know of each one beside its id: the context that a configuration holds for it.
 * It stands in the log and in snapshots, so its bytes are a format; the consensus core carries
 * them without looking.
 *
 *     format version (u8) = 1, flags (u8: bit 0 stays a learner, bit 1 an incarnation follows),
 *     priority (u8), length (u16), peer address, length (u16; 0: none), client address,
 *     incarnation (16 bytes, where there is one)
 */
import { ByteReader, ByteWriter, malformed } from './bytes.ts'
import { QuorateError, usageError } from '../errors.ts'

const formatVersion = 1
const flagStaysLearner = 1
const flagIncarnation = 2
const incarnationBytes = 16

/** Characters of an address, `[ipv6]:port` or a DNS name with its port. */
const memberAddressCharsMax = 300
/** The highest priority of a member. */
export const priorityMax = 255

/** What is known of a member. */
export interface MemberContext {
  /** Where other members dial it, `host:port`. */
  readonly peerAddress: string
  /** Where clients reach it; undefined: as it tells of itself. */
  readonly clientAddress?: string | undefined
  /** From 0 to `priorityMax`: of the voters that are there, leadership goes to the highest. */
  readonly priority: number
  /** True: it is a learner for good. False: a learner that is close gets a vote by itself. */
  readonly staysLearner: boolean
  /**
   * Which incarnation of the node is meant, 32 hex digits, once that is known: whoever joins later
   * must not take a node that was wiped for the member whose name it bears.
   */
  readonly incarnation?: string
}

/** The bytes of a context; `QUORATE_USAGE` where an address or the priority is none. */
export function encodeMemberContext(context: MemberContext): Uint8Array {
  const { peerAddress, clientAddress, priority, staysLearner, incarnation } = context
  if (!isMemberAddress(peerAddress)) throw usageError('a peer address is host:port')
  if (clientAddress !== undefined && !isMemberAddress(clientAddress)) {
    throw usageError('a client address is host:port')
  }
  if (!isPriority(priority)) throw usageError(`a priority is a whole number up to ${priorityMax}`)
  const peer = new TextEncoder().encode(peerAddress)
  const client = new TextEncoder().encode(clientAddress ?? '')
  if (incarnation !== undefined && !/^[0-9a-f]{32}$/.test(incarnation)) {
    throw usageError('an incarnation is 32 hex digits')
  }
  const life = Buffer.from(incarnation ?? '', 'hex')
  const writer = new ByteWriter(7 + peer.length + client.length + life.length)
  writer.u8(formatVersion)
  writer.u8((staysLearner ? flagStaysLearner : 0) | (life.length > 0 ? flagIncarnation : 0))
  writer.u8(priority)
  writer.u16(peer.length)
  writer.raw(peer)
  writer.u16(client.length)
  writer.raw(client)
  writer.raw(life)
  return writer.done()
}

/** The context of some bytes; undefined where they are none. */
export function decodeMemberContext(bytes: Uint8Array): MemberContext | undefined {
  try {
    return decode(new ByteReader(bytes))
  } catch (error) {
    if (error instanceof QuorateError && error.code === 'QUORATE_PROTOCOL') return undefined
    throw error
  }
}

/** Whether a text can be an address of a member: visible ASCII, not too long. */
function isMemberAddress(address: string): boolean {
  return address.length <= memberAddressCharsMax && /^[\x21-\x7e]+$/.test(address)
}

/** Whether a number is a priority. */
export function isPriority(priority: number): boolean {
  return Number.isInteger(priority) && priority >= 0 && priority <= priorityMax
}

function decode(reader: ByteReader): MemberContext {
  if (reader.u8() !== formatVersion) throw malformed('a member context of another version')
  const flags = reader.u8()
  if (flags > (flagStaysLearner | flagIncarnation)) throw malformed('unknown flags of a member')
  const priority = reader.u8()
  const peerAddress = address(reader)
  if (peerAddress === undefined) throw malformed('a member without an address')
  const clientAddress = address(reader)
  const hasIncarnation = (flags & flagIncarnation) !== 0
  const life = hasIncarnation
    ? Buffer.from(reader.raw(incarnationBytes)).toString('hex')
    : undefined
  reader.end()
  return {
    peerAddress,
    ...(clientAddress === undefined ? {} : { clientAddress }),
    priority,
    staysLearner: (flags & flagStaysLearner) !== 0,
    ...(life === undefined ? {} : { incarnation: life }),
  }
}

function address(reader: ByteReader): string | undefined {
  const length = reader.u16()
  if (length === 0) return undefined
  const text = Buffer.from(reader.raw(length)).toString('latin1')
  if (!isMemberAddress(text)) throw malformed('a member with an address that is none')
  return text
}
