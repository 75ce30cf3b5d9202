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

test('one that is slow now and then stays on the loop', () => {
  const pace = new SyncPace()
  for (let i = 0; i < 50; i++) {
    expect(flushes(pace, 2, 5)).toBe('LL')
    expect(flushes(pace, 1, 0.1)).toBe('L')
  }
})

test('a slow disk is tried again at growing distances', () => {
  const trial = 'LLL'
  expect(flushes(new SyncPace(), 68, 5)).toBe(
    `${trial}${'.'.repeat(8)}${trial}${'.'.repeat(16)}${trial}${'.'.repeat(32)}${trial}`,
  )
})

test('once it is quick again the loop takes over, and to be slow anew costs little', () => {
  const pace = new SyncPace()
  flushes(pace, 33, 5)
  expect(flushes(pace, 36, 0.1)).toBe(`${'.'.repeat(32)}LLLL`.slice(0, 36))
  expect(flushes(pace, 12, 5)).toBe(`LLL${'.'.repeat(8)}L`)
})

test('a disk that stays slow is tried once in 16,384 syncs', () => {
  const where = flushes(new SyncPace(), 200_000, 5)
  const trials = (where.split('L').length - 1) / 3
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

test('whatever it is told, at most three slow ones in a row are on the loop, then eight are not', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 10, noNaN: true }), { maxLength: 300 }),
      (all) => {
        const pace = new SyncPace()
        let row = 0
        let rest = 0
        for (const ms of all) {
          pace.wrote(512)
          const onLoop = pace.synced()
          if (rest > 0) expect(onLoop).toBe(false)
          rest = Math.max(0, rest - 1)
          if (!onLoop) continue
          pace.took(ms)
          row = ms <= 0.3 ? 0 : row + 1
          if (row === 3) {
            row = 0
            rest = 8
          }
        }
      },
    ),
  )
})
