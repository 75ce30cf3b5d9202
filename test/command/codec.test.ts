/**
 * Goal: a command has exactly one encoding; nothing else decodes, whatever comes from the network
 * or the disk; and the bytes never change unnoticed.
 *
 * Method: round trips of random commands; every cut, every extension and random damage, where what
 * still decodes must encode to the very bytes it came from; golden bytes of one command per shape.
 */
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  commandLength,
  decodeCommand,
  decodeEntry,
  encodeCommand,
  encodeEntry,
  encodeOperation,
  operationLength,
  operationSlice,
  payloadHash,
} from '../../src/command/index.ts'
import type { CallId, Command, Operation } from '../../src/command/index.ts'
import { AssertionError } from '../../src/assert.ts'
import { QuorateError } from '../../src/errors.ts'
import { expectGolden } from '../suites/golden-bytes.ts'
import { anyCommand } from './arbitraries.ts'

const b = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const session = Uint8Array.from({ length: 18 }, (_, i) => i + 1)
const call: CallId = { session, sequence: 7, firstOutstanding: 3 }

function codeOf(run: () => unknown): string | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof QuorateError) return error.code
    throw error
  }
}

const samples: readonly (readonly [string, Command])[] = [
  [
    'put',
    {
      kind: 'write',
      call,
      identity: { kind: 'none' },
      operation: { kind: 'put', key: b('key'), value: b('value'), ifRevision: undefined },
    },
  ],
  [
    'put with token and condition',
    {
      kind: 'write',
      call,
      identity: { kind: 'token', token: b('token'), time: 1_700_000_000_000 },
      operation: { kind: 'put', key: b('key'), value: b(''), ifRevision: 0 },
    },
  ],
  [
    'put once',
    {
      kind: 'write',
      call,
      identity: { kind: 'once' },
      operation: { kind: 'put', key: b('k'), value: b('v'), ifRevision: undefined },
    },
  ],
  [
    'delete',
    {
      kind: 'write',
      call,
      identity: { kind: 'none' },
      operation: { kind: 'delete', key: b('key'), ifRevision: Number.MAX_SAFE_INTEGER },
    },
  ],
  [
    'batch',
    {
      kind: 'write',
      call,
      identity: { kind: 'none' },
      operation: {
        kind: 'batch',
        operations: [
          { kind: 'put', key: b('a'), value: b('1'), ifRevision: 5 },
          { kind: 'delete', key: b('b'), ifRevision: undefined },
        ],
      },
    },
  ],
  ['fence', { kind: 'fence', call, token: b('token'), time: 0 }],
  ['closeSession', { kind: 'closeSession', session }],
  ['setting', { kind: 'setting', call, name: 'sessionsMax', value: 1000 }],
  ['mark', { kind: 'mark', id: b('mark') }],
]

