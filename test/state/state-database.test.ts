/**
 * Goal: LevelDB on a real disk is never trusted further than it was checked (a damaged cache is
 * noticed and built anew), and the barrier is what it says.
 *
 * Method: real databases in a temporary directory. A crash is a copy of the directory taken while
 * the database is open; damage is done to the files with the database closed: one bit, one page, a
 * cut, a missing file, one table copied over another, at many places each.
 */
import { cp, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readManifest } from '../../src/state/index.ts'
import type { DatabaseSizes } from '../../src/state/index.ts'
import { isQuorate } from './errors.ts'
import { SeededRandom } from '../../src/random.ts'
import { openStateDatabase } from '../../src/system/state-database.ts'
import { b, Driver, openMachine, put, text, token } from './support.ts'

let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'quorate-state-'))
})
afterEach(async () => {
  await rm(root, { recursive: true, force: true })
})

const time = 1_700_000_000_000

/** A state of several tables, closed. */
async function makeState(directory: string, rows = 3000, sizes?: DatabaseSizes): Promise<Driver> {
  const machine = await openMachine(await openStateDatabase(directory, sizes), {
    overlayFlushBytes: 65_536,
  })
  const driver = new Driver(machine, time)
  const random = new SeededRandom(7)
  for (let i = 0; i < rows; i++) {
    driver.write(put(`key-${i}`, Buffer.from(random.bytes(300)).toString('hex')))
    if (i % 1000 === 999) await machine.barrier()
  }
  driver.write(put('last', 'one'), token('t', time))
  await machine.close()
  return driver
}

/**
 * Copies an open database as it stands at one moment. LevelDB may be compacting, so the copy is
 * repeated until nothing has changed while it was made.
 */
async function crashCopy(from: string, to: string): Promise<void> {
  const look = async (): Promise<string> => {
    const names = (await readdir(from)).sort()
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(from, name))).size))
    return names.map((name, i) => `${name} ${sizes[i]}`).join()
  }
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      const before = await look()
      await cp(from, to, { recursive: true })
      if (before === (await look())) return
    } catch {
      // A file went while it was looked at or copied.
    }
    await rm(to, { recursive: true, force: true })
  }
  throw new Error('the database never rests')
}

async function tablesOf(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.ldb'))
  return names.sort()
}

async function fileOf(directory: string, prefix: string): Promise<string> {
  const name = (await readdir(directory)).find((each) => each.startsWith(prefix))
  return join(directory, name!)
}

async function damage(file: string, change: (bytes: Buffer) => Buffer): Promise<void> {
  await writeFile(file, change(await readFile(file)))
}

/** Where the records of a MANIFEST of one block begin. */
function headersOf(bytes: Buffer): number[] {
  const found: number[] = []
  for (let at = 0; at < bytes.length; at += 7 + bytes.readUInt16LE(at + 4)) found.push(at)
  return found
}

/** What opens in a copy of the directory is what the driver wrote up to some entry, all of it. */
async function expectOlderOrCorrupt(from: string, to: string, driver: Driver): Promise<void> {
  await cp(from, to, { recursive: true })
  const database = await openStateDatabase(to).catch((error: unknown) => {
    expect(isQuorate(error, 'QUORATE_CORRUPT'), String(error)).toBe(true)
  })
  if (database === undefined) return
  const machine = await openMachine(database)
  // Every entry put a key of its own.
  expect(machine.revision).toBe(machine.appliedIndex)
  expect(machine.appliedIndex).toBeLessThan(driver.log.length)
  const scan = await machine.reader.openScan({ reverse: false, limit: Infinity, keysOnly: true })
  const { rows } = await scan.next(1e9, 1e6)
  await scan.close()
  expect(rows.length).toBe(machine.revision)
  await machine.close()
}

