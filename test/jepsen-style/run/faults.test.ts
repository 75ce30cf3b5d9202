// Goal: faults come as planned, never two on one node, are accounted for as seen or not, and are
// healed whatever happens. Method: nemeses that write down what is done to them, in virtual time.
import { describe, expect, test } from 'vitest'
import type { Nemesis } from '../../../jepsen-style/nemesis/nemesis.ts'
import { Faults, type FaultsEnd } from '../../../jepsen-style/run/faults.ts'
import type { Journal } from '../../../jepsen-style/run/journal.ts'
import { planFaults } from '../../../jepsen-style/run/plan.ts'
import { chances, fakeCluster, fakeLinks, fakeNemesis, memoryJournal } from './fakes.ts'
import type { MemorySink } from './fakes.ts'
import { VirtualClock } from './virtual-clock.ts'

interface Options {
  readonly nemeses: readonly Nemesis[]
  readonly overlap?: number
  readonly seconds?: number
  readonly everyMs?: number
  readonly meanwhile?: (
    clock: VirtualClock,
    stop: AbortController,
    journal: Journal,
  ) => Promise<void>
}

async function played(options: Options): Promise<FaultsEnd & { sink: MemorySink; took: number }> {
  const { nemeses, overlap = 1, seconds = 60, everyMs = 1_000 } = options
  const clock = new VirtualClock()
  const { sink, journal } = memoryJournal(clock)
  const stop = new AbortController()
  const names = nemeses.map(({ name }) => name)
  const faults = new Faults({
    plan: planFaults({ nemeses: names, everyMs }, chances(3)('plan')),
    nemesisOf: (name) => nemeses.find((each) => each.name === name)!,
    cluster: fakeCluster([]),
    links: fakeLinks([]),
    chanceOf: chances(3),
    clock,
    journal,
    overlap,
    endsAt: seconds * 1000,
    stop: stop.signal,
  })
  await Promise.all([faults.play(), options.meanwhile?.(clock, stop, journal)])
  return { ...faults.end(), sink, took: clock.now() }
}

