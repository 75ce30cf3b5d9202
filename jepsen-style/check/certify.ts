/**
 * The proof of a good verdict: an order is gone through once more, by the model alone. So however
 * the search may err, "linearizable" is only said of a history for which an order is at hand.
 */
import type { Operation } from '../history/index.ts'
import type { Model } from './model.ts'

/** Why `order` is none of these operations; undefined: it is one. */
export function wrongOrder(
  model: Model<unknown>,
  operations: readonly Operation[],
  order: readonly Operation[],
): string | undefined {
  const placed = new Set(order)
  if (placed.size !== order.length) return 'an operation stands in it twice'
  const missing = operations.find((one) => one.outcome !== 'info' && !placed.has(one))
  if (missing !== undefined) return `line ${missing.invokeLine} is missing`
  let state = model.initial
  let latestBegin = Number.NEGATIVE_INFINITY
  for (const operation of order) {
    if (operation.end < latestBegin) return `line ${operation.invokeLine} had ended before`
    latestBegin = Math.max(latestBegin, operation.begin)
    const step = model.step(state, operation)
    if (!step.legal) return `line ${operation.invokeLine} is not legal where it stands`
    state = step.next
  }
  return undefined
}
