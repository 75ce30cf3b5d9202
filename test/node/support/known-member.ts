/** A member as the configuration in force tells of it. */
import type { KnownMember } from '../../../src/node/member-list.ts'

/** A voter at `<id>:7201`, but for what is told otherwise. */
export function member(id: string, fields: Partial<KnownMember> = {}): KnownMember {
  return {
    id,
    peerAddress: `${id}:7201`,
    clientAddress: undefined,
    priority: 0,
    voter: true,
    staysLearner: false,
    incarnation: undefined,
    ...fields,
  }
}
