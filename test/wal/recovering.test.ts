/**
 * Goal: a node whose log is damaged gets an empty one only with a certain vote, and is marked from
 * before that on until it is told that it is whole (`nats-server#7549`, `#7556`).
 * Method: the replacement killed at every operation, with every kind of loss, and done again; votes
 * that are not certain; more damaged logs than are kept.
 */
import { expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { SeededRandom } from '../../src/random.ts'
import { LogStore, Recovering } from '../../src/wal/index.ts'
import type { MemoryDisk } from '../suites/memory-disk.ts'
import { diskWith, entries, entry, hard, identity, refusal } from './support.ts'

const directory = 'data/groups/0'
const base = { index: 7, term: 2 }

function options(disk: MemoryDisk) {
  return { disk, directory, identity, segmentBytes: 3072 }
}

/** A log of nine entries in term 3, with a flipped bit in its first flush. */
async function damaged(): Promise<MemoryDisk> {
  const disk = await diskWith(directory)
  await LogStore.create(options(disk))
  const { log } = await LogStore.open(options(disk))
  await log.persist({ hardState: hard(2, 'n2'), entries: entries(1, 9, 2), mustSync: true })
  await log.persist({ hardState: hard(3, 'n3', 8), entries: [entry(10, 3)], mustSync: true })
  await log.close()
  disk.crash({ keepUnsynced: 'none' })
  disk.flipBit(`${directory}/wal/0000000001.wal`, (512 + 100) * 8)
  return disk
}

test('the log is refused, then replaced: term and vote stay, and the node is marked', async () => {
  const disk = await damaged()
  expect((await refusal(LogStore.open(options(disk)))).code).toBe('QUORATE_CORRUPT')
  const recovering = new Recovering({ disk, directory })
  expect(await recovering.read()).toBeUndefined()

  await LogStore.replaceDamaged(options(disk), base)
  disk.crash({ keepUnsynced: 'none' })

  expect(await recovering.read()).toEqual({ since: 3 })
  const { log, recovered } = await LogStore.open(options(disk))
  expect(recovered).toMatchObject({ base, lastIndex: 7, hardState: hard(3, 'n3', 7) })
  await log.persist({ hardState: hard(4, 'n1', 7), entries: [entry(8, 4)], mustSync: true })
  await log.close()
  expect((await LogStore.open(options(disk))).recovered.lastIndex).toBe(8)
  expect(disk.paths()).toContain(`${directory}/wal.damaged-1/0000000001.wal`)

  await recovering.clear()
  disk.crash({ keepUnsynced: 'none' })
  expect(await recovering.read()).toBeUndefined()
  await recovering.clear()
})

test('cut short at any operation, it is done, or it is done again, and never unmarked', async () => {
  let ended = false
  for (let nth = 1; !ended; nth++) {
    for (const keepUnsynced of ['none', 'all', 'prefix', 'sectors'] as const) {
      const disk = await damaged()
      disk.fail({ operation: 'change', nth, error: 'kill' })
      ended = await LogStore.replaceDamaged(options(disk), base).then(
        () => true,
        () => false,
      )
      disk.crash({ keepUnsynced, random: new SeededRandom(nth) })

      const opened = await LogStore.open(options(disk)).then(
        async ({ log, recovered }) => {
          await log.close()
          return recovered
        },
        (error: unknown) => error,
      )

      const mark = await new Recovering({ disk, directory }).read()
      if (opened instanceof QuorateError) {
        expect(opened.code).toBe('QUORATE_CORRUPT')
        expect(ended).toBe(false)
        await LogStore.replaceDamaged(options(disk), base)
      } else {
        expect(opened).toMatchObject({ base, lastIndex: 7 })
        expect(mark).toEqual({ since: 3 })
      }
      expect(await new Recovering({ disk, directory }).read()).toEqual({ since: 3 })
      const { recovered } = await LogStore.open(options(disk))
      expect(recovered.hardState).toEqual(hard(3, 'n3', 7))
    }
  }
})

test('without a certain vote there is no way back, and the damaged log stays where it is', async () => {
  const vote = `${directory}/vote`
  for (const sector of [0, 1]) {
    const disk = await damaged()
    disk.zeroSector(vote, sector)
    const error = await refusal(LogStore.replaceDamaged(options(disk), base))
    expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: vote } })
    expect(error.message).toContain('quorate member replace')
    expect(disk.paths()).toContain(`${directory}/wal/0000000001.wal`)
    expect(await new Recovering({ disk, directory }).read()).toBeUndefined()
  }
  const disk = await damaged()
  const ahead = await refusal(LogStore.replaceDamaged(options(disk), { index: 7, term: 4 }))
  expect(ahead).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: vote } })
})

test('a vote file that lost its last write is found out by what is left of the log', async () => {
  const vote = `${directory}/vote`
  // Before and behind the damage: in a flush, and in the header of a later segment.
  for (const broken of ['first', 'last', 'sealed'] as const) {
    const disk = await diskWith(directory)
    await LogStore.create(options(disk))
    const { log } = await LogStore.open(options(disk))
    await log.persist({ hardState: hard(2, 'n2'), entries: entries(1, 9, 2), mustSync: true })
    const old = disk.peek(vote)
    await log.persist({ hardState: hard(3, 'n3', 8), entries: [entry(10, 3)], mustSync: true })
    const last = disk.peek(`${directory}/wal/0000000001.wal`)
    await log.persist({ entries: entries(11, broken === 'sealed' ? 60 : 11, 3), mustSync: true })
    await log.close()
    disk.crash({ keepUnsynced: 'none' })
    const path = `${directory}/wal/0000000001.wal`
    const at = broken === 'first' ? 512 + 100 : last.findLastIndex((byte) => byte !== 0) + 513
    disk.flipBit(path, (broken === 'sealed' ? 12 : at) * 8)
    disk.plant(vote, old)

    const error = await refusal(LogStore.replaceDamaged(options(disk), base))
    expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: vote } })
    expect(error.message).toContain('term 3')
    expect(error.message).toContain('quorate member replace')
    expect(disk.paths()).toContain(path)
    expect(await new Recovering({ disk, directory }).read()).toBeUndefined()
  }
})

test('of damaged logs the newest three are kept', async () => {
  const disk = await damaged()
  for (let at = 0; at < 5; at++) {
    await LogStore.replaceDamaged(options(disk), base)
    disk.flipBit(`${directory}/wal/0000000001.wal`, 12 * 8)
  }
  const names = ((await disk.list(directory)) ?? []).filter((name) => name.startsWith('wal'))
  expect(names).toEqual(['wal', 'wal.damaged-3', 'wal.damaged-4', 'wal.damaged-5'])
})

test('a mark that is damaged is not taken for none', async () => {
  const disk = await damaged()
  const recovering = new Recovering({ disk, directory })
  await recovering.mark(3)
  const path = `${directory}/recovering`
  const bits = disk.peek(path).length * 8
  for (let bit = 0; bit < bits; bit += 5) {
    const copy = disk.clone()
    copy.flipBit(path, bit)
    const read = new Recovering({ disk: copy, directory }).read()
    expect(await refusal(read)).toMatchObject({ code: 'QUORATE_CORRUPT' })
  }
})
