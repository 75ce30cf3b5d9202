/**
 * Goal: the log is compacted by one hand, whoever asks for it and however often.
 * Method: the compactor alone, over a log that says how many compactions run in it at once.
 */
import { expect, test } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import { Compactor } from '../../src/node/compactor.ts'

function setUp() {
  const seen = { running: 0, atOnce: 0, runs: 0 }
  const compactor = new Compactor({
    logger: silentLogger,
    log: {
      bytes: 1_000,
      entries: 10,
      base: { term: 0, index: 0 },
      lastIndex: 10,
      compact: async () => {
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
    followersNeed: () => Infinity,
    snapshotsNeed: () => Infinity,
    onCompacted: () => {},
    onFailure: (error) => {
      throw error
    },
    onStateFailure: (error) => {
      throw error
    },
  })
  return { compactor, seen }
}

test('requests at the same moment, and beside the periodic look, come one after the other', async () => {
  const { compactor, seen } = setUp()
  const first = [compactor.compactNow(), compactor.compactNow()]
  compactor.tick(1_000, false)
  const later = [compactor.compactNow(), compactor.compactNow()]
  await Promise.all([...first, ...later])
  expect(seen).toMatchObject({ running: 0, atOnce: 1, runs: 4 })
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
