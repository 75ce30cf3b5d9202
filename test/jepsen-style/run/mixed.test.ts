// Goal: workloads side by side do not notice each other. Method: two that write down what they are
// asked, and what history their checks get.
import { expect, test } from 'vitest'
import type { HistoryEvent } from '../../../jepsen-style/history/index.ts'
import { mixedWorkload } from '../../../jepsen-style/run/mixed.ts'
import type { Workload } from '../../../jepsen-style/workloads/workload.ts'
import { chances, fakeClient } from './fakes.ts'

const client = fakeClient([], {})

function recording(name: string, log: string[]): Workload {
  return {
    name,
    about: 'for tests',
    begin: ({ clients, timeoutOf }) => {
      log.push(`${name} has ${clients}, its second ${timeoutOf(1)} ms`)
      return {
        prepare: async () => void log.push(`${name} prepares`),
        next: (slot) => ({ f: 'write', key: name, value: slot }),
        perform: async (_client, invocation, slot) => {
          log.push(`${name} performs ${JSON.stringify(invocation)} in ${slot}`)
          return { type: 'ok' }
        },
        finalReads: () => [{ f: 'read' }],
        check: async (history) => [
          { name: 'all', verdict: 'ok', text: history.map(({ f, i }) => `${i} ${f}`).join() },
        ],
      }
    },
  }
}

test('slots are dealt, calls bear the name of their workload, checks see their own', async () => {
  const log: string[] = []
  const mixed = mixedWorkload([recording('a', log), recording('b', log)])
  const run = mixed.begin({
    chance: chances(1)('w'),
    clients: 5,
    timeoutOf: (slot) => slot * 100,
    connect: async () => client,
  })
  await run.prepare?.(client)

  expect(log).toEqual([
    'a has 3, its second 200 ms',
    'b has 2, its second 300 ms',
    'a prepares',
    'b prepares',
  ])
  expect([0, 1, 4].map((slot) => run.next(slot))).toEqual([
    { f: 'a.write', key: 'a', value: 0 },
    { f: 'b.write', key: 'b', value: 0 },
    { f: 'a.write', key: 'a', value: 2 },
  ])
  await run.perform(client, { f: 'b.write', key: 'b', value: 7 }, 3)
  expect(log.at(-1)).toBe('b performs {"f":"write","key":"b","value":7} in 1')
  expect(run.finalReads?.()).toEqual([{ f: 'a.read' }, { f: 'b.read' }])
  await expect(run.perform(client, { f: 'c.write' }, 0)).rejects.toThrow('no workload has calls')

  const history: HistoryEvent[] = [
    { i: 0, process: 0, type: 'invoke', f: 'a.write' },
    { i: 1, process: 'nemesis', type: 'info', f: 'kill' },
    { i: 2, process: 1, type: 'invoke', f: 'b.write' },
    { i: 3, process: 0, type: 'ok', f: 'a.write' },
  ]
  expect(await run.check(history, { digests: {} })).toEqual([
    { name: 'a.all', verdict: 'ok', text: '0 write,1 kill,3 write' },
    { name: 'b.all', verdict: 'ok', text: '1 kill,2 write' },
  ])
})
