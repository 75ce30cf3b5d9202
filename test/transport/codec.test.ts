/**
 * Goal: every frame comes out as it went in, and no bytes at all make a decoder do anything but
 * return a frame or throw `QUORATE_PROTOCOL`.
 * Method: round trips over generated frames; then random bytes, MessagePack of every kind,
 * mutated frames, and hand-made traps (depth, lengths, extensions, records, prototypes).
 */
import * as fc from 'fast-check'
import { Packr } from 'msgpackr'
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/assert.ts'
import { QuorateError } from '../../src/errors.ts'
import type { AppendEntries, Message } from '../../src/raft/messages.ts'
import { decodeClientFrame, encodeClientFrame } from '../../src/transport/client-codec.ts'
import {
  frameDepthMax,
  frameElementsMax,
  packedBytesMax,
  packFrame,
  unpackFrame,
  type Wire,
} from '../../src/transport/msgpack.ts'
import { decodePeerFrame, encodePeerFrame } from '../../src/transport/peer-codec.ts'
import {
  decodeNodeFrame,
  encodeNodeFrame,
  packReplies,
  replyToWire,
} from '../../src/transport/reply-codec.ts'
import { snapshotFrameBytesMax } from '../../src/transport/fields.ts'
import { fromWireError, toWireError } from '../../src/transport/wire-error.ts'
import { clientFrame, nodeFrame, peerFrame, reply, wireError } from './arbitraries.ts'

interface Codec {
  readonly name: string
  readonly encoded: fc.Arbitrary<Uint8Array>
  readonly decode: (bytes: Uint8Array) => unknown
}

const codecs: readonly Codec[] = [
  { name: 'peer', encoded: peerFrame.map(encodePeerFrame), decode: decodePeerFrame },
  { name: 'client', encoded: clientFrame.map(encodeClientFrame), decode: decodeClientFrame },
  { name: 'node', encoded: nodeFrame.map(encodeNodeFrame), decode: decodeNodeFrame },
]

/** Passes unless something other than a protocol error is thrown. */
function decodesOrRefuses(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes)
  } catch (error) {
    if (!(error instanceof QuorateError) || error.code !== 'QUORATE_PROTOCOL') throw error
  }
}

function refuses(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  expect(() => decode(bytes)).toThrow(
    expect.objectContaining({ code: 'QUORATE_PROTOCOL' }) as Error,
  )
}

const plain = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

describe('round trips', () => {
  test('frames between nodes', () => {
    fc.assert(
      fc.property(peerFrame, (frame) => {
        expect(decodePeerFrame(plain(encodePeerFrame(frame)))).toEqual(frame)
      }),
      { numRuns: 500 },
    )
  })

  test('frames from clients', () => {
    fc.assert(
      fc.property(clientFrame, (frame) => {
        expect(decodeClientFrame(plain(encodeClientFrame(frame)))).toEqual(frame)
      }),
      { numRuns: 500 },
    )
  })

  test('frames to clients', () => {
    fc.assert(
      fc.property(nodeFrame, (frame) => {
        expect(decodeNodeFrame(plain(encodeNodeFrame(frame)))).toEqual(frame)
      }),
      { numRuns: 500 },
    )
  })

  test('absent fields are absent, not undefined', () => {
    fc.assert(
      fc.property(wireError, (error) => {
        const frame = decodeNodeFrame(encodeNodeFrame({ type: 'goodbye', error }))
        expect(frame).toStrictEqual({ type: 'goodbye', error })
      }),
      { numRuns: 200 },
    )
  })

  test('the size that is reckoned is never below the real one', () => {
    fc.assert(
      fc.property(reply, (each) => {
        const wire = replyToWire(each)
        expect(packFrame(wire).length).toBeLessThanOrEqual(packedBytesMax(wire))
      }),
      { numRuns: 300 },
    )
  })

  test('errors keep code, outcome and details', () => {
    const error = new QuorateError('QUORATE_NOT_LEADER', 'n2 is not the leader', {
      outcome: 'unknown',
      details: { leader: 'n1', leaderAddress: '127.0.0.1:7101' },
    })
    const { code, outcome, message, details, name } = fromWireError(toWireError(error))
    expect({ code, outcome, message, details, name }).toEqual({
      code: 'QUORATE_NOT_LEADER',
      outcome: 'unknown',
      message: 'n2 is not the leader',
      details: { leader: 'n1', leaderAddress: '127.0.0.1:7101' },
      name: 'NotLeaderError',
    })
  })
})

