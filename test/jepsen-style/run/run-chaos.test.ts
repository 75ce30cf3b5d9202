// Goal: a run goes from its options to its record, and leaves nothing open whatever happens. Method:
// whole runs in a world without processes, in virtual time; their files are real.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import {
  HistoryWriter,
  readHistory,
  type HistoryEvent,
  type NewEvent,
} from '../../../jepsen-style/history/index.ts'
import type { HistorySink } from '../../../jepsen-style/run/journal.ts'
import type { ChaosOptions } from '../../../jepsen-style/run/options.ts'
import type { ChaosHooks, ChaosResult, Progress } from '../../../jepsen-style/run/ports.ts'
import { runChaosIn } from '../../../jepsen-style/run/run-chaos.ts'
import type { WorkloadRun } from '../../../jepsen-style/workloads/workload.ts'
import {
  fakeNemesis,
  fakeWorld,
  type FakeWorld,
  type WorkloadScript,
  type WorldScript,
} from './fakes.ts'

const made: string[] = []
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
})

function emptyDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'quorate-run-'))
  made.push(path)
  return path
}

interface Played extends ChaosResult {
  readonly world: FakeWorld
  readonly path: string
}

async function play(
  script: WorldScript = {},
  options: ChaosOptions = {},
  hooks: (world: FakeWorld) => ChaosHooks = () => ({}),
): Promise<Played> {
  const world = fakeWorld(script)
  const path = emptyDirectory()
  const wanted = { nodes: 3, workload: 'numbers', nemeses: ['kill'], seconds: 20, rate: 20 }
  const result = await runChaosIn(
    world.ports,
    { directory: path, ...wanted, ...options },
    hooks(world),
  )
  return { ...result, world, path }
}

describe('a run', () => {
  test('in which all goes well is ok, and writes its record and its history', async () => {
    const { record, exitCode, path, world } = await play()

    expect([record.verdict, record.reasons, exitCode]).toEqual(['ok', [], 0])
    expect(JSON.parse(readFileSync(join(path, 'run.json'), 'utf8'))).toEqual(record)
    expect(record).toMatchObject({ schema: 1, seed: 42, backend: 'relay', interrupted: false })
    expect(record.checks.map(({ name }) => name)).toEqual(['counted', 'replicas-equal'])
    expect(record.faults.length).toBeGreaterThan(1)
    expect(record.availability.calls).toBeGreaterThan(300)
    expect(record.command).toContain('--workload numbers --nemesis kill --time 20s')
    const history = await readHistory(join(path, 'history.jsonl'))
    expect(history.map(({ i }) => i)).toEqual(history.map((_, i) => i))
    // Calls go on for a second after all was healed, so that it shows when service is back.
    expect(history.at(-1)?.time).toBeGreaterThan(20_700)
    expect(record.faults.every(({ firstSuccessMs = -1 }) => firstSuccessMs > 0)).toBe(true)
    expect(world.log.slice(-2)).toEqual(['cluster closed', 'links closed'])
    expect(world.log.filter((line) => line === 'client closed').length).toBe(10)
    expect(existsSync(join(path, 'data'))).toBe(false)
  })

  test('plays the same plan for the same seed', async () => {
    const [one, two, other] = [await play(), await play(), await play({}, { seed: 43 })]
    const shape = ({ record }: Played): unknown =>
      record.faults.map(({ begin, heal }) => [begin, heal])
    expect(shape(one)).toEqual(shape(two))
    expect(shape(one)).not.toEqual(shape(other))
  })

  test('tells how it goes', async () => {
    const told: Progress[] = []
    await play({}, {}, () => ({ onProgress: (progress) => told.push(progress) }))
    const phases = [...new Set(told.map(({ phase }) => phase))]
    expect(phases).toEqual(['starting', 'running', 'healing', 'reading', 'checking'])
    expect(told.some(({ faults }) => faults[0]?.nemesis === 'kill')).toBe(true)
    expect(told.some(({ perSecond, leader }) => perSecond > 10 && leader === 'n1')).toBe(true)
  })

  test('says which kinds did not come where all were meant', async () => {
    const nemeses = (log: string[]) => [
      fakeNemesis('kill', log),
      fakeNemesis('ring', log, { drawn: false }),
    ]
    const { record } = await play({ nemeses }, { nemeses: ['all'] })
    expect(record.verdict).toBe('ok')
    expect(record.leftOut).toMatchObject([{ nemesis: 'ring' }])
    expect(record.leftOut[0]?.reason).toContain('it never fitted')
  })

  test('of a cluster of one’s own loads and checks it, and leaves it as it is', async () => {
    const { record, world } = await play({ digests: {} }, { endpoints: 'a:1', nemeses: ['none'] })
    expect(record).toMatchObject({ verdict: 'ok', faults: [], backend: 'direct' })
    expect(record.command).toContain('--endpoints a:1')
    expect(new Set(world.log)).toEqual(new Set(['client closed']))
  })

  test('makes final reads under a number of its own, again and again if it must', async () => {
    let refused = 0
    const { record, path } = await play({
      workload: {
        finalReads: () => [{ f: 'last', key: 'k' }],
        perform: async ({ f }) => {
          if (f !== 'last') return { type: 'ok' }
          return refused++ < 2 ? { type: 'info', error: 'QUORATE_TIMEOUT' } : { type: 'ok' }
        },
      },
    })
    expect(record.verdict).toBe('ok')
    const history = await readHistory(join(path, 'history.jsonl'))
    const reads = history.filter(({ f, type }) => f === 'last' && type === 'invoke')
    expect(reads.map(({ process }) => process)).toEqual([10, 11, 12])
  })
})

