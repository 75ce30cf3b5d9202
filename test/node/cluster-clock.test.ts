/**
 * Goal: cluster time never goes back, runs at half to twice the speed of real time, and follows
 * the wall clock within that.
 * Method: a manual clock whose wall part is moved by hand and by generated jumps.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ClusterClock } from '../../src/node/cluster-clock.ts'
import { ManualClock } from '../suites/manual-clock.ts'

describe('cluster time', () => {
  test('a new cluster starts at the wall clock of its first leader', () => {
    const clock = new ManualClock(1_700_000_000_000)
    expect(new ClusterClock(clock, 0).now()).toBe(1_700_000_000_000)
  })

  test('a wall clock a year ahead lets time run twice as fast, no faster', async () => {
    const clock = new ManualClock(1_700_000_000_000 + 31_536_000_000)
    const time = new ClusterClock(clock, 1_700_000_000_000)
    await clock.advance(10_000)
    expect(time.now()).toBe(1_700_000_020_000)
  })

  test('a wall clock a year behind slows it to half, never stops or reverses it', async () => {
    const clock = new ManualClock(1_700_000_000_000 - 31_536_000_000)
    const time = new ClusterClock(clock, 1_700_000_000_000)
    await clock.advance(10_000)
    expect(time.now()).toBe(1_700_000_005_000)
  })

  test('a stamp seen in the log is never undercut', () => {
    const clock = new ManualClock(1_700_000_000_000)
    const time = new ClusterClock(clock, 1_700_000_000_000)
    time.observe(1_700_000_600_000)
    expect(time.now()).toBe(1_700_000_600_000)
    time.observe(1_700_000_000_001)
    expect(time.now()).toBe(1_700_000_600_000)
  })

  test('a follower whose wall clock is a year ahead does not gather a lead of its own', async () => {
    const start = 1_700_000_000_000
    const clock = new ManualClock(start + 31_536_000_000)
    const time = new ClusterClock(clock, start)
    // It is asked for the time by its clients, while it follows a leader whose clock is right.
    for (let second = 1; second <= 3_600; second++) {
      await clock.advance(1_000)
      time.now()
      time.follow(start + second * 1_000)
    }
    expect(time.now()).toBe(start + 3_600_000)
    await clock.advance(1_000)
    expect(time.now()).toBe(start + 3_602_000)
  })

  test('nor does one that is asked before anything stands in the log', async () => {
    const clock = new ManualClock(1_700_000_000_000 + 31_536_000_000)
    const time = new ClusterClock(clock, 0)
    time.now()
    time.follow(1_700_000_000_000)
    expect(time.now()).toBe(1_700_000_000_000)
  })

  test('an older stamp of the log does not turn a follower back', async () => {
    const clock = new ManualClock(1_700_000_000_000)
    const time = new ClusterClock(clock, 1_700_000_000_000)
    await clock.advance(10_000)
    time.follow(1_700_000_009_000)
    time.follow(1_700_000_001_000)
    expect(time.now()).toBe(1_700_000_009_000)
  })

  test('with any jumps of the wall clock it is monotone and within its speeds', async () => {
    const steps = fc.array(
      fc.record({
        elapsed: fc.integer({ min: 0, max: 5_000 }),
        jump: fc.integer({ min: -100_000_000, max: 100_000_000 }),
      }),
      { maxLength: 40 },
    )
    await fc.assert(
      fc.asyncProperty(steps, async (moves) => {
        const clock = new ManualClock(1_700_000_000_000)
        const start = 1_700_000_000_000
        const time = new ClusterClock(clock, start)
        let last = start
        for (const { elapsed, jump } of moves) {
          clock.wallOffset += jump
          await clock.advance(elapsed)
          const now = time.now()
          expect(now).toBeGreaterThanOrEqual(last)
          expect(now).toBeLessThanOrEqual(start + 2 * clock.monotonic())
          last = now
        }
        // Rounding loses less than a millisecond at each reading.
        expect(last).toBeGreaterThanOrEqual(start + clock.monotonic() / 2 - moves.length - 1)
      }),
      { numRuns: 50 },
    )
  })
})
