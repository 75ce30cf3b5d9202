/**
 * Goal: whatever becomes of a lifetime, the runner hears of it, and of it alone. Method: the real
 * pool over real processes whose lifetimes throw, exit, hang or reject on demand. Needs the build.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { noHash } from './job.ts'
import { Pool } from './pool.ts'

const file = resolve('build/sim/test/sim/runner/fake-worker.js')
const pools: Pool[] = []

function pool(options: { workers?: number; lifetimeMsMax?: number } = {}): Pool {
  const made = new Pool({ file, workers: 2, ...options })
  pools.push(made)
  return made
}

afterEach(() => {
  for (const each of pools.splice(0)) each.close()
})

describe('a pool', () => {
  it('lives every lifetime that it is given, with as many processes as it may have', async () => {
    const two = pool()
    const seeds = Array.from({ length: 30 }, (_, i) => 1_000 + i)
    const results = await Promise.all(seeds.map((seed) => two.run({ seed })))
    expect(results.map(({ seed }) => seed)).toEqual(seeds)
    expect(results.filter(({ failure }) => failure !== undefined)).toEqual([])
    expect(new Set(results.map(({ figures }) => figures.events)).size).toBe(2)
  })

  it.each([
    ['throws', 901, 'escaped', 'it broke'],
    ['throws in a later tick', 902, 'escaped', 'it broke later'],
    ['leaves a rejected promise', 905, 'escaped', 'nobody looked'],
    ['ends the process', 903, 'worker', 'code 7'],
    ['never ends', 904, 'hang', 'no end after'],
  ])('a lifetime that %s is a crash, and those around it are not', async (_, bad, check, text) => {
    const one = pool({ workers: 1, lifetimeMsMax: 500 })
    const results = await Promise.all([1, bad, 2, 3].map((seed) => one.run({ seed })))
    expect(results.map(({ failure }) => failure?.check)).toEqual([
      undefined,
      check,
      undefined,
      undefined,
    ])
    const failed = results[1]
    expect(failed?.failure?.kind).toBe('crash')
    expect(failed?.failure?.message).toContain(text)
    expect(failed?.hash).toBe(noHash)
  })

  it('says so when no worker can start', async () => {
    const made = new Pool({ file: `${file}-missing`, workers: 2 })
    pools.push(made)
    const results = await Promise.all([1, 2, 3].map((seed) => made.run({ seed })))
    for (const { failure } of results) expect(failure?.message).toContain('no worker could start')
  })

  it('has the trace written to a file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'quorate-trace-'))
    try {
      await pool().run({ seed: 5 }, join(folder, 'trace'))
      expect(readFileSync(join(folder, 'trace'), 'utf8')).toBe('seed 5\n')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
