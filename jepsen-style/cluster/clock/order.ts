/**
 * What the harness and the process of a node write to each other about its wall clock: two small
 * JSON files, the order and the answer. It imports next to nothing, since every node loads it.
 */
import type { ClockAnswer, ClockOrder } from '../cluster.ts'
import { fieldsOf, finite } from '../orders/fields.ts'

/** Names the file of the order to the process. */
export const orderVariable = 'QUORATE_CHAOS_CLOCK'

/** An order, numbered, so that an answer can say which one it follows. */
export interface NumberedOrder {
  readonly number: number
  readonly order: ClockOrder
}

/** An answer to it. */
export interface NumberedAnswer extends ClockAnswer {
  readonly number: number
}

/** By how many ms a clock under an order is off, `elapsedMs` after the order came into force. */
export function differenceOf(order: ClockOrder, elapsedMs: number): number {
  switch (order.type) {
    case 'offset':
      return order.ms
    case 'rate':
      return order.rate * elapsedMs
    case 'strobe':
      // Begins with the difference: that it works shows at once.
      return Math.floor(elapsedMs / order.periodMs) % 2 === 0 ? order.ms : 0
    default:
      return unreachable(order)
  }
}

/** Reads an order; undefined: it is none. */
export function parseOrder(text: string): NumberedOrder | undefined {
  const fields = fieldsOf(text)
  const number = finite(fields?.get('number'))
  const order = fields?.get('order')
  if (number === undefined || typeof order !== 'object' || order === null) return undefined
  const parts = new Map<string, unknown>(Object.entries(order))
  const ms = finite(parts.get('ms'))
  const rate = finite(parts.get('rate'))
  const periodMs = finite(parts.get('periodMs'))
  switch (parts.get('type')) {
    case 'offset':
      return ms === undefined ? undefined : { number, order: { type: 'offset', ms } }
    case 'rate':
      return rate === undefined ? undefined : { number, order: { type: 'rate', rate } }
    case 'strobe':
      if (ms === undefined || periodMs === undefined || periodMs <= 0) return undefined
      return { number, order: { type: 'strobe', ms, periodMs } }
    default:
      return undefined
  }
}

/** Reads an answer; undefined: it is none. */
export function parseAnswer(text: string): NumberedAnswer | undefined {
  const fields = fieldsOf(text)
  const number = finite(fields?.get('number'))
  const pid = finite(fields?.get('pid'))
  const differenceMs = finite(fields?.get('differenceMs'))
  if (number === undefined || pid === undefined || differenceMs === undefined) return undefined
  return { number, pid, differenceMs }
}

function unreachable(order: never): never {
  throw new Error(`unknown order ${JSON.stringify(order)}`)
}
