/**
 * Goal: when the disk fails, nothing acknowledged is lost, nothing is tried again, and the next
 * start finds the log that was there.
 * Method: one workload (appends, an overwritten tail, rotations); the n-th write, sync, or any
 * other operation fails, for every n; then the process or the whole machine goes down.
 */
import { describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { SeededRandom } from '../../src/random.ts'
import { Wal } from '../../src/wal/wal.ts'
import type { KeepUnsynced, MemoryDisk, PlannedFailure } from '../suites/memory-disk.ts'
import { entries, entry, hard, newLog, refusal, see, short, walOptions } from './support.ts'

const small = { segmentBytes: 3072 }
const batches = [
  { hardState: hard(1, 'n1'), entries: entries(1, 4, 1, 100), mustSync: true },
  { entries: entries(5, 9, 1, 300), mustSync: true },
  { hardState: hard(2, 'n2', 4), entries: [entry(6, 2)], mustSync: true },
  { hardState: hard(3), entries: entries(6, 8, 3, 500), mustSync: true },
  // Log matching: what is written again under the same index and term is the same entry.
  { entries: [entry(7, 3, 500)], mustSync: true },
]

/** What the log holds after the first `count` batches. */
function after(count: number): string[] {
  const log: ReturnType<typeof entry>[] = []
  for (const batch of batches.slice(0, count)) {
    log.splice((batch.entries[0]?.index ?? 1) - 1, Infinity, ...batch.entries)
  }
  return short(log)
}

/** Runs the workload until something fails; the number of batches that were acknowledged. */
async function run(
  disk: MemoryDisk,
): Promise<{ acknowledged: number; error: unknown; wal: Wal | undefined }> {
  let wal: Wal | undefined
  let acknowledged = 0
  try {
    const opened = await Wal.open(walOptions(disk, small))
    wal = opened.wal
    for (const batch of batches) {
      await wal.append(batch)
      acknowledged += 1
    }
    return { acknowledged, error: undefined, wal }
  } catch (error) {
    return { acknowledged, error, wal }
  }
}

/** The log is what was acknowledged, or that and the batch that was under way. */
async function expectKept(disk: MemoryDisk, acknowledged: number): Promise<number> {
  const seen = await see(disk, small)
  const read = short(seen.read)
  const found = [acknowledged, acknowledged + 1].find(
    (count) => JSON.stringify(after(count)) === JSON.stringify(read),
  )
  expect(found, `one of ${acknowledged}, ${acknowledged + 1} batches`).toBeDefined()
  return found ?? 0
}

const keeps: KeepUnsynced[] = ['none', 'all', 'prefix', 'sectors']
/** Power cuts, or the loss of the process alone. */
const losses = [...keeps, 'process'] as const

describe.each(['write', 'sync', 'any'] as const)('the n-th %s fails', (operation) => {
  const errors: PlannedFailure['error'][] = ['EIO', 'ENOSPC', 'kill']
  test.each(errors)('with %s', async (failing) => {
    let nth = 1
    for (let finished = false; !finished; nth++) {
      for (const loss of losses) {
        const { disk } = await newLog(small)
        disk.restart()
        const random = new SeededRandom(nth)
        disk.fail({ operation, nth, error: failing, shortBytes: random.uint32() % 700 })
        const ran = await run(disk)
        finished = ran.error === undefined
        if (finished) break

        expect(ran.error).toMatchObject({ code: 'QUORATE_STORAGE' })
        if (ran.wal !== undefined) await expectPoisoned(disk, ran.wal)
        if (loss === 'process') disk.restart()
        else disk.crash({ keepUnsynced: loss, random })

        const found = await expectKept(disk, ran.acknowledged)
        // What a start has shown must not be lost by the next power cut either.
        disk.crash({ keepUnsynced: 'none' })
        expect(short((await see(disk, small)).read)).toEqual(after(found))
      }
    }
    expect(nth).toBeGreaterThan(5)
  })
})

/** After a failure nothing is tried again. */
async function expectPoisoned(disk: MemoryDisk, wal: Wal): Promise<void> {
  const changes = disk.changes
  const again = await refusal(wal.append({ entries: [], mustSync: true }))
  const reading = await refusal(wal.read(1, 1, 1))
  expect(again.code).toBe('QUORATE_STORAGE')
  expect(again.cause).toBeInstanceOf(Error)
  expect(reading).toBe(again)
  expect(disk.changes).toBe(changes)
}

test('a failed sync whose bytes stay readable does not pass for a durable flush', async () => {
  // ext4 marks the pages clean: the next process reads the flush, and no later sync writes it.
  const { disk, wal } = await newLog()
  await wal.append({ hardState: hard(1), entries: [entry(1, 1)], mustSync: true })
  disk.fail({ operation: 'sync', nth: 1, error: 'EIO' })
  const failed = await refusal(wal.append({ entries: entries(2, 9, 1, 700), mustSync: true }))
  expect(failed.code).toBe('QUORATE_STORAGE')
  disk.restart()

  const { wal: next, recovered } = await Wal.open(walOptions(disk))
  expect(recovered.lastIndex).toBe(9)
  await next.append({ entries: [entry(10, 1)], mustSync: true })
  disk.crash({ keepUnsynced: 'none' })

  expect(short((await see(disk)).read)).toEqual(
    short([entry(1, 1), ...entries(2, 9, 1, 700), entry(10, 1)]),
  )
})

test('a flush that a killed process had not synced is durable once it was recovered', async () => {
  const { disk, wal } = await newLog()
  disk.fail({ operation: 'sync', nth: 1, error: 'kill' })
  await refusal(wal.append({ hardState: hard(1), entries: [entry(1, 1)], mustSync: true }))
  disk.restart()
  expect((await see(disk)).recovered.lastIndex).toBe(1)
  disk.crash({ keepUnsynced: 'none' })
  expect((await see(disk)).recovered.lastIndex).toBe(1)
})

test('a start whose disk fails refuses, and the one after it succeeds', async () => {
  const { disk, wal } = await newLog(small)
  await wal.close()
  expect((await run(disk)).acknowledged).toBe(batches.length)
  disk.restart()
  for (let nth = 1; ; nth++) {
    disk.fail({ operation: 'any', nth, error: 'EIO' })
    const opened = await see(disk, small).then(
      () => undefined,
      (error: unknown) => error,
    )
    disk.restart()
    if (opened === undefined) break
    expect(opened).toBeInstanceOf(QuorateError)
    expect(opened).toMatchObject({ code: 'QUORATE_STORAGE' })
    expect(short((await see(disk, small)).read)).toEqual(after(batches.length))
  }
})

test('a conflicting tail overwritten by a shorter one does not come back', async () => {
  // Old bytes behind a new end that become valid again: `etcd` zeroes its files for that reason.
  for (let seed = 1; seed <= 40; seed++) {
    const { disk, wal } = await newLog(small)
    await wal.append({ hardState: hard(1), entries: entries(1, 9, 1, 200), mustSync: true })
    await wal.append({ hardState: hard(2), entries: [entry(3, 2)], mustSync: true })
    disk.fail({ operation: 'sync', nth: 1, error: 'kill' })
    await refusal(wal.append({ entries: [entry(4, 2)], mustSync: true }))
    const random = new SeededRandom(seed)
    disk.crash({ keepUnsynced: keeps[seed % 4] ?? 'none', random })

    const seen = await see(disk, small)

    const shorter = short([...entries(1, 2, 1, 200), entry(3, 2)])
    const longer = short([...entries(1, 2, 1, 200), entry(3, 2), entry(4, 2)])
    expect([shorter, longer]).toContainEqual(short(seen.read))
  }
})
