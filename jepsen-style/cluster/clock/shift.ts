/**
 * Loaded into the process of a node before its own code (`node --import`): makes the wall clock of
 * that process differ from the machine's as the harness orders. `Date` is replaced, and nothing
 * else: monotonic time and timers stay right, as they do on a machine whose clock is set.
 */
import { answerOrder, follow } from '../orders/follow.ts'
import { differenceOf, orderVariable, parseOrder } from './order.ts'
import type { NumberedOrder } from './order.ts'

/** The least difference that counts as one: below it, rounding to whole ms hides it. */
const leastMs = 1

const orderFile = process.env[orderVariable]
if (orderFile !== undefined && orderFile !== '') install(orderFile)

function install(path: string): void {
  const RealDate = Date
  const realNow = Date.now
  let current: { readonly order: NumberedOrder; readonly since: number } | undefined
  let answered: { readonly number: number; readonly differenceMs: number } | undefined

  const difference = (): number =>
    current === undefined ? 0 : differenceOf(current.order.order, performance.now() - current.since)
  const now = (): number => Math.floor(realNow() + difference())

  const answer = (order: NumberedOrder): void => {
    const differenceMs = Date.now() - realNow()
    const again = answered?.number === order.number
    // A difference that grows, or comes and goes, is told once it can be told from none.
    if (
      again &&
      (Math.abs(answered?.differenceMs ?? 0) > leastMs || Math.abs(differenceMs) <= leastMs)
    ) {
      return
    }
    answered = { number: order.number, differenceMs }
    answerOrder(path, answered)
  }

  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  })
  follow(path, {
    changed: (text) => {
      const order = text === undefined ? undefined : parseOrder(text)
      if (order?.number === current?.order.number) return
      current = order && { order, since: performance.now() }
    },
    looked: () => {
      if (current !== undefined) answer(current.order)
    },
  })
}
