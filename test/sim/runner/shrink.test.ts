/**
 * Goal: a failure comes back smaller, never as another failure, within its bounds. Method: made-up
 * lifetimes that fail by a rule over seconds and faults, so that the smallest is known.
 */
import { describe, expect, it } from 'vitest'
import type { LifetimeResult } from '../lifetime.ts'
import type { Live } from './campaign.ts'
import { noFigures } from './job.ts'
import type { Request } from './job.ts'
import { shrink } from './shrink.ts'
import type { Failing } from './shrink.ts'

const scheduled = Array.from({ length: 40 }, (_, i) => i + 1)

/** What is wrong with a lifetime of so many seconds with these faults. */
type Rule = (seconds: number, faults: ReadonlySet<number>) => string | undefined

function lives(rule: Rule): { live: Live; asked: Request[] } {
  const asked: Request[] = []
  const live: Live = async (request) => {
    asked.push(request)
    const seconds = request.seconds ?? 60
    const check = rule(seconds, new Set(request.keep ?? scheduled))
    const failure = { kind: 'safety', message: '', at: 20_500, stack: undefined } as const
    const result: LifetimeResult = {
      seed: request.seed,
      hash: '0'.repeat(16),
      description: [],
      figures: noFigures,
      faultNumbers: scheduled,
      ...(check === undefined ? {} : { failure: { ...failure, check } }),
    }
    return result
  }
  return { live, asked }
}

async function failing(live: Live): Promise<Failing> {
  const request: Request = { seed: 1 }
  return { request, result: await live(request) }
}

const limits = { attemptsMax: 500, msMax: 10_000, width: 2, now: () => 0 }

describe('shrink', () => {
  it('finds the seconds and the faults that matter', async () => {
    const { live } = lives((seconds, faults) =>
      seconds >= 13 && faults.has(7) && faults.has(8) && faults.has(31) ? 'S3' : undefined,
    )
    const found = await shrink(await failing(live), live, limits)
    expect(found.request).toEqual({ seed: 1, seconds: 13, keep: [7, 8, 31] })
    expect(found.result.failure?.check).toBe('S3')
  })

  it('needs no faults where none matter', async () => {
    const { live } = lives(() => 'S3')
    const found = await shrink(await failing(live), live, limits)
    expect(found.request).toEqual({ seed: 1, seconds: 1, keep: [] })
  })

  it('does not take another failure for this one', async () => {
    const { live } = lives((seconds, faults) =>
      seconds === 60 && faults.size === 40 ? 'S3' : 'S9',
    )
    const found = await shrink(await failing(live), live, limits)
    expect(found.request).toEqual({ seed: 1 })
  })

  it('gives the same answer with any number of workers', async () => {
    const rule: Rule = (_, faults) => (faults.has(3) || faults.has(29) ? 'S3' : undefined)
    const answers = await Promise.all(
      [1, 2, 5].map(async (width) => {
        const { live } = lives(rule)
        return (await shrink(await failing(live), live, { ...limits, width })).request
      }),
    )
    expect(answers[0]).toMatchObject({ keep: [3] })
    expect(answers[1]).toEqual(answers[0])
    expect(answers[2]).toEqual(answers[0])
  })

  it('stops at its number of attempts, and in time', async () => {
    const rule: Rule = (_, faults) => (scheduled.every((n) => faults.has(n)) ? 'S3' : undefined)
    const few = lives(rule)
    const first = await failing(few.live)
    const capped = await shrink(first, few.live, { ...limits, attemptsMax: 9 })
    expect(capped.attempts).toBe(9)
    expect(few.asked).toHaveLength(10)
    let now = 0
    const late = await shrink(first, few.live, { ...limits, now: () => (now += 4_000) })
    expect(late.attempts).toBeLessThan(4)
  })
})
