/**
 * Goal: deadlines fire once, never early, at most a tick late, and cost no timer when there is
 * none; delays between attempts stay within their bounds.
 * Method: random sets, moves and clears against a plain list, on the manual clock.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nextDelay } from '../../src/client/backoff.ts'
import { Alarm, Wheel } from '../../src/client/wheel.ts'
import { SeededRandom } from '../../src/random.ts'
import { ManualClock } from '../suites/manual-clock.ts'

describe('the wheel', () => {
  test('fires each entry once, in time, whatever is set, moved and cleared', async () => {
    const step = fc.record({
      entry: fc.nat({ max: 9 }),
      delay: fc.oneof(fc.nat({ max: 200 }), fc.nat({ max: 30_000 })),
      clear: fc.boolean(),
      pause: fc.nat({ max: 300 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const clock = new ManualClock()
        const wheel = new Wheel(clock)
        const due = new Map<number, number>()
        const alarms = Array.from({ length: 10 }, (_, i) => {
          return new Alarm((now) => {
            const at = due.get(i)
            expect(at).toBeDefined()
            expect(now).toBeGreaterThanOrEqual(at!)
            expect(now).toBeLessThanOrEqual(at! + 8)
            due.delete(i)
          })
        })
        for (const { entry, delay, clear, pause } of steps) {
          const now = clock.monotonic()
          if (clear) {
            wheel.clear(alarms[entry]!)
            due.delete(entry)
          } else {
            wheel.set(alarms[entry]!, now + delay, now)
            due.set(entry, now + delay)
          }
          expect(wheel.size).toBe(due.size)
          await clock.advance(pause)
        }
        await clock.advance(40_000)
        expect([...due]).toEqual([])
        expect(clock.timers).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  test('an entry may move or clear another that is due at the same moment', async () => {
    const clock = new ManualClock()
    const wheel = new Wheel(clock)
    const fired: string[] = []
    const second = new Alarm(() => fired.push('second'))
    const third = new Alarm(() => fired.push('third'))
    const first = new Alarm((now) => {
      fired.push('first')
      wheel.clear(second)
      wheel.set(third, now + 50, now)
    })
    wheel.set(second, 20, 0)
    wheel.set(third, 20, 0)
    wheel.set(first, 10, 0)

    await clock.advance(30)
    expect(fired).toEqual(['first'])
    await clock.advance(100)
    expect(fired).toEqual(['first', 'third'])
  })

  test('after close nothing fires, and no timer is left', async () => {
    const clock = new ManualClock()
    const wheel = new Wheel(clock)
    wheel.set(new Alarm(() => expect.unreachable()), 10, 0)

    wheel.close()

    expect(clock.timers).toBe(0)
    await clock.advance(1000)
  })
})

test('delays grow, spread, and stay below their cap', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = new SeededRandom(seed)
      let delay = 0
      for (let i = 0; i < 30; i++) {
        const before = delay
        delay = nextDelay(random, delay, { baseMs: 10, delayMsMax: 500 })
        expect(delay).toBeGreaterThanOrEqual(5)
        expect(delay).toBeLessThanOrEqual(500)
        expect(delay).toBeLessThanOrEqual(Math.max(15, before * 3))
      }
    }),
    { numRuns: 100 },
  )
})
