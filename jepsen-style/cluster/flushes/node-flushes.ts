/** The harness's side of how long a node's flushes take; `slow.ts` is the other. */
import type { FlushAnswer, NodeFlushes } from '../cluster.ts'
import { OrderFile, type Obedience } from '../orders/order-file.ts'
import { orderVariable, parseFlushAnswer, type NumberedFlushAnswer } from './order.ts'

/** Flushes that are ordered to be slow through a file. */
export class OrderedFlushes implements NodeFlushes {
  readonly #file: OrderFile<readonly number[], NumberedFlushAnswer>

  /** `path`: of the file, which may not exist yet. */
  constructor(path: string) {
    this.#file = new OrderFile(path, parseFlushAnswer)
  }

  slow(delaysMs: readonly number[]): void {
    this.#file.set(delaysMs)
  }

  answer(): FlushAnswer | undefined {
    const answer = this.#file.answer()
    if (answer === undefined) return undefined
    const { pid, flushes, delayedMs } = answer
    return { pid, flushes, delayedMs }
  }
}

/** What makes a process follow the orders in a file. */
export function flushObedience(path: string): Obedience {
  return { module: 'cluster/flushes/slow', variable: orderVariable, path }
}
