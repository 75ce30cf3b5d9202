/**
 * Why a history is not linearizable, for people: found in a second pass, on the group of keys that
 * failed, after the verdict stands.
 */
import type { Operation } from '../history/index.ts'
import type { Model } from './model.ts'
import { Search, type DeadEnd } from './search.ts'
import { partition, type Partition } from './partition.ts'

/** An order of as many operations as any order can hold, and why it goes no further. */
export interface PartialOrder {
  /** The lines (`i`) of the calls, in order. */
  readonly lines: readonly number[]
  /** The state after each of them, as the model describes it. */
  readonly states: readonly string[]
  /** What could come next, each with the state in which it cannot have ended as it did. */
  readonly stuck: readonly { readonly line: number; readonly why: string }[]
}

/** An explanation. Operations are named by the line (`i`) of their call. */
export interface Explanation {
  /** The keys of the group that failed; empty where the history has none. */
  readonly keys: readonly string[]
  /**
   * The operation whose end leaves no order: up to the line before, there was one. Undefined where
   * the time for explanations did not suffice to find it, or where no single key is at fault.
   */
  readonly breaking: Operation | undefined
  /** The line after which no order fits: that of `breaking`'s completion. */
  readonly line: number | undefined
  /** Lines of the shortest stretch that shows it, both included. */
  readonly window: { readonly from: number; readonly to: number }
  /** The operations of that stretch, in the order of their calls. */
  readonly operations: readonly Operation[]
  /** A few, the longest first. */
  readonly orders: readonly PartialOrder[]
  /** A few sentences that say all this. */
  readonly text: string
}

/** Orders that are kept: more would not tell more. */
const ordersMax = 3
/** Operations before the breaking one that are shown. */
const contextMax = 12
/** States and values are cut to this length in sentences. */
const shownCharactersMax = 80

/** What explaining may cost, besides its deadline in ms of `performance.now()`. */
export interface ExplainLimits {
  readonly deadline: number
  readonly memoryBytesMax: number
}

/** Explains why a group, of which this is known, has no order. */
export function explain(
  model: Model<unknown>,
  failed: Partition,
  limits: ExplainLimits,
): Explanation {
  const breaking = firstWithoutOrder(model, failed.operations, limits)
  const cut = breaking === undefined ? failed.operations : cutAfter(failed.operations, breaking.end)
  const { orders, placed } = longestOrders(model, cut, limits)
  const window = windowOf(cut, breaking, orders)
  return {
    keys: failed.keys.filter((key) => key !== ''),
    breaking,
    line: breaking?.completionLine,
    window: { from: window.from, to: window.to },
    operations: window.operations,
    orders,
    text: textOf(failed, breaking, { orders, placed }),
  }
}

/**
 * The operation at whose end there is no order any more. What holds of a history holds of each of
 * its beginnings, so that the place can be bisected.
 */
function firstWithoutOrder(
  model: Model<unknown>,
  operations: readonly Operation[],
  limits: ExplainLimits,
): Operation | undefined {
  const ended = operations
    .filter(({ end }) => end !== Number.POSITIVE_INFINITY)
    .sort((a, b) => a.end - b.end)
  // Invariant: there is an order up to the end of `low`, and none up to that of `high`.
  let low = -1
  let high = ended.length - 1
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    const end = ended[middle]?.end ?? 0
    const found = search(model, cutAfter(operations, end), limits)
    if (found === 'unknown') return undefined
    if (found === 'order') low = middle
    else high = middle
  }
  return ended[high]
}

/** The history as it was known at a moment: calls that had not ended are open. */
function cutAfter(operations: readonly Operation[], moment: number): Operation[] {
  return operations
    .filter(({ begin }) => begin <= moment)
    .map((operation) => (operation.end <= moment ? operation : opened(operation)))
}

function opened(operation: Operation): Operation {
  return {
    ...operation,
    outcome: 'info',
    output: undefined,
    revision: undefined,
    error: undefined,
    completionLine: undefined,
    end: Number.POSITIVE_INFINITY,
  }
}

/** Operations that count; what is now open may not be needed any more. */
function pruned(model: Model<unknown>, operations: readonly Operation[]): readonly Operation[] {
  return partition(model, operations).flatMap((group) => group.operations)
}

