/**
 * Goal: a call that a workload makes of several keeps to the time that its slot has.
 * Method: a client that writes down the time-outs it is given, and lets every condition fail, so that
 * the calls are repeated; no time passes.
 */
import { expect, test } from 'vitest'
import { QuorateError, type Client } from 'quorate'
import { Budget } from '../../../jepsen-style/workloads/budget.ts'
import { SeededChance } from '../../../jepsen-style/workloads/chance.ts'
import { workloadOf } from '../../../jepsen-style/workloads/index.ts'

/** What each slot has, ms: so far apart that no machine is slow enough to blur them. */
const timeouts = [40_000, 4_000_000, 400_000_000] as const

/** Every call of `f` that the workload draws first in a slot, with the time-outs of its parts. */
async function timeoutsOf(name: string, f: string, slot: number): Promise<readonly number[]> {
  const given: number[] = []
  const refuse = (timeout = 0): never => {
    given.push(timeout)
    throw new QuorateError('QUORATE_CONFLICT', '', { details: { revision: 1 } })
  }
  interface Told {
    readonly timeout?: number
  }
  const client = {
    clusterTime: 1,
    entry: async (_key: string, { timeout = 0 }: Told = {}) => {
      given.push(timeout)
      return { value: '50', revision: 1, readRevision: 1 }
    },
    put: async (_key: string, _value: string, { timeout }: Told) => refuse(timeout),
    batch: async (_operations: unknown, { timeout }: Told) => refuse(timeout),
  } as unknown as Client
  const workload = workloadOf(name)
  if (workload === undefined) throw new Error(`there is no ${name}`)
  const run = workload.begin({
    chance: new SeededChance(1),
    clients: timeouts.length,
    timeoutOf: (each) => timeouts[each] ?? 0,
    connect: async () => client,
  })
  for (;;) {
    const invocation = run.next(slot)
    if (invocation?.f !== f) continue
    expect(await run.perform(client, invocation, slot)).toMatchObject({ type: 'fail' })
    return given
  }
}

test.each([
  ['append', 'append'],
  ['bank', 'transfer'],
  ['counter', 'add'],
])('%s: every part of a call has what is left of the time of its slot', async (name, f) => {
  for (const [slot, timeout] of timeouts.entries()) {
    const given = await timeoutsOf(name, f, slot)
    expect(given.length).toBeGreaterThan(8)
    for (const each of given) expect(each).toBeLessThanOrEqual(timeout)
    // The reads have all of it, less the moment that has passed.
    expect(Math.max(...given)).toBeGreaterThan(timeout / 2)
  }
})

test('an attempt of the counter has a share of it, so that there is time for another', async () => {
  const [, put = 0] = await timeoutsOf('counter', 'add', 1)
  expect(put).toBe(1_000_000)
})

test('a step has a ms at least, also when the time is over', () => {
  const over = new Budget(0)
  expect(over.over).toBe(true)
  expect(over.timeout()).toBe(1)
})
