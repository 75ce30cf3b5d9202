// Goal: calls come at the rate that is asked for, each process has one at a time, and one whose end
// nobody knows never calls again. Method: a workload without a cluster, in virtual time.
import { describe, expect, test } from 'vitest'
import { nemesisProcess } from '../../../jepsen-style/history/index.ts'
import { callUntil, type CallersEnd } from '../../../jepsen-style/run/callers.ts'
import type { Completion, Invocation } from '../../../jepsen-style/workloads/workload.ts'
import { chances, fakeClient, fakeWorkload, memoryJournal, type MemorySink } from './fakes.ts'
import { VirtualClock } from './virtual-clock.ts'

interface Options {
  readonly rate?: number
  readonly seconds?: number
  readonly perform?: (invocation: Invocation, slot: number) => Promise<Completion>
}

async function called(options: Options): Promise<{ sink: MemorySink; end: CallersEnd }> {
  const clock = new VirtualClock()
  const { sink, journal } = memoryJournal(clock)
  const { perform } = options
  const setting = {
    chance: chances(1)('w'),
    clients: 4,
    timeoutOf: () => 1_000,
    connect: async () => fakeClient([], {}),
  }
  const workload = fakeWorkload(clock, perform === undefined ? {} : { perform }).begin(setting)
  const stop = new AbortController()
  const end = callUntil({
    workload,
    clients: Array.from({ length: 4 }, () => fakeClient([], {})),
    rate: options.rate ?? 0,
    chanceOf: chances(1),
    clock,
    journal,
    stop: stop.signal,
  })
  await clock.sleep((options.seconds ?? 1) * 1000)
  stop.abort()
  return { sink, end: await end }
}

describe('callers', () => {
  test('as fast as they go: each calls as soon as it has its answer', async () => {
    const { sink, end } = await called({})
    const begun = sink.events.filter(({ type }) => type === 'invoke')
    expect(begun.length).toBeGreaterThanOrEqual(396)
    expect(begun.length).toBeLessThanOrEqual(404)
    expect(end).toEqual({ nextProcess: 4, error: undefined })
  })

  test('at a rate: about so many calls, whatever the answers take', async () => {
    const { sink } = await called({ rate: 50, seconds: 20 })
    const begun = sink.events.filter(({ type }) => type === 'invoke')
    expect(begun.length).toBeGreaterThan(850)
    expect(begun.length).toBeLessThan(1_150)
  })

  test('a process has one call at a time, and none after one that nobody knows the end of', async () => {
    const { sink, end } = await called({
      perform: async ({ value }) => ({ type: Number(value) % 7 === 0 ? 'info' : 'ok' }),
    })
    const state = new Map<number, 'open' | 'idle' | 'gone'>()
    for (const { process, type } of sink.events) {
      if (process === nemesisProcess) continue
      if (type === 'invoke') {
        expect(state.get(process) ?? 'idle').toBe('idle')
        state.set(process, 'open')
      } else {
        expect(state.get(process)).toBe('open')
        state.set(process, type === 'info' ? 'gone' : 'idle')
      }
    }
    expect([...state.values()].filter((each) => each === 'gone').length).toBeGreaterThan(10)
    expect(end.nextProcess).toBeGreaterThan(Math.max(...state.keys()))
    expect([...state.values()]).not.toContain('open')
  })

  test('the number of a process tells its slot', async () => {
    const slots: number[] = []
    const { sink } = await called({
      perform: async (_invocation, slot) => {
        slots.push(slot)
        return { type: 'info' }
      },
    })
    const ended = sink.events.filter(({ type }) => type === 'info')
    expect(ended.map(({ process }) => Number(process) % 4)).toEqual(slots)
  })

  test('a workload that throws ends all of it, and its call stays open', async () => {
    const { sink, end } = await called({
      perform: async ({ value }) => {
        if (value === 9) throw new Error('a mistake')
        return { type: 'ok' }
      },
    })
    expect(end.error).toBe('the workload failed in count: a mistake')
    expect(sink.events.find(({ type }) => type === 'info')).toMatchObject({ value: 9 })
    expect(sink.events.length).toBeLessThan(40)
  })
})
