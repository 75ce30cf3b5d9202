/**
 * Loaded into the process of a node before its own code (`node --import`): makes the wall clock of
 * that process differ from the machine's as the harness orders. `Date` is replaced, and nothing
 * else: monotonic time and timers stay right, as they do on a machine whose clock is set.
 *
 * The order is read from a file, which is looked at twenty times a second. A failure in here must
 * not be taken for one of the node, so what can't be read counts as no order.
 */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { answerSuffix, differenceOf, orderVariable, parseOrder } from './order.ts'
import type { NumberedOrder } from './order.ts'

const lookMs = 50
/** An order has some hundred bytes. */
const orderBytesMax = 4_096
/** The least difference that counts as one: below it, rounding to whole ms hides it. */
const leastMs = 1

const orderFile = process.env[orderVariable]
if (orderFile !== undefined && orderFile !== '') install(orderFile)

function install(path: string): void {
  const RealDate = Date
  const realNow = Date.now
  let current: { readonly order: NumberedOrder; readonly since: number } | undefined
  let seenAt: string | undefined
  let answered: { readonly number: number; readonly differenceMs: number } | undefined

  const difference = (): number =>
    current === undefined ? 0 : differenceOf(current.order.order, performance.now() - current.since)
  const now = (): number => Math.floor(realNow() + difference())

  const look = (): void => {
    const at = signatureOf(path)
    if (at !== seenAt) {
      seenAt = at
      const order = at === undefined ? undefined : parseOrder(readFileSync(path, 'utf8'))
      if (order?.number !== current?.order.number) {
        current = order && { order, since: performance.now() }
      }
    }
    if (current !== undefined) answer(current.order)
  }

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
    const text = JSON.stringify({ number: order.number, pid: process.pid, differenceMs })
    // Replaced as a whole, so that nobody reads half of it.
    const temporary = `${path}${answerSuffix}.${process.pid}.tmp`
    writeFileSync(temporary, text + '\n')
    renameSync(temporary, `${path}${answerSuffix}`)
  }

  const lookSafely = (): void => {
    try {
      look()
    } catch {
      seenAt = undefined
    }
  }

  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver)),
  })
  lookSafely()
  setInterval(lookSafely, lookMs).unref()
}

/** Changes whenever the file is replaced; undefined: there is none, or it is too large to be one. */
function signatureOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined || stat.size > orderBytesMax) return undefined
  return `${stat.ino} ${stat.mtimeMs} ${stat.size}`
}
