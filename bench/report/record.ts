/**
 * What a bench found, as `bench.json` keeps it: figures of every round, so that a later reader can
 * judge the medians. The table and the page are drawn from this and from nothing else.
 */
import type { Machine } from '../measure/machine.ts'
import type { Usage } from '../measure/sampler.ts'

/** Version of the file's layout. */
export const benchSchema = 1

/** Who was measured: a store, or `core`, our log replication without a state machine. */
export type Measured = 'quorate' | 'etcd' | 'core'

/** A round of load against one side. */
export interface Round {
  readonly operations: number
  readonly records: number
  readonly failed: number
  readonly dropped: number
  readonly seconds: number
  readonly errors: Readonly<Record<string, number>>
  /** µs. */
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
  /** Of each process, the client's last; empty where the system does not tell. */
  readonly usage: readonly Usage[]
}

/** All rounds against one side. */
export interface SideRounds {
  readonly side: Measured
  readonly rounds: readonly Round[]
  /** All rounds' latencies, µs: HdrHistogram V2, compressed, base64. */
  readonly histogram: string
}

/** What a scenario found. */
export type Finding =
  | {
      readonly kind: 'load'
      readonly inFlight: number
      /** Arrivals per second of an open loop. */
      readonly rate?: number
      readonly sides: readonly SideRounds[]
    }
  | {
      readonly kind: 'fail-over'
      readonly sides: readonly {
        readonly side: Measured
        /** Time without a successful write around each kill, ms. */
        readonly gapsMs: readonly number[]
        /** How many of them were still open when the look at them ended. */
        readonly open: number
      }[]
    }
  | {
      readonly kind: 'restart'
      readonly rows: number
      readonly sides: readonly { readonly side: Measured; readonly seconds: readonly number[] }[]
    }
  | {
      readonly kind: 'growth'
      readonly sides: readonly {
        readonly side: Measured
        readonly steps: readonly GrowthStep[]
      }[]
    }

/** The same load with so many rows stored. */
export interface GrowthStep {
  readonly rows: number
  /** How long filling up to them took. */
  readonly fillSeconds: number
  readonly rounds: readonly Round[]
  /** From the start of a killed follower's process until it serves. */
  readonly restartSeconds: readonly number[]
}

/** A scenario with what it found. */
export interface ScenarioRecord {
  readonly name: string
  readonly title: string
  readonly finding: Finding
}

/** A goal beside what was measured. */
export interface GoalRecord {
  readonly scenario: string
  readonly goal: string
  readonly measured: string
  /** Undefined: what it needs was not measured. */
  readonly met?: boolean
}

/** CPU that a side takes with nothing to do, in shares of a core. */
export interface IdleRecord {
  readonly side: Measured
  readonly usage: readonly { readonly name: string; readonly cpuShare: number }[]
}

/** The whole of `bench.json`. */
export interface BenchRecord {
  readonly schema: typeof benchSchema
  /** ISO 8601. */
  readonly startedAt: string
  readonly seconds: number
  readonly command: string
  readonly short: boolean
  readonly rounds: number
  readonly secondsPerRound: number
  readonly machine: Machine
  readonly sides: readonly {
    readonly side: Measured
    readonly version: string
    readonly settings: string
    /** Undefined: nothing was loaded. */
    readonly client?: string
  }[]
  readonly idle: readonly IdleRecord[]
  readonly scenarios: readonly ScenarioRecord[]
  readonly goals: readonly GoalRecord[]
  /** What a reader must know: sides that were missing, scenarios that failed. */
  readonly notes: readonly string[]
}

/** What was done in a second. */
export function perSecond(round: Round): number {
  return round.operations / round.seconds
}

/** Records written or read in a second. */
export function recordsPerSecond(round: Round): number {
  return round.records / round.seconds
}

/** CPU time of each process per operation, µs, in the order of the rounds' processes. */
export function cpuPerOperation(
  rounds: readonly Round[],
): readonly { readonly name: string; readonly micros: number }[] {
  const names = [...new Set(rounds.flatMap(({ usage }) => usage.map(({ name }) => name)))]
  return names.map((name) => {
    let cpuSeconds = 0
    let operations = 0
    for (const round of rounds) {
      const usage = round.usage.find((used) => used.name === name)
      if (usage === undefined) continue
      cpuSeconds += usage.cpuSeconds
      operations += round.operations
    }
    return { name, micros: operations === 0 ? Number.NaN : (1e6 * cpuSeconds) / operations }
  })
}

/** The most anonymous memory that a process held in any round, bytes; `which` picks by name. */
export function peakMemory(rounds: readonly Round[], which: (name: string) => boolean): number {
  const peaks = rounds.flatMap(({ usage }) =>
    usage.filter(({ name }) => which(name)).map(({ rssAnon }) => rssAnon),
  )
  return peaks.length === 0 ? Number.NaN : Math.max(...peaks)
}

/** The name of the load generator among the processes. */
export const clientName = 'client'
