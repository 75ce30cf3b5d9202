/**
 * Goal: a wish for how the members shall be is taken at its word: what is asked for and cannot be is
 * refused, and what is asked for once more does no harm.
 * Method: the next step of a change, worked out from members that are written down.
 */
import { describe, expect, test } from 'vitest'
import { nextStep } from '../../src/node/member-changes.ts'
import type { KnownMember } from '../../src/node/member-list.ts'

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
