/** Runs in the real world; the folder's door. */
import type { ChaosOptions } from './options.ts'
import type { ChaosHooks, ChaosResult } from './ports.ts'
import { runChaosIn } from './run-chaos.ts'
import { realWorld } from './world.ts'

export { listChaos } from './list.ts'
export type { BackendChoice, ChaosOptions, Tuning } from './options.ts'
export type { ChaosHooks, ChaosResult, Phase, Progress } from './ports.ts'
export type { Bounds } from './verdict.ts'

/**
 * Runs a workload against a cluster that is broken meanwhile, checks the history, and writes the
 * report. Rejects with `QUORATE_USAGE` where the options cannot be meant or the directory is not
 * empty, and with the error that kept a run from beginning; from then on it always resolves, and
 * the record's `verdict` and `reasons` say what came of it. Nothing is left running either way.
 */
export async function runChaos(
  options: ChaosOptions = {},
  hooks: ChaosHooks = {},
): Promise<ChaosResult> {
  return await runChaosIn(realWorld(), options, hooks)
}