/** A disk that is full from the moment on at which a fault was seen. */
class FullDisk extends HistoryWriter {
  #full = false

  override write(event: NewEvent): HistoryEvent {
    this.#full ||= JSON.stringify(event.value ?? null).includes('"seen"')
    if (this.#full) throw new Error('no space left')
    return super.write(event)
  }
}

describe('a run is not ok', () => {
  test('where a check finds a violation: 7', async () => {
    const { record, exitCode, path } = await play({
      workload: { check: async () => [{ name: 'sum', verdict: 'violation', text: 'lost one' }] },
    })
    // Whoever looks for the reason needs the data.
    expect(existsSync(join(path, 'data'))).toBe(true)
    expect([record.verdict, exitCode, record.reasons]).toEqual(['violation', 7, ['sum: lost one']])
  })

  test('where the nodes differ in the end: 7', async () => {
    const { exitCode } = await play({ digests: { n1: 'a', n2: 'b', n3: 'a' } })
    expect(exitCode).toBe(7)
  })

  test('where a node tells no digest: 6', async () => {
    const { exitCode } = await play({ digests: { n1: 'a' } })
    expect(exitCode).toBe(6)
  })

  test('where a fault was not seen: 1', async () => {
    const nemeses = (log: string[]) => [fakeNemesis('kill', log, { seen: false })]
    const { exitCode, record } = await play({ nemeses })
    expect([exitCode, record.verdict]).toEqual([1, 'failed'])
    expect(record.reasons[0]).toContain('was not seen')
  })

  test('where the nodes do not come back: 1, and nothing is read', async () => {
    let asked = 0
    const { record, world } = await play({ ready: () => asked++ === 0 })
    expect(record.verdict).toBe('failed')
    expect(record.reasons[0]).toContain('not every node served')
    expect(world.log.slice(-2)).toEqual(['cluster closed', 'links closed'])
  })

  test('where the checks themselves fail: 1', async () => {
    const check = (): Promise<never> => Promise.reject(new Error('no memory'))
    const { record } = await play({ workload: { check } })
    expect(record.reasons).toContain('the checks of the workload failed: no memory')
  })

  test('where a final read cannot be made: 1', async () => {
    const { record } = await play({
      workload: {
        finalReads: () => [{ f: 'last', key: 'k' }],
        perform: async ({ f }) =>
          f === 'last' ? { type: 'fail', error: 'QUORATE_OVERLOADED' } : { type: 'ok' },
      },
    })
    expect(record.reasons).toEqual(['the final read last k failed: QUORATE_OVERLOADED'])
  })

  test('where not one call succeeded: 1', async () => {
    const perform = async () => ({ type: 'fail', error: 'QUORATE_NO_LEADER' }) as const
    const { record } = await play({ workload: { perform } })
    expect(record.verdict).toBe('failed')
    expect(record.reasons[0]).toContain('not one call succeeded')
  })

  test('where the workload judges nothing: 6', async () => {
    const { exitCode } = await play({ workload: { check: async () => [] } })
    expect(exitCode).toBe(6)
  })

  test('where a verdict of a workload of one’s own is none: 1', async () => {
    const check = async () => [{ name: 'sum', verdict: 'passed', text: '' }]
    // What a module in plain JavaScript can do.
    const { record } = await play({ workload: { check: check as unknown as WorkloadRun['check'] } })
    expect(record.verdict).toBe('failed')
    expect(record.reasons[0]).toContain(
      "the verdict of sum is ok, violation or unknown, not 'passed'",
    )
  })

  test('where a call of a workload of one’s own ends in no way: 1', async () => {
    const perform = async () => ({ type: 'OK' })
    const script = { perform: perform as unknown as WorkloadScript['perform'] }
    const { record } = await play({ workload: script as WorkloadScript })
    expect(record.verdict).toBe('failed')
    expect(record.reasons[0]).toContain("a call ends with type ok, fail or info, not 'OK'")
  })

  test('where of all faults none began: 1', async () => {
    const nemeses = (log: string[]) => [fakeNemesis('kill', log, { drawn: false })]
    const { record } = await play({ nemeses }, { nemeses: ['all'] })
    expect(record.verdict).toBe('failed')
    expect(record.reasons).toEqual([
      'no fault began, of any kind: give it more time, or shorter pauses',
    ])
  })

  test('where the final reads do not end: 1', async () => {
    const { record } = await play({
      workload: {
        finalReads: () => [{ f: 'last', key: 'k' }],
        perform: async ({ f }) => (f === 'last' ? await new Promise(() => {}) : { type: 'ok' }),
      },
    })
    expect(record.verdict).toBe('failed')
    expect(record.reasons).toContain('the final reads did not end in their time')
  })

  test('where the history cannot be written to its end: 1, and all is healed', async () => {
    const world = fakeWorld()
    const path = emptyDirectory()
    const openHistory = (file: string): HistorySink => new FullDisk(file)
    const { record } = await runChaosIn(
      { ...world.ports, openHistory },
      { directory: path, nodes: 3, workload: 'numbers', nemeses: ['kill'], seconds: 20 },
    )
    expect(record.verdict).toBe('failed')
    expect(record.reasons.join()).toContain('no space left')
    const begun = world.log.filter((line) => line === 'begin kill').length
    expect(begun).toBe(1)
    expect(world.log.filter((line) => line === 'heal kill').length).toBe(begun)
    expect(world.log.slice(-2)).toEqual(['cluster closed', 'links closed'])
  })

  test.each(['violation', 'ok'] as const)(
    'where the report of %s cannot be written',
    async (was) => {
      const check = async () => [{ name: 'sum', verdict: was, text: 'one is lost' }]
      const world = fakeWorld({ workload: { check } })
      const writeReport = (): Promise<never> => Promise.reject(new Error('no space left'))
      const directory = emptyDirectory()
      const { record, exitCode } = await runChaosIn(
        { ...world.ports, writeReport },
        { directory, workload: 'numbers', nemeses: ['kill'], seconds: 5 },
      )
      // A violation is not hidden by what came later; a pass is none without its report.
      expect(exitCode).toBe(was === 'violation' ? 7 : 1)
      expect(record.reasons.at(-1)).toBe('the results could not be written: no space left')
      expect(existsSync(join(directory, 'data'))).toBe(true)
    },
  )

  test('where availability is below what was asked for: 7', async () => {
    const { record } = await play({}, { bounds: { rtoP99MaxMs: 0 } })
    expect(record.checks.at(-1)).toMatchObject({ name: 'recovery-time', verdict: 'violation' })
  })
})

describe('an interruption', () => {
  test('heals and stops everything, and the record is still written', async () => {
    let abortedAt = Infinity
    const { record, path, world } = await play({}, { seconds: 600 }, ({ log, clock }) => {
      const controller = new AbortController()
      const soon = async (): Promise<void> => {
        while (!log.includes('begin kill')) await clock.sleep(20)
        abortedAt = clock.now()
        controller.abort()
      }
      void soon()
      return { signal: controller.signal }
    })
    expect(record).toMatchObject({ interrupted: true, verdict: 'ok' })
    expect(record.faults.length).toBe(1)
    expect(existsSync(join(path, 'run.json'))).toBe(true)
    expect(world.log).toContain('heal kill')
    expect(world.log.slice(-2)).toEqual(['cluster closed', 'links closed'])
    // At once, on the clock of the run, however late that began: not when its time was over.
    expect((record.faults[0]?.heal ?? Infinity) - abortedAt).toBeLessThan(1_000)
  })

  test('before the beginning makes no calls', async () => {
    const { record, world } = await play({}, {}, () => ({ signal: AbortSignal.abort() }))
    expect(record).toMatchObject({ interrupted: true, availability: { calls: 0 } })
    expect(world.log.slice(-2)).toEqual(['cluster closed', 'links closed'])
  })
})

describe('a run does not begin', () => {
  test('where its directory cannot be made', async () => {
    const file = join(emptyDirectory(), 'file')
    writeFileSync(file, '')
    const options = { directory: file, workload: 'numbers', nemeses: ['kill'] }
    const refused = runChaosIn(fakeWorld().ports, options)
    await expect(refused).rejects.toMatchObject({ code: 'QUORATE_USAGE' })
    await expect(refused).rejects.toThrow('cannot be made a directory of results')
  })

  test('in a directory that holds something', async () => {
    const path = emptyDirectory()
    writeFileSync(join(path, 'notes.txt'), '')
    const { ports, log } = fakeWorld()
    const refused = runChaosIn(ports, {
      directory: path,
      workload: 'numbers',
      nemeses: ['kill'],
    })
    await expect(refused).rejects.toMatchObject({ code: 'QUORATE_USAGE' })
    await expect(refused).rejects.toThrow('is not empty')
    expect(log).toEqual([])
  })

  test('where the nodes never serve; nothing is left open', async () => {
    const { ports, log } = fakeWorld({ ready: () => false })
    const options = { directory: emptyDirectory(), workload: 'numbers', nemeses: ['kill'] }
    await expect(runChaosIn(ports, options)).rejects.toThrow(
      'not every node served within 60 s before any fault',
    )
    expect(log).toEqual(['cluster closed', 'links closed'])
  })

  test('on a cluster of one’s own with the faults of the harness', async () => {
    const { ports } = fakeWorld()
    const options = { endpoints: 'a:1', workload: 'numbers', nemeses: ['kill'] }
    await expect(runChaosIn(ports, options)).rejects.toThrow('only that the harness has started')
  })

  test('where none of the faults can be had', async () => {
    const { ports } = fakeWorld({
      nemeses: (log) => [fakeNemesis('kill', log, { unavailable: 'there is no root' })],
    })
    const options = { directory: emptyDirectory(), workload: 'numbers', nemeses: ['kill'] }
    await expect(runChaosIn(ports, options)).rejects.toThrow(
      'kill cannot be had here: there is no root',
    )
  })
})
