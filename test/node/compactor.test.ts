/**
 * Goal: the log is compacted by one hand, whoever asks for it and however often.
 * Method: the compactor alone, over a log that says how many compactions run in it at once.
 */
import { describe, expect, test } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import { Compactor } from '../../src/node/compactor.ts'

function setUp() {
  const seen: { running: number; atOnce: number; runs: number; upTo: number[] } = {
    running: 0,
    atOnce: 0,
    runs: 0,
    upTo: [],
  }
  const log = { bytes: 1_000, entries: 10, lastIndex: 10 }
  const needs = {
    followers: Infinity,
    moving: undefined as number | undefined,
    snapshots: Infinity,
    owed: Infinity,
    owedBytes: 0,
  }
  const compactor = new Compactor({
    logger: silentLogger,
    log: {
      get bytes() {
        return log.bytes
      },
      get entries() {
        return log.entries
      },
      base: { term: 0, index: 0 },
      get lastIndex() {
        return log.lastIndex
      },
      compact: async (upTo) => {
        seen.upTo.push(upTo)
        seen.runs++
        seen.running++
        seen.atOnce = Math.max(seen.atOnce, seen.running)
        await Promise.resolve()
        seen.running--
        return { term: 0, index: 0 }
      },
    },
    state: { durableIndex: 10, barrier: () => Promise.resolve() },
    walMaxBytes: 1_000,
    walEntriesMax: 1_000,
    walKeepEntries: 1,
    stepBytes: 100,
    followersNeed: (pressed) => (pressed ? (needs.moving ?? needs.followers) : needs.followers),
    snapshotsNeed: () => needs.snapshots,
    owedIndex: () => needs.owed,
    owedBytes: () => needs.owedBytes,
    onCompacted: () => {},
    onFailure: (error) => {
      throw error
    },
    onStateFailure: (error) => {
      throw error
    },
  })
  return { compactor, seen, log, needs }
}

/** The next looks, a quarter of a second apart. */
async function looks(compactor: Compactor, from: number, count: number, pressed: boolean) {
  for (let i = 0; i < count; i++) {
    compactor.tick(from + 250 * i, pressed)
    for (let turn = 0; turn < 5; turn++) await Promise.resolve()
  }
}

test('requests at the same moment, and beside the periodic look, come one after the other', async () => {
  const { compactor, seen } = setUp()
  const first = [compactor.compactNow(), compactor.compactNow()]
  compactor.tick(1_000, false)
  const later = [compactor.compactNow(), compactor.compactNow()]
  await Promise.all([...first, ...later])
  expect(seen).toMatchObject({ running: 0, atOnce: 1, runs: 2 })
})

test('nothing begins after the end', async () => {
  const { compactor, seen } = setUp()
  const asked = [compactor.compactNow(), compactor.compactNow()]
  await compactor.stop()
  await Promise.all(asked)
  expect(seen.running).toBe(0)
  const { runs } = seen
  await compactor.compactNow()
  expect(seen.runs).toBe(runs)
})

describe('what is kept', () => {
  /** Up to which entry the log went, of ten that the state has. */
  async function droppedAt(bytes: number, pressed: boolean, needs = {}): Promise<number[]> {
    const one = setUp()
    one.log.bytes = bytes
    Object.assign(one.needs, needs)
    await looks(one.compactor, 0, 1, pressed)
    return one.seen.upTo
  }

  test('some entries, and what followers lack, while there is room', async () => {
    expect(await droppedAt(400, false)).toEqual([])
    expect(await droppedAt(500, false)).toEqual([9])
    expect(await droppedAt(500, false, { followers: 4 })).toEqual([4])
    expect(await droppedAt(750, false, { followers: 4 })).toEqual([10])
    expect(await droppedAt(750, false, { snapshots: 4 })).toEqual([4])
    expect(await droppedAt(900, false, { snapshots: 4 })).toEqual([10])
  })

  test('beyond the cap, within bounds, what those lack who are being brought back', async () => {
    const owed = { followers: 2, snapshots: 3, owed: 4 }
    expect(await droppedAt(900, false, owed)).toEqual([4])
    expect(await droppedAt(3_999, false, owed)).toEqual([4])
    expect(await droppedAt(4_000, false, owed)).toEqual([10])
  })

  test('as much as the snapshot that they get: only then is another one the shorter way', async () => {
    const owed = { owed: 4, owedBytes: 9_000 }
    expect(await droppedAt(8_999, false, owed)).toEqual([4])
    expect(await droppedAt(9_000, false, owed)).toEqual([10])
    // A disk that is nearly full has no room for that.
    expect(await droppedAt(4_000, true, owed)).toEqual([10])
    expect(await droppedAt(3_999, true, owed)).toEqual([4])
  })

  test('on a disk that is nearly full what somebody lacks, and nothing in case', async () => {
    expect(await droppedAt(400, true)).toEqual([10])
    // Who lacks an entry that is gone needs a whole snapshot, on a disk that is as full.
    expect(await droppedAt(400, true, { followers: 4 })).toEqual([4])
    expect(await droppedAt(400, true, { snapshots: 3, followers: 4 })).toEqual([3])
    // Who stands still is not waited for.
    expect(await droppedAt(400, true, { followers: 4, moving: 7 })).toEqual([7])
    expect(await droppedAt(500, false, { followers: 4, moving: 7 })).toEqual([4])
  })
})

describe('above its cap', () => {
  test('a log shrinks once nobody needs it, though nothing more is written', async () => {
    const { compactor, seen, log, needs } = setUp()
    log.bytes = 3_000
    needs.owed = 4
    await looks(compactor, 0, 4, false)
    expect(seen.upTo).toEqual([4])
    needs.owed = Infinity
    await looks(compactor, 1_000, 20, false)
    expect(seen.upTo).toEqual([4, 10])
  })
})

describe('on a disk that is nearly full', () => {
  test('what an attempt before kept goes, though the log has not grown since', async () => {
    const { compactor, seen, log } = setUp()
    log.bytes = 500
    await looks(compactor, 0, 4, false)
    expect(seen.upTo).toEqual([9])
    await looks(compactor, 1_000, 1, true)
    expect(seen.upTo).toEqual([9, 10])
  })

  test('it is tried again now and then, for who was in the way may have caught up', async () => {
    const { compactor, seen, log, needs } = setUp()
    log.bytes = 400
    needs.followers = 4
    await looks(compactor, 0, 19, true)
    expect(seen.upTo).toEqual([4])
    needs.followers = 10
    await looks(compactor, 4_750, 2, true)
    expect(seen.upTo).toEqual([4, 10])
    // There is less in it than goes at once.
    log.bytes = 100
    await looks(compactor, 10_000, 40, true)
    expect(seen.runs).toBe(2)
  })
})
