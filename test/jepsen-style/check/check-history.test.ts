// Goal: verdicts of small histories that a person can judge, at the edges of what a history can
// be. Method: events are written down by hand.
import { describe, expect, test } from 'vitest'
import {
  checkHistory,
  illegal,
  legal,
  ownKey,
  type EventType,
  type HistoryEvent,
  type HistoryVerdict,
  type Model,
} from '../../../jepsen-style/check/index.ts'

type Short = readonly [number, EventType, string, unknown?, Partial<HistoryEvent>?]

function history(...events: readonly Short[]): HistoryEvent[] {
  return events.map(([process, type, f, value, more], i) => ({
    i,
    process,
    type,
    f,
    ...(value !== undefined && { value }),
    ...more,
  }))
}

async function verdict(events: readonly HistoryEvent[], model = 'cas-register'): Promise<string> {
  return (await checkHistory(events, { model, threads: 1 })).verdict
}

describe('edges', () => {
  test('nothing happened', async () => {
    expect(await verdict([])).toBe('linearizable')
  })

  test('one call', async () => {
    expect(await verdict(history([0, 'invoke', 'read'], [0, 'ok', 'read', null]))).toBe(
      'linearizable',
    )
    expect(await verdict(history([0, 'invoke', 'read'], [0, 'ok', 'read', 1]))).toBe('not')
  })

  test('calls without a duration, at equal times, count as concurrent', async () => {
    const at = { time: 30 }
    const events = history(
      [0, 'invoke', 'read', null, at],
      [0, 'ok', 'read', 7, at],
      [1, 'invoke', 'write', 7, at],
      [1, 'ok', 'write', 7, at],
    )

    expect(await verdict(events)).toBe('linearizable')
    const lines = events.map(({ i, process, type, f, value }) => ({ i, process, type, f, value }))
    expect(await verdict(lines)).toBe('not')
  })

  test('with times, the times decide and not the lines', async () => {
    const events = history(
      [1, 'invoke', 'read', null, { time: 20 }],
      [1, 'ok', 'read', null, { time: 30 }],
      [0, 'invoke', 'write', 1, { time: 0 }],
      [0, 'ok', 'write', 1, { time: 10 }],
    )

    expect(await verdict(events)).toBe('not')
  })

  test('events of the nemesis are passed over', async () => {
    const fault: HistoryEvent = { i: 0, process: 'nemesis', type: 'info', f: 'kill' }
    const events = [fault, ...history([0, 'invoke', 'read'], [0, 'ok', 'read', 1])]

    expect(await verdict(events)).toBe('not')
  })
})

describe('what nobody was answered', () => {
  const late = [
    [0, 'invoke', 'write', 1],
    [0, 'info', 'write'],
    [1, 'invoke', 'read'],
    [1, 'ok', 'read', null],
  ] as const

  test('may take effect at any later time', async () => {
    const after = [[1, 'invoke', 'read'] as const, [1, 'ok', 'read', 1] as const]

    expect(await verdict(history(...late, ...after))).toBe('linearizable')
  })

  test('takes effect once', async () => {
    const gone = [
      [1, 'invoke', 'write', 2],
      [1, 'ok', 'write', 2],
      [1, 'invoke', 'read'],
      [1, 'ok', 'read', 1],
      [1, 'invoke', 'write', 2],
      [1, 'ok', 'write', 2],
      [1, 'invoke', 'read'],
      [1, 'ok', 'read', 1],
    ] as const

    expect(await verdict(history(...late, ...gone))).toBe('not')
  })

  test('does not take effect before it began', async () => {
    const events = history(
      [1, 'invoke', 'read'],
      [1, 'ok', 'read', 1],
      [0, 'invoke', 'write', 1],
      [0, 'info', 'write'],
    )

    expect(await verdict(events)).toBe('not')
  })

  test('is no burden where nobody saw it', async () => {
    const lost = Array.from({ length: 200 }, (_, i): Short[] => [
      [10 + i, 'invoke', 'write', 1_000 + i],
      [10 + i, 'info', 'write'],
      [0, 'invoke', 'write', i],
      [0, 'ok', 'write', i],
      [0, 'invoke', 'read'],
      [0, 'ok', 'read', i === 199 ? 0 : i],
    ]).flat()
    const found = await checkHistory(history(...lost), { model: 'cas-register', threads: 1 })

    expect(found.verdict).toBe('not')
    expect(found.operations).toBe(400)
    expect(found.steps).toBeLessThan(1_000)
  })
})

