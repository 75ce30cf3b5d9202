/**
 * Goal: what the system tells of processes is read rightly, and what rounds say together is right.
 * Method: files of /proc as the kernel writes them, looks at processes with known times, laws of
 * the middle.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mountOf, parseMounts } from '../../bench/measure/machine.ts'
import { parseCpuTicks, parseRssAnon, procIsThere, readProcess } from '../../bench/measure/proc.ts'
import { usageBetween, type Sample } from '../../bench/measure/sampler.ts'
import { median, percentile, spread } from '../../bench/measure/statistics.ts'

const statTail =
  'S 1 1 1 0 -1 4194560 20 0 0 0 123 45 7 8 20 0 11 0 5 1 2 18446744073709551615 1 1 0 0 0 0 0'

describe('/proc/<pid>/stat', () => {
  test('tells user and system time, and not that of children', () => {
    expect(parseCpuTicks(`42 (node) ${statTail}`)).toBe(168)
  })

  test('may hold any name', () => {
    expect(parseCpuTicks(`42 (a ) 9 9 (b) ${statTail}`)).toBe(168)
  })

  test('that is no such file is not believed', () => {
    expect(parseCpuTicks('')).toBeUndefined()
    expect(parseCpuTicks('42 (node) S 1')).toBeUndefined()
  })
})

describe('/proc/<pid>/status', () => {
  test('tells anonymous memory', () => {
    expect(parseRssAnon('VmRSS:\t  99 kB\nRssAnon:\t   1024 kB\nRssFile:\t 7 kB\n')).toBe(1_048_576)
  })

  test('of a process that has ended tells nothing', () => {
    expect(parseRssAnon('Name:\tnode\nState:\tZ (zombie)\n')).toBeUndefined()
  })
})

test('a process that is not there is not known', () => {
  // Above the largest number that Linux gives.
  expect(readProcess(2 ** 22 + 1, 100)).toBeUndefined()
  if (procIsThere()) expect(readProcess(process.pid, 100)?.rssAnon).toBeGreaterThan(1_000_000)
})

describe('usage within a window', () => {
  const watched = [{ name: 'leader', pid: 1 }]
  const sample = (atMs: number, cpuSeconds: number, rssAnon: number): Sample => ({
    atMs,
    readings: [{ cpuSeconds, rssAnon }],
  })

  test('is interpolated between looks at its ends', () => {
    const samples = [sample(0, 0, 1), sample(1_000, 1, 5), sample(2_000, 3, 2)]
    expect(usageBetween(watched, samples, 500, 1_500)).toEqual([
      { name: 'leader', cpuSeconds: 1.5, rssAnon: 5 },
    ])
  })

  test('knows no memory from long before or after', () => {
    const samples = [
      sample(0, 0, 90),
      sample(1_000, 1, 5),
      sample(1_100, 2, 6),
      sample(2_000, 3, 70),
    ]
    expect(usageBetween(watched, samples, 1_000, 1_100)[0]?.rssAnon).toBe(6)
  })

  test('of a process that was never seen is left out', () => {
    const gone: Sample = { atMs: 0, readings: [undefined] }
    expect(usageBetween(watched, [gone], 0, 10)).toEqual([])
    expect(usageBetween(watched, [], 0, 10)).toEqual([])
  })

  test('of a process that ended within counts as far as it was seen', () => {
    const samples = [sample(0, 0, 1), sample(100, 0.5, 1), { atMs: 200, readings: [undefined] }]
    expect(usageBetween(watched, samples, 0, 200)[0]?.cpuSeconds).toBe(0.5)
  })

  test('never grows backwards, and two halves are a whole', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000), { minLength: 2, maxLength: 20 }),
        fc.nat(1_000),
        (steps, at) => {
          let cpu = 0
          const samples = steps.map((step, i) => sample(i * 100, (cpu += step), 0))
          const end = (steps.length - 1) * 100
          const middle = Math.min(end, at)
          const used = (from: number, to: number): number =>
            usageBetween(watched, samples, from, to)[0]?.cpuSeconds ?? Number.NaN
          expect(used(0, middle)).toBeGreaterThanOrEqual(0)
          expect(used(0, middle) + used(middle, end)).toBeCloseTo(used(0, end), 6)
        },
      ),
    )
  })
})

describe('rounds together', () => {
  test.each([
    [[3], 3],
    [[3, 1], 2],
    [[9, 1, 5], 5],
    [[4, 1, 3, 2], 2.5],
  ])('the median of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  test('of none there is nothing', () => {
    expect(median([])).toBeNaN()
    expect(spread([])).toEqual({ median: Number.NaN, min: Number.NaN, max: Number.NaN })
    expect(percentile([], 0.5)).toBeNaN()
  })

  test('a percentile is a value that such a share does not exceed, and no smaller one is', () => {
    const figures = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 60 })
    fc.assert(
      fc.property(figures, fc.integer({ min: 1, max: 100 }), (values, percent) => {
        const found = percentile(values, percent / 100)
        const upTo = values.filter((value) => value <= found).length
        const below = values.filter((value) => value < found).length
        expect(values).toContain(found)
        expect(upTo * 100).toBeGreaterThanOrEqual(percent * values.length - 1e-6)
        expect(below * 100).toBeLessThan(percent * values.length + 1e-6)
      }),
    )
  })

  test('the median lies within the range', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 }),
        (values) => {
          const { median, min, max } = spread(values)
          expect(median).toBeGreaterThanOrEqual(min)
          expect(median).toBeLessThanOrEqual(max)
        },
      ),
    )
  })
})

test('the file system is that of the nearest mount point above', () => {
  const mounts = parseMounts(
    '/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/x xfs rw 0 0\n\n',
  )
  expect(mountOf(mounts, '/tmp/x/data')).toBe('xfs')
  expect(mountOf(mounts, '/tmp/xy')).toBe('tmpfs')
  expect(mountOf(mounts, '/home')).toBe('ext4')
  expect(mountOf([], '/home')).toBeUndefined()
})