describe('commands', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(anyCommand, (command) => {
        const bytes = encodeCommand(command)
        expect(bytes.length).toBe(commandLength(command))
        expect(decodeCommand(bytes)).toEqual(command)
      }),
      { numRuns: 1000 },
    )
  })

  test('cut anywhere, or with a byte too many, are refused', () => {
    fc.assert(
      fc.property(anyCommand, (command) => {
        const bytes = encodeCommand(command)
        for (let length = 0; length < bytes.length; length++) {
          expect(codeOf(() => decodeCommand(bytes.subarray(0, length)))).toBe('QUORATE_PROTOCOL')
        }
        const longer = new Uint8Array(bytes.length + 1)
        longer.set(bytes)
        expect(codeOf(() => decodeCommand(longer))).toBe('QUORATE_PROTOCOL')
      }),
      { numRuns: 100 },
    )
  })

  test('damaged anywhere are refused, or are another command in its only encoding', () => {
    fc.assert(
      fc.property(anyCommand, fc.nat(), fc.integer({ min: 1, max: 255 }), (command, at, flip) => {
        const bytes = encodeCommand(command)
        const spot = at % bytes.length
        bytes[spot] = (bytes[spot] ?? 0) ^ flip
        let decoded: Command
        try {
          decoded = decodeCommand(bytes)
        } catch (error) {
          expect(error).toMatchObject({ code: 'QUORATE_PROTOCOL', outcome: 'not-applied' })
          return
        }
        expect(encodeCommand(decoded)).toEqual(bytes)
      }),
      { numRuns: 2000 },
    )
  })

  test('of an unknown kind are refused', () => {
    for (const kind of [0, 6, 255]) {
      expect(codeOf(() => decodeCommand(Uint8Array.of(kind)))).toBe('QUORATE_PROTOCOL')
    }
  })

  test('that cannot be written are programming errors', () => {
    const early = { ...call, firstOutstanding: 8 }
    expect(() => encodeCommand({ kind: 'fence', call: early, token: b('t'), time: 0 })).toThrow(
      AssertionError,
    )
    expect(() => encodeCommand({ kind: 'fence', call, token: b('t'), time: -1 })).toThrow(
      AssertionError,
    )
    expect(() => encodeCommand({ kind: 'closeSession', session: b('short') })).toThrow(
      AssertionError,
    )
    expect(() => encodeCommand({ kind: 'mark', id: b('') })).toThrow(AssertionError)
  })

  test('have the bytes that they always had', () => {
    const golden = new Map(samples.map(([name, command]) => [name, encodeCommand(command)]))
    golden.set('entry', encodeEntry(1_700_000_000_000, [encodeCommand(samples[0]![1])]))
    golden.set('empty entry', encodeEntry(0, []))
    expectGolden(new URL('testdata/commands.txt', import.meta.url), golden)
  })
})

describe('payload hashes', () => {
  const put = (value: string, ifRevision?: number): Operation => ({
    kind: 'put',
    key: b('k'),
    value: b(value),
    ifRevision,
  })

  test('cover the whole operation and nothing else', () => {
    const bytes = (operation: Operation, sequence: number): Uint8Array =>
      encodeCommand({
        kind: 'write',
        call: { ...call, sequence },
        identity: { kind: 'token', token: b(`t${sequence}`), time: sequence },
        operation,
      })
    const hashOf = (operation: Operation, sequence: number): string =>
      Buffer.from(payloadHash(operationSlice(bytes(operation, sequence)))).toString('hex')

    expect(hashOf(put('v'), 7)).toBe(hashOf(put('v'), 8))
    const others: Operation[] = [
      put('w'),
      put('v', 0),
      put('v', 1),
      { kind: 'delete', key: b('k'), ifRevision: undefined },
      {
        kind: 'batch',
        operations: [
          { ...put('v'), kind: 'put', key: b('k'), value: b('v'), ifRevision: undefined },
        ],
      },
    ]
    const hashes = new Set([put('v'), ...others].map((operation) => hashOf(operation, 7)))
    expect(hashes.size).toBe(others.length + 1)
  })

  test('are the first half of a SHA-256 of the encoded operation', () => {
    const operation = put('v', 3)
    const bytes = encodeOperation(operation)
    expect(bytes.length).toBe(operationLength(operation))
    const expected = createHash('sha256').update(bytes).digest().subarray(0, 16)
    expect(Buffer.from(payloadHash(bytes)).equals(expected)).toBe(true)
  })
})

describe('entries', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 48 - 1 }),
        fc.array(anyCommand, { maxLength: 5 }),
        (stamp, commands) => {
          const encoded = commands.map(encodeCommand)
          const data = encodeEntry(stamp, encoded)
          expect(decodeEntry(data)).toEqual({ stamp, commands: encoded })
          for (let length = 0; length < data.length; length += 7) {
            expect(codeOf(() => decodeEntry(data.subarray(0, length)))).toBe('QUORATE_PROTOCOL')
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  test('that promise more than there is are refused before anything is allocated', () => {
    const data = encodeEntry(1, [])
    data.set([0xff, 0xff, 0xff, 0xff], 7)
    expect(codeOf(() => decodeEntry(data))).toBe('QUORATE_PROTOCOL')
    expect(codeOf(() => decodeEntry(Uint8Array.of(2)))).toBe('QUORATE_PROTOCOL')
  })
})
