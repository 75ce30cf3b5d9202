/**
 * Goal: a wish for how the members shall be is taken at its word: what is asked for and cannot be is
 * refused, and what is asked for once more does no harm.
 * Method: the next step of a change, worked out from members that are written down.
 */
import { describe, expect, test } from 'vitest'
import { MemberChanges, nextStep } from '../../src/node/member-changes.ts'
import type { KnownMember } from '../../src/node/member-list.ts'
import { wireError } from '../../src/node/replies.ts'
import type { Reply } from '../../src/transport/index.ts'

function member(id: string, fields: Partial<KnownMember> = {}): KnownMember {
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

const three = [member('n1'), member('n2'), member('n3')]

function replaceBy(id: string, peerAddress: string, clientAddress?: string) {
  return { type: 'replace', id: 'n1', by: { id, peerAddress, clientAddress } } as const
}

/** What the core refuses as `knownMember`. */
function refusal(id: string) {
  return { type: 'addLearner', id, context: new Uint8Array(0) }
}

describe('replace', () => {
  test('by the name of a member that is elsewhere is refused', () => {
    expect(nextStep(replaceBy('n2', 'n4:7201'), three)).toEqual(refusal('n2'))
    const known = [...three, member('n4', { voter: false, clientAddress: 'n4:7101' })]
    expect(nextStep(replaceBy('n4', 'n5:7201'), known)).toEqual(refusal('n4'))
    expect(nextStep(replaceBy('n4', 'n4:7201', 'n5:7101'), known)).toEqual(refusal('n4'))
  })

  test('once more goes on where it was, and ends', () => {
    const by = replaceBy('n4', 'n4:7201', 'n4:7101')
    const successor = member('n4', { clientAddress: 'n4:7101' })
    const learner = { ...successor, voter: false }
    expect(nextStep(by, three)).toMatchObject({ type: 'addLearner', id: 'n4' })
    expect(nextStep(by, [...three, learner])).toEqual({ type: 'replace', id: 'n1', by: 'n4' })
    expect(nextStep(by, [...three, successor])).toEqual({ type: 'remove', id: 'n1' })
    expect(nextStep(by, [...three.slice(1), successor])).toBeUndefined()
    // Who does not say where clients reach it means the one that is there.
    expect(nextStep(replaceBy('n4', 'n4:7201'), [...three.slice(1), successor])).toBeUndefined()
  })
})

test('a refusal after a step was taken does not say that nothing was done', () => {
  const members = [...three]
  const replies: Reply[] = []
  let isLeader = true
  const changes = new MemberChanges({
    members: () => members,
    index: () => 1,
    settled: () => true,
    propose: (change) => {
      if (change.type !== 'addLearner') return { type: 'refused', reason: 'losesQuorum' }
      members.push(member(change.id, { voter: false }))
      return { type: 'accepted', term: 1, index: 2 }
    },
    isLeader: () => isLeader,
    isClose: () => false,
    incarnationOf: () => undefined,
    notLeader: () => wireError('QUORATE_NOT_LEADER', 'another one leads'),
  })
  const session = { reply: (reply: Reply): void => void replies.push(reply) }
  changes.ask(session, 1, replaceBy('n4', 'n4:7201'), 1_000)
  changes.tick(1)
  changes.ask(session, 2, { type: 'remove', id: 'n1' }, 1_000)
  isLeader = false
  changes.ask(session, 3, { type: 'remove', id: 'n1' }, 1_000)

  expect(replies).toMatchObject([
    { id: 1, error: { code: 'QUORATE_MEMBERSHIP', outcome: 'unknown' } },
    { id: 2, error: { code: 'QUORATE_MEMBERSHIP', outcome: 'not-applied' } },
    { id: 3, error: { code: 'QUORATE_NOT_LEADER', outcome: 'not-applied' } },
  ])
})
