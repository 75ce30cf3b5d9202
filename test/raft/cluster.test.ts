/**
 * Goal: no order of messages, losses, repetitions, cuts, slow disks and crashes breaks the safety
 * of Raft, and once the world is calm the group works again.
 * Method: many seeds; each draws its own weather and runs some thousand steps of a simulated group
 * that checks S1, S2, S3, S5, S6, S7 and S12 at every step, then heals and must converge.
 */
import { describe, expect, test } from 'vitest'
import { SimCluster } from './support/cluster.ts'
import { drawWeather } from './support/weather.ts'

const seeds = Number(process.env['RAFT_SEEDS'] ?? 120)
const firstSeed = Number(process.env['RAFT_SEED'] ?? 1)
const stepsPerSeed = 6000
/** Half as many where the group changes as well: such a run has more nodes. */
const changingSeeds = Math.ceil(seeds / 2)
/** These runs have more to them as well. */
const losingSeeds = Math.ceil(seeds / 4)

describe('a group in bad weather', () => {
  test(`keeps all safety properties, seeds ${firstSeed} to ${firstSeed + seeds - 1}`, () => {
    const total = { committed: 0, reads: 0, refused: 0, leaders: 0, crashes: 0, fetches: 0 }
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const cluster = new SimCluster(seed, drawWeather(seed))
      try {
        cluster.run(stepsPerSeed)
        cluster.settle(60_000)
      } catch (error) {
        throw new Error(`RAFT_SEED=${seed} RAFT_SEEDS=1: ${String(error)}`, { cause: error })
      }
      total.committed += cluster.counts.committed
      total.reads += cluster.counts.reads
      total.refused += cluster.counts.refused
      total.leaders += cluster.counts.leaders
      total.crashes += cluster.counts.crashes
      total.fetches += cluster.counts.fetches
    }
    if (process.env['RAFT_VERBOSE'] !== undefined) console.log(total)

    // A run in which nothing happened would prove nothing.
    expect(total.committed).toBeGreaterThan(seeds * 50)
    expect(total.reads).toBeGreaterThan(seeds * 10)
    expect(total.leaders).toBeGreaterThan(seeds)
    expect(total.crashes).toBeGreaterThan(seeds)
    expect(total.fetches).toBeGreaterThan(seeds)
  })
  test(`with changes of membership and leadership, seeds from ${firstSeed} on`, () => {
    const total = { changes: 0, removed: 0, handedOver: 0, transfersFailed: 0, committed: 0 }
    for (let seed = firstSeed; seed < firstSeed + changingSeeds; seed++) {
      const cluster = new SimCluster(seed, drawWeather(seed, { changing: true }))
      try {
        cluster.run(2 * stepsPerSeed)
        cluster.settle(100_000)
      } catch (error) {
        throw new Error(`RAFT_SEED=${seed} RAFT_SEEDS=1: ${String(error)}`, { cause: error })
      }
      total.changes += cluster.counts.changes
      total.removed += cluster.counts.removed
      total.handedOver += cluster.counts.handedOver
      total.transfersFailed += cluster.counts.transfersFailed
      total.committed += cluster.counts.committed
    }
    if (process.env['RAFT_VERBOSE'] !== undefined) console.log(total)

    expect(total.committed).toBeGreaterThan(changingSeeds * 20)
    expect(total.changes).toBeGreaterThan(changingSeeds)
    expect(total.removed).toBeGreaterThan(changingSeeds / 4)
    expect(total.handedOver).toBeGreaterThan(changingSeeds / 2)
    expect(total.transfersFailed).toBeGreaterThan(0)
  })
  test.each([false, true])(`with compaction and snapshots, members change: %s`, (changing) => {
    const total = { compactions: 0, fetched: 0, broken: 0, statesLost: 0, committed: 0 }
    for (let seed = firstSeed; seed < firstSeed + losingSeeds; seed++) {
      const cluster = new SimCluster(seed, drawWeather(seed, { changing, compacting: true }))
      try {
        cluster.run(2 * stepsPerSeed)
        cluster.settle(100_000)
      } catch (error) {
        throw new Error(`RAFT_SEED=${seed} RAFT_SEEDS=1: ${String(error)}`, { cause: error })
      }
      const { counts } = cluster.snapshots
      total.compactions += counts.compactions
      total.fetched += counts.fetched
      total.broken += counts.broken
      total.statesLost += cluster.counts.statesLost
      total.committed += cluster.counts.committed
    }
    if (process.env['RAFT_VERBOSE'] !== undefined) console.log(total)

    expect(total.committed).toBeGreaterThan(losingSeeds * 20)
    expect(total.compactions).toBeGreaterThan(losingSeeds * 10)
    expect(total.fetched).toBeGreaterThan(losingSeeds)
    expect(total.broken).toBeGreaterThan(0)
    expect(total.statesLost).toBeGreaterThan(0)
  })
  test('logs are lost, one at a time: nothing that was committed is', () => {
    const total = { logsLost: 0, readmitted: 0, fetched: 0, committed: 0 }
    for (let seed = firstSeed; seed < firstSeed + losingSeeds; seed++) {
      const flags = { changing: seed % 3 === 0, compacting: seed % 2 === 0, losing: true }
      const cluster = new SimCluster(seed, drawWeather(seed, flags))
      try {
        cluster.run(2 * stepsPerSeed)
        cluster.settle(100_000)
      } catch (error) {
        throw new Error(`RAFT_SEED=${seed} RAFT_SEEDS=1: ${String(error)}`, { cause: error })
      }
      total.logsLost += cluster.counts.logsLost
      total.readmitted += cluster.counts.readmitted
      total.fetched += cluster.snapshots.counts.fetched
      total.committed += cluster.counts.committed
    }
    if (process.env['RAFT_VERBOSE'] !== undefined) console.log(total)

    expect(total.committed).toBeGreaterThan(losingSeeds * 20)
    expect(total.logsLost).toBeGreaterThan(losingSeeds / 2)
    expect(total.readmitted).toBeGreaterThan(losingSeeds / 4)
    expect(total.fetched).toBeGreaterThan(0)
  })
})
