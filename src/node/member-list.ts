/**
 * The members as a configuration names them, with what is known of each: where to dial it, and how
 * much it is wanted as leader. A pure view of the configuration; the log is what decides.
 */
import { decodeMemberContext, encodeMemberContext } from '../command/index.ts'
import type { MemberContext } from '../command/index.ts'
import { firstConfiguration, memberIds } from '../raft/index.ts'
import type { Configuration, NodeId } from '../raft/index.ts'
import type { ConfiguredMember } from '../transport/index.ts'
import type { Identity } from '../wal/index.ts'

/** A member and what all know of it. */
export interface KnownMember extends ConfiguredMember {
  /** Whether it stays a learner for good. */
  readonly staysLearner: boolean
  /** Which incarnation of the node is meant; undefined: nobody has said so yet. */
  readonly incarnation: string | undefined
}

/** What a new cluster begins with: its first members, all of them voters. */
export function configurationOf({ members }: Identity): Configuration {
  const contexts = new Map<NodeId, Uint8Array>()
  for (const { id, peerAddress, clientAddress } of members) {
    contexts.set(id, encodeContext({ peerAddress, clientAddress, priority: 0, learner: false }))
  }
  return firstConfiguration(
    members.map(({ id }) => id),
    contexts,
  )
}

/** All members, sorted by id; while voters change, the ones that go are among them. */
export function membersOf(configuration: Configuration): readonly KnownMember[] {
  return memberIds(configuration)
    .toSorted()
    .map((id) => {
      const bytes = configuration.contexts.get(id)
      const context = bytes === undefined ? undefined : decodeMemberContext(bytes)
      return {
        id,
        peerAddress: context?.peerAddress ?? '',
        clientAddress: context?.clientAddress,
        priority: context?.priority ?? 0,
        staysLearner: context?.staysLearner ?? false,
        incarnation: context?.incarnation,
        voter: !configuration.learners.includes(id),
      }
    })
}

/** The bytes that a configuration keeps for a member. */
export function encodeContext(member: {
  readonly peerAddress: string
  readonly clientAddress: string | undefined
  readonly priority: number
  readonly learner: boolean
  readonly incarnation?: string | undefined
}): Uint8Array {
  const { peerAddress, clientAddress, priority, learner, incarnation } = member
  const context: MemberContext = {
    peerAddress,
    ...(clientAddress === undefined ? {} : { clientAddress }),
    priority,
    staysLearner: learner,
    ...(incarnation === undefined ? {} : { incarnation }),
  }
  return encodeMemberContext(context)
}
