/** The judgement of one group of keys: a search, and the proof of what it found. */
import { wrongOrder } from './certify.ts'
import type { Exhausted, Limits } from './limits.ts'
import type { Model } from './model.ts'
import type { Partition } from './partition.ts'
import { Search, type Found } from './search.ts'
import { unreachable } from './unreachable.ts'

/** What is known of a group. */
export type Judgement =
  | { readonly verdict: 'linearizable' | 'not'; readonly steps: number }
  | { readonly verdict: 'unknown'; readonly exhausted: Exhausted; readonly steps: number }

/** Judges a group. Throws where the search errs: its order is gone through by the model. */
export function judge(model: Model<unknown>, group: Partition, limits: Limits): Judgement {
  return judgementOf(model, group, new Search(model, group.operations, limits).run())
}

/** The same of a group that may take its time, and any number of steps: see `runWithPauses`. */
export async function judgeWithPauses(
  model: Model<unknown>,
  group: Partition,
  limits: Omit<Limits, 'stepsMax'>,
): Promise<Judgement> {
  const search = new Search(model, group.operations, { ...limits, stepsMax: Infinity })
  return judgementOf(model, group, await search.runWithPauses())
}

function judgementOf(model: Model<unknown>, group: Partition, found: Found): Judgement {
  const { steps } = found
  switch (found.type) {
    case 'order': {
      const wrong = wrongOrder(model, group.operations, found.order)
      if (wrong !== undefined) throw new Error(`the checker is at fault: in its order, ${wrong}`)
      return { verdict: 'linearizable', steps }
    }
    case 'none':
      return { verdict: 'not', steps }
    case 'unknown':
      return { verdict: 'unknown', exhausted: found.exhausted, steps }
    default:
      return unreachable(found)
  }
}