describe('failures', () => {
  test('of a cas say that the state was another', async () => {
    const events = (from: number): HistoryEvent[] =>
      history(
        [0, 'invoke', 'write', 1],
        [0, 'ok', 'write', 1],
        [0, 'invoke', 'cas', [from, 2]],
        [0, 'fail', 'cas', [from, 2]],
      )

    expect(await verdict(events(3))).toBe('linearizable')
    expect(await verdict(events(1))).toBe('not')
  })

  test('of a write say that it had no effect', async () => {
    const events = history(
      [0, 'invoke', 'write', 1],
      [0, 'fail', 'write'],
      [0, 'invoke', 'read'],
      [0, 'ok', 'read', 1],
    )

    expect(await verdict(events)).toBe('not')
  })

  test('of the store that are no conflict say nothing about the row', async () => {
    const events = (error: string): HistoryEvent[] =>
      history(
        [0, 'invoke', 'cas', { ifRevision: 0, to: 'a' }],
        [0, 'fail', 'cas', undefined, { error }],
      )

    expect(await verdict(events('QUORATE_OVERLOADED'), 'quorate')).toBe('linearizable')
    expect(await verdict(events('QUORATE_CONFLICT'), 'quorate')).toBe('not')
  })
})

describe('the store', () => {
  const write = (process: number, key: string, revision: number): Short[] => [
    [process, 'invoke', 'write', `${key}${revision}`, { key }],
    [process, 'ok', 'write', undefined, { key, revision }],
  ]

  test('revisions that fall along one key are a violation', async () => {
    const found = await checkHistory(history(...write(0, 'a', 2), ...write(0, 'a', 1)))

    expect(found).toMatchObject({ model: 'quorate', verdict: 'not', byRevision: true })
    expect(found.explanation).toMatchObject({ keys: ['a'], line: 3 })
  })

  test('and so are those that fall between keys, though each key has its order', async () => {
    const found = await checkHistory(history(...write(0, 'a', 2), ...write(0, 'b', 1)))

    expect(found).toMatchObject({ verdict: 'not', byRevision: true })
    expect(found.text).toContain('took effect at revision 1')
    expect(found.explanation).toMatchObject({ keys: ['a', 'b'], window: { from: 0, to: 3 } })
  })

  test('open writes of one value have the revisions that were read in the order of times', async () => {
    const late = (key: string, time: number): Partial<HistoryEvent> => ({ key, time })
    const alone = history(
      [1, 'invoke', 'write', 'x', late('k', 100)],
      [2, 'invoke', 'write', 'x', late('k', 10)],
      [3, 'invoke', 'read', undefined, late('k', 20)],
      [3, 'ok', 'read', 'x', { ...late('k', 30), revision: 5 }],
    )
    const besideAnother = history(
      [1, 'invoke', 'write', 'x', late('k', 60)],
      [2, 'invoke', 'write', 'x', late('k', 0)],
      [4, 'invoke', 'write', 'y', late('j', 10)],
      [4, 'ok', 'write', 'y', { ...late('j', 50), revision: 6 }],
      [3, 'invoke', 'read', undefined, late('k', 40)],
      [3, 'ok', 'read', 'x', { ...late('k', 70), revision: 5 }],
    )

    expect(await verdict(alone, 'quorate')).toBe('linearizable')
    expect(await verdict(besideAnother, 'quorate')).toBe('linearizable')
  })

  test('a conflict tells what the revision of a row is not, before anybody knows it', async () => {
    const events = (revision: number): HistoryEvent[] =>
      history(
        [1, 'invoke', 'write', 'x'],
        [2, 'invoke', 'read'],
        [2, 'ok', 'read', 'x'],
        [2, 'invoke', 'cas', { ifRevision: 5, to: 'z' }],
        [2, 'fail', 'cas'],
        [2, 'invoke', 'read'],
        [2, 'ok', 'read', 'x', { revision }],
      )

    expect(await verdict(events(6), 'quorate')).toBe('linearizable')
    expect(await verdict(events(5), 'quorate')).toBe('not')
  })

  test('a delete without an answer says nothing, whatever its recorder noted', async () => {
    const events = history(
      [0, 'invoke', 'write', 'x'],
      [0, 'ok', 'write', 'x', { revision: 1 }],
      [1, 'invoke', 'delete'],
      [1, 'info', 'delete', false],
      [0, 'invoke', 'read'],
      [0, 'ok', 'read', null],
    )

    expect(await verdict(events, 'quorate')).toBe('linearizable')
  })

  test('two effects never have one revision', async () => {
    const found = await checkHistory(history(...write(0, 'a', 1), ...write(1, 'b', 1)))

    expect(found.verdict).toBe('not')
    expect(found.text).toContain('two effects were answered with revision 1')
  })
})

