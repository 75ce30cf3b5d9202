import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SyncPace } from '../../src/system/sync-pace.ts'

/** Flushes of 512 bytes, each of which takes `ms` where it is made on the loop; where each was. */
function flushes(pace: SyncPace, count: number, ms: number): string {
  let where = ''
  for (let i = 0; i < count; i++) {
    pace.wrote(512)
    const onLoop = pace.synced()
    if (onLoop) pace.took(ms)
    where += onLoop ? 'L' : '.'
  }
  return where
}

test('a quick disk is synced on the loop', () => {
  expect(flushes(new SyncPace(), 20, 0.1)).toBe('L'.repeat(20))
})

test('a slow disk is tried again at growing distances', () => {
  expect(flushes(new SyncPace(), 60, 5)).toBe(
    `L${'.'.repeat(8)}L${'.'.repeat(16)}L${'.'.repeat(32)}L`,
  )
})

test('once it is quick again the loop takes over, and a lone slow one costs little', () => {
  const pace = new SyncPace()
  flushes(pace, 27, 5)
  expect(flushes(pace, 36, 0.1)).toBe(`${'.'.repeat(32)}LLLL`)
  expect(flushes(pace, 10, 5)).toBe(`L${'.'.repeat(8)}L`)
})

test('a disk that stays slow is tried once in 16,384 syncs', () => {
  const where = flushes(new SyncPace(), 200_000, 5)
  const trials = where.split('L').length - 1
  expect(trials).toBeGreaterThan(12)
  expect(trials).toBeLessThan(12 + 200_000 / 16_384)
})

test('much at once goes to the pool, and says nothing of the disk', () => {
  const pace = new SyncPace()
  expect(pace.wrote(65_536)).toBe(true)
  expect(pace.wrote(1)).toBe(false)
  expect(pace.synced()).toBe(false)
  expect(pace.wrote(65_536)).toBe(true)
  expect(pace.synced()).toBe(true)
})

test('whatever it is told, the loop waits for slow syncs at most once in nine', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { maxLength: 300 }),
      (all) => {
        const pace = new SyncPace()
        let slow = 0
        let last = -Infinity
        for (const [at, ms] of all.entries()) {
          pace.wrote(512)
          if (!pace.synced()) continue
          pace.took(ms)
          if (ms <= 0.3) continue
          expect(at - last).toBeGreaterThan(8)
          last = at
          slow++
        }
        expect(slow).toBeLessThanOrEqual(1 + all.length / 9)
      },
    ),
  )
})
