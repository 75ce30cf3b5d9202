/**
 * Goal: a report says what was measured, whole and without being broken by what it holds.
 * Method: a fixed record with every kind of finding is drawn as text and as a page; the expected
 * figures were worked out by hand from the record.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { drawPage } from '../../bench/report/page.ts'
import {
  cpuPerOperation,
  peakMemory,
  perSecond,
  recordsPerSecond,
  type BenchRecord,
} from '../../bench/report/record.ts'
import { tableOf } from '../../bench/report/table.ts'
import { writeReport } from '../../bench/report/write.ts'
import { fixture, loadOf, roundOf } from './fixture.ts'

const empty: BenchRecord = { ...fixture, sides: [], idle: [], scenarios: [], goals: [], notes: [] }

describe('figures of a round', () => {
  test('are per second of the measured time', () => {
    const round = roundOf(100, { seconds: 4, operations: 100, records: 1_000 })
    expect(perSecond(round)).toBe(25)
    expect(recordsPerSecond(round)).toBe(250)
  })

  test('CPU time is that of all rounds divided by the operations of all rounds', () => {
    const usage = (
      cpuSeconds: number,
    ): { usage: { name: string; cpuSeconds: number; rssAnon: number }[] } => ({
      usage: [{ name: 'leader', cpuSeconds, rssAnon: 0 }],
    })
    const rounds = [
      roundOf(0, { operations: 1_000, ...usage(0.02) }),
      roundOf(0, { operations: 3_000, ...usage(0.04) }),
      // Of this one nothing is known, so its operations must not count either.
      roundOf(0, { operations: 1_000_000, usage: [] }),
    ]
    expect(cpuPerOperation(rounds)).toEqual([{ name: 'leader', micros: 15 }])
    expect(cpuPerOperation([roundOf(0, usage(1))])).toEqual([
      { name: 'leader', micros: Number.NaN },
    ])
  })

  test('memory is the most of any process of the kind in any round', () => {
    const rounds = [1, 3, 2].map((rssAnon) =>
      roundOf(1, {
        usage: [
          { name: 'leader', cpuSeconds: 1, rssAnon },
          { name: 'client', cpuSeconds: 1, rssAnon: 9 },
        ],
      }),
    )
    expect(peakMemory(rounds, (name) => name !== 'client')).toBe(3)
    expect(peakMemory(rounds, (name) => name === 'nobody')).toBeNaN()
  })
})

describe('the table', () => {
  const lines = tableOf(fixture).split('\n')
  const line = (start: RegExp): string =>
    lines.find((each) => start.test(each))?.replace(/ +/g, ' ') ?? ''

  test('has a line for each scenario and side', () => {
    expect(line(/^put-256 +quorate/)).toBe(
      'put-256 quorate 36,000 [32,400..37,800] 36,000 4.00 6.00 9.00 25.00 0 20.0/23.0/9.0 90/60',
    )
    expect(line(/^put-many-100 +etcd/)).toContain('180 [162..189] 18,000 30.00')
    expect(line(/^growth 5,000,000 +quorate/)).toContain('29,000 [28,000..30,000]')
    expect(line(/^open-half \(3,600\/s\) +etcd/)).toContain('12.00')
  })

  test('has a line for what is no load', () => {
    expect(line(/^fail-over +quorate/)).toBe(
      'fail-over quorate 5 kills, without writes p50 0.48 s, p99 0.70 s',
    )
    expect(line(/^fail-over +etcd/)).toContain('1 were still open at the end of the look')
    expect(line(/^restart-1m +etcd/)).toContain('1,000,000 rows: 1.00 [0.90..1.10] s')
    expect(line(/^growth +quorate +5,000,000/)).toContain(
      'filled in 100 s, restart in 3.65 [3.60..3.70] s',
    )
  })

  test('says which goals were met, and what has to be known', () => {
    expect(line(/^met +put-64/)).toContain('5.00 ×, p99 9.00 ms to 80.00 ms')
    expect(line(/^missed +put-1000/)).toContain('at least 6 × etcd’s')
    expect(lines).toContain('A note with <b>markup</b> in it.')
    expect(line(/^idle etcd/)).toBe('idle etcd: not known')
  })

  test('of nothing is still a table', () => {
    expect(tableOf(empty)).toContain('scenario')
    expect(tableOf(empty)).not.toContain('Goals')
  })

  test('keeps the fractions of few a second', () => {
    const finding = {
      kind: 'load',
      inFlight: 1,
      sides: [{ side: 'quorate', rounds: [roundOf(0, { operations: 7 })], histogram: '' }],
    } as const
    const text = tableOf({ ...empty, scenarios: [{ name: 'scan-100k', title: '', finding }] })
    expect(text).toMatch(/^scan-100k +quorate +1\.40 /m)
  })

  test('shows no figure where there is none to show', () => {
    const none = roundOf(0, { usage: [] })
    const scenario = loadOf('put-64', 0)
    const finding = {
      kind: 'load',
      inFlight: 1,
      sides: [{ side: 'quorate', rounds: [none], histogram: '' }],
    } as const
    const text = tableOf({ ...empty, scenarios: [{ ...scenario, finding }] })
    expect(text).not.toContain('NaN')
    expect(text).toMatch(/^put-64 +quorate +0 .* – +–$/m)
  })
})

describe('the page', () => {
  const page = drawPage(fixture)

  test('holds every scenario, drawn and in figures', () => {
    for (const { name } of fixture.scenarios)
      if (!/^(?:fail-over|restart|growth)/.test(name)) expect(page).toContain(`>${name}<`)
    for (const title of [
      'Goals',
      'Throughput',
      'Latency',
      'CPU time per operation',
      'Time without writes',
      'Puts a second as the store grows',
      'Restart of a killed follower',
      'What ran',
    ]) {
      expect(page).toContain(title)
    }
    expect(page).toContain('36,000 [32,400–37,800]')
    expect(page).toContain('5.00 × etcd’s 7,200')
    expect(page.match(/<circle/g)?.length).toBe(10 + 4)
  })

  test('draws CPU time of calls of like cost on one axis, and of dear ones on another', () => {
    const dear = loadOf('scan-100k', 1)
    if (dear.finding.kind !== 'load') throw new Error('a load')
    const usage = [{ name: 'leader', cpuSeconds: 5, rssAnon: 1 }]
    const sides = dear.finding.sides.map((side) => ({ ...side, rounds: [roundOf(1, { usage })] }))
    const scenarios = [loadOf('put-64', 100), { ...dear, finding: { ...dear.finding, sides } }]
    const page = drawPage({ ...fixture, scenarios })
    const titles = [...page.matchAll(/Operations of up to ([\d,]+) µs/g)].map(([, most]) => most)
    expect(titles).toEqual(['52', '1,000,000'])
  })

  test('needs nothing from anywhere and runs nothing', () => {
    expect(page).not.toMatch(/<script|<link|@import|url\(|(?:src|href)="(?!#)/)
    expect(page).toContain('default-src &#39;none&#39;')
  })

  test('lets nothing that it is given become markup', () => {
    expect(page).toContain('A note with &lt;b&gt;markup&lt;/b&gt; in it.')
    expect(drawPage({ ...fixture, command: '</code><script>alert(1)</script>' })).not.toContain(
      '<script>',
    )
  })

  test('has no figure that is none', () => {
    expect(page).not.toMatch(/NaN|undefined|Infinity/)
  })

  test('of our side alone, and of nothing, is still a page', () => {
    const alone = fixture.scenarios.map((scenario) => {
      const { finding } = scenario
      if (finding.kind !== 'load') return scenario
      return {
        ...scenario,
        finding: { ...finding, sides: finding.sides.filter(({ side }) => side === 'quorate') },
      }
    })
    const page = drawPage({ ...fixture, scenarios: alone, sides: fixture.sides.slice(0, 1) })
    expect(page).toContain('Quorate under load')
    expect(page).not.toMatch(/NaN|undefined|Infinity/)
    expect(drawPage(empty)).toContain('</html>')
    expect(drawPage(empty)).not.toMatch(/NaN|undefined|Infinity/)
  })

  test('of rounds in which nothing succeeded holds no figure that is none', () => {
    const none = roundOf(0, { usage: [] })
    const histogram =
      fixture.scenarios.flatMap(({ finding }) =>
        finding.kind === 'load' ? finding.sides.map((side) => side.histogram) : [],
      )[0] ?? ''
    const finding = {
      kind: 'load',
      inFlight: 1,
      sides: [{ side: 'quorate', rounds: [none], histogram }],
    } as const
    const page = drawPage({ ...empty, scenarios: [{ name: 'put-64', title: 'put', finding }] })
    expect(page).not.toMatch(/NaN|undefined|Infinity/)
  })

  test('says the same for the same record', () => {
    expect(drawPage(fixture)).toBe(page)
  })
})

test('the files are the record and its page', () => {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-bench-report-'))
  try {
    expect(writeReport(fixture, directory)).toEqual(
      ['bench.json', 'bench.html'].map((name) => join(directory, name)),
    )
    expect(JSON.parse(readFileSync(join(directory, 'bench.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(fixture)),
    )
    expect(readFileSync(join(directory, 'bench.html'), 'utf8')).toBe(drawPage(fixture))
  } finally {
    rmSync(directory, { recursive: true })
  }
})
