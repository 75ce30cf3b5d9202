/**
 * Goal: whatever goes wrong, a call takes effect at most once, what is acknowledged took effect
 * once, and `not-applied` stays true for ever, also when copies arrive after the call has ended.
 * Method: random faults from a seed between the client and a naive cluster that counts effects;
 * after the last call, every copy that was held back still arrives; then each call is judged.
 */
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { FakeCluster } from './fake-cluster.ts'
import type { Faults } from './fake-cluster.ts'
import { World } from './world.ts'

const chance = fc.constantFrom(0, 0.05, 0.2, 0.4)
const faults: fc.Arbitrary<Faults> = fc.record({
  loseBefore: chance,
  loseAfter: chance,
  holdBack: chance,
  refuse: chance,
  moveLeader: chance,
  endSessions: fc.constantFrom(0, 0.05, 0.3),
  ahead: fc.constantFrom(0, 0, 0.1),
})
const identity = fc.constantFrom('none', 'token', 'once', 'condition', 'shared')

/** How calls ended, over all runs: a test that never meets a fault proves nothing. */
const ends = new Map<string, number>()

describe('under random faults', () => {
  test('effects are as many as the outcomes allow', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        faults,
        fc.array(fc.record({ identity, pause: fc.nat({ max: 3 }), giveUp: fc.boolean() }), {
          minLength: 5,
          maxLength: 25,
        }),
        fc.constantFrom(undefined, 40, 150),
        async (seed, rates, plan, attemptTimeout) => {
          const world = new World(seed)
          const nodes = await world.start(3)
          const cluster = new FakeCluster(world.random.fork(), nodes, rates)
          const db = await world.connect(attemptTimeout === undefined ? {} : { attemptTimeout })

          const calls: Promise<string>[] = []
          for (const [i, step] of plan.entries()) {
            const controller = new AbortController()
            const timeout = 100 + (i % 4) * 400
            const put = db.put(keyOf(step.identity, i), `v${i}`, {
              ...optionsOf(step.identity, i),
              timeout,
              signal: controller.signal,
            })
            calls.push(put.then((result) => result.verdict, outcomeOf))
            await world.clock.advance(step.pause * 40)
            if (step.giveUp && i % 3 === 0) controller.abort()
          }
          await world.clock.advance(3000)
          const outcomes = await Promise.all(calls)
          cluster.calm = true
          cluster.settle()
          await world.clock.until(db.close())
          cluster.settle()

          for (const [i, outcome] of outcomes.entries()) {
            const effects = cluster.effects.get(`v${i}`) ?? 0
            ends.set(outcome, (ends.get(outcome) ?? 0) + 1)
            expect(effects).toBeLessThanOrEqual(1)
            if (outcome === 'applied') expect(effects).toBe(1)
            if (outcome === 'duplicate') expect(effects).toBe(1)
            if (outcome === 'not-applied') expect(effects).toBe(0)
          }
          await world.clock.advance(10_000)
          expect(world.clock.timers).toBe(0)
        },
      ),
      { numRuns: 300 },
    )
  })

  afterAll(() => {
    for (const outcome of ['applied', 'duplicate', 'mismatch', 'not-applied', 'unknown']) {
      expect([outcome, ends.get(outcome) ?? 0]).not.toEqual([outcome, 0])
    }
  })
})

function keyOf(kind: string, i: number): string {
  return kind === 'shared' || kind === 'condition' ? 'shared' : `k${i}`
}

function optionsOf(kind: string, i: number) {
  switch (kind) {
    case 'token':
      return { token: `t${i}` }
    case 'shared':
      // Two calls with one token and different payloads: one of them is a mismatch.
      return { token: `t${i - (i % 2)}-shared` }
    case 'once':
      return { once: true }
    case 'condition':
      return { token: `c${i}`, ifRevision: 0 }
    default:
      return {}
  }
}

function outcomeOf(failure: unknown): string {
  if (!(failure instanceof QuorateError)) throw failure
  return failure.outcome
}
