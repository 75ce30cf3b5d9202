// Goal: `quorate chaos` hands on what it was told and prints what came of it. Method: the command
// line in this process, with a harness that only writes down its orders.
import { beforeEach, describe, expect, test, vi } from 'vitest'
import type {
  ChaosModule,
  ChaosOptions,
  ChaosProgress,
  ChaosRecord,
} from '../../src/cli/chaos-module.ts'
import { quorate } from './harness.ts'

const record: ChaosRecord = {
  seed: 7,
  workload: 'register',
  leftOut: [{ nemesis: 'omission', reason: 'it takes 5 nodes' }],
  faults: [{ nemesis: 'kill', seen: 'it was gone' }, { nemesis: 'pause' }],
  availability: {
    calls: 12_345,
    ok: 12_000,
    failed: 300,
    unknown: 45,
    calmSuccessRate: 0.9987,
    rto: { p50: 410, p99: 900, max: 1_234 },
    acknowledged: 4_000,
    lost: 0,
  },
  checks: [{ name: 'linearizable', verdict: 'ok', text: 'all \u001b[31m keys' }],
  verdict: 'ok',
  reasons: [],
  command: 'quorate chaos run --seed 7',
  interrupted: false,
}
const progress: ChaosProgress = {
  phase: 'running',
  elapsedMs: 12_000,
  totalMs: 60_000,
  calls: { ok: 2_000, failed: 3, unknown: 1 },
  perSecond: 199.6,
  faults: [{ fault: 2, nemesis: 'kill', detail: 'n2 killed' }],
  faultsBegun: 2,
  leader: 'n1',
}

const told: ChaosOptions[] = []
let end = { record, exitCode: 0 }
let steps: readonly ChaosProgress[] = []

const harness: ChaosModule = {
  runChaos: async (options, hooks) => {
    told.push(options)
    hooks.onBegin({ seed: 7, directory: '/out' })
    for (const step of steps) hooks.onProgress(step)
    return { ...end, directory: '/out', report: '/out/report.html' }
  },
  listChaos: async () => ({
    workloads: [{ name: 'register', about: 'single rows' }],
    nemeses: [
      { name: 'kill', kind: 'process', about: 'SIGKILL of one node' },
      { name: 'full-disk', kind: 'disk', about: 'no room', unavailable: 'it takes root' },
    ],
  }),
  writeReport: async (directory) => `${directory}/report.html`,
}
vi.mock('../../src/cli/harness.ts', async (original) => ({
  ...(await original<object>()),
  loadHarness: async () => harness,
}))

beforeEach(() => {
  told.length = 0
  end = { record, exitCode: 0 }
  steps = [progress]
})