describe('barrier', () => {
  test('a crash keeps what stood at the barrier, or more, and never half a batch', async () => {
    const directory = join(root, 'a')
    const machine = await openMachine(await openStateDatabase(directory))
    const driver = new Driver(machine, time)
    for (let i = 0; i < 500; i++) driver.write(put(`before-${i}`, 'x'))
    await machine.barrier()
    for (let i = 0; i < 500; i++) driver.write(put(`after-${i}`, 'x'))
    await machine.flush()
    const copy = join(root, 'copy')
    await crashCopy(directory, copy)
    await machine.close()

    const crashed = await openMachine(await openStateDatabase(copy))

    expect(crashed.appliedIndex).toBe(500)
    expect(crashed.revision).toBe(500)
    expect(crashed.reader.get(b('before-499'))?.revision).toBe(500)
    expect(crashed.reader.get(b('after-0'))).toBeUndefined()
    driver.replay(crashed)
    expect(crashed.effectsDigest).toBe(machine.effectsDigest)
    await crashed.close()
  })

  test('without a barrier everything may go, and the log brings it back', async () => {
    const directory = join(root, 'a')
    const machine = await openMachine(await openStateDatabase(directory))
    const driver = new Driver(machine, time)
    for (let i = 0; i < 50; i++) driver.write(put(`k${i}`, 'x'))
    await machine.flush()
    const copy = join(root, 'copy')
    await crashCopy(directory, copy)
    await machine.close()

    const crashed = await openMachine(await openStateDatabase(copy))

    expect(crashed.appliedIndex).toBe(0)
    driver.replay(crashed)
    expect(crashed.effectsDigest).toBe(machine.effectsDigest)
    await crashed.close()
  })

  test('memtable flushes of LevelDB itself leave whole batches', async () => {
    const directory = join(root, 'a')
    const machine = await openMachine(await openStateDatabase(directory), {
      overlayFlushBytes: 200_000,
    })
    const driver = new Driver(machine, time)
    const big = 'x'.repeat(20_000)
    const seen = new Set<number>()
    for (let round = 0; round < 8; round++) {
      for (let i = 0; i < 100; i++) driver.write(put(`k${round}-${i}`, big))
      await machine.flush()
      const copy = join(root, `copy${round}`)
      await crashCopy(directory, copy)
      const crashed = await openMachine(await openStateDatabase(copy))
      expect(crashed.revision).toBe(crashed.appliedIndex)
      const scan = await crashed.reader.openScan({
        reverse: false,
        limit: Infinity,
        keysOnly: true,
      })
      const { rows } = await scan.next(1e9, 1e6)
      expect(rows.length).toBe(crashed.revision)
      await scan.close()
      seen.add(crashed.appliedIndex)
      await crashed.close()
    }
    await machine.close()
    expect(seen.size).toBeGreaterThan(1)
  })

  test('a memtable flush that LevelDB could not write fails the barrier', async () => {
    const directory = join(root, 'a')
    const failures: unknown[] = []
    const machine = await openMachine(await openStateDatabase(directory), {
      onFailure: (error) => failures.push(error),
    })
    const driver = new Driver(machine, time)
    driver.write(put('k', 'v'))
    // No table can be made in a directory that is not there, though the open log still takes rows.
    await rename(directory, join(root, 'moved'))

    const failed = await machine.barrier().catch((error: unknown) => error)

    expect(isQuorate(failed, 'QUORATE_STORAGE')).toBe(true)
    expect(failures).toHaveLength(1)
    expect(() => machine.apply([])).toThrow()
    await machine.close()
  })
})

describe('opening', () => {
  test('a closed state opens as it was', async () => {
    const directory = join(root, 'a')
    const driver = await makeState(directory)

    const machine = await openMachine(await openStateDatabase(directory))

    expect(machine.appliedIndex).toBe(driver.machine.appliedIndex)
    expect(machine.effectsDigest).toBe(driver.machine.effectsDigest)
    expect(text(machine.reader.get(b('last'))!.value)).toBe('one')
    await machine.close()
  })

  test('rot in LevelDB’s own log cannot be seen, because that log is not read', async () => {
    const directory = join(root, 'a')
    const machine = await openMachine(await openStateDatabase(directory))
    const driver = new Driver(machine, time)
    for (let i = 0; i < 300; i++) driver.write(put(`k${i}`, 'x'.repeat(100)))
    await machine.flush()
    const copy = join(root, 'copy')
    await crashCopy(directory, copy)
    await machine.close()
    const logs = (await readdir(copy)).filter((name) => name.endsWith('.log'))
    expect(logs.length).toBeGreaterThan(0)
    for (const log of logs) {
      await damage(join(copy, log), (bytes) => {
        bytes.fill(0, 8192, 12_288)
        return bytes
      })
    }

    const opened = await openMachine(await openStateDatabase(copy))

    expect(opened.appliedIndex).toBe(0)
    driver.replay(opened)
    expect(opened.reader.get(b('k299'))?.revision).toBe(300)
    await opened.close()
  })

  test('a second process is refused', async () => {
    const directory = join(root, 'a')
    const first = await openStateDatabase(directory)

    const second = await openStateDatabase(directory).catch((error: unknown) => error)

    expect(isQuorate(second, 'QUORATE_LOCKED')).toBe(true)
    await first.close()
  })
})

