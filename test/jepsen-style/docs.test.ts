/**
 * Goal: docs/chaos.md says what is so: its tables have every workload, check and nemesis and no
 * other, and its programs run as they stand.
 * Method: tables are compared with the code; programs are taken from the page, written into a
 * directory of the package and loaded, with the reference store for a cluster and a script for docker.
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { nemeses } from '../../jepsen-style/nemesis/index.ts'
import type { Nemesis, Scene } from '../../jepsen-style/nemesis/index.ts'
import type { LinkEffect } from '../../jepsen-style/network/links.ts'
import { availabilityOf } from '../../jepsen-style/run/availability.ts'
import { settleOptions } from '../../jepsen-style/run/options.ts'
import type { ChaosOptions } from '../../jepsen-style/run/options.ts'
import {
  isNemesis,
  isWorkload,
  resolveNemeses,
  resolveWorkload,
} from '../../jepsen-style/run/resolve.ts'
import { checkBounds, exitCodeOf } from '../../jepsen-style/run/verdict.ts'
import { SeededChance } from '../../jepsen-style/workloads/chance.ts'
import { workloads } from '../../jepsen-style/workloads/index.ts'
import { checkReplicas } from '../../jepsen-style/workloads/replicas.ts'
import { exitCodes } from '../../src/cli/io.ts'
import { drive, verdicts } from './workloads/drive.ts'

const root = resolve(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const page = read('docs/chaos.md')

/** The rows, without the head, of the first table below a heading. */
function table(heading: string): string[][] {
  const from = page.indexOf(`\n${heading}\n`)
  if (from === -1) throw new Error(`there is no "${heading}"`)
  const lines = page.slice(from + heading.length + 1).split('\n')
  const first = lines.findIndex((line) => line.startsWith('|'))
  const after = lines.slice(first + 2)
  return after
    .slice(
      0,
      after.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
}

/** What stands in backticks. */
function code(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)
}

const named = (heading: string): string[] => table(heading).map(([name]) => code(name)[0] ?? '')

describe('tables', () => {
  test('of the workloads: each has its row, and no other', () => {
    expect(named('## Workloads')).toEqual(workloads.map(({ name }) => name))
  })

  test('the README counts them', () => {
    const words = read('README.md').replace(/\s+/g, ' ')
    expect(words).toContain(
      `all ${workloads.length} workloads and ${nemeses.length} kinds of faults`,
    )
  })

  test('of the workloads: the checks are those that are made', async () => {
    const said = table('## Workloads').map((row) => [code(row[0])[0], code(row.at(-1))])
    const made: unknown[] = []
    for (const workload of workloads) {
      const { results } = await drive(workload, { seed: 1, calls: 10 })
      made.push([workload.name, results.map(({ name }) => name)])
    }
    expect(said).toEqual(made)
  })

  test('of the checks: each has its row, and no other', () => {
    const figures = availabilityOf({ history: [], spans: [], checks: [] })
    const ofEveryRun = [
      checkReplicas({ digests: {} }, 3),
      ...checkBounds({ successRateMin: 1, rtoP99MaxMs: 1 }, figures),
    ].map(({ name }) => name)
    const ofWorkloads = table('## Workloads').flatMap((row) => code(row.at(-1)))
    expect(new Set(named('### Checks'))).toEqual(new Set([...ofWorkloads, ...ofEveryRun]))
  })

  const kinds: readonly [Nemesis['kind'], string][] = [
    ['network', '### Network'],
    ['process', '### Processes'],
    ['members', '### Members'],
    ['disk', '### Disks'],
    ['clock', '### Clocks'],
  ]

  test.each(kinds)('of the nemeses of kind %s: each has its row, and no other', (kind, heading) => {
    const known = nemeses.filter((nemesis) => nemesis.kind === kind)
    expect(named(heading)).toEqual(known.map(({ name }) => name))
  })

  test('of the nemeses: as many nodes as they need', () => {
    const rows = kinds.flatMap(([, heading]) => table(heading))
    const said = rows.flatMap((row) => {
      const nodes = /^(\d) nodes/.exec(row.at(-1) ?? '')?.[1]
      return nodes === undefined ? [] : [[code(row[0])[0], Number(nodes)]]
    })
    const real = nemeses.flatMap((nemesis) => {
      const least = [1, 2, 3, 4, 5].find((nodes) => available(nemesis, nodes))
      return least === undefined || least === 1 ? [] : [[nemesis.name, least]]
    })
    expect(said).toEqual(real)
    expect(said.length).toBeGreaterThan(20)
  })

  test('of exit codes: what each verdict comes to', () => {
    const said = table('## Verdicts and exit codes').map(([exit = '', verdict = '']) => [
      exit,
      code(verdict)[0] ?? verdict,
    ])
    const verdict = (name: Parameters<typeof exitCodeOf>[0]): [string, string] => [
      String(exitCodeOf(name)),
      name,
    ]
    expect(said).toEqual([
      verdict('ok'),
      verdict('failed'),
      [String(exitCodes.usage), '–'],
      [String(exitCodes.unavailable), '–'],
      verdict('unknown'),
      verdict('violation'),
      ['130, 143', 'any'],
    ])
  })
})

