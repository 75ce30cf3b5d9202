/**
 * Every workload, driven through its calls, its final reads and its checks, against a store in memory:
 * with none of the planted bugs nothing may be found, with each of them something must be.
 */
import { describe, expect, test } from 'vitest'
import { workloadOf, workloads } from '../../../jepsen-style/workloads/index.ts'
import type { Workload } from '../../../jepsen-style/workloads/workload.ts'
import { drive, verdicts } from './drive.ts'
import type { Bug } from './reference-store.ts'

const seeds = [1, 2, 3, 4]

/** The bugs that a workload must find. Each can show in its calls; others it may overlook. */
const finds: Readonly<Record<string, readonly Bug[]>> = {
  register: [
    'lost-write',
    'stale-read',
    'no-conditions',
    'wrong-revision',
    'rotten-value',
    'false-refusal',
  ],
  set: ['lost-write', 'stale-read', 'scan-gap', 'wrong-revision', 'false-refusal'],
  append: ['lost-write', 'stale-read', 'no-conditions', 'wrong-revision', 'rotten-value'],
  bank: ['lost-write', 'no-conditions', 'torn-batch', 'torn-read', 'scan-gap', 'false-refusal'],
  counter: ['lost-write', 'stale-read', 'no-conditions', 'phantom-duplicate', 'false-refusal'],
  collector: ['lost-write', 'forgotten-token', 'last-write-wins', 'phantom-duplicate', 'scan-gap'],
  tokens: ['lost-write', 'forgotten-token', 'last-write-wins', 'weak-fence', 'torn-batch'],
  scan: [
    'lost-write',
    'stale-read',
    'torn-batch',
    'torn-read',
    'scan-gap',
    'scan-order',
    'rotten-value',
  ],
}

describe.each(workloads.map(({ name }) => name))('%s', (name) => {
  const workload = theWorkload(name)

  test.each(seeds)('finds nothing in a store without a bug (seed %i)', async (seed) => {
    const driven = await drive(workload, { seed, calls: 80 })
    expect(driven.results.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
    expect(driven.results.length).toBeGreaterThan(1)
  })

  test('finds nothing where many calls end unknown or refused', async () => {
    const driven = await drive(workload, { seed: 7, calls: 50, unknown: 0.2, refused: 0.2 })
    expect(driven.results.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
    expect(driven.history.some(({ type }) => type === 'info')).toBe(true)
  })

  test('counts what was acknowledged once, and nothing as lost', async () => {
    const { results } = await drive(workload, { seed: 8 })
    const counting = results.filter(({ figures }) => figures?.['acknowledged'] !== undefined)
    expect(counting).toHaveLength(1)
    expect(counting[0]?.figures).toMatchObject({ lost: 0 })
    expect(counting[0]?.figures?.['acknowledged']).toBeGreaterThan(20)
  })

  test('does not pass where no call was made, whatever the final reads show', async () => {
    const { results } = await drive(workload, { seed: 1, calls: 0 })
    expect(results.map(({ verdict }) => verdict)).toContain('unknown')
  })

  test.each(finds[name] ?? [])('finds the planted bug %s', async (bug) => {
    const driven = await Promise.all(
      seeds.map((seed) => drive(workload, { seed, bug, calls: 80, unknown: 0.1, refused: 0.05 })),
    )
    const found = driven.filter((each) => Object.values(verdicts(each)).includes('violation'))
    expect(found.length).toBeGreaterThanOrEqual(seeds.length - 1)
  })

  test('draws the same calls from the same seed', async () => {
    const first = await drive(workload, { seed: 9, calls: 20 })
    const second = await drive(workload, { seed: 9, calls: 20 })
    const other = await drive(workload, { seed: 10, calls: 20 })
    expect(first.history.map(({ f, value }) => ({ f, value: plain(value) }))).toEqual(
      second.history.map(({ f, value }) => ({ f, value: plain(value) })),
    )
    expect(first.history).not.toEqual(other.history)
  })
})

/** Keys and tokens begin with the time of their run, and payloads hold the keys. */
function plain(value: unknown): unknown {
  return JSON.stringify(value)
    ?.replaceAll(/chaos\/\w+\/[^/]*/g, 'space')
    .replaceAll(/"hash":"[0-9a-f]*"/g, 'hash')
}

function theWorkload(name: string): Workload {
  const workload = workloadOf(name)
  if (workload === undefined) throw new Error(`no workload ${name}`)
  return workload
}
