/** From what the SDK says of a failed call to what a history says of it. */
import { QuorateError } from 'quorate'
import type { Completion } from './workload.ts'

/**
 * How a call ended that failed: `fail` where the SDK promises that it had no effect, else `info`.
 * A conflict brings the row's revision. What is no `QuorateError` is a mistake of the workload, not
 * of the cluster, and is thrown again.
 */
export function failureOf(error: unknown): Completion {
  if (!(error instanceof QuorateError)) throw error
  const { code, outcome, details } = error
  switch (outcome) {
    case 'not-applied': {
      const conflict = code === 'QUORATE_CONFLICT' && details.revision !== undefined
      return { type: 'fail', error: code, ...(conflict && { revision: details.revision }) }
    }
    case 'unknown':
      return { type: 'info', error: code }
    default:
      return outcome satisfies never
  }
}

/**
 * Makes a call and says how it ended. Of several steps, only the last may change anything: then
 * what is known of the step that failed is known of all of them.
 */
export async function completionOf(call: () => Promise<Completion>): Promise<Completion> {
  try {
    return await call()
  } catch (error) {
    return failureOf(error)
  }
}
