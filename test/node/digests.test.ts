/**
 * Goal: nobody who asks for digests is in the way of the next one, once it is gone.
 * Method: the waiting list alone, over a state that never passes the mark.
 */
import { expect, test } from 'vitest'
import { Digesting } from '../../src/node/digests.ts'
import type { StateMachine } from '../../src/state/index.ts'
import type { Reply } from '../../src/transport/index.ts'

test('who is gone takes no place, however much time it would have had', () => {
  const state = { reader: { digestAt: () => undefined } } as unknown as StateMachine
  const digests = new Digesting(state, () => {})
  const replies: Reply[] = []
  const session = { reply: (reply: Reply): void => void replies.push(reply) }
  const gone = { reply: (): void => {} }
  for (let id = 1; id <= 256; id++) digests.ask(gone, id, new Uint8Array(4), 86_400_000)
  digests.ask(session, 1, new Uint8Array(4), 90_000)
  expect(replies).toMatchObject([{ error: { code: 'QUORATE_OVERLOADED' } }])

  digests.closeOwnedBy(gone)
  digests.ask(session, 2, new Uint8Array(4), 90_000)
  expect(replies).toHaveLength(1)
  digests.expire(90_000)
  expect(replies).toMatchObject([{}, { id: 2, error: { code: 'QUORATE_TIMEOUT' } }])
})