describe('faults', () => {
  test('begin, are seen and are healed, one after the other, until the time is over', async () => {
    const log: string[] = []
    const nemeses = [fakeNemesis('kill', log), fakeNemesis('pause', log)]
    const { spans, problems, sink, took } = await played({ nemeses })

    expect(problems).toEqual([])
    expect(spans.length).toBeGreaterThan(12)
    for (const [i, span] of spans.entries()) {
      expect(span).toMatchObject({ fault: i + 1, seen: 'it was seen' })
      expect(span.heal).toBeGreaterThan(span.begin + 900)
      expect(span.begin).toBeGreaterThan(spans[i - 1]?.heal ?? 0)
    }
    expect(took).toBeLessThanOrEqual(60_000)
    const phases = sink.events.map(({ value }) => (value as { phase: string }).phase)
    expect(phases.slice(0, 3)).toEqual(['begin', 'seen', 'heal'])
    expect(log.filter((line) => line.startsWith('heal')).length).toBe(spans.length)
  })

  test('one that takes beyond the end to begin still has its time to be seen', async () => {
    let sleep = async (_ms: number): Promise<void> => {}
    let asked = 0
    const slow = fakeNemesis('slow', [], { begin: () => sleep(8_000) })
    const late: Nemesis = {
      ...slow,
      draw: async (scene) => {
        const fault = await slow.draw(scene)
        const seen = async (): Promise<string | undefined> => (++asked > 20 ? 'late' : undefined)
        return fault && { ...fault, seen }
      },
    }
    const { spans } = await played({
      nemeses: [late],
      seconds: 5,
      meanwhile: async (clock) => {
        sleep = (ms) => clock.sleep(ms)
      },
    })
    expect(spans).toMatchObject([{ seen: 'late' }])
  })

  test('overlap up to the cap, and no further', async () => {
    const nemeses = [fakeNemesis('kill', []), fakeNemesis('pause', [])]
    const { spans } = await played({ nemeses, overlap: 3, everyMs: 200 })
    const atOnce = spans.map(
      ({ begin }) => spans.filter((each) => each.begin <= begin && (each.heal ?? 0) > begin).length,
    )
    expect(Math.max(...atOnce)).toBe(3)
  })

  test('never two take the same node, even where a kind overlooks who is busy', async () => {
    const log: string[] = []
    const nemeses = [
      fakeNemesis('kill', log, { takes: ['n1'] }),
      fakeNemesis('pause', log, { takes: ['n1', 'n2'] }),
      fakeNemesis('delay', log),
    ]
    const { spans, passed } = await played({ nemeses, overlap: 3, everyMs: 200 })
    const takers = spans.filter(({ nemesis }) => nemesis !== 'delay')
    for (const one of takers) {
      const others = takers.filter(
        (each) => each !== one && each.begin <= one.begin && (each.heal ?? 0) > one.begin,
      )
      expect(others).toEqual([])
    }
    expect(passed.size).toBeGreaterThan(0)
    expect(log).toContain('draw delay busy n1,n2')
  })

  test('one that is not seen lasts longer, and then counts as not seen', async () => {
    const { spans } = await played({ nemeses: [fakeNemesis('kill', [], { seen: false })] })
    expect(spans.length).toBeGreaterThan(3)
    expect(spans.every(({ seen }) => seen === undefined)).toBe(true)
    expect((spans[0]?.heal ?? 0) - (spans[0]?.begin ?? 0)).toBeGreaterThan(5_000)
  })

  test('one that cannot begin is healed all the same, and is a problem', async () => {
    const log: string[] = []
    const begin = (): Promise<void> => Promise.reject(new Error('no rights'))
    const { spans, problems } = await played({ nemeses: [fakeNemesis('kill', log, { begin })] })
    expect(problems[0]).toBe('fault 1 (kill) failed: no rights')
    expect(spans[0]).toMatchObject({ fault: 1 })
    expect(spans[0]?.seen).toBeUndefined()
    expect(log.slice(0, 3)).toEqual(['draw kill busy', 'begin kill', 'heal kill'])
  })

  test('healing is tried again; what cannot be healed is told and stays open', async () => {
    let tries = 0
    const heal = async (): Promise<void> => {
      if (tries++ % 3 < 2) throw new Error('not yet')
    }
    const good = await played({ nemeses: [fakeNemesis('kill', [], { heal })] })
    expect(good.problems).toEqual([])
    const never = (): Promise<void> => Promise.reject(new Error('never'))
    const bad = await played({ nemeses: [fakeNemesis('kill', [], { heal: never })], seconds: 8 })
    expect(bad.problems[0]).toBe('fault 1 (kill) could not be healed: never')
    expect(bad.spans[0]?.heal).toBeUndefined()
  })

  test('a kind that never fits is passed over and counted', async () => {
    const nemeses = [fakeNemesis('kill', [], { drawn: false }), fakeNemesis('pause', [])]
    const { spans, passed } = await played({ nemeses })
    expect(new Set(spans.map(({ nemesis }) => nemesis))).toEqual(new Set(['pause']))
    expect(passed.get('kill')).toBeGreaterThan(3)
  })

  test('an interruption heals at once', async () => {
    const log: string[] = []
    const { spans, took } = await played({
      nemeses: [fakeNemesis('kill', log)],
      meanwhile: async (clock, stop) => {
        while (!log.includes('begin kill')) await clock.sleep(50)
        stop.abort()
      },
    })
    expect(spans.length).toBe(1)
    expect(log.at(-1)).toBe('heal kill')
    expect(took).toBeLessThan(2_000)
  })

  test('service counts as back with the first success of a call that began under the fault', async () => {
    const log: string[] = []
    const { spans } = await played({
      nemeses: [fakeNemesis('kill', log)],
      seconds: 8,
      meanwhile: async (clock, _stop, journal) => {
        const before = journal.begin(1, { f: 'read' })
        while (!log.includes('begin kill')) await clock.sleep(10)
        await clock.sleep(100)
        before({ type: 'ok' })
        const failing = journal.begin(2, { f: 'read' })
        await clock.sleep(100)
        failing({ type: 'fail' })
        const good = journal.begin(3, { f: 'read' })
        await clock.sleep(100)
        good({ type: 'ok' })
      },
    })
    expect(spans[0]?.firstSuccessMs).toBeGreaterThanOrEqual(290)
    expect(spans[0]?.firstSuccessMs).toBeLessThanOrEqual(320)
  })
})
