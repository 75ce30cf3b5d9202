/**
 * Goal: what is known of a member has one encoding, which stays what it is, and no other bytes are
 * taken for one.
 * Method: round trips over generated contexts, golden bytes, every cut and every altered byte.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeMemberContext, encodeMemberContext } from '../../src/command/index.ts'
import type { MemberContext } from '../../src/command/index.ts'
import { contextBytesMax } from '../../src/raft/configuration.ts'

const address = fc.stringMatching(/^[!-~]{1,300}$/)
const context: fc.Arbitrary<MemberContext> = fc.record(
  {
    peerAddress: address,
    clientAddress: address,
    priority: fc.nat(255),
    staysLearner: fc.boolean(),
    incarnation: fc.constantFrom('00'.repeat(16), 'a9'.repeat(16)),
  },
  { requiredKeys: ['peerAddress', 'priority', 'staysLearner'] },
)

const sample: MemberContext = {
  peerAddress: 'h:1',
  clientAddress: 'h:22',
  priority: 9,
  staysLearner: true,
}
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'))

describe('the context of a member', () => {
  test('comes out as it went in, and fits a configuration', () => {
    fc.assert(
      fc.property(context, (each) => {
        const bytes = encodeMemberContext(each)
        expect(bytes.length).toBeLessThanOrEqual(contextBytesMax)
        expect(decodeMemberContext(bytes)).toEqual(each)
      }),
    )
  })

  test('has the bytes on file', () => {
    const hex = (each: MemberContext): string =>
      Buffer.from(encodeMemberContext(each)).toString('hex')
    expect(hex(sample)).toBe('0101090003683a310004683a3232')
    const least = { peerAddress: 'h:1', priority: 0, staysLearner: false }
    expect(hex(least)).toBe('0100000003683a310000')
    const incarnation = '0f'.repeat(16)
    expect(hex({ ...least, incarnation })).toBe(`0102000003683a310000${incarnation}`)
  })

  test('is nothing that was cut, or has something behind it', () => {
    const bytes = encodeMemberContext(sample)
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeMemberContext(bytes.subarray(0, length))).toBeUndefined()
    }
    expect(decodeMemberContext(Uint8Array.of(...bytes, 0))).toBeUndefined()
  })

  test.each([
    ['another version', '0200000003683a310000'],
    ['version 0', '0000000003683a310000'],
    ['unknown flags', '0102000003683a310000'],
    ['no peer address', '010000000000'],
    ['a blank in an address', '010000000368203100 00'.replace(' ', '')],
    ['bytes that are no ASCII', '0100000003683aff0000'],
  ])('is not %s', (_what, hex) => {
    expect(decodeMemberContext(bytesOf(hex))).toBeUndefined()
  })

  test('of any bytes at all it is one that encodes to them, or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 30 }), (bytes) => {
        const decoded = decodeMemberContext(bytes)
        if (decoded === undefined) return
        expect([...encodeMemberContext(decoded)]).toEqual([...bytes])
      }),
    )
  })

  test.each([
    ['no peer address', { peerAddress: '' }],
    ['a peer address with a blank', { peerAddress: 'h :1' }],
    ['one that is too long', { peerAddress: 'h'.repeat(301) }],
    ['an empty client address', { clientAddress: '' }],
    ['a priority below 0', { priority: -1 }],
    ['a priority above the highest', { priority: 256 }],
    ['half a priority', { priority: 0.5 }],
  ])('with %s is a usage error', (_what, changes) => {
    expect(() => encodeMemberContext({ ...sample, ...changes })).toThrow(
      expect.objectContaining({ code: 'QUORATE_USAGE' }) as Error,
    )
  })
})
