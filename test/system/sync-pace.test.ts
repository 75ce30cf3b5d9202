import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SyncPace } from '../../src/system/sync-pace.ts'

/** Syncs, each of which takes `ms` where it is made on the loop (L); where each was. */
function syncs(pace: SyncPace, count: number, ms: number): string {
  let where = ''
  for (let i = 0; i < count; i++) {
    const onLoop = pace.isQuick
    if (onLoop) pace.took(ms)
    else pace.pooled()
    where += onLoop ? 'L' : '.'
  }
  return where
}

test('a quick disk is synced on the loop', () => {
  expect(syncs(new SyncPace(), 20, 0.1)).toBe('L'.repeat(20))
})

test('one of which one sync in five is quick stays on the loop: the others wait for processors', () => {
  const pace = new SyncPace()
  expect(syncs(pace, 1, 0.1)).toBe('L')
  for (let i = 0; i < 50; i++) {
    expect(syncs(pace, 4, 5)).toBe('LLLL')
    expect(syncs(pace, 1, 0.1)).toBe('L')
  }
})

test('one that has always been quick is given up after eight slow ones', () => {
  const pace = new SyncPace()
  syncs(pace, 1_000, 0.1)
  expect(syncs(pace, 16, 5)).toBe(`${'L'.repeat(8)}${'.'.repeat(8)}`)
})

test('a slow disk is tried again at growing distances', () => {
  const trial = 'LLL'
  expect(syncs(new SyncPace(), 68, 5)).toBe(
    `${trial}${'.'.repeat(8)}${trial}${'.'.repeat(16)}${trial}${'.'.repeat(32)}${trial}`,
  )
})

test('once it is quick again the loop takes over; the distance shrinks as it grew', () => {
  const pace = new SyncPace()
  syncs(pace, 33, 5)
  expect(syncs(pace, 34, 0.1)).toBe(`${'.'.repeat(32)}LL`)
  // 64 would have come next, halved twice.
  expect(syncs(pace, 25, 5)).toBe(`${'L'.repeat(8)}${'.'.repeat(16)}L`)
})

test('a disk that stays slow is tried once in 1,024 syncs', () => {
  const where = syncs(new SyncPace(), 20_000, 5)
  const trials = (where.split('L').length - 1) / 3
  expect(trials).toBeGreaterThan(20)
  expect(trials).toBeLessThan(8 + 20_000 / 1_024)
})

test('one that stalls at each trial is tried once in 16,384', () => {
  const where = syncs(new SyncPace(), 200_000, 60)
  expect(where.split('L').length - 1).toBeLessThan(4 + 200_000 / 16_384)
})

test('a stall is enough by itself, and for long', () => {
  const pace = new SyncPace()
  expect(syncs(pace, 1 + 4_096 + 1 + 8_192 + 1, 2_000)).toBe(
    `L${'.'.repeat(4_096)}L${'.'.repeat(8_192)}L`,
  )
})

test('the slower they are the fewer are put up with: the loop stands still for 80 ms at most', () => {
  const pace = new SyncPace()
  syncs(pace, 1_000, 0.1)
  expect(syncs(pace, 4, 40)).toBe('LL..')
  const mixed = new SyncPace()
  for (let i = 0; i < 10; i++) {
    syncs(mixed, 1, 0.1)
    syncs(mixed, 4, 40)
  }
  expect(mixed.isQuick).toBe(false)
})

test('a slow disk that stalled once is soon tried again', () => {
  const pace = new SyncPace()
  syncs(pace, 1, 2_000)
  syncs(pace, 4_096 + 3, 5)
  expect(syncs(pace, 1_025, 5)).toBe(`${'.'.repeat(1_024)}L`)
})

const syncMs = fc.oneof({ arbitrary: fc.integer({ min: 10, max: 50 }), weight: 9 }, fc.constant(60))

test('whatever it is told, at most eight slow ones in a row are on the loop, then eight are not', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(0.1), fc.integer({ min: 1, max: 9 }), syncMs), {
        maxLength: 300,
      }),
      (all) => {
        const pace = new SyncPace()
        let row = 0
        let blocked = 0
        let rest = 0
        for (const ms of all) {
          const onLoop = syncs(pace, 1, ms) === 'L'
          if (rest > 0) expect(onLoop).toBe(false)
          rest = Math.max(0, rest - 1)
          if (!onLoop) {
            row = 0
            blocked = 0
            continue
          }
          row = ms <= 0.4 ? 0 : row + 1
          blocked = ms <= 0.4 ? 0 : blocked + ms
          expect(row).toBeLessThanOrEqual(8)
          // What crosses the bound is the last one.
          expect(blocked - ms).toBeLessThan(80)
          if (ms > 50) rest = 4_096
          else if (row === 8 || blocked >= 80) rest = 8
        }
      },
    ),
  )
})
