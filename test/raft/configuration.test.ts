/**
 * Goal: a configuration survives its encoding, nothing else decodes, changes lead to what they say,
 * and the stack of configurations follows the log.
 * Method: properties over random configurations, each byte cut off and altered, and small examples.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConfigChange } from '../../src/raft/config-change.ts'
import { applyChange } from '../../src/raft/config-change.ts'
import { decodeConfiguration, encodeConfiguration } from '../../src/raft/configuration-codec.ts'
import {
  checkConfiguration,
  emptyConfiguration,
  firstConfiguration,
  leaveJoint,
  mayFollow,
} from '../../src/raft/configuration.ts'
import { Configurations } from '../../src/raft/configurations.ts'
import type { Configuration, Entry } from '../../src/raft/types.ts'
import { bytes } from './support/disk.ts'

/** `configuration('a b', 'a c', 'd')`: voters, outgoing voters, learners. */
function configuration(voters: string, votersOutgoing = '', learners = ''): Configuration {
  const ids = (text: string): string[] => text.split(' ').filter((id) => id !== '')
  return {
    voters: ids(voters),
    votersOutgoing: ids(votersOutgoing),
    learners: ids(learners),
    contexts: new Map(),
  }
}

function configEntry(index: number, ...parts: Parameters<typeof configuration>): Entry {
  return { index, term: 1, kind: 'config', data: encodeConfiguration(configuration(...parts)) }
}

const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)
const member = fc.record({
  id,
  part: fc.constantFrom('voter', 'outgoing', 'both', 'learner'),
  context: fc.uint8Array({ maxLength: 40 }),
})
const anyConfiguration = fc
  .uniqueArray(member, { selector: (each) => each.id, minLength: 1, maxLength: 31 })
  .filter((list) => list.some(({ part }) => part === 'voter' || part === 'both'))
  .map((list): Configuration => {
    const sorted = list.toSorted((a, b) => (a.id < b.id ? -1 : 1))
    const ids = (...parts: string[]): string[] =>
      sorted.filter(({ part }) => parts.includes(part)).map((each) => each.id)
    return {
      voters: ids('voter', 'both'),
      votersOutgoing: ids('outgoing', 'both'),
      learners: ids('learner'),
      contexts: new Map(
        sorted.filter(({ context }) => context.length > 0).map((each) => [each.id, each.context]),
      ),
    }
  })