describe('limits', () => {
  // Many open writes of two values, and one read that none of them explains: all must be tried.
  const hard = history(
    ...Array.from({ length: 40 }, (_, i): Short[] => [
      [i, 'invoke', 'write', i],
      [100 + i, 'invoke', 'read'],
    ]).flat(),
    ...Array.from({ length: 40 }, (_, i): Short[] => [
      [i, 'ok', 'write', i],
      [100 + i, 'ok', 'read', i === 39 ? 'nothing' : i],
    ]).flat(),
  )

  test('of time end in "unknown"', async () => {
    const found = await checkHistory(hard, { timeMsMax: 1, threads: 1 })

    expect(found.verdict).toBe('unknown')
    expect(found.text).toContain('time')
  })

  test('of memory end in "unknown"', async () => {
    const found = await checkHistory(hard, { memoryBytesMax: 100_000, threads: 1 })

    expect(found.verdict).toBe('unknown')
    expect(found.text).toContain('memory')
  })

  test('an abort meanwhile does, on one key and on many', async () => {
    const stops = (events: readonly HistoryEvent[]): Promise<HistoryVerdict> => {
      const stop = new AbortController()
      setTimeout(() => stop.abort(), 100)
      return checkHistory(events, { signal: stop.signal, timeMsMax: 20_000, threads: 1 })
    }
    const many = Array.from({ length: 60 }, (_, key) =>
      hard.map((event) => ({
        ...event,
        process: 1_000 * key + Number(event.process),
        key: `k${key}`,
      })),
    ).flat()

    expect((await stops(hard)).text).toContain('interrupted')
    const found = await stops(many)
    expect(found.text).toContain('interrupted')
    // Not every key had its first, short search.
    expect(found.steps).toBeLessThan(3_000_000)
  })

  test('an abort ends in "unknown"', async () => {
    const easy = history([0, 'invoke', 'read'], [0, 'ok', 'read', null])
    for (const events of [hard, easy]) {
      const found = await checkHistory(events, { signal: AbortSignal.abort(), threads: 1 })

      expect(found.verdict).toBe('unknown')
      expect(found.text).toContain('interrupted')
    }
  })
})

test('a violation is found though another key cannot be settled', async () => {
  const open = Array.from({ length: 40 }, (_, i): Short => [
    i,
    'invoke',
    'write',
    i,
    { key: 'hard' },
  ])
  const ends = open.map(([process], i): Short => [process, 'ok', 'write', i, { key: 'hard' }])
  const bad: Short[] = [
    [200, 'invoke', 'read', undefined, { key: 'hard' }],
    [200, 'ok', 'read', 'nothing', { key: 'hard' }],
    [201, 'invoke', 'read', undefined, { key: 'easy' }],
    [201, 'ok', 'read', 1, { key: 'easy' }],
  ]
  const found = await checkHistory(history(...open, ...ends, ...bad), {
    memoryBytesMax: 100_000,
    threads: 1,
  })

  expect(found.verdict).toBe('not')
  expect(found.explanation?.keys).toEqual(['easy'])
})

