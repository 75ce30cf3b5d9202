/**
 * Goal: what cannot be decided, or would be too large for some node, is refused at the door, and
 * everything else goes in.
 *
 * Method: for each limit the largest that passes and the smallest that does not; each rule about
 * what goes together, kept and broken.
 */
import { describe, expect, test } from 'vitest'
import {
  batchOperationsMax,
  checkCommand,
  clusterVersionKnown,
  defaultLimits,
} from '../../src/command/index.ts'
import type {
  CallId,
  Command,
  Identity,
  KeyOperation,
  Operation,
  SettingName,
} from '../../src/command/index.ts'
import { QuorateError } from '../../src/errors.ts'

const call: CallId = { session: new Uint8Array(18), sequence: 2, firstOutstanding: 1 }
const key = (length: number): Uint8Array => new Uint8Array(length)
const put = (keyBytes: number, valueBytes: number, ifRevision?: number): KeyOperation => ({
  kind: 'put',
  key: key(keyBytes),
  value: new Uint8Array(valueBytes),
  ifRevision,
})
const write = (operation: Operation, identity: Identity = { kind: 'none' }): Command => ({
  kind: 'write',
  call,
  identity,
  operation,
})

function codeOf(command: Command): string | undefined {
  try {
    checkCommand(command, defaultLimits)
    return undefined
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error
    expect(error.outcome).toBe('not-applied')
    return error.code
  }
}

describe('sizes', () => {
  test.each([
    ['a key of 1 byte', write(put(1, 0)), undefined],
    ['an empty key', write(put(0, 0)), 'QUORATE_USAGE'],
    ['a key of 4 KiB', write(put(4096, 0)), undefined],
    ['a longer key', write(put(4097, 0)), 'QUORATE_TOO_LARGE'],
    [
      'a longer key to delete',
      write({ kind: 'delete', key: key(4097), ifRevision: 0 }),
      'QUORATE_TOO_LARGE',
    ],
    ['a value of 1 MiB', write(put(1, 1_048_576)), undefined],
    ['a longer value', write(put(1, 1_048_577)), 'QUORATE_TOO_LARGE'],
    [
      'a token of 256 bytes',
      write(put(1, 0), { kind: 'token', token: key(256), time: 0 }),
      undefined,
    ],
    [
      'a longer token',
      write(put(1, 0), { kind: 'token', token: key(257), time: 0 }),
      'QUORATE_TOO_LARGE',
    ],
    [
      'an empty token',
      write(put(1, 0), { kind: 'token', token: key(0), time: 0 }),
      'QUORATE_USAGE',
    ],
    ['an empty mark', { kind: 'mark', id: key(0) }, 'QUORATE_USAGE'],
    ['a mark of 65 bytes', { kind: 'mark', id: key(65) }, 'QUORATE_TOO_LARGE'],
  ] as const)('%s', (_, command, code) => {
    expect(codeOf(command)).toBe(code)
  })

  test('a batch of 4 MiB, and one of a byte more', () => {
    // Kind, condition, lengths: 1 + 1 + 2 + 4 bytes an operation, 3 for the batch.
    const operations: KeyOperation[] = [1, 2, 3].map((length) => put(length, 1_048_576))
    const left = 4_194_304 - 3 - 4 * 8 - (1 + 2 + 3 + 4) - 3 * 1_048_576
    const exact: Operation = { kind: 'batch', operations: [...operations, put(4, left)] }
    const over: Operation = { kind: 'batch', operations: [...operations, put(4, left + 1)] }
    expect(codeOf(write(exact))).toBe(undefined)
    expect(codeOf(write(over))).toBe('QUORATE_TOO_LARGE')
  })

  test('a batch of more operations than one step of apply should take', () => {
    const operations = Array.from({ length: batchOperationsMax + 1 }, () => put(1, 0))
    expect(codeOf(write({ kind: 'batch', operations }))).toBe('QUORATE_TOO_LARGE')
  })
})

describe('what goes together', () => {
  test('a batch names each key once, and has one at least', () => {
    const twice: Operation = { kind: 'batch', operations: [put(1, 0), put(2, 0), put(1, 1)] }
    expect(codeOf(write(twice))).toBe('QUORATE_USAGE')
    expect(codeOf(write({ kind: 'batch', operations: [] }))).toBe('QUORATE_USAGE')
    expect(codeOf(write({ kind: 'batch', operations: [put(1, 0), put(2, 0)] }))).toBe(undefined)
  })

  test('`once` goes with an unconditional put only', () => {
    const once: Identity = { kind: 'once' }
    expect(codeOf(write(put(1, 0), once))).toBe(undefined)
    expect(codeOf(write(put(1, 0, 0), once))).toBe('QUORATE_USAGE')
    expect(codeOf(write({ kind: 'delete', key: key(1), ifRevision: undefined }, once))).toBe(
      'QUORATE_USAGE',
    )
    expect(codeOf(write({ kind: 'batch', operations: [put(1, 0)] }, once))).toBe('QUORATE_USAGE')
  })

  test('numbers are whole, safe and in their range', () => {
    for (const bad of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
      expect(codeOf(write(put(1, 0, bad)))).toBe('QUORATE_USAGE')
      expect(codeOf({ kind: 'fence', call, token: key(1), time: bad })).toBe('QUORATE_USAGE')
      const odd: CallId = { ...call, sequence: bad }
      expect(codeOf({ kind: 'fence', call: odd, token: key(1), time: 0 })).toBe('QUORATE_USAGE')
    }
    expect(codeOf({ kind: 'fence', call, token: key(1), time: 2 ** 48 })).toBe('QUORATE_USAGE')
  })

  test('a call has a session of 18 bytes and waits for itself', () => {
    const fence = (changed: Partial<CallId>): Command => ({
      kind: 'fence',
      call: { ...call, ...changed },
      token: key(1),
      time: 0,
    })
    expect(codeOf(fence({}))).toBe(undefined)
    expect(codeOf(fence({ session: key(17) }))).toBe('QUORATE_USAGE')
    expect(codeOf(fence({ firstOutstanding: 3 }))).toBe('QUORATE_USAGE')
    expect(codeOf(fence({ firstOutstanding: 0 }))).toBe('QUORATE_USAGE')
    expect(codeOf({ kind: 'closeSession', session: key(19) })).toBe('QUORATE_USAGE')
  })
})

test('settings are positive, bounded, and of a version that this build knows', () => {
  const code = (name: SettingName, value: number): string | undefined =>
    codeOf({ kind: 'setting', call, name, value })
  expect(code('tokensMax', 1)).toBe(undefined)
  expect(code('tokensMax', 0)).toBe('QUORATE_USAGE')
  expect(code('tokenRetentionMs', 92 * 86_400_000)).toBe(undefined)
  expect(code('tokenRetentionMs', 92 * 86_400_000 + 1)).toBe('QUORATE_USAGE')
  expect(code('sessionExpiryMs', 1.5)).toBe('QUORATE_USAGE')
  expect(code('sessionsMax', 10_000_001)).toBe('QUORATE_USAGE')
  expect(code('clusterVersion', clusterVersionKnown)).toBe(undefined)
  expect(code('clusterVersion', clusterVersionKnown + 1)).toBe('QUORATE_USAGE')
})
