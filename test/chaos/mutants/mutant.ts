/** A planted bug, and the run of the harness that is to turn red over it. */
import type { Edit } from '../../sim/mutants/mutant.ts'

/** One planted bug. It exists in a copy of the sources alone. */
export interface ChaosMutant {
  readonly name: string
  /** What is wrong, and where such a bug was seen. */
  readonly bug: string
  readonly edits: readonly Edit[]
  /** Options of `quorate chaos run`; a seed and the time are added. */
  readonly run: readonly string[]
  /**
   * Words of the reason for which the run fails, where the bug breaks no promise in sight of the
   * clients but keeps a node from what it must do. Absent: a check has to be violated.
   */
  readonly fails?: string
}
