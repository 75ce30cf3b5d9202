/**
 * The checker's model `kv-append`, told where the appends lead to. Between two reads nothing says in
 * which order concurrent appends came, and a search that tries them all finds out only at the next
 * read. But as texts only grow here, every state must be a beginning of the longest text that anyone
 * read, or go on from it: in any other state, that read could come neither later nor before.
 * So at each point one append at most fits, and no order is lost that could have been one.
 */
import { illegal, kvAppend, ownKey, type Model } from '../check/index.ts'
import { operationsOf, type HistoryEvent } from '../history/index.ts'

/** The model for this history. Its calls are `append` and `get` only. */
export function appendModel(history: readonly HistoryEvent[]): Model<string> {
  const longest = new Map<string, string>()
  for (const operation of operationsOf(history)) {
    const { f, outcome, output } = operation
    if (f !== 'get' || outcome !== 'ok' || typeof output !== 'string') continue
    for (const key of ownKey(operation)) {
      if (output.length > (longest.get(key)?.length ?? 0)) longest.set(key, output)
    }
  }
  return {
    ...kvAppend,
    step: (state, operation) => {
      const step = kvAppend.step(state, operation)
      if (!step.legal || operation.f !== 'append') return step
      const text = step.next
      const [key = ''] = ownKey(operation)
      const target = longest.get(key) ?? ''
      return target.startsWith(text) || text.startsWith(target) ? step : illegal
    },
  }
}
