/** What a run has of the world: tests give their own. */
import type { Client, ConnectOptions } from 'quorate'
import type { Cluster } from '../cluster/cluster.ts'
import type { Nemesis } from '../nemesis/nemesis.ts'
import type { Links } from '../network/links.ts'
import type { FaultSpan, RunRecord } from '../report/run-record.ts'
import type { Chance, CheckResult, FinalState } from '../workloads/workload.ts'
import type { CallCounts, HistorySink } from './journal.ts'
import type { RunClock } from './clock.ts'
import type { Settled } from './options.ts'
import type { Catalogue } from './resolve.ts'

/** What a cluster is made from. */
export interface StageOptions {
  readonly settled: Settled
  /** Ids of the nodes. */
  readonly ids: readonly string[]
  /** Where the nodes' data and logs go. */
  readonly directory: string
  /** The faults that are asked for: some need a cluster of a special make. */
  readonly nemeses: readonly Pick<Nemesis, 'name' | 'smallLog' | 'newcomers'>[]
}

/** The world of a run. */
export interface RunPorts {
  readonly catalogue: Catalogue
  /** This package's version. */
  readonly version: string
  clock(): RunClock
  /** The date, for names and for the record. */
  now(): Date
  drawSeed(): number
  /** Independent sources of chance of a seed, each by its name. */
  chances(seed: number): (name: string) => Chance
  openLinks(options: StageOptions): Promise<Links>
  openCluster(options: StageOptions & { readonly links: Links }): Promise<Cluster>
  connect(endpoints: string, options: ConnectOptions): Promise<Client>
  openHistory(path: string): HistorySink
  /** Judges that all nodes hold the same in the end; added to every workload's own checks. */
  checkReplicas(final: FinalState, nodes: number): CheckResult
  /** Draws the report of a directory; resolves with its path. */
  writeReport(directory: string): Promise<string>
}

/** Where a run stands. */
export type Phase = 'starting' | 'running' | 'healing' | 'reading' | 'checking'

/** What is told while a run goes on. */
export interface Progress {
  readonly phase: Phase
  /** Of the load: ms since it began, and how long it is to last. */
  readonly elapsedMs: number
  readonly totalMs: number
  readonly calls: CallCounts
  /** Answers a second since the last time. */
  readonly perSecond: number
  readonly faults: readonly Pick<FaultSpan, 'fault' | 'nemesis' | 'detail'>[]
  /** Faults begun so far. */
  readonly faultsBegun: number
  readonly leader: string | undefined
}

/** Who listens to a run. */
export interface ChaosHooks {
  /** Told once, before anything is started. */
  readonly onBegin?: (begin: { readonly seed: number; readonly directory: string }) => void
  /** Told about twice a second. */
  readonly onProgress?: (progress: Progress) => void
  /** Aborted: all is healed and stopped at once, and the report is still written. */
  readonly signal?: AbortSignal
}

/** What `runChaos` resolves with. */
export interface ChaosResult {
  readonly record: RunRecord
  /** 0 ok, 1 failed, 6 unknown, 7 violation. */
  readonly exitCode: number
  readonly directory: string
  /** Path of `report.html`. */
  readonly report: string
}
