/**
 * Goal: the machine's figures are those of a machine.
 * Method: one real look, judged by what must be true of any.
 */
import { expect, test } from 'vitest'
import type { SampleMachine } from '../../src/collector/index.ts'
import { machineName, readMachine } from '../../src/system/machine.ts'

test('load, memory and disks are there and make sense', async () => {
  // The type is the collector's: this line does not compile where the shapes part.
  const sample: SampleMachine = async () => await readMachine(['/'])

  const { loadAverages, memory, disks } = await sample()

  expect(loadAverages).toHaveLength(3)
  expect(memory.freeBytes).toBeLessThanOrEqual(memory.totalBytes)
  expect(disks.map(({ path }) => path)).toEqual(['/'])
  expect(disks[0]?.totalBytes).toBeGreaterThan(0)
  expect(disks[0]?.freeBytes).toBeLessThanOrEqual(disks[0]?.totalBytes ?? 0)
  expect(machineName()).not.toBe('')
})

test('a path that is not there is an error', async () => {
  await expect(readMachine(['/no/such/path'])).rejects.toThrow(Error)
})
