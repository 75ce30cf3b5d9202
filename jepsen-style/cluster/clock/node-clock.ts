/** The harness's side of a node's wall clock; `shift.ts` is the other. */
import type { ClockAnswer, ClockOrder, NodeClock } from '../cluster.ts'
import { OrderFile, type Obedience } from '../orders/order-file.ts'
import { orderVariable, parseAnswer, type NumberedAnswer } from './order.ts'

/** A clock that is ordered through a file. */
export class OrderedClock implements NodeClock {
  readonly #file: OrderFile<ClockOrder, NumberedAnswer>

  /** `path`: of the file, which may not exist yet. */
  constructor(path: string) {
    this.#file = new OrderFile(path, parseAnswer)
  }

  set(order: ClockOrder): void {
    this.#file.set(order)
  }

  answer(): ClockAnswer | undefined {
    const answer = this.#file.answer()
    return answer && { pid: answer.pid, differenceMs: answer.differenceMs }
  }
}

/** What makes a process follow the orders in a file. */
export function clockObedience(path: string): Obedience {
  return { module: 'cluster/clock/shift', variable: orderVariable, path }
}