/** Whether it can be had with so many nodes, links that can do everything, and all tools. */
function available(nemesis: Nemesis, count: number): boolean {
  const nodes = Array.from({ length: count }, (_, i) => ({ id: `n${i + 1}` }))
  const had = { type: 'had' }
  const all: readonly LinkEffect['type'][] = [
    'cut',
    'delay',
    'loss',
    'duplicate',
    'reorder',
    'bandwidth',
    'corrupt',
  ]
  const links = { backend: 'relay', effects: new Set(all) }
  const scene = { links, cluster: { nodes, tools: { clocks: had, disks: had, canJoin: true } } }
  return nemesis.unavailable(scene as unknown as Scene) === undefined
}

describe('commands', () => {
  const lines = [...page.matchAll(/(?:`|^\$ |^)((?:quorate|npm run) [^`\n]+)/gm)].map(
    ([, line = '']) => line.replace(/ {2,}#.*$/, ''),
  )

  test('there are some', () => {
    expect(lines.length).toBeGreaterThan(10)
  })

  test('have no option that quorate has not', () => {
    const known = new Set([...read('docs/cli.md').matchAll(/--[a-z-]+/g)].map(([flag]) => flag))
    const used = lines
      .filter((line) => line.startsWith('quorate '))
      .flatMap((line) => [...line.matchAll(/--[a-z-]+/g)].map(([flag]) => flag))
    expect(used.filter((flag) => !known.has(flag))).toEqual([])
    expect(used.length).toBeGreaterThan(10)
  })

  test('run scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const used = lines.flatMap((line) => /^npm run ([\w:]+)/.exec(line)?.[1] ?? [])
    expect(used.filter((script) => scripts[script] === undefined)).toEqual([])
    expect(new Set(used)).toEqual(new Set(['chaos:long', 'chaos:mutants']))
  })
})

