/**
 * Goal: the drawing of a violation shows the calls that matter, and where no order fits.
 * Method: draw a known stale read, and histories far larger than what may be drawn.
 */
import { describe, expect, test } from 'vitest'
import { aroundMax, namedMax } from '../../../jepsen-style/report/excerpt.ts'
import { drawReport } from '../../../jepsen-style/report/index.ts'
import { historyOf, recordOf, staleRead, violated, type Line } from './fixtures.ts'

function excerptOf(page: string): string {
  return /<svg class="chart excerpt"[\s\S]*?<\/svg>/.exec(page)?.[0] ?? ''
}

/** The calls that are drawn: classes, title, and the bar's left and right edge. */
function barsOf(page: string): { classes: string; title: string; from: number; to: number }[] {
  const pattern =
    /<g class="call ([^"]*)"><title>([^<]*)<\/title>\s*<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g
  return [...excerptOf(page).matchAll(pattern)].map(([, classes = '', title = '', x, width]) => ({
    classes,
    title,
    from: Number(x),
    to: Number(x) + Number(width),
  }))
}

describe('the drawing of a violation', () => {
  test('has one bar per call of the key, in the order of events', async () => {
    const bars = barsOf(await drawReport(violated(), staleRead))

    const bar = (title: string) => bars.find((one) => one.title.startsWith(title))!
    expect(bars).toHaveLength(4)
    expect(bars.some(({ title }) => title.includes('other'))).toBe(false)
    const first = bar('process 0: write 1 @11')
    const second = bar('process 0: write 2 @12')
    const open = bar('process 2: write 3 → ?')
    const read = bar('process 1: read → 1 @11')
    expect(first.to).toBeLessThan(second.from)
    expect(second.to).toBeLessThan(read.from)
    expect(open.from).toBeGreaterThan(second.from)
    expect(open.from).toBeLessThan(second.to)
    expect(open.to).toBeGreaterThan(read.to)
    expect(open.classes).toBe('info tip')
    expect(open.title).toContain('unknown (QUORATE_TIMEOUT)')
    expect(read.classes).toBe('ok tip named')
  })

  test('marks the point where no order fits: the end of the last named call', async () => {
    const page = await drawReport(violated(), staleRead)

    const read = barsOf(page).find(({ title }) => title.startsWith('process 1'))!
    const [, at] = /<g class="stuck">\s*<line x1="([\d.]+)"/.exec(excerptOf(page)) ?? []
    expect(Number(at)).toBeCloseTo(read.to, 1)
    expect(page).toContain('from here on no order fits')
  })

  test('takes the point, the longest order and its end from the explanation', async () => {
    const [, check] = violated().checks
    const explanation = {
      line: 5,
      orders: [
        { lines: [0, 3], states: ['1 at 11', '2 at 12'], stuck: [{ line: 6, why: 'state is 2' }] },
      ],
    }
    const record = recordOf({ verdict: 'violation', checks: [{ ...check!, explanation }] })
    const page = await drawReport(record, staleRead)

    const bars = barsOf(page)
    const second = bars.find(({ title }) => title.startsWith('process 0: write 2'))!
    const read = bars.find(({ title }) => title.startsWith('process 1'))!
    const [, at] = /<g class="stuck">\s*<line x1="([\d.]+)"/.exec(excerptOf(page)) ?? []
    expect(Number(at)).toBeCloseTo(second.to, 1)
    expect(second.title).toContain('number 2 of the longest order, then 2 at 12')
    expect(read.classes).toBe('ok tip named misfit')
    expect(read.title).toContain('can&#39;t come next: state is 2')
    expect(page).toContain('<code>2 at 12</code>')
    expect(page).toContain('can’t be next')
  })

  test('is of the violation that shows first', async () => {
    const late = { name: 'late', verdict: 'violation', text: 'x', events: [8] } as const
    const early = { name: 'early', verdict: 'violation', text: 'x', events: [0, 1] } as const
    const page = await drawReport(recordOf({ checks: [late, early] }), staleRead)

    expect(page).toContain('<b>early</b>')
    expect(page).not.toContain('<b>late</b>')
  })

  test('says so where the check named no lines', async () => {
    const check = { name: 'totals', verdict: 'violation', text: 'The sum is 99.' } as const
    const page = await drawReport(recordOf({ verdict: 'violation', checks: [check] }), staleRead)

    expect(page).toContain('named no lines of the history that could be drawn')
    expect(excerptOf(page)).toBe('')
  })

  test('names processes and faults, and keeps to its bounds, the nearest first', async () => {
    const calls = 2000
    const lines = Array.from({ length: calls }, (_, call): Line[] => [
      { process: call % 10, type: 'invoke', f: 'read', key: 'k', time: call * 2 },
      { process: call % 10, type: 'ok', f: 'read', value: call, key: 'k', time: call * 2 + 1 },
    ]).flat()
    const events = Array.from({ length: 1000 }, (_, call) => 2001 + call * 2)
    const check = { name: 'x', verdict: 'violation', text: 'x', events, key: 'k' } as const
    const page = await drawReport(recordOf({ checks: [check] }), historyOf(lines))

    const bars = barsOf(page)
    const named = bars.filter(({ classes }) => classes.includes('named'))
    expect(named).toHaveLength(namedMax)
    expect(bars.length).toBeLessThanOrEqual(namedMax + aroundMax)
    expect(named.some(({ title }) => title.includes('lines 3998 to 3999'))).toBe(true)
    expect(page).toContain('more calls nearby left out')
    expect(excerptOf(page)).toContain('process 9')
    expect(excerptOf(page)).toContain('fault #1')
  })
})
