/**
 * Goal: the outcome of a range depends on its seeds alone, not on who was done first. Method: a
 * made-up lifetime whose real duration is drawn anew each time, over several widths.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { LifetimeResult } from '../lifetime.ts'
import { campaign, combinedHash, exitCodeOf, lastLine } from './campaign.ts'
import type { Live } from './campaign.ts'
import { figureLines, thinOnes } from './figures.ts'
import { noFigures } from './job.ts'
import type { Request } from './job.ts'

const plenty = {
  ...noFigures,
  acked: 300,
  faults: 30,
  elections: 4,
  simulatedMs: 80_000,
  events: 9,
}

function result(seed: number, failure?: LifetimeResult['failure']): LifetimeResult {
  return {
    seed,
    hash: `${seed}`.padStart(16, 'a'),
    description: [],
    figures: plenty,
    faultNumbers: [],
    ...(failure === undefined ? {} : { failure }),
  }
}

function failing(kind: 'safety' | 'liveness' | 'crash'): LifetimeResult['failure'] {
  return { kind, check: 'S1', message: 'two', at: 1, stack: undefined }
}

const shuffled: Live = async ({ seed }) => {
  await sleep(Math.random() * 5)
  return result(seed, seed === 4 ? failing('liveness') : undefined)
}

function range(from: number, to: number): () => Request | undefined {
  let seed = from
  return () => (seed > to ? undefined : { seed: seed++ })
}

describe('a campaign', () => {
  it('has the same last line, however many live at once', async () => {
    const lines = await Promise.all(
      [1, 2, 7].map(async (width) =>
        lastLine(await campaign({ live: shuffled, width, next: range(3, 40) }), 3),
      ),
    )
    expect(lines[0]).toMatch(/^seeds 3\.\.40 ok 37 failed 1 hash [0-9a-f]{16}$/)
    expect(new Set(lines).size).toBe(1)
  })

  it('has a hash in which order, seeds and every digit count', async () => {
    const all = await campaign({ live: shuffled, width: 2, next: range(1, 3) })
    const hash = combinedHash(all)
    const [first, ...rest] = all
    expect(combinedHash(all.toReversed())).not.toBe(hash)
    expect(combinedHash(rest)).not.toBe(hash)
    for (const place of [0, 7, 8, 15]) {
      const { hash: before } = first!
      const digit = before[place] === '0' ? '1' : '0'
      const changed = before.slice(0, place) + digit + before.slice(place + 1)
      expect(combinedHash([{ ...first!, hash: changed }, ...rest])).not.toBe(hash)
    }
  })

  it('exits by the worst that happened', async () => {
    const codes = async (...kinds: ('safety' | 'liveness' | 'crash' | undefined)[]) => {
      const live: Live = async ({ seed }) => {
        const kind = kinds[seed]
        return result(seed, kind && failing(kind))
      }
      return exitCodeOf(await campaign({ live, width: 2, next: range(0, kinds.length - 1) }))
    }
    expect(await codes(undefined, undefined)).toBe(0)
    expect(await codes('crash')).toBe(10)
    expect(await codes(undefined, 'liveness')).toBe(11)
    expect(await codes('liveness', 'crash')).toBe(10)
    expect(await codes('liveness', 'safety', 'crash')).toBe(12)
  })
})

describe('figures', () => {
  const lived = (request: Request, figures: Partial<typeof plenty> = {}) => ({
    request,
    hash: '0'.repeat(16),
    figures: { ...plenty, ...figures },
    failed: undefined,
  })

  it('finds what is thin, but only where nothing was asked to be', () => {
    const all = [
      lived({ seed: 1 }),
      lived({ seed: 2 }, { acked: 199 }),
      lived({ seed: 3, seconds: 5 }, { acked: 1 }),
      lived({ seed: 4 }, { faults: 19, elections: 1 }),
    ]
    expect(thinOnes(all)).toEqual(['seed 2: acked 199', 'seed 4: faults 19, elections 1'])
    const lines = figureLines(all)
    expect(lines).toContain('  acked: min 1, median 199, max 300')
    expect(lines).toContain('2 of 4 lifetimes were thin:')
  })
})
