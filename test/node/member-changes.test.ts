/**
 * Goal: a wish for how the members shall be is taken at its word: what is asked for and cannot be is
 * refused, and what is asked for once more does no harm.
 * Method: the next step of a change, worked out from members that are written down.
 */
import { describe, expect, test } from 'vitest'
import { MemberChanges, nextStep } from '../../src/node/member-changes.ts'
import { wireError } from '../../src/node/replies.ts'
import type { Reply } from '../../src/transport/index.ts'
import { member } from './support/known-member.ts'

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

describe('a request that is overruled, or left behind', () => {
  /** A leader that does what it is asked, but gives no vote: the newcomer is never close. */
  function leader() {
    let members = [...three]
    const replies: Reply[] = []
    const changes = new MemberChanges({
      members: () => members,
      index: () => 1,
      settled: () => true,
      propose: (change) => {
        if (change.type === 'addLearner')
          members = [...members, member(change.id, { voter: false })]
        else if (change.type === 'remove') members = members.filter(({ id }) => id !== change.id)
        else return { type: 'refused', reason: 'lagging' }
        return { type: 'accepted', term: 1, index: 2 }
      },
      isLeader: () => true,
      isClose: () => false,
      incarnationOf: () => undefined,
      notLeader: () => wireError('QUORATE_NOT_LEADER', 'another one leads'),
    })
    const session = { reply: (reply: Reply): void => void replies.push(reply) }
    return { changes, replies, session, members: () => members.map(({ id }) => id) }
  }
  const add = (peerAddress: string) =>
    ({
      type: 'add',
      id: 'n4',
      peerAddress,
      clientAddress: undefined,
      learner: false,
      priority: 0,
    }) as const

  test('does not bring back whom another one took out', () => {
    const { changes, replies, session, members } = leader()
    changes.ask(session, 1, add('n4:7201'), 600_000)
    changes.tick(1)
    expect(members()).toContain('n4')
    changes.ask(session, 2, { type: 'remove', id: 'n4' }, 600_000)
    for (let now = 2; now < 10; now++) changes.tick(now)
    expect(members()).toEqual(['n1', 'n2', 'n3'])
    expect(replies).toContainEqual(expect.objectContaining({ id: 2, kind: 'members' }))
    const taken = { code: 'QUORATE_MEMBERSHIP', outcome: 'unknown' }
    expect(replies).toContainEqual(
      expect.objectContaining({ id: 1, error: expect.objectContaining(taken) }),
    )
  })

  test('takes no further step, and no place, once nobody waits for it', () => {
    const { changes, replies, session, members } = leader()
    const gone = { reply: () => {} }
    changes.ask(gone, 1, replaceBy('n4', 'n4:7201'), 86_400_000)
    for (let id = 2; id <= 16; id++) changes.ask(gone, id, add('n4:7201'), 86_400_000)
    changes.closeOwnedBy(gone)
    const before = members()
    changes.tick(1)
    expect(members()).toEqual(before)
    changes.ask(session, 1, { type: 'remove', id: 'n4' }, 9)
    changes.tick(2)
    expect(replies).toMatchObject([{ kind: 'members' }])
  })

  test('with an address that nobody can dial is refused before anybody hears of it', () => {
    const { changes, replies, session, members } = leader()
    for (const address of ['256.1.1.1:7201', 'node.1:7201', 'n4']) {
      changes.ask(session, 1, add(address), 600_000)
      changes.ask(session, 2, replaceBy('n4', address), 600_000)
      changes.ask(session, 3, replaceBy('n4', 'n4:7201', address), 600_000)
      const update = { id: 'n2', peerAddress: address, clientAddress: undefined }
      changes.ask(session, 4, { type: 'update', ...update, priority: undefined }, 600_000)
    }
    changes.tick(1)
    expect(members()).toEqual(['n1', 'n2', 'n3'])
    expect(replies).toHaveLength(12)
    for (const reply of replies) {
      expect(reply).toMatchObject({ error: { code: 'QUORATE_USAGE', outcome: 'not-applied' } })
    }
  })
})
