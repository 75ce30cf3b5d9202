/** A record of a bench with every kind of finding, made of fixed figures: nothing in it was measured. */
import { emptyHistogram, encodeHistogram, recordMs } from '../../bench/load/latencies.ts'
import { judgeGoals } from '../../bench/goals.ts'
import {
  benchSchema,
  type BenchRecord,
  type Measured,
  type Round,
  type ScenarioRecord,
  type SideRounds,
} from '../../bench/report/record.ts'
import { scenarios } from '../../bench/scenarios.ts'

/** A round of five seconds with so many operations a second. */
export function roundOf(perSecond: number, more: Partial<Round> = {}): Round {
  const operations = perSecond * 5
  return {
    operations,
    records: operations,
    failed: 0,
    dropped: 0,
    seconds: 5,
    errors: {},
    p50: 4_000,
    p90: 6_000,
    p99: 9_000,
    max: 25_000,
    usage: [
      { name: 'leader', cpuSeconds: operations * 20e-6, rssAnon: 90 * 1_048_576 },
      { name: 'follower 1', cpuSeconds: operations * 12e-6, rssAnon: 70 * 1_048_576 },
      { name: 'follower 2', cpuSeconds: operations * 11e-6, rssAnon: 71 * 1_048_576 },
      { name: 'client', cpuSeconds: operations * 9e-6, rssAnon: 60 * 1_048_576 },
    ],
    ...more,
  }
}

/** Latencies that grow from the median to the slowest, always the same. */
function histogramOf(medianMs: number): string {
  const histogram = emptyHistogram()
  for (let i = 1; i <= 20_000; i++)
    recordMs(histogram, medianMs * (0.4 + 0.42 / Math.sqrt(1 - (i - 0.5) / 20_000)))
  return encodeHistogram(histogram)
}

/** Three rounds about this rate. */
export function roundsOf(side: Measured, perSecond: number, more: Partial<Round> = {}): SideRounds {
  const rounds = [0.9, 1, 1.05].map((share) => roundOf(Math.round(perSecond * share), more))
  return { side, rounds, histogram: histogramOf((more.p50 ?? 4_000) / 1_000) }
}

/** A load on both sides, the peer at a fifth of our rate. */
export function loadOf(name: string, perSecond: number, records = 1): ScenarioRecord {
  const { title = name } = scenarios.find((scenario) => scenario.name === name) ?? {}
  const side = (measured: Measured, rate: number, more: Partial<Round>): SideRounds => {
    const found = roundsOf(measured, rate, more)
    return {
      ...found,
      rounds: found.rounds.map((round) => ({ ...round, records: round.operations * records })),
    }
  }
  return {
    name,
    title,
    finding: {
      kind: 'load',
      inFlight: 256,
      sides: [
        side('quorate', perSecond, {}),
        side('etcd', perSecond / 5, { p50: 30_000, p99: 80_000 }),
      ],
    },
  }
}

/** Every kind of finding. */
export const fixtureScenarios: readonly ScenarioRecord[] = [
  loadOf('put-64', 22_000),
  loadOf('put-256', 36_000),
  loadOf('put-1000', 42_000),
  loadOf('put-many-100', 900, 100),
  loadOf('get-256', 60_000),
  {
    name: 'open-half',
    title: 'open loop at half of the most that the peer did',
    finding: {
      kind: 'load',
      inFlight: 256,
      rate: 3_600,
      sides: [roundsOf('quorate', 3_600), roundsOf('etcd', 3_600, { p50: 12_000, p99: 50_000 })],
    },
  },
  {
    name: 'fail-over',
    title: 'time without writes after SIGKILL of the leader',
    finding: {
      kind: 'fail-over',
      sides: [
        { side: 'quorate', gapsMs: [420, 510, 480, 700, 455], open: 0 },
        { side: 'etcd', gapsMs: [1_320, 1_710, 1_480, 1_900, 1_455], open: 1 },
      ],
    },
  },
  {
    name: 'restart-1m',
    title: 'restart of a follower with 1,000,000 rows',
    finding: {
      kind: 'restart',
      rows: 1_000_000,
      sides: [
        { side: 'quorate', seconds: [1.2, 1.4, 1.1] },
        { side: 'etcd', seconds: [0.9, 1, 1.1] },
      ],
    },
  },
  {
    name: 'growth',
    title: 'put 256 B, 256 in flight, with more and more rows stored',
    finding: {
      kind: 'growth',
      sides: [
        {
          side: 'quorate',
          steps: [10_000, 100_000, 1_000_000, 5_000_000].map((rows, step) => ({
            rows,
            fillSeconds: rows / 50_000,
            rounds: [roundOf(36_000 - step * 2_000), roundOf(34_000 - step * 2_000)],
            restartSeconds: [0.6 + step, 0.7 + step],
          })),
        },
      ],
    },
  },
]

/** The whole of it. */
export const fixture: BenchRecord = {
  schema: benchSchema,
  startedAt: '2026-01-31T12:00:03.120Z',
  seconds: 1_234,
  command: 'npm run bench -- --peer etcd',
  short: false,
  rounds: 3,
  secondsPerRound: 5,
  machine: {
    cores: 2,
    cpu: 'A processor',
    memoryBytes: 16 * 1_073_741_824,
    system: 'Linux 6.1.0',
    fileSystem: 'ext4',
    node: '20.19.0',
  },
  sides: [
    {
      side: 'quorate',
      version: 'Quorate 0.1.0',
      settings: 'defaults',
      client: 'quorate SDK 0.1.0',
    },
    {
      side: 'etcd',
      version: 'etcd 3.6.0',
      settings: 'defaults',
      client: 'go.etcd.io/etcd/client/v3 3.6.0',
    },
  ],
  idle: [
    {
      side: 'quorate',
      usage: [
        { name: 'leader', cpuShare: 0.028 },
        { name: 'follower 1', cpuShare: 0.021 },
      ],
    },
    { side: 'etcd', usage: [] },
  ],
  scenarios: fixtureScenarios,
  goals: judgeGoals(fixtureScenarios),
  notes: ['A note with <b>markup</b> in it.'],
}
