/**
 * Which open writes can be left out: a write that nobody was answered, and whose effect nobody can
 * have seen. This, more than speed, decides whether histories full of faults can be judged, as each
 * open write could have taken effect at any later moment.
 *
 * Why it is sound. A history without such a write is linearizable if the one with it is, and the
 * other way round. (1) An open write can always be put at the end, where nothing follows it. (2)
 * Given an order in which it took effect in the middle, take it out. Between its place and the next
 * effect stand no answers that its value explains, because there are none; open conditional writes
 * that now would take effect there are put at the end, by (1). The rest is as it was, provided that
 * no answer in between was of a state that the write only hid; a model prunes only where there is none such.
 */
import type { Operation } from '../../history/index.ts'

/** What a model says about its operations. */
export interface Visibility {
  /** The value that an open operation may have left behind; undefined: do not leave it out. */
  effectOf(operation: Operation): string | undefined
  /** The values that the state must have had for the operation to be what it is. */
  observedBy(operation: Operation): readonly string[]
}

/** The operations without the open ones whose effect nobody can have seen. */
export function withoutUnobserved(
  operations: readonly Operation[],
  visibility: Visibility,
): readonly Operation[] {
  /** By value: how many observe it. */
  const observers = new Map<string, number>()
  const open = new Map<string, Operation[]>()
  for (const operation of operations) {
    for (const value of visibility.observedBy(operation)) {
      observers.set(value, (observers.get(value) ?? 0) + 1)
    }
    const effect = operation.outcome === 'info' ? visibility.effectOf(operation) : undefined
    if (effect === undefined) continue
    const alike = open.get(effect)
    if (alike === undefined) open.set(effect, [operation])
    else alike.push(operation)
  }
  const left = new Set(operations)
  const unseen = [...open.keys()].filter((effect) => !observers.has(effect))
  for (let effect = unseen.pop(); effect !== undefined; effect = unseen.pop()) {
    for (const operation of open.get(effect) ?? []) {
      left.delete(operation)
      // One that is left out observes nothing any more, so others may follow.
      for (const value of visibility.observedBy(operation)) {
        const others = (observers.get(value) ?? 0) - 1
        observers.set(value, others)
        if (others === 0) unseen.push(value)
      }
    }
  }
  return left.size === operations.length ? operations : [...left]
}
