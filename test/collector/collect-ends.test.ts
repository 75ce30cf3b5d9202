/**
 * Goal: a run keeps to its caps, and ends when it is told to, leaving no call, client or timer.
 * Method: a fake store that answers late or never; a clock moved by hand.
 */
import { describe, expect, test } from 'vitest'
import type { CollectOptions, LineSource, Progress } from '../../src/collector/index.ts'
import { inFlightBytesMax } from '../../src/collector/replica.ts'
import { QuorateError, usageError } from '../../src/errors.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { bytesOf, FakeStore, goodLines, runCollect, settle, sourceOf } from './fakes.ts'

describe('bounds', () => {
  test('calls in flight stay under their cap, for each replica', async () => {
    const clock = new ManualClock()
    const store = new FakeStore(() => 'answer', clock)

    await runCollect(store, sourceOf(goodLines(100)), { inFlightMax: 4, replicas: 2 }, clock)

    expect(store.inFlightHighest).toBe(8)
  })

  test('bytes in flight stay under their cap', async () => {
    const clock = new ManualClock()
    const store = new FakeStore(() => 'answer', clock)
    const megabyte = 'x'.repeat(1_000_000)
    const lines = Array.from({ length: 40 }, (_, i) => `{"id":${i},"x":"${megabyte}"}`)

    await runCollect(store, sourceOf(lines), { replicas: 1 }, clock)

    expect(store.puts).toHaveLength(40)
    expect(store.inFlightHighest).toBe(Math.floor(inFlightBytesMax / 1_000_015))
  })

  test('the reader waits for the slowest replica', async () => {
    const clock = new ManualClock()
    const abort = new AbortController()
    const store = new FakeStore(({ writer }) => (writer === 0 ? 'hang' : 'answer'))
    let progress: Progress | undefined

    const running = runCollect(
      store,
      sourceOf(goodLines(50_000)),
      { signal: abort.signal, onProgress: (now) => (progress = now), progressMs: 100 },
      clock,
    )
    await clock.advance(1_000)
    const read = progress?.records
    abort.abort()
    await running

    expect(read).toBeGreaterThan(4_000)
    expect(read).toBeLessThan(5_000)
  })
})

describe('ends', () => {
  test('gives up after its time, and says what is undecided', async () => {
    const clock = new ManualClock()
    const store = new FakeStore(({ key }) => (key === 'k/3' ? 'hang' : 'answer'))

    const report = await runCollect(store, sourceOf(goodLines(5)), { giveUpAfterMs: 2_000 }, clock)

    expect(report).toMatchObject({
      applied: 4,
      duplicate: 8,
      rejected: 0,
      undecided: 3,
      retries: 0,
      gaveUp: true,
      aborted: false,
    })
    expect(report.seconds).toBeGreaterThanOrEqual(2)
    expect(store.closed).toBe(3)
    expect(clock.timers).toBe(0)
  })

  test('gives up while it retries, while it connects, and while it waits for its source', async () => {
    const waiting: LineSource = {
      kind: 'shared',
      open: async function* () {
        yield [{ line: 1, bytes: bytesOf('{"id":1}') }]
        await new Promise(() => {})
      },
    }
    const cases = [
      { store: new FakeStore(() => 'loseCall'), source: sourceOf(goodLines(2)), overrides: {} },
      { store: new FakeStore(), source: waiting, overrides: {} },
      {
        store: new FakeStore(),
        source: sourceOf(goodLines(2)),
        overrides: { connect: async () => await new Promise<never>(() => {}) },
      },
    ]
    for (const { store, source, overrides } of cases) {
      const clock = new ManualClock()

      const report = await runCollect(store, source, { giveUpAfterMs: 5_000, ...overrides }, clock)

      expect(report.gaveUp).toBe(true)
      expect(report.seconds).toBe(5)
      const { applied, duplicate, undecided, records } = report
      expect(applied + duplicate + undecided).toBe(records * 3)
      expect(clock.timers).toBe(0)
    }
  })

  test('a client that arrives too late is closed', async () => {
    const clock = new ManualClock()
    const store = new FakeStore()
    let arrive = (): void => {}
    const gate = new Promise<void>((resolve) => {
      arrive = resolve
    })
    const connect: typeof store.connect = async () => {
      await gate
      return await store.connect()
    }

    const report = await runCollect(
      store,
      sourceOf(goodLines(2)),
      { connect, giveUpAfterMs: 100, replicas: 2 },
      clock,
    )
    arrive()
    await clock.run()

    expect(report).toMatchObject({ gaveUp: true, undecided: 4 })
    expect(store.closed).toBe(2)
  })

  test('a signal ends it, before or while it runs', async () => {
    const store = new FakeStore(() => 'hang')
    const abort = new AbortController()
    const clock = new ManualClock()
    const running = runCollect(store, sourceOf(goodLines(3)), { signal: abort.signal }, clock)
    await clock.advance(10)
    abort.abort()

    expect(await settle(clock, running)).toMatchObject({ aborted: true, undecided: 9 })
    expect(
      await runCollect(new FakeStore(), sourceOf(goodLines(3)), { signal: AbortSignal.abort() }),
    ).toMatchObject({ aborted: true, applied: 0 })
    expect(clock.timers).toBe(0)
  })

  test('progress comes at intervals and once at the end', async () => {
    const clock = new ManualClock()
    const store = new FakeStore(({ attempt }) => (attempt < 4 ? 'loseCall' : 'answer'))
    const seen: Progress[] = []

    const report = await runCollect(
      store,
      sourceOf(goodLines(10)),
      { onProgress: (progress) => seen.push(progress), progressMs: 20 },
      clock,
    )

    expect(seen.length).toBeGreaterThan(2)
    expect(seen[0]).toMatchObject({ records: 10, replicas: 3, applied: 0 })
    expect(seen.at(-1)).toMatchObject({ applied: 10, duplicate: 20, inFlight: 0 })
    expect(report.perSecond).toBeCloseTo(30 / report.seconds)
  })
})