describe('damage is named with file and offset', () => {
  async function expectCorrupt(directory: string, file: string): Promise<void> {
    const found = await openStateDatabase(directory).then(
      async (database) => {
        await database.close()
        return undefined
      },
      (error: unknown) => error,
    )
    expect(isQuorate(found, 'QUORATE_CORRUPT'), String(found)).toBe(true)
    if (!isQuorate(found, 'QUORATE_CORRUPT')) return
    expect(found.details.file).toBe(file)
    expect(found.details.offset).toBeTypeOf('number')
  }

  test('one flipped bit, anywhere in any table', async () => {
    const directory = join(root, 'a')
    await makeState(directory, 1200)
    const random = new SeededRandom(11)
    const tables = await tablesOf(directory)
    expect(tables.length).toBeGreaterThan(0)
    for (const table of tables) {
      const file = join(directory, table)
      const { size } = await stat(file)
      const spots = [0, size - 1, size - 9, size - 48, size - 60]
      for (let i = 0; i < 25; i++) spots.push(random.uint32() % size)
      const whole = await readFile(file)
      for (const spot of spots) {
        const bytes = Buffer.from(whole)
        bytes[spot] = (bytes[spot] ?? 0) ^ (1 << (random.uint32() % 8))
        await writeFile(file, bytes)
        await expectCorrupt(directory, file)
      }
      await writeFile(file, whole)
    }
    await (await openStateDatabase(directory)).close()
  })

  test('one byte of any of many tables', async () => {
    const directory = join(root, 'a')
    await makeState(directory, 6_000, { writeBufferBytes: 65_536, tableBytes: 1_048_576 })
    const current = (await readFile(join(directory, 'CURRENT'))).toString('latin1').trimEnd()
    const manifest = join(directory, current)
    // Not all that is there: tables that a compaction has replaced may stay for a while.
    const tables = [...readManifest(manifest, await readFile(manifest)).keys()]
    // More than are read at once.
    expect(tables.length).toBeGreaterThan(4)
    for (const table of tables) {
      const file = join(directory, `${String(table).padStart(6, '0')}.ldb`)
      const whole = await readFile(file)
      const bytes = Buffer.from(whole)
      bytes[10] = (bytes[10] ?? 0) ^ 1
      await writeFile(file, bytes)
      await expectCorrupt(directory, file)
      await writeFile(file, whole)
    }
    await (await openStateDatabase(directory)).close()
  })

  test('a table that is cut, longer, zeroed in a page, missing, or another one', async () => {
    const directory = join(root, 'a')
    await makeState(directory)
    const tables = await tablesOf(directory)
    expect(tables.length).toBeGreaterThan(1)
    const file = join(directory, tables[0]!)
    const whole = await readFile(file)
    const other = await readFile(join(directory, tables[1]!))

    for (const bytes of [
      whole.subarray(0, whole.length - 1),
      whole.subarray(0, 4096),
      Buffer.alloc(0),
      Buffer.concat([whole, Buffer.alloc(1)]),
      Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(4096), whole.subarray(8192)]),
      other,
    ]) {
      await writeFile(file, bytes)
      await expectCorrupt(directory, file)
    }
    await rm(file)
    await expectCorrupt(directory, file)
  })

  test('CURRENT that is empty, cut, wrong or missing', async () => {
    const directory = join(root, 'a')
    await makeState(directory, 100)
    const file = join(directory, 'CURRENT')
    const whole = await readFile(file)

    for (const bytes of [
      Buffer.alloc(0),
      whole.subarray(0, whole.length - 1),
      Buffer.from('MANIFEST-\n'),
      Buffer.alloc(whole.length),
    ]) {
      await writeFile(file, bytes)
      await expectCorrupt(directory, file)
    }
    await rm(file)
    await expectCorrupt(directory, file)
  })

  test('MANIFEST that is empty, missing, or has a bit flipped or a page zeroed', async () => {
    const directory = join(root, 'a')
    const driver = await makeState(directory)
    const file = await fileOf(directory, 'MANIFEST-')
    const whole = await readFile(file)
    const headers = headersOf(whole)
    expect(headers.length).toBeGreaterThan(3)
    const torn: { at: number; bytes: Buffer }[] = []
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
      const header = headers.findLast((each) => each <= at) ?? 0
      const isLength = at === header + 4 || at === header + 5
      const end = header + 7 + bytes.readUInt16LE(header + 4)
      if (isLength && end > whole.length && end <= 32_768) {
        torn.push({ at, bytes })
        continue
      }
      await writeFile(file, bytes)
      await expectCorrupt(directory, file)
    }
    // A length that points beyond the end of the file reads as a torn tail: what is left is what
    // stood before it, whole, or nothing that opens.
    expect(torn.length).toBeGreaterThan(1)
    for (const { at, bytes } of torn) {
      await writeFile(file, bytes)
      await expectOlderOrCorrupt(directory, join(root, `torn-${at}`), driver)
    }
    await writeFile(file, Buffer.alloc(whole.length))
    await expectCorrupt(directory, file)
    await writeFile(file, Buffer.alloc(0))
    await expectCorrupt(directory, file)
    await rm(file)
    await expectCorrupt(directory, file)
  })
})
