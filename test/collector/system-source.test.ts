/**
 * Goal: replicas sample on one grid of wall time, as many intervals as were asked for, and offer
 * records with the same names.
 * Method: a clock moved by hand (also one whose wall time jumps) and a made-up machine.
 */
import { describe, expect, test } from 'vitest'
import { systemSource, systemTemplates, type MachineSample } from '../../src/collector/index.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { FakeStore, runCollect, settle, textOf } from './fakes.ts'

const usage = expect.objectContaining({ code: 'QUORATE_USAGE' })
const signal = new AbortController().signal
const wallStart = 1_767_225_600_250

function newSource(clock: ManualClock, forMs = 3_500): ReturnType<typeof systemSource> {
  let looks = 0
  const sample = async (): Promise<MachineSample> => {
    await Promise.resolve()
    looks += 1
    return {
      loadAverages: [looks, 0.5, 0.25],
      memory: { totalBytes: 1_000, freeBytes: 500 - looks },
      disks: [{ path: '/', totalBytes: 9_000, freeBytes: 8_000 }],
    }
  }
  return systemSource({ intervalMs: 1_000, forMs, clock, host: 'h1', sample })
}

interface Sample {
  readonly metric: string
  readonly intervalStart: number
  readonly intervalEnd: number
  readonly payload: Readonly<Record<string, number>>
}

async function samplesOf(clock: ManualClock, source = newSource(clock)): Promise<Sample[]> {
  const found: Sample[] = []
  const reading = (async () => {
    for await (const batch of source.open(0, signal)) {
      for (const { bytes } of batch) found.push(JSON.parse(textOf(bytes!)) as Sample)
    }
  })()
  await settle(clock, reading)
  return found
}

describe('systemSource', () => {
  test('samples load, memory and disks at boundaries of wall time', async () => {
    const found = await samplesOf(new ManualClock(wallStart))

    expect(found).toHaveLength(9)
    expect(found.map(({ metric }) => metric).slice(0, 3)).toEqual(['load', 'memory', 'disk:/'])
    expect(found.filter(({ metric }) => metric === 'load').map((one) => one.intervalStart)).toEqual(
      [1_767_225_601_000, 1_767_225_602_000, 1_767_225_603_000],
    )
    expect(found[0]).toEqual({
      host: 'h1',
      metric: 'load',
      intervalStart: 1_767_225_601_000,
      intervalEnd: 1_767_225_602_000,
      payload: { sampledAt: 1_767_225_601_000, load1: 1, load5: 0.5, load15: 0.25 },
    })
  })

  test('a wall clock that jumps moves neither the grid nor the waiting', async () => {
    const clock = new ManualClock(wallStart)
    const source = newSource(clock)
    clock.wallOffset -= 3_600_000

    const found = await samplesOf(clock, source)

    expect(clock.monotonic()).toBeLessThan(4_000)
    expect(found.at(-1)?.intervalStart).toBe(1_767_225_603_000)
    expect(found.at(-1)?.payload['sampledAt']).toBeLessThan(1_767_225_000_000)
  })

  test('a duration below one interval is one interval', async () => {
    const clock = new ManualClock(wallStart)

    expect(await samplesOf(clock, newSource(clock, 1))).toHaveLength(3)
  })

  test('replicas offer the same names with payloads of their own', async () => {
    const clock = new ManualClock(wallStart)
    const report = await runCollect(
      new FakeStore(),
      newSource(clock),
      {
        keyTemplate: systemTemplates.key,
        tokenTemplate: systemTemplates.token,
      },
      clock,
    )

    expect(report).toMatchObject({ records: 9, applied: 9, rejected: 0, undecided: 0 })
    // The disk stands still; load and memory differ from look to look.
    expect(report.duplicate + report.mismatch).toBe(18)
    expect(report.mismatch).toBeGreaterThanOrEqual(12)
    expect(clock.timers).toBe(0)
  })

  test('ends at once when the run ends', async () => {
    const clock = new ManualClock(wallStart)
    const report = await runCollect(
      new FakeStore(),
      newSource(clock, 3_600_000),
      {
        keyTemplate: systemTemplates.key,
        tokenTemplate: systemTemplates.token,
        giveUpAfterMs: 2_000,
      },
      clock,
    )
    await clock.run()

    expect(report).toMatchObject({ gaveUp: true, applied: 6 })
    expect(clock.timers).toBe(0)
  })

  test('options that cannot be right', () => {
    const clock = new ManualClock()
    const sample = async (): Promise<never> => await new Promise<never>(() => {})

    for (const [intervalMs, forMs] of [
      [0, 1],
      [1, 0],
      [1.5, 10],
      [NaN, 10],
    ] as const) {
      expect(() => systemSource({ intervalMs, forMs, clock, host: 'h', sample })).toThrow(usage)
    }
  })
})
