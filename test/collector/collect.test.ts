/**
 * Goal: every replica writes every record, each record is stored once, and the counts are exact,
 * whatever the calls meet.
 * Method: a fake store that decides by token and misbehaves as told; a clock moved by hand.
 */
import { describe, expect, test } from 'vitest'
import {
  collect,
  parseTemplate,
  recordsFromLines,
  type LineSource,
} from '../../src/collector/index.ts'
import { callTimeoutMs, type Rejection } from '../../src/collector/replica.ts'
import { QuorateError } from '../../src/errors.ts'
import { SeededRandom } from '../../src/random.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { bytesOf, FakeStore, goodLines, runCollect, sourceOf, textOf } from './fakes.ts'

const usage = expect.objectContaining({ code: 'QUORATE_USAGE' })

describe('a run without trouble', () => {
  test('stores each record once, from every replica', async () => {
    const store = new FakeStore()

    const report = await runCollect(store, sourceOf(goodLines(100)))

    expect(report).toMatchObject({
      records: 100,
      replicas: 3,
      applied: 100,
      duplicate: 200,
      mismatch: 0,
      rejected: 0,
      retries: 0,
      undecided: 0,
      gaveUp: false,
      aborted: false,
      sourceError: undefined,
    })
    expect(store.rows.size).toBe(100)
    expect(store.writers).toBe(3)
    expect(store.closed).toBe(3)
  })

  test('a second run finds nothing new', async () => {
    const store = new FakeStore()
    await runCollect(store, sourceOf(goodLines(50)))

    const report = await runCollect(store, sourceOf(goodLines(50)))

    expect(report).toMatchObject({ applied: 0, duplicate: 150, mismatch: 0, rejected: 0 })
  })

  test('with once, the key is the identity and no token is sent', async () => {
    const store = new FakeStore()

    const report = await runCollect(store, sourceOf(goodLines(5)), { once: true, replicas: 2 })

    expect(report).toMatchObject({ applied: 5, duplicate: 5 })
    expect(store.puts[0]?.options).toMatchObject({ once: true })
    expect(store.puts[0]?.options).not.toHaveProperty('token')
    expect(store.puts[0]?.options).not.toHaveProperty('tokenTime')
  })

  test('bytes, keys and tokens are as the line has them', async () => {
    const store = new FakeStore()
    const line = ' {"id" : 17204.0, "x":"\\u00e9" }\t'

    await runCollect(store, sourceOf([line]), { replicas: 1 })

    expect(textOf(store.puts[0]!.value)).toBe(line)
    expect(store.puts[0]).toMatchObject({ key: 'k/17204.0', options: { token: 't/17204.0' } })
  })

  test('one call has the budget of a day, so that a retry stays the same call', async () => {
    const store = new FakeStore()

    await runCollect(store, sourceOf(goodLines(1)), { replicas: 1, giveUpAfterMs: 1_000 })

    expect(store.puts[0]?.options.timeout).toBe(callTimeoutMs)
  })

  test('a source of each replica its own: what differs is a mismatch, and the first one stays', async () => {
    const store = new FakeStore()
    const lists = [1, 2, 3].map((replica) => [`{"id":1}`, `{"id":2,"at":${replica}}`])

    const report = await runCollect(store, sourceOf(...lists))

    expect(report).toMatchObject({ records: 2, applied: 2, duplicate: 2, mismatch: 2, rejected: 0 })
  })

  test('no records at all', async () => {
    const report = await runCollect(new FakeStore(), sourceOf([]))

    expect(report).toMatchObject({ records: 0, applied: 0, undecided: 0, perSecond: 0 })
  })
})

