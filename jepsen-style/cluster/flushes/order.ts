/**
 * What the harness and the process of a node write to each other about its flushes: two small JSON
 * files, the order and the answer. It imports next to nothing, since every node loads it.
 */
import type { FlushAnswer } from '../cluster.ts'
import { fieldsOf, finite } from '../orders/fields.ts'

/** Names the file of the order to the process. */
export const orderVariable = 'QUORATE_CHAOS_FLUSHES'

/** An order, numbered, so that an answer can say which one it follows. */
export interface NumberedDelays {
  readonly number: number
  /** By how many ms one flush after the other takes longer, over and over; empty: not at all. */
  readonly order: readonly number[]
}

/** An answer to it. */
export interface NumberedFlushAnswer extends FlushAnswer {
  readonly number: number
}

/** Reads an order; undefined: it is none. */
export function parseDelays(text: string): NumberedDelays | undefined {
  const fields = fieldsOf(text)
  const number = finite(fields?.get('number'))
  const order = fields?.get('order')
  if (number === undefined || !Array.isArray(order)) return undefined
  const delays: number[] = []
  for (const each of order as readonly unknown[]) {
    const ms = finite(each)
    if (ms === undefined || ms < 0) return undefined
    delays.push(ms)
  }
  return { number, order: delays }
}

/** Reads an answer; undefined: it is none. */
export function parseFlushAnswer(text: string): NumberedFlushAnswer | undefined {
  const fields = fieldsOf(text)
  const number = finite(fields?.get('number'))
  const pid = finite(fields?.get('pid'))
  const flushes = finite(fields?.get('flushes'))
  const delayedMs = finite(fields?.get('delayedMs'))
  if (number === undefined || pid === undefined) return undefined
  if (flushes === undefined || delayedMs === undefined) return undefined
  return { number, pid, flushes, delayedMs }
}
