/**
 * Goal: what the other tests show in memory holds on a real disk and LevelDB too.
 *
 * Method: a state of some megabytes is saved, restored and opened as after a power cut: LevelDB's
 * own log files are dropped at every opening, so only what the barrier wrote is there.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { restoreSnapshot, saveSnapshot, verifySnapshot } from '../../src/backup/index.ts'
import { silentLogger as logger } from '../../src/logger.ts'
import { SeededRandom } from '../../src/random.ts'
import { openStateDatabase, realDisk as disk } from '../../src/system/index.ts'
import { Driver, openMachine, put, token } from '../state/support.ts'
import { sourceOf, time } from './support.ts'

let directory = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'quorate-backup-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

test('a state that is saved and restored is there, and goes through LevelDB', async () => {
  const database = await openStateDatabase(join(directory, 'state'))
  const driver = new Driver(await openMachine(database, { overlayFlushBytes: 65_536 }), time)
  for (let i = 0; i < 300; i++) {
    driver.write(put(`k${i}`, String(i % 7).repeat(10_000)), token(`t${i}`, time))
    if (driver.machine.overlayFull) await driver.machine.drained()
  }
  const { machine } = driver
  const file = join(directory, 'backup.snap')
  const { summary } = await saveSnapshot({
    disk,
    random: new SeededRandom(1),
    file,
    source: await sourceOf(machine),
  })
  expect(summary).toMatchObject({ records: 300, tokens: 300, sessions: 1, revision: 300 })
  expect(await readdir(directory)).toEqual(['backup.snap', 'state'])
  expect((await verifySnapshot({ disk, file })).summary).toEqual(summary)
  const scrubbed = await machine.scrub({ bytesPerSecond: 1e9, wait: () => Promise.resolve() })
  expect(scrubbed.rows).toBe(summary.rows)

  const dataDirectory = join(directory, 'node')
  const restored = await restoreSnapshot({
    disk,
    random: new SeededRandom(1),
    openDatabase: openStateDatabase,
    logger,
    file,
    dataDirectory,
    nodeId: 'n1',
    members: [{ id: 'n1', peerAddress: '127.0.0.1:7201' }],
    clusterName: 'restored',
  })
  const copy = await openMachine(await openStateDatabase(join(dataDirectory, 'groups/0/state-1')))
  expect(copy.revision).toBe(300 + 1_000_000)
  expect(copy.historyId).toBe(restored.summary.historyId)
  expect(copy.effectsDigest).toBe(machine.effectsDigest)
  for (let i = 0; i < 300; i += 50) {
    const key = new TextEncoder().encode(`k${i}`)
    expect(copy.reader.get(key)).toEqual(machine.reader.get(key))
  }
  await copy.close()
  await machine.close()
})
