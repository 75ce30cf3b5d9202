/** Small helpers for tests that write messages by hand. */
import type { Message } from '../../../src/raft/index.ts'
import type { Group } from './group.ts'

/** Sender, receiver and term. */
export function header(
  from: string,
  to: string,
  term: number,
): Pick<Message, 'from' | 'to' | 'term'> {
  return { from, to, term }
}

/** Before the first entry. */
export const empty = { term: 0, index: 0 }

/** What `id` has on the wire. */
export function sent(group: Group, id: string): Message[] {
  return group.wire.filter(({ from }) => from === id)
}

/** n1 leads; the others have not heard of it yet, and nothing is on the wire. */
export function freshLeader(group: Group): void {
  group.campaign('n1')
  group.deliver(({ type }) => type.startsWith('request'))
  if (group.node('n1').status.role !== 'leader') throw new Error('n1 was not elected')
  group.wire = []
  group.takeTrace()
}