describe('refusals', () => {
  test('a bad line is rejected by every replica and told once, with its number', async () => {
    const told: Rejection[] = []
    const lines = ['{"id":1}', 'nonsense', '{"no":1}', '', '{"id":{}}', '{"id":2}']

    const report = await runCollect(new FakeStore(), sourceOf(lines), {
      onRejected: (rejection) => told.push(rejection),
    })

    expect(report).toMatchObject({ records: 6, applied: 2, duplicate: 4, rejected: 12 })
    expect(told.map(({ line, replica }) => [line, replica])).toEqual(
      [2, 3, 4, 5].map((line) => [line, undefined]),
    )
    expect(told.map(({ reason }) => reason)).toEqual([
      'not JSON: not a value at column 1',
      'no key: the field id is missing',
      'not JSON: a value is missing at column 1',
      'no key: the field id is an array or object',
    ])
  })

  test('with a source for each replica, each tells its own bad lines', async () => {
    const told: Rejection[] = []

    const report = await runCollect(new FakeStore(), sourceOf(['x'], ['x']), {
      replicas: 2,
      onRejected: (rejection) => told.push(rejection),
    })

    expect(report).toMatchObject({ records: 1, rejected: 2 })
    expect(told).toHaveLength(2)
  })

  test('a line that was too long to be held is rejected', async () => {
    const source: LineSource = {
      kind: 'shared',
      open: async function* () {
        await Promise.resolve()
        yield [{ line: 1, bytes: undefined }]
      },
    }

    expect(await runCollect(new FakeStore(), source)).toMatchObject({ records: 1, rejected: 3 })
  })

  test('a missing token is told apart from a missing key', async () => {
    const lines = async function* () {
      await Promise.resolve()
      yield [{ line: 1, bytes: bytesOf('{"id":1}') }]
    }
    const templates = { key: parseTemplate('{id}'), token: parseTemplate('{other}') }

    for await (const offers of recordsFromLines(lines(), templates)) {
      expect(offers).toEqual([
        { kind: 'refused', line: 1, problem: 'no token: the field other is missing' },
      ])
    }
  })

  test.for([
    'QUORATE_USAGE',
    'QUORATE_TOO_LARGE',
    'QUORATE_TOKEN_EXPIRED',
    'QUORATE_TOKEN_AHEAD',
    'QUORATE_TOKEN_CANCELLED',
  ] as const)('%s rejects the record, by each replica, and no other', async (code) => {
    const told: Rejection[] = []
    const store = new FakeStore(({ key }) => (key === 'k/2' ? { code } : 'answer'))

    const report = await runCollect(store, sourceOf(goodLines(3)), {
      onRejected: (rejection) => told.push(rejection),
    })

    expect(report).toMatchObject({ applied: 2, duplicate: 4, rejected: 3, retries: 0 })
    expect(told.map(({ line, replica }) => [line, replica])).toEqual([
      [2, 0],
      [2, 1],
      [2, 2],
    ])
    expect(told[0]?.reason).toContain(code)
  })

  test.for(['QUORATE_CLOSED', 'QUORATE_WRONG_CLUSTER', 'QUORATE_ABORTED'] as const)(
    '%s is no record’s fault, and ends the run',
    async (code) => {
      const store = new FakeStore(({ key }) => (key === 'k/50' ? { code } : 'answer'))

      const running = runCollect(store, sourceOf(goodLines(1_000)), { inFlightMax: 1 })

      await expect(running).rejects.toMatchObject({ code })
      expect(store.closed).toBe(3)
      expect(store.puts.length).toBeLessThan(1_000)
    },
  )

  test('an error that is no operating error ends the run too', async () => {
    const source: LineSource = {
      kind: 'shared',
      open: async function* () {
        await Promise.resolve()
        yield [{ line: 1, bytes: bytesOf('{"id":1}') }]
        throw new RangeError('a bug')
      },
    }

    await expect(runCollect(new FakeStore(), source)).rejects.toThrow(RangeError)
  })

  test('options that cannot be right', async () => {
    const store = new FakeStore()
    const source = sourceOf(goodLines(1))
    const token = parseTemplate('{id}')

    for (const overrides of [
      { replicas: 0 },
      { replicas: 65 },
      { replicas: 1.5 },
      { inFlightMax: 0 },
      { inFlightMax: 4_097 },
      { once: true, tokenTemplate: token },
      { once: false, tokenTemplate: parseTemplate('always the same') },
      { once: true, keyTemplate: parseTemplate('always the same') },
    ]) {
      await expect(runCollect(store, source, overrides)).rejects.toThrow(usage)
    }
    const neither = {
      source,
      replicas: 1,
      connect: store.connect,
      keyTemplate: token,
      clock: new ManualClock(),
      random: new SeededRandom(1),
    }
    await expect(collect(neither)).rejects.toThrow(usage)
    expect(store.writers).toBe(0)
  })
})

