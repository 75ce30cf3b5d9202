// Goal: arguments are taken as meant or refused with words that help, never taken as something
// else. Method: tables of valid and invalid texts, and a law for durations.
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  parseAddress,
  parseCount,
  parseDuration,
  parseEndpoints,
  parseListenAddress,
  parseNodeId,
  parsePeers,
  parsePort,
  parsePositive,
  parsePriority,
  parseSize,
  parseTime,
} from '../../src/cli/parsers.ts'

describe('durations', () => {
  test.each([
    ['1', 1],
    ['250ms', 250],
    ['5s', 5_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['0.2ms', 1],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  test.each([
    '',
    '0',
    '0s',
    '-1s',
    '1 s',
    's',
    '1e3',
    '5sec',
    '.5s',
    '1.s',
    'Infinity',
    '99999999d',
  ])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow(/duration looks like/)
  })

  test('a whole number of any unit is that many of it', () => {
    const units = fc.constantFrom(['ms', 1], ['s', 1_000], ['m', 60_000], ['h', 3_600_000])
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500_000 }), units, (n, [unit, ms]) => {
        expect(parseDuration(`${n}${unit}`)).toBe(n * ms)
      }),
      { numRuns: 100 },
    )
  })
})

describe('numbers', () => {
  test('counts are whole and not negative', () => {
    expect(parseCount('0')).toBe(0)
    expect(parseCount('9007199254740991')).toBe(Number.MAX_SAFE_INTEGER)
    for (const text of ['', '-1', '1.5', '1e3', '0x10', '9007199254740992', ' 1', 'one']) {
      expect(() => parseCount(text)).toThrow(/whole number/)
    }
  })

  test('positive ones are at least 1', () => {
    expect(parsePositive('1')).toBe(1)
    expect(() => parsePositive('0')).toThrow(/at least 1/)
  })

  test('ports', () => {
    expect(parsePort('0')).toBe(0)
    expect(parsePort('65535')).toBe(65_535)
    for (const text of ['65536', '-1', 'http', '']) expect(() => parsePort(text)).toThrow(/port/)
  })
})

describe('times', () => {
  test('milliseconds, or ISO 8601 with a zone', () => {
    expect(parseTime('1700000000000')).toBe(1_700_000_000_000)
    expect(parseTime('2026-01-31T12:00:00Z')).toBe(Date.UTC(2026, 0, 31, 12))
    expect(parseTime('2026-01-31T12:00:00.5+02:00')).toBe(Date.UTC(2026, 0, 31, 10, 0, 0, 500))
  })

  test.each(['2026-01-31', '2026-01-31T12:00:00', 'yesterday', '2026-13-31T12:00:00Z', ''])(
    'refuses %j, which means another moment elsewhere or none',
    (text) => {
      expect(() => parseTime(text)).toThrow(/milliseconds since 1970/)
    },
  )
})

describe('addresses', () => {
  test.each(['127.0.0.1:7101', 'localhost:1', '[::1]:7101', 'node-1.example.com:65535'])(
    'takes %s',
    (text) => {
      expect(parseAddress(text)).toBe(text)
    },
  )

  test.each([
    '7101',
    ':7101',
    'host:',
    'host:0',
    'host:65536',
    '::1:7101',
    'http://host:1',
    'a b:1',
    // These look like hosts and are none.
    '256.1.1.1:7101',
    'node.1:7101',
    '[fe80::1%eth0]:7101',
  ])('refuses %s', (text) => {
    expect(() => parseAddress(text)).toThrow(/host:port/)
    expect(() => parseEndpoints(text)).toThrow(/no endpoint/)
  })

  test('port 0 is one to listen on', () => {
    expect(parseListenAddress('127.0.0.1:0')).toBe('127.0.0.1:0')
    expect(() => parseListenAddress('127.0.0.1:65536')).toThrow(/host:port/)
  })

  test('endpoints are a list without repetitions', () => {
    expect(parseEndpoints('a:1, b:2,a:1')).toEqual(['a:1', 'b:2'])
    expect(() => parseEndpoints('a:1,,b:2')).toThrow(/"" is no endpoint/)
    expect(() => parseEndpoints('')).toThrow(/no endpoint/)
  })

  test('peers are named', () => {
    expect(parsePeers('n1=a:1,n2=[::1]:2')).toEqual({ n1: 'a:1', n2: '[::1]:2' })
    for (const text of ['n1', 'n1=', '=a:1', 'n1=a', 'n/1=a:1', '../x=a:1']) {
      expect(() => parsePeers(text)).toThrow(/is no peer/)
    }
    expect(() => parsePeers('n1=a:1,n1=b:1')).toThrow(/named twice/)
  })

  test('a node id cannot leave its directory', () => {
    expect(parseNodeId('n1')).toBe('n1')
    for (const text of ['', '..', '.', 'a/b', 'a b', 'x'.repeat(65)]) {
      expect(() => parseNodeId(text)).toThrow(/node id/)
    }
  })
})

describe('sizes', () => {
  test.each([
    ['1B', 1],
    ['64KiB', 65_536],
    ['256MiB', 268_435_456],
    ['1GiB', 1_073_741_824],
    ['2TiB', 2 * 2 ** 40],
    ['268435456000B', 268_435_456_000],
  ])('%s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  test.each(['', '1', '0B', '0MiB', '1MB', '1mib', '1 MiB', '1.5GiB', '-1B', '9999999999999TiB'])(
    'refuses %j',
    (text) => {
      expect(() => parseSize(text)).toThrow(/size looks like/)
    },
  )
})

test('a priority is 0 to 255', () => {
  expect([parsePriority('0'), parsePriority('255')]).toEqual([0, 255])
  for (const text of ['256', '-1', '1.5', 'high', '']) expect(() => parsePriority(text)).toThrow()
})
