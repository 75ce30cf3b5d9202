/**
 * What `quorate chaos` needs of `quorate/chaos`, declared here because the harness is built after
 * the sources; a test holds it against the module itself.
 */
import { hasFunctions } from './harness.ts'

/** How calls ended so far. */
export interface ChaosCalls {
  readonly ok: number
  readonly failed: number
  readonly unknown: number
}

/** What is told while a run goes on. */
export interface ChaosProgress {
  readonly phase: 'starting' | 'running' | 'healing' | 'reading' | 'checking'
  readonly elapsedMs: number
  readonly totalMs: number
  readonly calls: ChaosCalls
  readonly perSecond: number
  readonly faults: readonly {
    readonly fault: number
    readonly nemesis: string
    readonly detail: string
  }[]
  readonly faultsBegun: number
  readonly leader: string | undefined
}

/** What is known of a run when it is over, as far as it is printed. */
export interface ChaosRecord {
  readonly seed: number
  readonly workload: string
  readonly leftOut: readonly { readonly nemesis: string; readonly reason: string }[]
  readonly faults: readonly { readonly nemesis: string; readonly seen?: string }[]
  readonly availability: {
    readonly calls: number
    readonly ok: number
    readonly failed: number
    readonly unknown: number
    /** NaN: no call was away from faults. */
    readonly calmSuccessRate: number
    /** NaN: after no fault a call succeeded. */
    readonly rto: { readonly p50: number; readonly p99: number; readonly max: number }
    readonly acknowledged: number
    readonly lost: number
  }
  readonly checks: readonly {
    readonly name: string
    readonly verdict: 'ok' | 'violation' | 'unknown'
    readonly text: string
  }[]
  readonly verdict: 'ok' | 'violation' | 'unknown' | 'failed'
  readonly reasons: readonly string[]
  readonly command: string
  readonly interrupted: boolean
}

/** How a run ended. */
export interface ChaosResult {
  readonly record: ChaosRecord
  readonly exitCode: number
  readonly directory: string
  readonly report: string
}

/** What a run is told; what is left out has a default. */
export interface ChaosOptions {
  readonly nodes?: number
  readonly workload?: string
  readonly nemeses?: readonly string[]
  readonly seconds?: number
  readonly rate?: number
  readonly clients?: number
  readonly seed?: number
  readonly directory?: string
  readonly backend?: 'relay' | 'namespaces' | 'auto'
  readonly everyMs?: number
  readonly overlap?: number
  readonly bounds?: { readonly successRateMin?: number; readonly rtoP99MaxMs?: number }
  readonly tuning?: {
    readonly heartbeatMs?: number
    readonly electionTimeoutMinMs?: number
    readonly electionTimeoutMaxMs?: number
  }
  readonly timeoutMs?: number
  readonly endpoints?: string
}

/** One line of `chaos list`. */
export interface ChaosListing {
  readonly name: string
  readonly about: string
  /** Why it cannot be had on this machine; absent: it can. */
  readonly unavailable?: string
}

/** The module. */
export interface ChaosModule {
  runChaos(
    options: ChaosOptions,
    hooks: {
      readonly onBegin: (begin: { readonly seed: number; readonly directory: string }) => void
      readonly onProgress: (progress: ChaosProgress) => void
      readonly signal: AbortSignal
    },
  ): Promise<ChaosResult>
  /** What there is, and what of it cannot be had on this machine. */
  listChaos(): Promise<{
    readonly workloads: readonly ChaosListing[]
    readonly nemeses: readonly (ChaosListing & { readonly kind: string })[]
  }>
  /** Draws `report.html` of a run's directory anew; resolves with its path. */
  writeReport(directory: string): Promise<string>
}

/** The guard of `ChaosModule`. */
export function isChaosModule(loaded: unknown): loaded is ChaosModule {
  return hasFunctions(loaded, ['runChaos', 'listChaos', 'writeReport'])
}
