/** What `quorate doctor` finds, and how bad it is. */

/**
 * `critical`: no service, or the next failure would end it, or data that cannot be trusted.
 * `warning`: a weakness to mend. `note`: nothing is wrong, but it is not as it will stay.
 */
export type Severity = 'critical' | 'warning' | 'note'

/** One thing that was found. */
export interface Finding {
  readonly severity: Severity
  /** Its name, for programs. */
  readonly check: string
  /** Of which node; undefined: of the cluster. */
  readonly node: string | undefined
  /** What was found. */
  readonly what: string
  /** What it means. */
  readonly meaning: string
  /** A command, or what to do where no command helps. */
  readonly next: string
}

/** How many voters there are, how many of them can be counted on, and how many are needed. */
export interface Quorum {
  readonly voters: number
  readonly sound: number
  readonly needed: number
  /** How many of the sound ones may fail before the cluster stops; below 0: it has stopped. */
  readonly mayFail: number
}

/** All that was found, the worst first. */
export interface Diagnosis {
  readonly quorum: Quorum
  readonly findings: readonly Finding[]
}

/** Of the cluster as a whole: what was found, what it means, and what to do next. */
export function clusterFinding(
  severity: Severity,
  check: string,
  [what, meaning, next]: readonly [string, string, string],
): Finding {
  return { severity, check, node: undefined, what, meaning, next }
}

/** The same of one node. */
export function nodeFinding(
  severity: Severity,
  check: string,
  node: string | undefined,
  [what, meaning, next]: readonly [string, string, string],
): Finding {
  return { severity, check, node, what, meaning, next }
}
