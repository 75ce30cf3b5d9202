/** The one place where workloads ask the checker whether a history is linearizable. */
import { checkHistory, type HistoryVerdict, type Model } from '../check/index.ts'
import { HistoryError, type HistoryEvent } from '../history/index.ts'
import type { CheckResult } from './workload.ts'

/** So many lines of the history are named for the report's drawing. */
const linesMax = 400

/**
 * Runs the checker with its own limits; where it meets one, the result is `unknown`.
 *
 * @param model the name of one of the checker's, or one of the workload's own
 */
export async function checkLinearizable(
  history: readonly HistoryEvent[],
  model: string | Model<unknown>,
): Promise<CheckResult> {
  const name = 'linearizable'
  try {
    return resultOf(name, await checkHistory(history, { model }))
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error
    return { name, verdict: 'unknown', text: `This cannot be judged: ${error.message}` }
  }
}

function resultOf(name: string, found: HistoryVerdict): CheckResult {
  const { verdict, text, operations, partitions, steps, explanation } = found
  const figures = { operations, keys: partitions, steps }
  switch (verdict) {
    case 'linearizable':
      // So is a history of nothing, which shows nothing.
      return operations === 0
        ? { name, verdict: 'unknown', text: 'No call told anything.', figures }
        : { name, verdict: 'ok', text, figures }
    case 'unknown':
      return { name, verdict: 'unknown', text, figures }
    case 'not': {
      const lines = (explanation?.operations ?? [])
        .slice(0, linesMax / 2)
        .flatMap(({ invokeLine, completionLine }) => [invokeLine, completionLine ?? invokeLine])
      const events = [...new Set(lines)].sort((a, b) => a - b)
      const [key] = explanation?.keys ?? []
      return {
        name,
        verdict: 'violation',
        text,
        figures,
        ...(explanation !== undefined && {
          explanation: { line: explanation.line, orders: explanation.orders },
        }),
        ...(events.length > 0 && { events }),
        ...(key !== undefined && { key }),
      }
    }
    default:
      return verdict satisfies never
  }
}
