/** How rough it gets for a simulated group. */
import type { RaftLimits } from '../../../src/raft/index.ts'
import { SeededRandom, randomBetween, randomFraction } from '../../../src/random.ts'
import type { SnapshotWeather } from './sim-snapshots.ts'

/** How rough it gets, drawn from the seed. */
export interface Weather {
  readonly nodes: number
  readonly drop: number
  readonly duplicate: number
  readonly crash: number
  readonly partition: number
  readonly slowDisk: number
  readonly limits: Partial<RaftLimits>
  /** Chances of a step to be a change of membership, or a transfer of the leadership. */
  readonly change?: number
  readonly transfer?: number
  readonly snapshots?: SnapshotWeather
  /** Chance of a crash to take the state as well. */
  readonly loseState?: number
  /** Chance of a crash to take the log, and sometimes the state too. */
  readonly loseLog?: number
}

/** The weather of a seed; `changing`: members and leaders change; `compacting`: logs are compacted; `losing`: logs are lost. */
export function drawWeather(
  seed: number,
  {
    changing = false,
    compacting = false,
    losing = false,
  }: { changing?: boolean; compacting?: boolean; losing?: boolean } = {},
): Weather {
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
    ...(compacting
      ? {
          snapshots: {
            compact: randomFraction(random) * 0.05,
            spares: random.uint32() % 2 === 0,
            breaks: randomFraction(random) * 0.1,
          },
          loseState: randomFraction(random) * 0.5,
        }
      : {}),
    ...(losing
      ? {
          nodes: randomBetween(random, 3, 6),
          crash: 0.001 + randomFraction(random) * 0.004,
          loseLog: 0.7,
        }
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

type Count =
  | 'committed'
  | 'reads'
  | 'refused'
  | 'leaders'
  | 'crashes'
  | 'fetches'
  | 'changes'
  | 'removed'
  | 'handedOver'
  | 'transfersFailed'
  | 'statesLost'
  | 'logsLost'
  | 'readmitted'

/** What happened in a run: a run in which nothing did would prove nothing. */
export function zeroCounts(): Record<Count, number> {
  return {
    committed: 0,
    reads: 0,
    refused: 0,
    leaders: 0,
    crashes: 0,
    fetches: 0,
    changes: 0,
    removed: 0,
    handedOver: 0,
    transfersFailed: 0,
    statesLost: 0,
    logsLost: 0,
    readmitted: 0,
  }
}
