/**
 * Goal: two saves to one name at the same time do not get into each other's way.
 * Method: files on a disk in memory; two saves side by side, and one beside what a killed one left.
 */
import { expect, test } from 'vitest'
import { saveSnapshot, verifySnapshot } from '../../src/backup/index.ts'
import { SeededRandom } from '../../src/random.ts'
import { MemoryDisk } from '../suites/memory-disk.ts'
import { sampleState, sourceOf } from './support.ts'

const file = 'backups/monday'

test('two saves to one name: each is whole, and one of them stays', async () => {
  const disk = new MemoryDisk()
  const random = new SeededRandom(1)
  await disk.makeDirectory('backups')
  const { machine } = await sampleState()
  const save = async () =>
    await saveSnapshot({ disk, random, file, source: await sourceOf(machine) })
  const [one, other] = await Promise.all([save(), save()])
  expect(other.summary).toEqual(one.summary)
  expect((await verifySnapshot({ disk, file })).summary).toEqual(one.summary)
  expect(disk.paths()).toEqual([file])
})

test("what a killed save left is in nobody's way", async () => {
  const disk = new MemoryDisk()
  await disk.makeDirectory('backups')
  const { machine } = await sampleState()
  for (const kill of [1, 3]) {
    const random = new SeededRandom(7)
    disk.fail({ operation: 'write', nth: kill, error: 'kill' })
    await saveSnapshot({ disk, random, file, source: await sourceOf(machine) }).catch(() => {})
    disk.crash({ keepUnsynced: 'all', random })
  }
  const random = new SeededRandom(2)
  await saveSnapshot({ disk, random, file, source: await sourceOf(machine) })
  await verifySnapshot({ disk, file })
})
