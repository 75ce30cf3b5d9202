/** What a check says. */
import type { Explanation } from './explanation.ts'

/** `unknown`: a limit was met, or the checker does not trust itself. It is never a pass. */
export type Verdict = 'linearizable' | 'not' | 'unknown'

/** What a check found of one history. */
export interface HistoryVerdict {
  readonly model: string
  readonly verdict: Verdict
  /** For people: what was checked, or where no order fits, or why nobody knows. */
  readonly text: string
  /** Operations that counted, in so many groups of keys. */
  readonly operations: number
  readonly partitions: number
  /** Steps of all searches. */
  readonly steps: number
  readonly seconds: number
  /** Whether the order of revisions was checked too. */
  readonly byRevision: boolean
  /** Of a violation, for the report; absent where it was not asked for. */
  readonly explanation?: Explanation
}