describe('the bytes of a configuration', () => {
  test('hold all of it', () => {
    fc.assert(
      fc.property(anyConfiguration, (each) => {
        checkConfiguration(each)
        expect(decodeConfiguration(encodeConfiguration(each))).toEqual(each)
      }),
    )
  })

  test('are these', () => {
    const each = { ...configuration('a bc', 'a', 'd'), contexts: new Map([['d', bytes('x')]]) }

    const hex = Buffer.from(encodeConfiguration(each)).toString('hex')

    expect(hex).toBe('0103_0301610000_010262630000_040164000178'.replaceAll('_', ''))
  })

  test('are in order: there is one encoding of each', () => {
    fc.assert(
      fc.property(
        anyConfiguration,
        fc.uint8Array({ maxLength: 3 }),
        fc.nat(),
        (each, patch, at) => {
          const altered = encodeConfiguration(each)
          for (const [n, byte] of patch.entries()) altered[(at + n) % altered.length] = byte

          const decoded = decodeConfiguration(altered)

          if (decoded === undefined) return
          checkConfiguration(decoded)
          expect(encodeConfiguration(decoded)).toEqual(altered)
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('do not decode where some are missing, or too many', () => {
    const whole = encodeConfiguration(configuration('n1 n2', 'n1 n3', 'n4'))

    for (let length = 0; length < whole.length; length++) {
      expect(decodeConfiguration(whole.subarray(0, length))).toBeUndefined()
    }
    expect(decodeConfiguration(Uint8Array.of(...whole, 0))).toBeUndefined()
  })

  test.each([
    ['another version', [2, 1, 1, 1, 97, 0, 0]],
    ['nobody', [1, 0]],
    ['no voter', [1, 1, 4, 1, 97, 0, 0]],
    ['only outgoing voters', [1, 1, 2, 1, 97, 0, 0]],
    ['a part that is none', [1, 1, 0, 1, 97, 0, 0]],
    ['voter and learner', [1, 1, 5, 1, 97, 0, 0]],
    ['an empty id', [1, 1, 1, 0, 0, 0]],
    ['an id that is no name', [1, 1, 1, 1, 45, 0, 0]],
    ['the same id twice', [1, 2, 1, 1, 97, 0, 0, 1, 1, 97, 0, 0]],
    ['ids out of order', [1, 2, 1, 1, 98, 0, 0, 1, 1, 97, 0, 0]],
    ['a context over its cap', [1, 1, 1, 1, 97, 4, 1, ...Array.from({ length: 1025 }, () => 0)]],
    [
      'too many members',
      [1, 32, ...Array.from({ length: 32 }, (_, n) => [1, 1, 65 + n, 0, 0])].flat(),
    ],
  ])('do not decode with %s', (_what, list) => {
    expect(decodeConfiguration(Uint8Array.from(list))).toBeUndefined()
  })
})

describe('a change', () => {
  const three = configuration('n1 n2 n3', '', 'n4')

  test.each<[ConfigChange, Configuration]>([
    [{ type: 'promote', id: 'n4' }, configuration('n1 n2 n3 n4', 'n1 n2 n3')],
    [{ type: 'remove', id: 'n2' }, configuration('n1 n3', 'n1 n2 n3', 'n4')],
    [{ type: 'remove', id: 'n4' }, configuration('n1 n2 n3')],
    [{ type: 'replace', id: 'n2', by: 'n4' }, configuration('n1 n3 n4', 'n1 n2 n3')],
  ])('%o', (change, expected) => {
    const changed = applyChange(three, change)

    expect(changed).toEqual({ type: 'changed', configuration: expected })
    expect(mayFollow(three, expected)).toBe(true)
  })

  test('adds a learner with what all are to know of it, which goes with it', () => {
    const added = applyChange(three, { type: 'addLearner', id: 'n5', context: bytes('host:1') })
    if (added.type === 'refused') throw new Error(added.reason)
    expect(added.configuration.learners).toEqual(['n4', 'n5'])
    expect(added.configuration.contexts).toEqual(new Map([['n5', bytes('host:1')]]))

    const replaced = applyChange(added.configuration, { type: 'replace', id: 'n1', by: 'n5' })
    if (replaced.type === 'refused') throw new Error(replaced.reason)
    const after = leaveJoint(replaced.configuration)
    expect(after.contexts).toEqual(new Map([['n5', bytes('host:1')]]))
    const gone = applyChange(after, { type: 'remove', id: 'n5' })
    if (gone.type === 'refused') throw new Error(gone.reason)
    expect(leaveJoint(gone.configuration).contexts).toEqual(new Map())
  })

  test('what all are to know of a member becomes another, in one step', () => {
    const moved = applyChange(three, { type: 'update', id: 'n1', context: bytes('host:2') })
    if (moved.type === 'refused') throw new Error(moved.reason)
    expect(moved.configuration).toEqual({
      ...three,
      contexts: new Map([...three.contexts, ['n1', bytes('host:2')]]),
    })
    expect(mayFollow(three, moved.configuration)).toBe(true)

    const forgotten = applyChange(moved.configuration, {
      type: 'update',
      id: 'n1',
      context: bytes(''),
    })
    expect(forgotten).toEqual({ type: 'changed', configuration: three })
  })

  test.each<[string, ConfigChange]>([
    ['knownMember', { type: 'addLearner', id: 'n1', context: bytes('') }],
    ['knownMember', { type: 'addLearner', id: 'n4', context: bytes('') }],
    ['invalid', { type: 'addLearner', id: '-', context: bytes('') }],
    ['invalid', { type: 'addLearner', id: 'n5', context: new Uint8Array(1025) }],
    ['unknownMember', { type: 'update', id: 'n5', context: bytes('') }],
    ['invalid', { type: 'update', id: 'n1', context: new Uint8Array(1025) }],
    ['unknownMember', { type: 'promote', id: 'n5' }],
    ['notLearner', { type: 'promote', id: 'n1' }],
    ['unknownMember', { type: 'remove', id: 'n5' }],
    ['unknownMember', { type: 'replace', id: 'n5', by: 'n4' }],
    ['unknownMember', { type: 'replace', id: 'n1', by: 'n5' }],
    ['notVoter', { type: 'replace', id: 'n4', by: 'n4' }],
    ['notLearner', { type: 'replace', id: 'n1', by: 'n2' }],
  ])('is refused: %s', (reason, change) => {
    expect(applyChange(three, change)).toEqual({ type: 'refused', reason })
  })

  test('is refused where nobody would be left, or too many would be there', () => {
    const many = firstConfiguration(Array.from({ length: 31 }, (_, n) => `n${n}`))

    expect(applyChange(configuration('n1'), { type: 'remove', id: 'n1' })).toEqual({
      type: 'refused',
      reason: 'losesQuorum',
    })
    expect(applyChange(many, { type: 'addLearner', id: 'x', context: bytes('') })).toEqual({
      type: 'refused',
      reason: 'tooManyMembers',
    })
  })
})

describe('one configuration after another', () => {
  test.each<[boolean, string, Configuration, Configuration]>([
    [true, 'learners only', configuration('a b'), configuration('a b', '', 'c')],
    [true, 'into a joint one', configuration('a b'), configuration('a c', 'a b')],
    [true, 'out of it', configuration('a c', 'a b'), configuration('a c')],
    [true, 'anything, for a newcomer', emptyConfiguration, configuration('a c', 'a b')],
    [false, 'other voters at once', configuration('a b'), configuration('a b c')],
    [false, 'back to the old ones', configuration('a c', 'a b'), configuration('a b')],
    [false, 'joint after joint', configuration('a c', 'a b'), configuration('a d', 'a c')],
    [false, 'joint with other old ones', configuration('a b'), configuration('a b', 'a c')],
  ])('%s: %s', (may, _what, before, after) => {
    expect(mayFollow(before, after)).toBe(may)
  })
})

describe('the configurations of a log', () => {
  const base = { index: 0, configuration: configuration('n1 n2 n3') }

  test('the newest is in force at once, and the one before again when it is cut off', () => {
    const all = new Configurations('n1', base, [])

    all.append(configEntry(5, 'n1 n2', 'n1 n2 n3'))
    expect(all.newest).toMatchObject({ index: 5, configuration: { voters: ['n1', 'n2'] } })
    expect(all.voterPeerIds).toEqual(['n2', 'n3'])
    all.append(configEntry(7, 'n1 n2'))
    expect(all.peerIds).toEqual(['n2'])

    all.truncateFrom(6)
    expect(all.newest).toMatchObject({ index: 5 })
    all.truncateFrom(5)
    expect(all.newest).toBe(base)
    expect(all.peerIds).toEqual(['n2', 'n3'])
  })

  test('what is committed is not cut off, and what is older is forgotten', () => {
    const all = new Configurations('n1', base, [
      configEntry(5, 'n1 n2', 'n1 n2 n3'),
      configEntry(7, 'n1 n2'),
      configEntry(9, 'n1 n2', '', 'n4'),
    ])

    all.committed(8)

    expect(all.base.index).toBe(7)
    expect(all.newest.index).toBe(9)
    expect(() => all.truncateFrom(7)).toThrow('a committed configuration stays')
    all.truncateFrom(8)
    expect(all.newest.index).toBe(7)
  })

  test('learners get the log and are asked for no votes', () => {
    const all = new Configurations(
      'n1',
      { index: 3, configuration: configuration('n1 n2', '', 'n4') },
      [],
    )

    expect(all.peerIds).toEqual(['n2', 'n4'])
    expect(all.voterPeerIds).toEqual(['n2'])
  })

  test('only a committed configuration makes a member', () => {
    const all = new Configurations('n4', { index: 0, configuration: emptyConfiguration }, [])

    all.append(configEntry(5, 'n1 n2', '', 'n4'))
    expect(all.wasMember).toBe(false)
    all.append(configEntry(6, 'n1 n2'))
    all.committed(6)

    expect(all.wasMember).toBe(true)
  })

  test.each([
    ['config entries come in order', configEntry(4, 'n1 n2 n3', '', 'n4')],
    ['config entries come in order', { ...configEntry(9, 'n1 n2 n3'), kind: 'noop' as const }],
    ['config entries can be read', { ...configEntry(9, 'n1'), data: bytes('x') }],
    ['voters change by a joint configuration', configEntry(9, 'n1 n2')],
  ])('are refused unless %s', (message, entry) => {
    const all = new Configurations('n1', base, [configEntry(5, 'n1 n2 n3', '', 'n5')])

    expect(() => all.append(entry)).toThrow(message)
  })
})