describe('trouble on the way', () => {
  test('retries with the same token and token time until there is a verdict', async () => {
    const clock = new ManualClock()
    const store = new FakeStore(({ attempt }) => {
      if (attempt === 1) return { code: 'QUORATE_NO_QUORUM' }
      if (attempt === 2) return { code: 'QUORATE_OVERLOADED' }
      if (attempt === 3) return { code: 'QUORATE_SESSION_EXPIRED' }
      if (attempt === 4) return { code: 'QUORATE_TOKEN_EXPIRED', outcome: 'unknown' }
      return 'answer'
    })

    const report = await runCollect(store, sourceOf(goodLines(3)), { replicas: 2 }, clock)

    expect(report).toMatchObject({ applied: 3, duplicate: 3, rejected: 0, retries: 24 })
    const times = new Map<string, Set<number | undefined>>()
    for (const { key, options } of store.puts) {
      times.set(key, (times.get(key) ?? new Set()).add(options.tokenTime))
    }
    expect([...times.values()].map((set) => set.size)).toEqual([1, 1, 1])
    expect(clock.monotonic()).toBeGreaterThan(200)
  })

  test('the time of a token is when the first replica took it, by the clock that was given', async () => {
    const store = new FakeStore()
    let now = 5_000

    await runCollect(store, sourceOf(goodLines(1)), { tokenNow: () => now++ })

    expect(store.puts.map(({ options }) => options.tokenTime)).toEqual([5_000, 5_000, 5_000])
  })

  test('a duplicate after an own unknown outcome is counted, so that applied is known exact or not', async () => {
    const store = new FakeStore(({ writer, attempt }) =>
      writer === 0 && attempt === 1 ? 'loseAnswer' : 'answer',
    )

    const report = await runCollect(store, sourceOf(goodLines(4)), { replicas: 1 })

    expect(report).toMatchObject({ applied: 0, duplicate: 4, duplicateAfterUnknown: 4 })
  })

  test('connects again and again until there is a cluster', async () => {
    const store = new FakeStore()
    let refusals = 5
    const connect: typeof store.connect = async () => {
      if (refusals-- > 0) throw new QuorateError('QUORATE_CONNECTION_LOST', 'not yet')
      return await store.connect()
    }

    const report = await runCollect(store, sourceOf(goodLines(10)), { connect })

    expect(report).toMatchObject({ applied: 10, duplicate: 20, retries: 5 })
  })

  test('a cluster that is the wrong one ends the run at once', async () => {
    const connect = async (): Promise<never> => {
      await Promise.resolve()
      throw new QuorateError('QUORATE_WRONG_CLUSTER', 'another')
    }

    await expect(
      runCollect(new FakeStore(), sourceOf(goodLines(1)), { connect }),
    ).rejects.toMatchObject({ code: 'QUORATE_WRONG_CLUSTER' })
  })

  test('retries inside the client are counted', async () => {
    const store = new FakeStore()
    const connect = async (onRetry: () => void): ReturnType<typeof store.connect> => {
      onRetry()
      onRetry()
      return await store.connect()
    }

    expect(await runCollect(store, sourceOf(goodLines(1)), { connect })).toMatchObject({
      retries: 6,
    })
  })

  test('a goodbye that fails costs nothing', async () => {
    const store = new FakeStore()
    const connect: typeof store.connect = async () => {
      const writer = await store.connect()
      const close = async (): Promise<never> => {
        await Promise.resolve()
        throw new QuorateError('QUORATE_TIMEOUT', 'no answer')
      }
      return { put: async (...args) => await writer.put(...args), close }
    }

    const report = await runCollect(store, sourceOf(goodLines(2)), { connect })

    expect(report).toMatchObject({ applied: 2, duplicate: 4, gaveUp: false })
  })

  test('where the source breaks, what came before is written and reported', async () => {
    const broken = new QuorateError('QUORATE_CORRUPT', 'cut')
    const source: LineSource = {
      kind: 'shared',
      open: async function* () {
        await Promise.resolve()
        yield [{ line: 1, bytes: bytesOf('{"id":1}') }]
        throw broken
      },
    }

    const report = await runCollect(new FakeStore(), source)

    expect(report).toMatchObject({ records: 1, applied: 1, duplicate: 2, undecided: 0 })
    expect(report.sourceError).toBe(broken)
  })
})