describe('programs', () => {
  const programs = [...page.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, text = '']) => text)
  const program = (part: string): string => {
    const found = programs.filter((text) => text.includes(part))
    if (found.length !== 1) throw new Error(`${found.length} programs have "${part}"`)
    return found[0] ?? ''
  }
  mkdirSync(join(root, 'build'), { recursive: true })
  // Within the package, so that it can be imported by its name.
  const directory = mkdtempSync(join(root, 'build', 'docs-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
    vi.doUnmock('quorate/chaos')
  })

  async function load(name: string, text: string): Promise<Record<string, unknown>> {
    const file = join(directory, name)
    writeFileSync(file, text)
    return (await import(file)) as Record<string, unknown>
  }

  test('there are as many as are tested', () => {
    expect(programs).toHaveLength(4)
  })

  describe('a workload of your own', async () => {
    const { default: seats } = await load('seats.mjs', program('// seats.mjs'))
    if (!isWorkload(seats)) throw new Error('the example is no workload')

    test.each([1, 2, 3])('finds nothing in a store without a bug (seed %i)', async (seed) => {
      const driven = await drive(seats, { seed, calls: 60, unknown: 0.1 })
      expect(verdicts(driven)).toEqual({ linearizable: 'ok', kept: 'ok' })
      expect(driven.results[1]?.figures).toMatchObject({ lost: 0 })
      expect(driven.results[1]?.figures?.['acknowledged']).toBeGreaterThan(5)
    })

    test.each(['stale-read', 'no-conditions', 'false-refusal'] as const)(
      'finds the planted bug %s',
      async (bug) => {
        const found = [1, 2, 3, 4].map(async (seed) => {
          const driven = await drive(seats, { seed, bug, calls: 80, refused: 0.1 })
          return driven.results.some(({ verdict }) => verdict === 'violation')
        })
        expect((await Promise.all(found)).filter((each) => each).length).toBeGreaterThan(1)
      },
    )

    test('does not know of what was never read', async () => {
      const run = seats.begin({
        chance: new SeededChance(1),
        clients: 1,
        timeoutOf: () => 5_000,
        connect: () => Promise.reject(new Error('nobody needs another client')),
      })
      const claim = { process: 0, f: 'claim', key: 'seat-0', value: 'guest-1' }
      const history = [
        { i: 0, type: 'invoke' as const, ...claim },
        { i: 1, type: 'ok' as const, ...claim },
      ]
      const results = await run.check(history, { digests: {} })
      expect(results.map(({ verdict }) => verdict)).toEqual(['ok', 'unknown'])
    })
  })

  test('a nemesis of your own pauses, sees and heals', async () => {
    const calls = join(directory, 'calls')
    writeFileSync(
      join(directory, 'docker'),
      `#!/bin/sh\necho "$@" >> "${calls}"\nif [ "$1" = inspect ]; then echo true; fi\n`,
    )
    chmodSync(join(directory, 'docker'), 0o755)
    vi.stubEnv('PATH', [directory, process.env['PATH'] ?? ''].join(delimiter))
    const text = program('// pause-container.mjs')
    const { default: nemesis } = await load('pause-container.mjs', text)
    if (!isNemesis(nemesis)) throw new Error('the example is no nemesis')
    const scene = (busy: readonly string[]): Scene =>
      ({ chance: new SeededChance(1), busy: new Set(busy) }) as unknown as Scene

    const fault = await nemesis.draw(scene(['quorate-1', 'quorate-3']))
    const none = await nemesis.draw(scene(['quorate-1', 'quorate-2', 'quorate-3']))
    await fault?.begin()
    const seen = await fault?.seen()
    await fault?.heal()

    expect(fault?.takes).toEqual(['quorate-2'])
    expect(none).toBeUndefined()
    expect(seen).toBe('docker says that quorate-2 is paused')
    expect(readFileSync(calls, 'utf8').trimEnd().split('\n')).toEqual([
      'pause quorate-2',
      'inspect --format {{.State.Paused}} quorate-2',
      'unpause quorate-2',
    ])
  })

  test('a check in a program prints what it says', async () => {
    const printed: unknown[] = []
    vi.spyOn(console, 'log').mockImplementation((line: unknown) => void printed.push(line))
    const text = program("from 'quorate/check'\n\nconst history")
    await load('check.mjs', text)
    const promised = [...text.matchAll(/^console\.log\(.*\) \/\/ (.+)$/gm)].map(([, line]) => line)
    expect(printed.map(String)).toEqual(promised)
    expect(promised).toHaveLength(3)
  })

  test('a run from a program has options that can be meant', async () => {
    const printed: unknown[][] = []
    vi.spyOn(console, 'log').mockImplementation((...line: unknown[]) => void printed.push(line))
    vi.doMock('quorate/chaos', () => ({ runChaos: pretended }))
    await load('run.mjs', program("from 'quorate/chaos'"))
    expect(printed).toEqual([['ok', [], 0]])
  })
})

/** Takes the options as `runChaos` does, and runs nothing. */
async function pretended(options: ChaosOptions): Promise<unknown> {
  const settled = settleOptions(options, () => 0)
  expect(Object.keys(options).filter((name) => !Object.hasOwn(settled, name))).toEqual([])
  const catalogue = { workloads, nemeses }
  await resolveWorkload(settled.workload, catalogue, settled.clients)
  await resolveNemeses(settled.nemeses, catalogue)
  return { record: { verdict: 'ok', reasons: [] }, exitCode: 0 }
}