describe('chaos run', () => {
  test('leaves to the harness what was not said', async () => {
    await quorate(['chaos', 'run'])
    expect(told).toEqual([{ bounds: {}, tuning: {} }])
  })

  test('hands on everything that was', async () => {
    const line =
      'chaos run --nodes 3 --workload bank,set --nemesis kill,pause --time 90 --rate 0 --clients 4 ' +
      '--seed 9 --out here --backend auto --every 500ms --overlap 2 --success-rate 0.99 ' +
      '--recovery-time 2s --heartbeat 20ms --election-timeout-min 100ms --timeout 1s -e a:1,b:2'
    await quorate(line.split(' '), { cwd: '/work-place' })
    expect(told).toEqual([
      {
        nodes: 3,
        workload: 'bank,set',
        nemeses: ['kill,pause'],
        seconds: 90,
        rate: 0,
        clients: 4,
        seed: 9,
        directory: '/work-place/here',
        backend: 'auto',
        everyMs: 500,
        overlap: 2,
        bounds: { successRateMin: 0.99, rtoP99MaxMs: 2_000 },
        tuning: { heartbeatMs: 20, electionTimeoutMinMs: 100 },
        timeoutMs: 1_000,
        endpoints: 'a:1,b:2',
      },
    ])
  })

  test.each([['60'], ['60s'], ['1m'], ['60000ms']])('--time %s is a minute', async (time) => {
    await quorate(['chaos', 'run', '--time', time])
    expect(told[0]?.seconds).toBe(60)
  })

  test.each([
    ['--time', 'soon'],
    ['--success-rate', '1.5'],
    ['--nodes', '0'],
    ['--backend', 'carrier-pigeon'],
  ])('%s %s is refused', async (flag, value) => {
    const { code } = await quorate(['chaos', 'run', flag, value])
    expect([code, told]).toEqual([2, []])
  })

  test('prints checks, figures, verdict, what was left out, and where the report is', async () => {
    const { code, stdout } = await quorate(['chaos', 'run'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/linearizable +ok +all \\u\{1b\}\[31m keys/)
    expect(stdout).toContain('12,345: 12,000 ok, 300 failed, 45 unknown')
    expect(stdout).toContain('2, seen 1')
    expect(stdout).toContain('p50 410 ms, p99 900 ms, max 1,234 ms')
    expect(stdout).toContain('ok: every check passed')
    expect(stdout).toContain('left out: omission: it takes 5 nodes')
    expect(stdout).toContain('report: /out/report.html')
    expect(stdout).not.toContain('again:')
  })

  test('prints no figure of what was not measured', async () => {
    const rto = { p50: Number.NaN, p99: Number.NaN, max: Number.NaN }
    const availability = { ...record.availability, calmSuccessRate: Number.NaN, rto }
    end = { record: { ...record, availability }, exitCode: 0 }
    const { stdout } = await quorate(['chaos', 'run'])
    expect(stdout).toMatch(/success away from faults +–\n/)
    expect(stdout).toMatch(/first success after +–\n/)
  })

  test('prints why it is not ok, and how to play it again; the harness decides the code', async () => {
    const reasons = Array.from({ length: 12 }, (_, i) => `reason ${i}`)
    end = { record: { ...record, verdict: 'violation', reasons }, exitCode: 7 }
    const { code, stdout } = await quorate(['chaos', 'run'])
    expect(code).toBe(7)
    expect(stdout).toContain('VIOLATION')
    expect(stdout).toContain('reason 9\n  and 2 more')
    expect(stdout).toContain('again:  quorate chaos run --seed 7')
  })

  test('prints the record alone under -o json', async () => {
    const { stdout } = await quorate(['chaos', 'run', '-o', 'json'])
    expect(JSON.parse(stdout)).toEqual(record)
  })

  test('tells on stderr how it goes: a line at each turn, and every five seconds', async () => {
    const later = (elapsedMs: number): ChaosProgress => ({ ...progress, elapsedMs })
    steps = [
      later(0),
      later(500),
      later(4_900),
      later(5_100),
      { ...later(5_200), phase: 'healing' },
    ]
    const { stderr } = await quorate(['chaos', 'run'])
    const lines = stderr.trim().split('\n')
    expect(lines.length).toBe(4)
    expect(lines[0]).toBe('seed 7, into /out')
    expect(lines[2]).toBe(
      'running: 5 of 60 s; 2,000 ok, 3 failed, 1 unknown; 200/s; n1 leads; ' +
        '2 faults so far; now kill (n2 killed)',
    )
    expect(lines[3]).toMatch(/^healing/)
  })

  test('redraws at a terminal, and no line is wider than it', async () => {
    const long = { fault: 3, nemesis: 'delay', detail: 'x'.repeat(300) }
    steps = [progress, { ...progress, faults: [long] }]
    const { stderr } = await quorate(['chaos', 'run', '--no-color'], { tty: true })
    expect(stderr.split('\u001b[3A\u001b[J').length).toBe(2)
    for (const line of stderr.split('\n')) expect(line.length).toBeLessThan(110)
  })
})

test('chaos list shows what there is, and why something is not', async () => {
  const { stdout } = await quorate(['chaos', 'list'])
  expect(stdout).toMatch(/register +single rows/)
  expect(stdout).toMatch(/full-disk +not here: it takes root/)
  const json = await quorate(['chaos', 'list', '-o', 'json'])
  expect(JSON.parse(json.stdout)).toEqual({ schema: 1, ...(await harness.listChaos()) })
})

test('chaos report draws it anew', async () => {
  const { stdout } = await quorate(['chaos', 'report', 'there'], { cwd: '/here' })
  expect(stdout).toBe('/here/there/report.html\n')
})
