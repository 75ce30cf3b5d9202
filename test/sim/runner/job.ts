/** What the runner and its workers say to each other: plain data, one lifetime at a time. */
import type { Failure, Figures, LifetimeOptions, LifetimeResult } from '../lifetime.ts'

/** The options of one lifetime, without what cannot be sent. */
export type Request = Omit<LifetimeOptions, 'trace'>

/** To a worker: live this one. */
export interface Job {
  readonly request: Request
  /** Where the lines of the trace go; undefined: none are made. */
  readonly traceFile: string | undefined
}

/** From a worker. */
export type Report =
  /** It has loaded everything and takes jobs. */
  | { readonly type: 'ready' }
  /** `last`: it takes no more jobs and ends. */
  | { readonly type: 'done'; readonly result: LifetimeResult; readonly last: boolean }

/** The hash of a lifetime that never came to its end. */
export const noHash = '0000000000000000'

/** Nothing happened. */
export const noFigures: Figures = {
  acked: 0,
  faults: 0,
  elections: 0,
  compactions: 0,
  snapshotsSent: 0,
  snapshotsInstalled: 0,
  handOvers: 0,
  configurations: 0,
  diskRefusals: 0,
  simulatedMs: 0,
  events: 0,
}

/** What came of a lifetime whose worker could not tell. */
export function lostResult(request: Request, check: string, message: string): LifetimeResult {
  const failure: Failure = { kind: 'crash', check, message, at: 0, stack: undefined }
  return {
    seed: request.seed,
    hash: noHash,
    description: [],
    figures: noFigures,
    faultNumbers: [],
    failure,
  }
}
