// Goal: events become operations with a true order in time. Method: short histories by hand.
import { describe, expect, test } from 'vitest'
import {
  operationsOf,
  type EventType,
  type HistoryEvent,
} from '../../../jepsen-style/history/index.ts'

function events(
  ...lines: readonly (readonly [number, EventType, string?, number?])[]
): HistoryEvent[] {
  return lines.map(([process, type, f = 'read', time], i) => ({
    i,
    process,
    type,
    f,
    ...(time !== undefined && { time }),
  }))
}

describe('operations', () => {
  test('are paired by process, in the order of their calls', () => {
    const operations = operationsOf(
      events([0, 'invoke'], [1, 'invoke'], [1, 'ok'], [0, 'fail'], [1, 'invoke'], [1, 'info']),
    )

    const lines = operations.map((one) => [one.process, one.outcome, one.invokeLine, one.begin])
    expect(lines).toEqual([
      [0, 'fail', 0, 0],
      [1, 'ok', 1, 1],
      [1, 'info', 4, 4],
    ])
    expect(operations.map(({ end }) => end)).toEqual([3, 2, Number.POSITIVE_INFINITY])
    expect(operations.map(({ completionLine }) => completionLine)).toEqual([3, 2, 5])
  })

  test('without an end stay open', () => {
    const [operation] = operationsOf(events([0, 'invoke']))

    expect(operation).toMatchObject({ outcome: 'info', end: Number.POSITIVE_INFINITY })
    expect(operation?.completionLine).toBeUndefined()
  })

  test('of a process that goes on after an "info" are two', () => {
    const operations = operationsOf(events([0, 'invoke'], [0, 'info'], [0, 'invoke'], [0, 'ok']))

    expect(operations.map(({ outcome }) => outcome)).toEqual(['info', 'ok'])
  })

  test('stand in the order of times, calls first where these are equal', () => {
    const [first, second] = operationsOf(
      events(
        [0, 'invoke', 'read', 5],
        [0, 'ok', 'read', 6],
        [1, 'invoke', 'read', 6],
        [1, 'ok', 'read', 7],
      ),
    )

    expect(second!.begin).toBeLessThan(first!.end)
  })

  test('stand in the order of lines where one has no time', () => {
    const [first, second] = operationsOf(
      events(
        [0, 'invoke', 'read', 9],
        [0, 'ok', 'read', 9],
        [1, 'invoke', 'read'],
        [1, 'ok', 'read', 1],
      ),
    )

    expect(first!.end).toBeLessThan(second!.begin)
  })

  test.each<[string, HistoryEvent[], string]>([
    [
      'a second call at once',
      events([0, 'invoke'], [0, 'invoke']),
      'line 2: process 0: a second call',
    ],
    [
      'an end of nothing',
      events([0, 'ok']),
      'line 1: process 0: ok of read, which it did not call',
    ],
    ['an end of another call', events([0, 'invoke'], [0, 'ok', 'write']), 'ok of write ends read'],
    [
      'an end under another key',
      events([0, 'invoke'], [0, 'ok']).map((event, i) => ({ ...event, key: `k${i}` })),
      'line 2: process 0: read of k1 ends one of k0',
    ],
    [
      'an end before the beginning',
      events([0, 'invoke', 'read', 2], [0, 'ok', 'read', 1]),
      'ends at a time before it begins',
    ],
    [
      'a call before the last one ended',
      events(
        [0, 'invoke', 'read', 10],
        [0, 'ok', 'read', 20],
        [0, 'invoke', 'write', 5],
        [0, 'ok', 'write', 8],
      ),
      'line 3: process 0: write begins at a time before its last call ended',
    ],
  ])('%s is refused', (_what, wrong, why) => {
    expect(() => operationsOf(wrong, 'h')).toThrow(why)
  })
})
