/**
 * Goal: a filter never says "surely absent" of a key that is there, at any stage of its making;
 * counts of live things follow from times alone.
 *
 * Method: random keys against a Set; a filter in the making over a database that changes
 * meanwhile; counts against a naive count of all bases.
 */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/random.ts'
import { FingerprintFilter } from '../../src/state/fingerprint-filter.ts'
import { KeyFilter } from '../../src/state/key-filter.ts'
import { keyspaces, rowKey } from '../../src/state/layout.ts'
import { LiveCounts, minuteOf, outlived } from '../../src/state/live-counts.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { b } from './support.ts'

describe('a filter', () => {
  test('knows all that was added, and hardly anything else', () => {
    const random = new SeededRandom(3)
    const filter = new FingerprintFilter(1_000_000)
    const keys = Array.from({ length: 100_000 }, () => random.bytes(12))
    for (const key of keys) filter.add(key)

    expect(keys.every((key) => filter.mayContain(key))).toBe(true)
    let wrong = 0
    for (let i = 0; i < 100_000; i++) if (filter.mayContain(random.bytes(12))) wrong++
    expect(wrong).toBeLessThan(20)
    expect(filter.size).toBeGreaterThan(99_900)
  })

  test('spreads keys that count up', () => {
    const filter = new FingerprintFilter(1_000_000)
    for (let i = 0; i < 50_000; i++) filter.add(b(`sensor/${i}`))
    let wrong = 0
    for (let i = 50_000; i < 100_000; i++) if (filter.mayContain(b(`sensor/${i}`))) wrong++
    expect(wrong).toBeLessThan(20)
  })

  test('rules nothing out once it is full', () => {
    const filter = new FingerprintFilter(2)
    filter.add(b('a'))
    expect(filter.mayContain(b('z'))).toBe(false)
    filter.add(b('a'))
    expect(filter.size).toBe(1)
    filter.add(b('b'))
    expect(filter.full).toBe(true)
    filter.add(b('c'))
    expect(filter.mayContain(b('c'))).toBe(true)
    expect(filter.mayContain(b('z'))).toBe(true)
  })
})

describe('the making of a filter', () => {
  const gate = (): { pause: () => Promise<void>; open: () => void } => {
    let open = (): void => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    return { pause: () => opened, open: () => open() }
  }

  test('takes in what is stored, what is overlaid, and what comes meanwhile', async () => {
    const { pause, open } = gate()
    const database = await new MemoryDatabase({ pause }).open()
    for (let i = 0; i < 1500; i++) {
      await database.db.put(rowKey(keyspaces.tokens, b(`stored-${i}`)), b(''))
    }
    await database.db.put(rowKey(keyspaces.data, b('other')), b(''))
    const filter = new KeyFilter(keyspaces.tokens, 10_000)

    const built = filter.build(database, database.db.snapshot(), [b('overlaid')], () => false)
    filter.add(b('meanwhile'))
    await database.db.put(rowKey(keyspaces.tokens, b('unannounced')), b(''))
    expect(filter.ready).toBe(false)
    expect(filter.mayContain(b('never'))).toBe(true)
    open()
    await built

    expect(filter.ready).toBe(true)
    for (const key of ['stored-0', 'stored-1499', 'overlaid', 'meanwhile']) {
      expect(filter.mayContain(b(key))).toBe(true)
    }
    for (const key of ['never', 'other', 'unannounced']) {
      expect(filter.mayContain(b(key))).toBe(false)
    }
    filter.add(b('later'))
    expect(filter.mayContain(b('later'))).toBe(true)
  })

  test('again, leaves out what is gone, and misses nothing', async () => {
    const database = await new MemoryDatabase().open()
    const filter = new KeyFilter(keyspaces.tokens, 8)
    await filter.build(database, database.db.snapshot(), [], () => false)
    for (let i = 0; i < 20; i++) filter.add(b(`dead-${i}`))
    expect(filter.wantsRebuild(3)).toBe(true)
    expect(filter.wantsRebuild(4)).toBe(false)
    await database.db.put(rowKey(keyspaces.tokens, b('alive')), b(''))

    const built = filter.build(database, database.db.snapshot(), [b('overlaid')], () => false)
    expect(filter.wantsRebuild(0)).toBe(false)
    filter.add(b('meanwhile'))
    await built

    expect(filter.mayContain(b('dead-1'))).toBe(false)
    for (const key of ['alive', 'overlaid', 'meanwhile']) {
      expect(filter.mayContain(b(key))).toBe(true)
    }
  })

  test('that is stopped rules nothing out', async () => {
    const database = await new MemoryDatabase().open()
    const filter = new KeyFilter(keyspaces.data, 8)
    await filter.build(database, database.db.snapshot(), [], () => true)
    expect(filter.ready).toBe(false)
    expect(filter.mayContain(b('k'))).toBe(true)
  })
})

describe('live counts', () => {
  test('follow from bases and horizon alone, whenever they are looked at', () => {
    const step = fc.record({ base: fc.integer({ min: 0, max: 600_000 }), ahead: fc.nat(90_000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const counts = new LiveCounts(true)
        const stored = new Map<number, number>()
        const bases: number[] = []
        let horizon = 0
        for (const { base, ahead } of steps) {
          horizon += ahead
          counts.advance(horizon)
          counts.add(horizon + base, 1)
          bases.push(horizon + base)
          for (const [minute, count] of counts.takeChanged()) {
            if (count === 0) stored.delete(minute)
            else stored.set(minute, count)
          }
          expect(counts.total).toBe(bases.filter((each) => !outlived(each, horizon)).length)
          const again = new LiveCounts(true)
          again.advance(horizon)
          for (const [minute, count] of stored) again.load(minute, count)
          expect(again.total).toBe(counts.total)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('a long rest costs no more than there are minutes counted', () => {
    const counts = new LiveCounts(false)
    counts.add(5, 2)
    counts.advance(2 ** 47)
    expect(counts.total).toBe(0)
    counts.add(5, 1)
    expect(counts.total).toBe(0)
    counts.add(2 ** 47, 1)
    counts.add(2 ** 47, -1)
    expect(counts.total).toBe(0)
    expect(minuteOf(59_999)).toBe(0)
    expect(outlived(59_999, 60_000)).toBe(true)
    expect(outlived(60_000, 119_999)).toBe(false)
  })
})