describe('retries say why', () => {
  const connect = async (): Promise<never> => {
    await Promise.resolve()
    throw new QuorateError('QUORATE_NO_QUORUM', 'nobody leads', { outcome: 'not-applied' })
  }
  const full = new FakeStore(() => ({ code: 'QUORATE_TOKENS_FULL' }))
  /** A client that retries by itself tells a code, and no more. */
  const hanging = new FakeStore(() => 'hang')
  const telling: CollectOptions['connect'] = async (onRetry) => {
    onRetry({ code: 'QUORATE_DISK_FULL' })
    return await hanging.connect()
  }
  test.each([
    [
      'a cluster that is not there',
      connect,
      { code: 'QUORATE_NO_QUORUM', message: 'nobody leads' },
    ],
    ['a store without room', full.connect, { code: 'QUORATE_TOKENS_FULL', message: 'as told' }],
    ['a client that retries', telling, { code: 'QUORATE_DISK_FULL' }],
  ])('of %s', async (_name, connecting, lastRetry) => {
    const seen: Progress[] = []
    const report = await runCollect(new FakeStore(), sourceOf(goodLines(2)), {
      connect: connecting,
      giveUpAfterMs: 5_000,
      onProgress: (progress) => seen.push(progress),
    })
    expect(report.gaveUp).toBe(true)
    expect(report.retries).toBeGreaterThan(0)
    expect(report.lastRetry).toEqual(lastRetry)
    expect(seen[0]?.lastRetry).toEqual(lastRetry)
  })

  test('where there were none, there is nothing to say', async () => {
    const report = await runCollect(new FakeStore(), sourceOf(goodLines(2)))
    expect(report).toMatchObject({ retries: 0, lastRetry: undefined })
  })
})

test.each(['shared', 'perReplica'] as const)(
  'a %s source that cannot be read ends the run before anyone connects',
  async (kind) => {
    const source: LineSource = {
      kind,
      open: () => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => await Promise.reject(usageError('cannot read it')),
        }),
      }),
    }
    let connects = 0
    const connect = async (): Promise<never> => {
      connects += 1
      await Promise.resolve()
      throw new QuorateError('QUORATE_CONNECTION_LOST', 'nobody there')
    }
    const report = await runCollect(new FakeStore(), source, { connect, giveUpAfterMs: 60_000 })
    expect(report).toMatchObject({ gaveUp: false, sourceError: { code: 'QUORATE_USAGE' } })
    expect(connects).toBe(0)
  },
)
