/**
 * Goal: an offer of a snapshot that can't be taken up at once is not forgotten.
 * Method: the receiver alone, over a disk and databases in memory; nobody answers it.
 */
import { expect, test } from 'vitest'
import { silentLogger } from '../../src/logger.ts'
import { Generations } from '../../src/node/generations.ts'
import { SnapshotReceiver } from '../../src/node/snapshot-receiver.ts'
import { ManualClock } from '../suites/manual-clock.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'
import { MemoryDisk } from '../suites/memory-disk.ts'

test('another leader offers while a fetch is being begun: the core hears that it was not taken', async () => {
  const clock = new ManualClock()
  const disk = new MemoryDisk()
  await disk.makeDirectory('/g')
  const asked: string[] = []
  let failed = 0
  const receiver = new SnapshotReceiver({
    clock,
    logger: silentLogger,
    generations: new Generations({
      disk,
      group: '/g',
      openDatabase: () => new MemoryDatabase().open(),
    }),
    send: (to) => asked.push(to) > 0,
    onFailed: () => {
      failed++
    },
    isUseful: () => true,
    onReceived: () => {},
  })
  const old = { term: 1, index: 10 }
  const newer = { term: 2, index: 12 }
  receiver.offered('n1', old)
  receiver.offered('n1', old)
  expect(failed).toBe(0)
  receiver.offered('n2', newer)
  // Told of once: without this it would wait until the old leader has been silent for long.
  expect(failed).toBe(1)
  await clock.run()
  receiver.offered('n2', newer)
  await clock.run()
  expect(asked).toEqual(['n1', 'n2'])
  await clock.until(receiver.stop())
})
