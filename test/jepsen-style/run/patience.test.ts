// Goal: some clients of every run give their calls up early, and never so early that a healthy
// cluster could not answer. Method: the budgets as such, and those that a whole run in a world
// without processes gives to its clients.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { connectWithin, patienceOf } from '../../../jepsen-style/run/patience.ts'
import { runChaosIn } from '../../../jepsen-style/run/run-chaos.ts'
import { fakeWorld } from './fakes.ts'

const made: string[] = []
afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true })
})

const slots = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i)

describe('the budget of a call', () => {
  test('is all of the time for two slots in three, and a twentieth for the third', () => {
    expect(slots(6).map((slot) => patienceOf(slot, 20_000))).toEqual([
      20_000, 20_000, 1_000, 20_000, 20_000, 1_000,
    ])
  })

  test('is never so short that a healthy cluster could not answer', () => {
    expect(patienceOf(2, 5_000)).toBe(250)
    expect(patienceOf(2, 600)).toBe(250)
  })

  test('is never longer than what the user allows', () => {
    expect(slots(3).map((slot) => patienceOf(slot, 100))).toEqual([100, 100, 100])
  })
})

describe('a run', () => {
  test('has hasty clients among the patient ones', async () => {
    const { ports } = fakeWorld({})
    const path = mkdtempSync(join(tmpdir(), 'quorate-patience-'))
    made.push(path)
    const given: (number | undefined)[] = []
    const connect: typeof ports.connect = async (endpoints, options) => {
      given.push(options.timeout)
      return await ports.connect(endpoints, options)
    }
    await runChaosIn(
      { ...ports, connect },
      { directory: path, nodes: 3, workload: 'numbers', nemeses: ['none'], seconds: 2, clients: 6 },
    )
    // The last six are those of the slots.
    expect(given.slice(-6)).toEqual([5_000, 5_000, 250, 5_000, 5_000, 250])
  })

  test('has hasty clients tried again while they may still connect', async () => {
    const { ports } = fakeWorld({})
    let fails = 19
    const connect: typeof ports.connect = async (endpoints, options) => {
      if (fails-- > 0) throw new Error('no answer yet')
      return await ports.connect(endpoints, options)
    }
    const times = { timeoutMs: 5_000, callMs: 250 }
    await expect(connectWithin({ connect }, 'nowhere:1', times)).resolves.toBeDefined()
    fails = 20
    await expect(connectWithin({ connect }, 'nowhere:1', times)).rejects.toThrow('no answer yet')
  })
})