function search(
  model: Model<unknown>,
  operations: readonly Operation[],
  limits: ExplainLimits,
): 'order' | 'none' | 'unknown' {
  const all = { ...limits, stepsMax: Number.POSITIVE_INFINITY }
  return new Search(model, pruned(model, operations), all).run().type
}

interface Longest {
  readonly orders: readonly PartialOrder[]
  /** How many ended operations they hold. */
  readonly placed: number
}

/** Searches on through all dead ends, and keeps the deepest. */
function longestOrders(
  model: Model<unknown>,
  operations: readonly Operation[],
  limits: ExplainLimits,
): Longest {
  let placed = -1
  let deepest: (readonly Operation[])[] = []
  const keep = (end: DeadEnd): void => {
    if (end.placed < placed || (end.placed === placed && deepest.length >= ordersMax)) return
    if (end.placed > placed) deepest = []
    placed = end.placed
    deepest.push(end.order())
  }
  const counted = pruned(model, operations)
  new Search(model, counted, { ...limits, stepsMax: Number.POSITIVE_INFINITY }, keep).run()
  return { orders: deepest.map((order) => partialOrder(model, counted, order)), placed }
}

function partialOrder(
  model: Model<unknown>,
  operations: readonly Operation[],
  order: readonly Operation[],
): PartialOrder {
  let state = model.initial
  const states: string[] = []
  for (const operation of order) {
    const step = model.step(state, operation)
    if (step.legal) state = step.next
    states.push(model.describe(state))
  }
  const placed = new Set(order)
  const left = operations.filter((one) => !placed.has(one))
  const firstEnd = left.reduce((least, { end }) => Math.min(least, end), Number.POSITIVE_INFINITY)
  const stuck = left
    .filter((one) => one.begin < firstEnd && !model.step(state, one).legal)
    .map((one) => ({
      line: one.invokeLine,
      why: `${told(one)} where the state is ${shorten(model.describe(state))}`,
    }))
  return { lines: order.map(({ invokeLine }) => invokeLine), states, stuck }
}

/** From the breaking operation back to what was placed last, and what was under way with them. */
function windowOf(
  operations: readonly Operation[],
  breaking: Operation | undefined,
  orders: readonly PartialOrder[],
): { from: number; to: number; operations: readonly Operation[] } {
  const last = orders[0]?.lines.slice(-contextMax) ?? []
  const shown = new Set([...last, ...(breaking === undefined ? [] : [breaking.invokeLine])])
  const chosen = operations.filter(({ invokeLine }) => shown.has(invokeLine))
  const from = Math.min(...chosen.map(({ invokeLine }) => invokeLine))
  const to =
    breaking?.completionLine ??
    Math.max(...chosen.map(({ completionLine, invokeLine }) => completionLine ?? invokeLine))
  const within = operations.filter(
    ({ invokeLine, completionLine }) => invokeLine <= to && (completionLine ?? invokeLine) >= from,
  )
  return Number.isFinite(from) ? { from, to, operations: within } : { from: 0, to: 0, operations }
}

function textOf(failed: Partition, breaking: Operation | undefined, longest: Longest): string {
  const keys = failed.keys.filter((key) => key !== '')
  const where = keys.length === 0 ? '' : ` of ${keys.map((key) => JSON.stringify(key)).join(', ')}`
  if (breaking === undefined) return `The calls${where} have no order.`
  const sentences = [
    `The calls${where} have no order from line ${breaking.completionLine} on: ` +
      `process ${breaking.process} was answered ${told(breaking)}.`,
  ]
  const [order] = longest.orders
  const reason = order?.stuck.find(({ line }) => line === breaking.invokeLine) ?? order?.stuck[0]
  if (order !== undefined && reason !== undefined) {
    sentences.push(
      `The longest order holds ${longest.placed} of them, and stops at line ${reason.line}: ` +
        `${reason.why}.`,
    )
  }
  return sentences.join(' ')
}

/** What came of an operation, for people. */
function told({ f, input, output, outcome }: Operation): string {
  const given = input === undefined || input === null ? '' : ` ${JSON.stringify(input)}`
  const answer = f === 'read' || f === 'get' ? ` → ${JSON.stringify(output ?? null)}` : ''
  return shorten(`${f}${given}${answer}${outcome === 'fail' ? ' → failed' : ''}`)
}

function shorten(text: string): string {
  return text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}…`
}