describe('what is sent is made to fit', () => {
  test('a fraction of a millisecond left is not nothing; an endless time is a day', () => {
    const sent = (timeoutMs: number): unknown =>
      decodeClientFrame(
        encodeClientFrame({ type: 'requests', requests: [{ id: 1, timeoutMs, kind: 'status' }] }),
      )
    const got = (timeoutMs: number): unknown => ({
      type: 'requests',
      requests: [{ id: 1, timeoutMs, kind: 'status' }],
    })
    expect(sent(0.2)).toEqual(got(1))
    expect(sent(-5)).toEqual(got(0))
    expect(sent(Infinity)).toEqual(got(86_400_000))
  })

  test('a long message is cut', () => {
    const error = { code: 'QUORATE_USAGE', outcome: 'unknown', details: {} } as const
    const frame = { type: 'goodbye', error: { ...error, message: 'x'.repeat(100_000) } } as const
    expect(decodeNodeFrame(encodeNodeFrame(frame))).toMatchObject({
      error: { message: 'x'.repeat(2000) },
    })
  })

  test('a request whose entries have a gap never leaves', () => {
    const entry = (index: number) => ({
      index,
      term: 1,
      kind: 'commands' as const,
      data: new Uint8Array(),
    })
    const message: AppendEntries = {
      type: 'appendEntries',
      from: 'a',
      to: 'b',
      term: 1,
      prevLog: { term: 1, index: 4 },
      entries: [entry(5), entry(7)],
      leaderCommit: 0,
    }
    const encode = (messages: readonly Message[]) => encodePeerFrame({ type: 'messages', messages })
    expect(() => encode([message])).toThrow(AssertionError)
    expect(() => encode([])).toThrow(AssertionError)
    const good = { ...message, entries: [] }
    expect(() => encode([good, { ...good, from: 'c' }])).toThrow(AssertionError)
  })
})

