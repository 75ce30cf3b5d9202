/** What is known of a run when it is over: `run.json`, from which the report is drawn. */
import type { CheckResult } from '../workloads/workload.ts'

/** A span during which a fault was about, in ms since the run began. */
export interface FaultSpan {
  readonly fault: number
  readonly nemesis: string
  readonly detail: string
  readonly begin: number
  /** Absent: it was still there when the run ended. */
  readonly heal?: number
  /** What showed that it worked; absent: nothing did, and the run fails. */
  readonly seen?: string
  /** Ms from its beginning until the first call that began after it succeeded. */
  readonly firstSuccessMs?: number
}

/** Availability, as the clients saw it. */
export interface Availability {
  readonly calls: number
  readonly ok: number
  readonly failed: number
  readonly unknown: number
  /** Of the calls in whose time no fault was about, nor in the 5 s before; 0 to 1; NaN: of none. */
  readonly calmSuccessRate: number
  /** Time to the first success after a fault began, ms; NaN: there was none. */
  readonly rto: { readonly p50: number; readonly p99: number; readonly max: number }
  /** Writes acknowledged, and how many of them were found to be lost in the end. */
  readonly acknowledged: number
  readonly lost: number
}

/** A run, as it is kept. */
export interface RunRecord {
  readonly schema: 1
  readonly version: string
  readonly node: string
  readonly startedAt: string
  readonly seed: number
  readonly nodes: number
  readonly clients: number
  /** Calls a second that were asked for; 0: as many as the clients could make. */
  readonly rate: number
  readonly seconds: number
  readonly workload: string
  readonly nemeses: readonly string[]
  /** Nemeses that were meant and can't be had here, or did not come in time, with the reason. */
  readonly leftOut: readonly { readonly nemesis: string; readonly reason: string }[]
  readonly backend: string
  readonly faults: readonly FaultSpan[]
  readonly availability: Availability
  /** Snapshots that nodes fetched to their end, as their logs tell; absent: there are no logs. */
  readonly snapshots?: number
  readonly checks: readonly CheckResult[]
  readonly verdict: 'ok' | 'violation' | 'unknown' | 'failed'
  /** Why it is not `ok`, for people, one line each. */
  readonly reasons: readonly string[]
  /** The command that plays the same schedule again. */
  readonly command: string
  /** Ended by the user before its time. */
  readonly interrupted: boolean
}
