/**
 * Goal: load comes as it was asked for, and only what ends within the measured time counts.
 * Method: loops run on a clock that is turned by hand against calls whose duration is known, so
 * every figure can be worked out beforehand; laws for keys, values and gaps.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { gapMsLeast, GapWatch } from '../../bench/load/gaps.ts'
import { errorKindsMax, outstandingMax, parseAnswer, parseJob } from '../../bench/load/job.ts'
import { decodeHistogram, mergeHistograms } from '../../bench/load/latencies.ts'
import { closedLoop, openLoop, type LoopClock, type LoopOptions } from '../../bench/load/loops.ts'
import { Tally, type Counted } from '../../bench/load/tally.ts'
import { endOf, keyOf, numbersOf, valuesOf } from '../../bench/load/values.ts'

/** Time that passes only when it is told to, from timer to timer. */
class HandClock implements LoopClock {
  #nowMs = 1_000
  readonly #timers: { atMs: number; ring: () => void }[] = []

  now(): number {
    return this.#nowMs
  }

  pause(ms: number): Promise<void> {
    const atMs = this.#nowMs + ms
    // Behind those that ring no later, found by halving: there may be thousands.
    let low = 0
    for (let high = this.#timers.length; low < high;) {
      const middle = (low + high) >> 1
      if ((this.#timers[middle]?.atMs ?? Infinity) <= atMs) low = middle + 1
      else high = middle
    }
    return new Promise((ring) => this.#timers.splice(low, 0, { atMs, ring }))
  }

  /** Jumps ahead without ringing: the process was stopped, and its timers ring late. */
  stall(ms: number): void {
    this.#nowMs += ms
  }

  /** Lets time pass until the loop has ended. */
  async turn(loop: Promise<void>): Promise<void> {
    let ended = false
    const end = loop.then(() => (ended = true))
    for (;;) {
      // All that follows from the last timer happens before the next one rings.
      await new Promise((done) => setImmediate(done))
      if (ended) return void (await end)
      const next = this.#timers.shift()
      if (next === undefined) throw new Error('the loop waits for nothing')
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.ring()
    }
  }
}

interface World {
  readonly clock: HandClock
  readonly tally: Tally
  readonly options: LoopOptions
  readonly calls: number[]
}

/** A loop of a measured second after a warm-up of half a second, with calls that take so long. */
function world(
  callMs: (call: number) => number,
  fails: (call: number) => boolean = () => false,
  counted: Counted = 'end',
): World {
  const clock = new HandClock()
  const tally = new Tally(1_500, 2_500, counted)
  const calls: number[] = []
  const call = async (): Promise<number> => {
    const number = calls.length
    calls.push(clock.now())
    await clock.pause(callMs(number))
    if (fails(number)) throw new Error('refused')
    return 2
  }
  const nameError = (error: unknown): string => (error instanceof Error ? error.message : 'other')
  return { clock, tally, calls, options: { clock, tally, call, nameError } }
}

describe('a closed loop', () => {
  test('has as many calls under way as callers, one after the other', async () => {
    const { clock, tally, options } = world(() => 10)
    await clock.turn(closedLoop(options, 4))
    const answer = tally.answer('client')
    // 100 calls of 10 ms in a second, times four; those of the warm-up do not count.
    expect(answer.operations).toBe(400)
    expect(answer.records).toBe(800)
    expect(answer.p50).toBe(10_000)
    expect(answer.seconds).toBe(1)
  })

  test('counts a call that began in the warm-up where it ends, and none that ends too late', async () => {
    const { clock, tally, options } = world(() => 600)
    await clock.turn(closedLoop(options, 1))
    // They end 600, 1,200 and 1,800 ms after the start; the window is from 500 to 1,500.
    expect(tally.answer('client').operations).toBe(2)
  })

  test('rests after a failure and goes on', async () => {
    const { clock, tally, options } = world(
      () => 10,
      (call) => call % 2 === 0,
    )
    await clock.turn(closedLoop(options, 1))
    const { operations, failed, errors } = tally.answer('client')
    expect(Math.abs(operations - failed)).toBeLessThanOrEqual(1)
    expect(errors).toEqual({ refused: failed })
    // 10 ms for each call and 1 ms after each second one.
    expect(operations + failed).toBeGreaterThanOrEqual(94)
    expect(operations + failed).toBeLessThanOrEqual(96)
  })

  test('rests between calls where it is asked to, and the rest is no latency', async () => {
    const { clock, tally, options } = world(() => 5)
    await clock.turn(closedLoop({ ...options, restMs: 5 }, 1))
    expect(tally.answer('client')).toMatchObject({ operations: 100, p50: 5_000 })
  })
})

describe('an open loop', () => {
  test('calls at its rate whatever the answers take', async () => {
    const { clock, tally, options, calls } = world(() => 50, undefined, 'due')
    await clock.turn(openLoop(options, clock.now(), 200))
    expect(calls.length).toBe(300)
    expect(tally.answer('client')).toMatchObject({ operations: 200, p50: 50_000, dropped: 0 })
  })

  test('makes up for a stall at once, and counts latency from when a call was due', async () => {
    const { clock, tally, options, calls } = world(() => 0)
    let stalled = false
    const call = async (caller: number): Promise<number> => {
      const records = await options.call(caller)
      if (!stalled && clock.now() >= 1_600) {
        stalled = true
        clock.stall(300)
      }
      return records
    }
    await clock.turn(openLoop({ ...options, call }, clock.now(), 100))
    expect(calls.length).toBe(150)
    const { operations, max } = tally.answer('client')
    expect(operations).toBe(100)
    // The call in which it happened, and those that were due meanwhile: the first of them 290 ms late.
    expect(max).toBeGreaterThanOrEqual(299_000)
    const histogram = decodeHistogram(tally.answer('client').histogram)
    expect(histogram.getValueAtPercentile(71)).toBeGreaterThanOrEqual(9_000)
    expect(histogram.getValueAtPercentile(69)).toBeLessThanOrEqual(10_000)
  })

  test('counts what was due in the window however late its answer is', async () => {
    // All that is called in the second half of the window is answered long after it.
    const { clock, tally, options } = world((call) => (call >= 100 ? 20_000 : 1), undefined, 'due')
    await clock.turn(openLoop(options, clock.now(), 100))
    expect(tally.answer('client')).toMatchObject({ operations: 100, p50: 1_000, failed: 0 })
    expect(tally.answer('client').p90).toBeGreaterThanOrEqual(19_900_000)
    const late = world(
      (call) => (call >= 100 ? 20_000 : 1),
      (call) => call >= 100,
      'due',
    )
    await late.clock.turn(openLoop(late.options, late.clock.now(), 100))
    expect(late.tally.answer('client')).toMatchObject({ operations: 50, failed: 50 })
  })

  test('drops and counts what has no room', async () => {
    const { clock, tally, options, calls } = world(() => 10_000)
    const rate = 2 * outstandingMax
    await clock.turn(openLoop(options, clock.now(), rate))
    // Room for the first half second's worth, which is the warm-up; the rest finds none.
    expect(calls.length).toBe(outstandingMax)
    expect(tally.answer('client')).toMatchObject({ operations: 0, dropped: rate })
  })

  test('counts failures and ends when the last answer is there', async () => {
    const { clock, tally, options } = world(
      () => 5,
      () => true,
    )
    await clock.turn(openLoop(options, clock.now(), 100))
    expect(tally.answer('client')).toMatchObject({ operations: 0, failed: 100, p99: 0, max: 0 })
  })
})

describe('a tally', () => {
  test('tells so many kinds of errors apart and no more', () => {
    const tally = new Tally(0, 10)
    for (let i = 0; i < 100; i++) tally.failedWith(`kind ${i}`, 0, 5)
    tally.failedWith('kind 0', 0, 5)
    const { errors, failed } = tally.answer('client')
    expect(failed).toBe(101)
    expect(Object.keys(errors).length).toBe(errorKindsMax)
    expect(errors['kind 0']).toBe(2)
    expect(Object.values(errors).reduce((sum, n) => sum + n, 0)).toBe(101)
  })

  test('keeps latencies beyond its range at the end of it', () => {
    const tally = new Tally(0, 200_000)
    tally.succeeded(0, 100_000, 1)
    tally.succeeded(5, 5, 1)
    const answer = tally.answer('client')
    expect(answer.max).toBeGreaterThan(59_000_000)
    expect(decodeHistogram(answer.histogram).minNonZeroValue).toBe(1)
  })

  test('gives percentiles that no call exceeded unseen', () => {
    const latencies = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 50 })
    fc.assert(
      fc.property(latencies, (micros) => {
        const tally = new Tally(0, Infinity)
        for (const each of micros) tally.succeeded(0, each / 1_000, 1)
        const { p50, p90, p99, max } = tally.answer('client', 1)
        expect(p50).toBeLessThanOrEqual(p90)
        expect(p90).toBeLessThanOrEqual(p99)
        expect(p99).toBeLessThanOrEqual(max)
        // Three digits: what is kept differs from what was by less than a part in a thousand.
        expect(Math.abs(max - Math.max(...micros))).toBeLessThanOrEqual(Math.max(...micros) / 1_000)
      }),
    )
  })

  test('adds up with others', () => {
    const texts = [10, 20, 30].map((ms) => {
      const tally = new Tally(0, 1_000)
      tally.succeeded(0, ms, 1)
      return tally.answer('client').histogram
    })
    const all = mergeHistograms(texts)
    expect(all.totalCount).toBe(3)
    expect(mergeHistograms([]).totalCount).toBe(0)
  })
})

describe('keys and values', () => {
  test('are the same for the same seed and others for another', () => {
    expect(valuesOf(1, 64)).toEqual(valuesOf(1, 64))
    expect(valuesOf(1, 64)).not.toEqual(valuesOf(2, 64))
    expect(new Set(valuesOf(1, 64).map(String)).size).toBeGreaterThan(100)
  })

  test('are printable and as long as asked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.integer({ min: 1, max: 5_000 }),
        (seed, bytes) => {
          for (const value of valuesOf(seed, bytes).slice(0, 3)) {
            expect(value.length).toBe(bytes)
            expect(value.toString('latin1')).toMatch(/^[A-Za-z0-9_-]+$/)
          }
        },
      ),
      { numRuns: 30 },
    )
  })

  test('large ones are few, so that they do not fill the memory', () => {
    const values = valuesOf(1, 262_144)
    expect(values.length).toBeGreaterThan(3)
    expect(values.length * 262_144).toBeLessThanOrEqual(17_000_000)
  })

  test('sort as their numbers do, and lie before the end of their prefix', () => {
    const number = fc.integer({ min: 0, max: 9_999_999_999 })
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(keyOf('p/', a) < keyOf('p/', b)).toBe(a < b)
        expect(keyOf('p/', a) < endOf('p/')).toBe(true)
        expect(keyOf('p/', a) >= 'p/').toBe(true)
        // Neither side's neighbours lie between.
        expect(keyOf('p.', a) < 'p/').toBe(true)
        expect(keyOf('p0', a) >= endOf('p/')).toBe(true)
      }),
    )
  })

  test('numbers spread over their whole range', () => {
    const next = numbersOf(7)
    const buckets = Array.from({ length: 16 }, () => 0)
    for (let i = 0; i < 16_000; i++) {
      const bucket = Math.floor(next() / 2 ** 28)
      buckets[bucket] = (buckets[bucket] ?? 0) + 1
    }
    expect(Math.min(...buckets)).toBeGreaterThan(850)
    expect(Math.max(...buckets)).toBeLessThan(1_150)
  })
})