test('a model of one’s own, with operations on several keys, is judged across them', async () => {
  const transfer: Model<number> = {
    name: 'purse',
    initial: 0,
    step: (state, { f, input, output }) => {
      if (f === 'sum') return output === state ? legal(state) : illegal
      return legal(state + Number(input))
    },
    stateKey: String,
    describe: String,
    counts: ({ outcome }) => outcome === 'ok',
    reads: ({ f }) => f === 'sum',
    keys: (operation) => (operation.f === 'sum' ? ['a', 'b'] : ownKey(operation)),
    refuse: () => undefined,
  }
  const events = (sum: number): HistoryEvent[] =>
    history(
      [0, 'invoke', 'add', 1, { key: 'a' }],
      [0, 'ok', 'add', 1, { key: 'a' }],
      [0, 'invoke', 'add', 2, { key: 'b' }],
      [0, 'ok', 'add', 2, { key: 'b' }],
      [0, 'invoke', 'sum'],
      [0, 'ok', 'sum', sum],
    )

  expect((await checkHistory(events(3), { model: transfer })).verdict).toBe('linearizable')
  expect((await checkHistory(events(2), { model: transfer })).verdict).toBe('not')
})

describe('an explanation', () => {
  test('names the answer after which no order fits, and the longest order', async () => {
    const events = history(
      [0, 'invoke', 'write', 1],
      [0, 'ok', 'write', 1],
      [0, 'invoke', 'write', 2],
      [1, 'invoke', 'read'],
      [0, 'ok', 'write', 2],
      [1, 'ok', 'read', 2],
      [1, 'invoke', 'read'],
      [1, 'ok', 'read', 1],
      [1, 'invoke', 'read'],
      [1, 'ok', 'read', 2],
    )
    const { explanation } = await checkHistory(events, { threads: 1 })

    expect(explanation).toMatchObject({ line: 7, keys: [], window: { from: 0, to: 7 } })
    expect(explanation?.breaking).toMatchObject({ f: 'read', output: 1, invokeLine: 6 })
    expect(explanation?.operations.map(({ invokeLine }) => invokeLine)).toEqual([0, 2, 3, 6])
    expect(explanation?.orders[0]).toEqual({
      lines: [0, 2, 3],
      states: ['1', '2', '2'],
      stuck: [{ line: 6, why: 'read → 1 where the state is 2' }],
    })
    expect(explanation?.text).toBe(
      'The calls have no order from line 7 on: process 1 was answered read → 1. The longest ' +
        'order holds 3 of them, and stops at line 6: read → 1 where the state is 2.',
    )
  })
})

describe('values that cannot be told apart are refused, with their line', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
  const write = (value: unknown): HistoryEvent[] =>
    history([0, 'invoke', 'read'], [0, 'ok', 'read', null], [0, 'invoke', 'write', value])

  test.each(['cas-register', 'quorate'])('by the model %s', async (model) => {
    const large = JSON.parse('9007199254740993') as unknown
    await expect(verdict(write(large), model)).rejects.toThrow('line 3: 9007199254740992 is larger')
    await expect(verdict(write(JSON.parse('1e999')), model)).rejects.toThrow('Infinity is larger')
    await expect(verdict(write([{ a: large }]), model)).rejects.toThrow('larger')
    await expect(verdict(write(nested(101)), model)).rejects.toThrow('line 3: a value is nested')
    expect(await verdict(write(nested(100)), model)).toBe('linearizable')
    expect(await verdict(write(0.1), model)).toBe('linearizable')
  })

  test('also before any model was chosen', async () => {
    const events = history([0, 'invoke', 'read'], [0, 'ok', 'read', nested(101), { revision: 1 }])
    await expect(checkHistory(events)).rejects.toThrow('line 2: a value is nested')
  })
})

test('the model is that of the calls', async () => {
  const guess = async (...events: readonly Short[]): Promise<string> =>
    (await checkHistory(history(...events), { threads: 1 })).model
  const told = { revision: 3 }

  expect(await guess([0, 'invoke', 'read'], [0, 'ok', 'read', null])).toBe('cas-register')
  expect(await guess([0, 'invoke', 'write', 1], [0, 'ok', 'write', 1, told])).toBe('quorate')
  expect(await guess([0, 'invoke', 'append', '1;'], [0, 'ok', 'append', '1;', told])).toBe(
    'kv-append',
  )
})
