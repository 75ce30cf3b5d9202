/**
 * Goal: the real disk keeps the contract of the port, and its lock holds between processes.
 * Method: the suite for every disk in a temporary directory; the log and the data directory on it.
 */
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/random.ts'
import { realDisk } from '../../src/system/disk.ts'
import { initialise, LogStore, openDataDirectory } from '../../src/wal/index.ts'
import { diskSuite } from '../suites/disk.ts'
import { entries, hard, short } from '../wal/support.ts'

const made: string[] = []

async function temporary(): Promise<string> {
  const path = await fs.mkdtemp(join(tmpdir(), 'quorate-disk-'))
  made.push(path)
  return path
}

afterAll(async () => {
  for (const path of made) await fs.rm(path, { recursive: true, force: true })
})

describe('as a disk', () => {
  diskSuite(async () => ({ disk: realDisk, path: await temporary() }))
})

test('a lock whose database does not open is made again, on the same lock file', async () => {
  const path = `${await temporary()}/lock`
  await (await realDisk.lock(path)).release()
  const { ino } = await fs.stat(`${path}/LOCK`)
  await fs.writeFile(`${path}/CURRENT`, 'x')

  const lock = await realDisk.lock(path)

  await expect(realDisk.lock(path)).rejects.toMatchObject({ code: 'QUORATE_LOCKED' })
  expect((await fs.stat(`${path}/LOCK`)).ino).toBe(ino)
  await lock.release()
})

test('what is made is for its owner alone', async () => {
  const path = await temporary()
  await realDisk.makeDirectory(`${path}/a/b`)
  await (await realDisk.open(`${path}/a/b/c`, 'create')).close()
  expect((await fs.stat(`${path}/a/b`)).mode & 0o077).toBe(0)
  expect((await fs.stat(`${path}/a/b/c`)).mode & 0o077).toBe(0)
})

test('a node directory and its log, on files, through a restart', async () => {
  const path = join(await temporary(), 'deep', 'n1')
  const members = [{ id: 'n1', peerAddress: '127.0.0.1:7201' }]
  const random = new SeededRandom(3)
  await initialise({ disk: realDisk, random, path, nodeId: 'n1', members, clusterName: 'c' })
  const written = entries(1, 300, 1, 2000)
  for (const part of [0, 1, 2]) {
    const data = await openDataDirectory({ disk: realDisk, path })
    const store = {
      disk: realDisk,
      directory: data.groupDirectory,
      identity: data.logIdentity,
      segmentBytes: 256 * 1024,
    }
    const { log, recovered } = await LogStore.open(store)
    expect(short(recovered.tail)).toEqual(short(written.slice(0, part * 100)))
    for (let at = part * 100; at < part * 100 + 100; at += 10) {
      const hardState = hard(part + 1, 'n1', at)
      await log.persist({ hardState, entries: written.slice(at, at + 10), mustSync: true })
    }
    expect(short(await log.read(1, 1e9, 1e9))).toEqual(short(written.slice(0, part * 100 + 100)))
    await log.close()
    await data.close()
  }
})