describe('gaps', () => {
  test('are spans without a success, the one before the first and after the last included', () => {
    const watch = new GapWatch(1_000)
    for (const at of [1_100, 1_110, 1_160, 1_900]) watch.success(at)
    expect(watch.gaps).toEqual([
      [1_000, 100],
      [1_160, 740],
    ])
    expect(watch.longestMs).toBe(740)
  })

  test('cover, with the short spans, all of the time', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1 }), (steps) => {
        const watch = new GapWatch(0)
        let at = 0
        for (const step of steps) watch.success((at += step))
        const long = steps.filter((step) => step > gapMsLeast)
        expect(watch.gaps.map(([, length]) => length)).toEqual(long)
        expect(watch.longestMs).toBe(Math.max(...steps))
      }),
    )
  })

  test('a clock that was set back makes no negative one', () => {
    const watch = new GapWatch(1_000)
    watch.success(500)
    watch.success(1_020)
    expect(watch.longestMs).toBe(20)
  })
})

describe('a line of a job', () => {
  test('needs to say no more than what is to be done', () => {
    expect(parseJob('{"op":"put"}')).toEqual({
      op: 'put',
      inFlight: 1,
      connections: 1,
      rate: undefined,
      warmupSeconds: 0,
      seconds: 5,
      valueBytes: 256,
      batch: 100,
      keys: { prefix: 'bench/', count: 10_000 },
      from: 0,
      seed: 1,
      readShare: 0.9,
    })
  })

  test.each([
    [1, 1],
    [128, 1],
    [129, 2],
    [1_000, 8],
  ])('%d callers share %d connections', (inFlight, connections) => {
    expect(parseJob(JSON.stringify({ op: 'get', inFlight })).connections).toBe(connections)
  })

  test('takes a rate of null as none', () => {
    expect(parseJob('{"op":"put","rate":null}').rate).toBeUndefined()
    expect(parseJob('{"op":"put","rate":250.5}').rate).toBe(250.5)
  })

  test.each([
    '{"op":"drop"}',
    '{}',
    '[]',
    'null',
    '{"op":"put","inFlight":0}',
    '{"op":"put","inFlight":1.5}',
    '{"op":"put","inFlight":"64"}',
    '{"op":"put","seconds":-1}',
    '{"op":"put","seconds":1e9}',
    '{"op":"put","rate":0}',
    '{"op":"mix","readShare":2}',
    '{"op":"put","keys":{"count":0}}',
    '{"op":"put","valueBytes":2000000}',
    'not json',
  ])('%s is refused', (line) => {
    expect(() => parseJob(line)).toThrow()
  })
})

describe('a line of an answer', () => {
  const tally = new Tally(0, 1_000)
  tally.succeeded(0, 10, 1)
  const answer = tally.answer('a client')

  test('comes back as it was', () => {
    expect(parseAnswer(JSON.stringify(answer))).toEqual(answer)
    const gap = { ...answer, gaps: [[5, 60]], longestGapMs: 60 }
    expect(parseAnswer(JSON.stringify(gap))).toEqual(gap)
    expect(parseAnswer(JSON.stringify({ ...answer, gaps: null })).gaps).toEqual([])
  })

  test('that tells of an error is that error', () => {
    expect(() => parseAnswer('{"error":"no such prefix"}')).toThrow('no such prefix')
  })

  test.each([
    ['operations', -1],
    ['operations', '5'],
    ['histogram', 7],
    ['p99', null],
    ['client', undefined],
    ['gaps', [[1]]],
    ['gaps', 3],
    ['errors', []],
  ])('with %s of %j is refused', (name, value) => {
    expect(() => parseAnswer(JSON.stringify({ ...answer, [name]: value }))).toThrow()
  })
})