describe('a stranger’s bytes', () => {
  test.each(codecs)('random bytes, to the $name decoder', ({ decode }) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodesOrRefuses(decode, plain(bytes))
      }),
      { numRuns: 2000 },
    )
  })

  test.each(codecs)('MessagePack of any value, to the $name decoder', ({ decode }) => {
    const packr = new Packr({ useRecords: false, moreTypes: true, structuredClone: true })
    fc.assert(
      fc.property(
        fc.anything({ withDate: true, withMap: true, withSet: true, withTypedArray: true }),
        (value) => {
          let bytes: Uint8Array
          try {
            bytes = packr.pack(value)
          } catch {
            return
          }
          decodesOrRefuses(decode, plain(bytes))
        },
      ),
      { numRuns: 1000 },
    )
  })

  test.each(codecs)('lists of small values, to the $name decoder', ({ decode }) => {
    const { wire } = fc.letrec<{ wire: Wire }>((tie) => ({
      wire: fc.oneof(
        { depthSize: 'small' },
        fc.integer({ min: -2, max: 12 }),
        fc.constantFrom<Wire>(null, true, false, 'n1', '', new Uint8Array(3), 2 ** 53, 0.5, -0),
        fc.array(tie('wire'), { maxLength: 6 }),
      ),
    }))
    fc.assert(
      fc.property(fc.nat(5), fc.array(wire, { maxLength: 11 }), (kind, rest) => {
        decodesOrRefuses(decode, plain(packFrame([kind, ...rest])))
      }),
      { numRuns: 3000 },
    )
  })

  test.each(codecs)('true frames with some bytes changed, to the $name decoder', (codec) => {
    const change = fc.record({ at: fc.nat(), to: fc.nat(255) })
    fc.assert(
      fc.property(codec.encoded, fc.array(change, { minLength: 1, maxLength: 4 }), (frame, all) => {
        const bytes = plain(frame)
        for (const { at, to } of all) bytes[at % bytes.length] = to
        decodesOrRefuses(codec.decode, bytes)
      }),
      { numRuns: 2000 },
    )
  })

  test.each(codecs)(
    'true frames cut short or drawn out are refused by the $name decoder',
    (codec) => {
      fc.assert(
        fc.property(codec.encoded, fc.nat(), (frame, cut) => {
          refuses(codec.decode, plain(frame.subarray(0, cut % frame.length)))
          refuses(codec.decode, plain(Buffer.concat([frame, Buffer.from([0xc0])])))
        }),
        { numRuns: 200 },
      )
    },
  )

  const hex = (text: string): Uint8Array => plain(Buffer.from(text.replaceAll(' ', ''), 'hex'))

  test.each([
    ['nothing at all', ''],
    ['a list longer than its frame', 'dd ffffffff 00'],
    ['bytes longer than their frame', '92 01 c6 ffffffff 00'],
    ['a string longer than its frame', '92 01 db 7fffffff 61'],
    ['a map', '81 a1 61 01'],
    ['a map that names a prototype', '92 01 81 a9 5f5f70726f746f5f5f 90'],
    ['a date', 'd6 ff 00000000'],
    ['a record that is defined and used', '92 01 d4 72 40 91 a1 61 01'],
    ['a reference to itself', 'd6 69 00000001 91 d6 70 00000001'],
    ['a regular expression', 'c7 06 78 92 a2 6128 a0'],
    ['the byte that is never used', 'c1'],
    ['a 64-bit number', '92 01 cf 0000000000000001'],
    ['a 32-bit float', '92 01 ca 00000000'],
    ['two values', '91 05 91 05'],
  ])('%s is refused', (_what, bytes) => {
    for (const { decode } of codecs) refuses(decode, hex(bytes))
  })

  test('depth is bounded, and takes no stack', () => {
    const nested = (depth: number): Uint8Array =>
      plain(Buffer.alloc(depth + 1, 0x91).fill(0, depth))
    expect(unpackFrame(nested(frameDepthMax))).toBeDefined()
    refuses(unpackFrame, nested(frameDepthMax + 1))
    refuses(unpackFrame, nested(5_000_000))
  })

  test('the number of values is bounded', () => {
    const many = (count: number): Uint8Array => {
      const frame = Buffer.alloc(count + 5)
      frame[0] = 0xdd
      frame.writeUInt32BE(count, 1)
      return plain(frame)
    }
    expect(unpackFrame(many(frameElementsMax - 1))).toHaveLength(frameElementsMax - 1)
    refuses(unpackFrame, many(frameElementsMax))
  })

  test('-0 becomes 0, and numbers out of range are refused', () => {
    const heartbeat = (term: number): Uint8Array =>
      plain(packFrame([3, 'a', 'b', [[7, term, 0, 0]]]))
    const decoded = decodePeerFrame(
      Buffer.concat([
        Buffer.from('9403a161a1629194 07 cb8000000000000000 00 00'.replaceAll(' ', ''), 'hex'),
      ]),
    )
    expect(decoded).toEqual({
      type: 'messages',
      messages: [{ type: 'heartbeat', from: 'a', to: 'b', term: 0, round: 0, leaderCommit: 0 }],
    })
    for (const term of [-1, 0.5, 2 ** 52 + 1, 2 ** 53, NaN, Infinity]) {
      refuses(decodePeerFrame, heartbeat(term))
    }
  })

  test('entries of a falling term, of a later term than the leader’s, or of term 0 are refused', () => {
    const append = (term: number, terms: readonly number[]): Uint8Array => {
      const flat = terms.flatMap((each) => [each, 1, new Uint8Array(1)])
      return plain(packFrame([3, 'a', 'b', [[4, term, 2, 10, 0, flat]]]))
    }
    expect(decodePeerFrame(append(3, [2, 3, 3]))).toMatchObject({
      messages: [{ entries: [{ index: 11 }, { index: 12 }, { index: 13 }] }],
    })
    refuses(decodePeerFrame, append(3, [3, 2]))
    refuses(decodePeerFrame, append(3, [1]))
    refuses(decodePeerFrame, append(3, [4]))
    const zero = [3, 'a', 'b', [[4, 1, 0, 0, 0, [0, 1, new Uint8Array(0)]]]]
    refuses(decodePeerFrame, plain(packFrame(zero)))
    const noop = [3, 'a', 'b', [[4, 1, 0, 0, 0, [1, 0, new Uint8Array(1)]]]]
    refuses(decodePeerFrame, plain(packFrame(noop)))
  })

  test('a frame of a snapshot is of something, and no larger than allowed', () => {
    const frame = (size: number, term = 1, index = 1, number = 0) =>
      plain(packFrame([7, term, index, number, new Uint8Array(size), false]))
    expect(decodePeerFrame(frame(snapshotFrameBytesMax))).toMatchObject({ type: 'snapshotFrame' })
    refuses(decodePeerFrame, frame(snapshotFrameBytesMax + 1))
    refuses(decodePeerFrame, frame(0))
    refuses(decodePeerFrame, frame(1, 0))
    refuses(decodePeerFrame, frame(1, 1, 0))
    refuses(decodePeerFrame, frame(1, 1, 1, 2 ** 32))
    refuses(decodePeerFrame, plain(packFrame([6, 1, 1])))
    refuses(decodePeerFrame, plain(packFrame([8, 1, 1, 1])))
    const reply = (size: number) => plain(packFrame([1, [[12, 7, new Uint8Array(size), true]]]))
    expect(decodeNodeFrame(reply(snapshotFrameBytesMax))).toMatchObject({ type: 'replies' })
    refuses(decodeNodeFrame, reply(snapshotFrameBytesMax + 1))
    const tooLarge = {
      type: 'snapshotFrame',
      snapshot: { term: 1, index: 1 },
      frame: 0,
      bytes: new Uint8Array(snapshotFrameBytesMax + 1),
      last: true,
    } as const
    expect(() => encodePeerFrame(tooLarge)).toThrow(AssertionError)
  })

  test('a change of members is one of those that there are, of a member that can be', () => {
    const member = (change: readonly Wire[]) => plain(packFrame([1, [[9, 7, 100, change]]]))
    expect(decodeClientFrame(member([1, 'n4']))).toMatchObject({ type: 'requests' })
    refuses(decodeClientFrame, member([1, 'no name']))
    refuses(decodeClientFrame, member([1, 'n4', 'more']))
    refuses(decodeClientFrame, member([5, 'n4']))
    refuses(decodeClientFrame, member([0, 'n4', 'h:1', null, false, 256]))
    refuses(decodeClientFrame, member([0, 'n4', 'h'.repeat(301), null, false, 0]))
    refuses(decodeClientFrame, member([3, 'n3', '', 'h:1', null]))
    refuses(decodeClientFrame, member([4, 'n3', null, null, -1]))
  })

  test('a frame of no messages is refused', () => {
    refuses(decodePeerFrame, plain(packFrame([3, 'a', 'b', []])))
  })

  test('a code that is not known yet is an internal error with the outcome that was sent', () => {
    const error = ['QUORATE_FROM_THE_FUTURE', 0, 'what', Array.from({ length: 10 }, () => null)]
    expect(decodeNodeFrame(plain(packFrame([2, error])))).toEqual({
      type: 'goodbye',
      error: { code: 'QUORATE_INTERNAL', outcome: 'not-applied', message: 'what', details: {} },
    })
    const prototype = ['__proto__', 0, '', Array.from({ length: 10 }, () => null)]
    expect(decodeNodeFrame(plain(packFrame([2, prototype])))).toMatchObject({
      error: { code: 'QUORATE_INTERNAL' },
    })
  })

  test('a handshake of a later version, with more fields, is still understood', () => {
    expect(decodeClientFrame(plain(packFrame([0, 1, 9, null, 'more'])))).toEqual({
      type: 'hello',
      protocolMin: 1,
      protocolMax: 9,
      clusterId: undefined,
    })
  })

  test('more requests than a node allows are refused', () => {
    const requests = Array.from({ length: 3 }, (_, id) => [6, id, 100])
    const frame = plain(packFrame([1, requests]))
    expect(decodeClientFrame(frame, 3)).toMatchObject({ type: 'requests' })
    expect(() => decodeClientFrame(frame, 2)).toThrow(QuorateError)
  })

  test('a counter may have any name and changes nothing but the list of counters', () => {
    fc.assert(
      fc.property(fc.constantFrom('__proto__', 'constructor', 'toString'), (name) => {
        const status = replyToWire({ id: 1, kind: 'status', status: sampleStatus(name) })
        const frame = decodeNodeFrame(plain(packReplies([status])))
        const [first] = frame.type === 'replies' ? frame.replies : []
        const counters = first?.kind === 'status' ? first.status.counters : {}
        expect(Object.getOwnPropertyNames(counters)).toEqual([name])
        expect(Object.getPrototypeOf(counters)).toBe(Object.prototype)
      }),
      { numRuns: 10 },
    )
  })
})

function sampleStatus(counter: string) {
  return {
    clusterId: 'c',
    historyId: 'c',
    id: 'n1',
    pid: 1,
    incarnation: 'i',
    version: '0',
    clientAddress: '',
    peerAddress: '',
    role: 'leader' as const,
    term: 1,
    leader: 'n1',
    commitIndex: 1,
    appliedIndex: 1,
    lastIndex: 1,
    baseIndex: 0,
    revision: 1,
    clusterTime: 1,
    walBytes: 1,
    freeBytes: undefined,
    diskFull: false,
    stateMissing: false,
    waitsFor: undefined,
    ready: true,
    reasons: [],
    members: [],
    counters: Object.fromEntries([[counter, 1]]),
  }
}
