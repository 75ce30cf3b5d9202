// Goal: names and paths become workloads and nemeses, or an error that says what there is. Method:
// a small catalogue, and modules written into a directory.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { settleOptions } from '../../../jepsen-style/run/options.ts'
import {
  resolveNemeses,
  resolveWorkload,
  sortOut,
  type Catalogue,
} from '../../../jepsen-style/run/resolve.ts'
import { fakeCluster, fakeLinks, fakeNemesis, fakeWorkload } from './fakes.ts'
import { VirtualClock } from './virtual-clock.ts'

const directory = mkdtempSync(join(tmpdir(), 'quorate-run-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function moduleOf(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

const numbers = fakeWorkload(new VirtualClock())
const letters = { ...numbers, name: 'letters' }
const kill = fakeNemesis('kill', [])
const omission = fakeNemesis('omission', [], { unavailable: 'it takes 5 nodes' })
const catalogue: Catalogue = { workloads: [numbers, letters], nemeses: [kill, omission] }
const usage = { code: 'QUORATE_USAGE' }

describe('a workload', () => {
  test('by its name, and several side by side', async () => {
    expect(await resolveWorkload('numbers', catalogue, 1)).toBe(numbers)
    expect((await resolveWorkload('numbers, letters', catalogue, 2)).name).toBe('numbers,letters')
  })

  test('of a module of the user’s own, also as a class', async () => {
    const path = moduleOf(
      'own.mjs',
      `class Own { name = 'own'; about = 'mine'; begin() { return {} } }
       export default new Own()`,
    )
    expect(await resolveWorkload(path, catalogue, 1)).toMatchObject({ name: 'own' })
  })

  test.each([
    ['unknown', 'there is no workload "unknown"; there are numbers, letters'],
    ['', 'no workload is named'],
    ['numbers,numbers', 'numbers is there twice'],
    ['./nowhere.mjs', './nowhere.mjs cannot be loaded'],
    [moduleOf('bad.mjs', 'export default { name: 1 }'), 'is not a workload: docs/chaos.md'],
    [moduleOf('none.mjs', 'export const a = 1'), 'is not a workload: docs/chaos.md'],
  ])('%s is refused', async (name, message) => {
    const refused = resolveWorkload(name, catalogue, 9)
    await expect(refused).rejects.toMatchObject(usage)
    await expect(refused).rejects.toThrow(message)
  })

  test('more workloads than clients are refused', async () => {
    await expect(resolveWorkload('numbers,letters', catalogue, 1)).rejects.toThrow('2 workloads')
  })
})

describe('nemeses', () => {
  test('by their names are required, by all they are not', async () => {
    const named = await resolveNemeses(['kill'], catalogue)
    expect([named.nemeses, [...named.required]]).toEqual([[kill], ['kill']])
    const all = await resolveNemeses(['all'], catalogue)
    expect([all.nemeses, all.required.size]).toEqual([[kill, omission], 0])
    const both = await resolveNemeses(['all,kill'], catalogue)
    expect([both.nemeses.length, [...both.required]]).toEqual([2, ['kill']])
  })

  test('none stands alone', async () => {
    expect((await resolveNemeses(['none'], catalogue)).nemeses).toEqual([])
    await expect(resolveNemeses(['none,kill'], catalogue)).rejects.toMatchObject(usage)
  })

  test('of the user’s own, as values and as modules', async () => {
    const own = fakeNemesis('own', [])
    expect((await resolveNemeses([own], catalogue)).nemeses).toEqual([own])
    const path = moduleOf(
      'nemesis.mjs',
      `export default { name: 'mine', about: 'x', kind: 'disk', unavailable() {}, draw() {} }`,
    )
    expect((await resolveNemeses([path], catalogue)).nemeses[0]).toMatchObject({ name: 'mine' })
    await expect(resolveNemeses(['earthquake'], catalogue)).rejects.toThrow('there are kill')
    await expect(resolveNemeses([''], catalogue)).rejects.toThrow('no nemesis is named')
  })

  test('that cannot be had are left out, with why', async () => {
    const chosen = await resolveNemeses(['all'], catalogue)
    const { usable, leftOut } = sortOut(chosen, { links: fakeLinks([]), cluster: fakeCluster([]) })
    expect(usable).toEqual([kill])
    expect(leftOut).toEqual([{ nemesis: 'omission', reason: 'it takes 5 nodes' }])
  })
})

describe('options', () => {
  test('have defaults; a cluster of one’s own is not broken unless asked for', () => {
    const settled = settleOptions({}, () => 9)
    expect(settled).toMatchObject({ nodes: 5, workload: 'register', rate: 200, seed: 9 })
    expect(settled.nemeses).toContain('isolate-leader')
    expect(settleOptions({ endpoints: 'a:1' }, () => 9).nemeses).toEqual(['none'])
  })

  test.each([
    [{ nodes: 10 }, 'the number of nodes is from 1 to 9, not 10'],
    [{ nodes: 2.5 }, 'the number of nodes is a whole number'],
    [{ clients: 0 }, 'the number of clients'],
    [{ seconds: 0 }, 'the time in seconds'],
    [{ seed: -1 }, 'the seed'],
    [{ overlap: 99 }, 'the number of faults at once'],
    [{ bounds: { successRateMin: 2 } }, 'the least success rate'],
    [{ rate: 10_000, seconds: 3_600 }, 'at most 555 calls a second'],
  ])('%o is refused', (options, message) => {
    expect(() => settleOptions(options, () => 1)).toThrow(message)
  })
})
