/**
 * Goal: no order of messages, losses, repetitions, cuts, slow disks and crashes breaks the safety
 * of Raft, and once the world is calm the group works again.
 * Method: many seeds; each draws its own weather and runs some thousand steps of a simulated group
 * that checks S1, S2, S3, S5, S6, S7 and S12 at every step, then heals and must converge.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom, randomBetween, randomFraction } from '../../src/random.ts'
import type { Weather } from './support/cluster.ts'
import { SimCluster } from './support/cluster.ts'

const seeds = Number(process.env['RAFT_SEEDS'] ?? 120)
const firstSeed = Number(process.env['RAFT_SEED'] ?? 1)
const stepsPerSeed = 6000
/** Half as many where the group changes as well: such a run has more nodes. */
const changingSeeds = Math.ceil(seeds / 2)

function drawWeather(seed: number, changing: boolean): Weather {
  const random = new SeededRandom(seed * 7919)
  const isTight = random.uint32() % 2 === 0
  // Where changes are to come to an end as well, every other seed is milder.
  const roughness = changing && seed % 2 === 0 ? 0.2 : 1
  return {
    nodes: randomBetween(random, 1, 6),
    drop: randomFraction(random) * 0.25 * roughness,
    duplicate: randomFraction(random) * 0.2,
    crash: randomFraction(random) * 0.004 * roughness,
    partition: randomFraction(random) * 0.01 * roughness,
    slowDisk: randomFraction(random) * 0.9,
    ...(changing
      ? { change: randomFraction(random) * 0.03, transfer: randomFraction(random) * 0.01 }
      : {}),
    limits: isTight
      ? {
          messageBytesMax: 200,
          inflightMessagesMax: 3,
          inflightEntriesMax: 5,
          inflightBytesMax: 400,
          uncommittedEntriesMax: 12,
          uncommittedBytesMax: 1000,
          logBytesMax: 500,
          unstableBytesMax: 700,
          applyBytesMax: 300,
          readsMax: 4,
          outboxMessagesMax: 40,
        }
      : {},
  }
}

describe('a group in bad weather', () => {
  test(`keeps all safety properties, seeds ${firstSeed} to ${firstSeed + seeds - 1}`, () => {
    const total = { committed: 0, reads: 0, refused: 0, leaders: 0, crashes: 0, fetches: 0 }
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const cluster = new SimCluster(seed, drawWeather(seed, false))
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
      const cluster = new SimCluster(seed, drawWeather(seed, true))
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
})
