/**
 * Goal: a node never forgets a vote that left, whatever happens to the vote file or the log; where
 * it cannot be certain it refuses to start.
 * Method: every bit and slot of the vote file is damaged; the rule that settles both copies is
 * checked case by case; a store is killed at every operation, on every kind of disk.
 */
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/assert.ts'
import { QuorateError } from '../../src/errors.ts'
import { SeededRandom } from '../../src/random.ts'
import type { HardState } from '../../src/raft/types.ts'
import { LogStore } from '../../src/wal/log-store.ts'
import { reconcile } from '../../src/wal/reconcile.ts'
import { VoteFile, type VoteReading } from '../../src/wal/vote-file.ts'
import type { KeepUnsynced, MemoryDisk } from '../suites/memory-disk.ts'
import {
  diskWith,
  entries,
  entry,
  hard,
  identity,
  otherIncarnation,
  refusal,
  short,
} from './support.ts'

const group = 'data/groups/0'
const votePath = `${group}/vote`
const walFile = `${group}/wal/0000000001.wal`

function storeOptions(disk: MemoryDisk): Parameters<typeof LogStore.open>[0] {
  return { disk, directory: group, identity, segmentBytes: 8192 }
}

async function newStore(): Promise<{ disk: MemoryDisk; log: LogStore }> {
  const disk = await diskWith(group)
  await LogStore.create(storeOptions(disk))
  const { log } = await LogStore.open(storeOptions(disk))
  return { disk, log }
}

async function recoveredHardState(disk: MemoryDisk): Promise<HardState> {
  const { log, recovered } = await LogStore.open(storeOptions(disk))
  await log.close()
  return recovered.hardState
}

describe('the vote file', () => {
  const options = (disk: MemoryDisk) => ({
    disk,
    directory: group,
    incarnation: identity.incarnation,
  })

  async function saved(): Promise<MemoryDisk> {
    const disk = await diskWith(group)
    await VoteFile.create(options(disk))
    const vote = { currentTerm: 5, votedFor: 'n1', walFlush: 7 }
    const file = await VoteFile.establish({ ...options(disk), vote })
    await file.save({ currentTerm: 6, votedFor: undefined, walFlush: 8 })
    await file.save({ currentTerm: 6, votedFor: 'n.2-b_c', walFlush: 9 })
    await file.close()
    return disk
  }

  test('gives back what was saved last', async () => {
    const reading = await VoteFile.read(options(await saved()))
    expect(reading).toMatchObject({
      kind: 'certain',
      vote: { currentTerm: 6, votedFor: 'n.2-b_c', walFlush: 9 },
    })
  })

  test('shows every flipped bit, and gives the slot that is left', async () => {
    const disk = await saved()
    for (let bit = 0; bit < 1024 * 8; bit++) {
      const copy = disk.clone()
      copy.flipBit(votePath, bit)
      const reading = await VoteFile.read(options(copy))
      expect(reading).toMatchObject({ kind: 'older', offset: bit < 512 * 8 ? 0 : 512 })
    }
  })

  test('is unreadable when both slots are, when it is missing, and when it has another length', async () => {
    const disk = await saved()
    const damages: ((copy: MemoryDisk) => void)[] = [
      (copy) => [0, 1].forEach((sector) => copy.zeroSector(votePath, sector)),
      (copy) => copy.unplant(votePath),
      (copy) => copy.plant(votePath, disk.peek(votePath).subarray(0, 1023)),
      (copy) => copy.plant(votePath, Buffer.concat([disk.peek(votePath), new Uint8Array(1)])),
      (copy) => copy.plant(votePath, new Uint8Array(0)),
    ]
    for (const damage of damages) {
      const copy = disk.clone()
      damage(copy)
      expect(await VoteFile.read(options(copy))).toEqual({ kind: 'unreadable', offset: 0 })
    }
  })

  test('does not trust slots that changed places, or a write that never arrived', async () => {
    const disk = await saved()
    const bytes = disk.peek(votePath)
    const swapped = disk.clone()
    swapped.plant(votePath, Buffer.concat([bytes.subarray(512), bytes.subarray(0, 512)]))
    expect((await VoteFile.read(options(swapped))).kind).toBe('unreadable')

    const file = await VoteFile.establish({
      ...options(disk),
      vote: { currentTerm: 6, votedFor: 'n.2-b_c', walFlush: 9 },
    })
    await file.save({ currentTerm: 9, votedFor: undefined, walFlush: 9 })
    const lost = disk.clone()
    lost.damage(votePath, bytes.subarray(0, 512), 0)
    expect((await VoteFile.read(options(lost))).kind).toBe('older')
  })

  test('of another incarnation, or of a newer format, is refused', async () => {
    const disk = await saved()
    const stranger = { ...options(disk), incarnation: otherIncarnation }
    expect(await refusal(VoteFile.read(stranger))).toMatchObject({
      code: 'QUORATE_CORRUPT',
      details: { file: votePath, offset: 40 },
    })
  })

  test('asserts that terms grow and votes stay', async () => {
    const disk = await saved()
    const vote = { currentTerm: 6, votedFor: 'n.2-b_c', walFlush: 9 }
    const file = await VoteFile.establish({ ...options(disk), vote })
    for (const next of [
      { currentTerm: 5, votedFor: undefined, walFlush: 9 },
      { currentTerm: 6, votedFor: 'n1', walFlush: 9 },
      { currentTerm: 6, votedFor: undefined, walFlush: 9 },
      { currentTerm: 7, votedFor: undefined, walFlush: 8 },
    ]) {
      await expect(file.save(next)).rejects.toThrow(AssertionError)
    }
  })
})

describe('which of two copies is believed', () => {
  const end = { file: walFile, offset: 1024 }
  const torn = { file: walFile, offset: 1024, bytes: 512 }
  const whole = (hardState: HardState) => ({ hardState, lastFlush: 9, tornFlush: undefined, end })
  const cut = (hardState: HardState) => ({ hardState, lastFlush: 9, tornFlush: torn, end })
  const certain = (currentTerm: number, votedFor?: string, walFlush = 9): VoteReading => ({
    kind: 'certain',
    vote: { currentTerm, votedFor, walFlush },
  })
  const older = (currentTerm: number, votedFor?: string): VoteReading => ({
    kind: 'older',
    vote: { currentTerm, votedFor, walFlush: 3 },
    offset: 512,
  })
  const unreadable: VoteReading = { kind: 'unreadable', offset: 0 }

  test.each<[string, Parameters<typeof reconcile>[0], VoteReading, HardState]>([
    ['they agree', whole(hard(3, 'a', 5)), certain(3, 'a'), hard(3, 'a', 5)],
    ['the file is a term ahead', whole(hard(3, 'a', 5)), certain(4), hard(4, undefined, 5)],
    ['the file is a vote ahead', whole(hard(3, undefined, 5)), certain(3, 'b'), hard(3, 'b', 5)],
    ['the log is ahead', whole(hard(4, 'b', 5)), certain(3, 'a'), hard(4, 'b', 5)],
    ['a slot is bad, the log is ahead', whole(hard(4, 'b')), older(3, 'a'), hard(4, 'b')],
    ['a slot is bad, the file is ahead', whole(hard(3)), older(4, 'a'), hard(4, 'a')],
    ['the file is gone', whole(hard(4, 'b')), unreadable, hard(4, 'b')],
    ['the log was cut, the file is whole', cut(hard(3)), certain(4, 'a'), hard(4, 'a')],
  ])('%s', (_, wal, reading, expected) => {
    expect(reconcile(wal, reading, votePath)).toEqual(expected)
  })

  test.each<[string, Parameters<typeof reconcile>[0], VoteReading, string]>([
    ['both are incomplete', cut(hard(3)), older(4, 'a'), votePath],
    ['the log was cut and the file is gone', cut(hard(3)), unreadable, votePath],
    ['they name different votes', whole(hard(3, 'a')), certain(3, 'b'), votePath],
    ['the log lacks a flush that the file knows', whole(hard(3)), certain(4, 'a', 10), walFile],
    ['the flush that was cut had been durable', cut(hard(3)), certain(3, 'a', 10), walFile],
  ])('refused: %s', (_, wal, reading, file) => {
    try {
      reconcile(wal, reading, votePath)
    } catch (error) {
      expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file } })
      return
    }
    throw new Error('it was not refused')
  })
})

describe('the store', () => {
  test('persists, reads back, and mends a bad slot', async () => {
    const { disk, log } = await newStore()
    await log.persist({ hardState: hard(3, 'n2'), entries: entries(1, 5, 2), mustSync: true })
    expect(log.lastIndex).toBe(5)
    expect(log.bytes).toBeGreaterThan(512)
    expect(short(await log.read(2, 3, 1e9))).toEqual(short(entries(2, 3, 2)))
    disk.crash({ keepUnsynced: 'none' })
    disk.zeroSector(votePath, 0)

    expect(await recoveredHardState(disk)).toEqual(hard(3, 'n2'))

    const { incarnation } = identity
    expect((await VoteFile.read({ disk, directory: group, incarnation })).kind).toBe('certain')
  })

  test('writes the vote file only where term or vote change', async () => {
    const { disk, log } = await newStore()
    await log.persist({ hardState: hard(1, 'n1'), entries: [entry(1, 1)], mustSync: true })
    const before = disk.counts.get('sync') ?? 0
    await log.persist({ hardState: hard(1, 'n1', 1), entries: [entry(2, 1)], mustSync: true })
    expect((disk.counts.get('sync') ?? 0) - before).toBe(1)
  })

  test('remakes a vote file that is gone from a log that is whole', async () => {
    const { disk, log } = await newStore()
    await log.persist({ hardState: hard(3, 'n2'), entries: [], mustSync: true })
    await log.close()
    disk.unplant(votePath)
    expect(await recoveredHardState(disk)).toEqual(hard(3, 'n2'))
    expect(disk.paths()).toContain(votePath)
  })

  test('writes a vote that the log lost back into the log', async () => {
    const { disk, log } = await newStore()
    await log.persist({ hardState: hard(2), entries: [entry(1, 1)], mustSync: true })
    disk.fail({ operation: 'write', nth: 2, error: 'kill' })
    await refusal(log.persist({ hardState: hard(3, 'n1'), entries: [], mustSync: true }))
    disk.crash({ keepUnsynced: 'none' })
    expect(await recoveredHardState(disk)).toEqual(hard(3, 'n1'))

    disk.unplant(votePath)
    expect(await recoveredHardState(disk)).toEqual(hard(3, 'n1'))
  })

  test('that lost its vote twice over refuses every start, and keeps what shows it', async () => {
    const { disk, log } = await newStore()
    await log.persist({ hardState: hard(1, 'n1'), entries: [entry(1, 1, 600)], mustSync: true })
    await log.persist({ hardState: hard(2), entries: [entry(2, 1, 600)], mustSync: true })
    await log.persist({ hardState: hard(2, 'n3'), entries: [entry(3, 2, 600)], mustSync: true })
    await log.close()
    const { incarnation } = identity
    const reading = async () => VoteFile.read({ disk, directory: group, incarnation })
    const written = disk.peek(walFile).findLastIndex((byte) => byte !== 0)
    disk.zeroSector(walFile, Math.floor(written / 512) - 1)
    // One fault is settled with what is left; both at once are not, whichever slot was the newest.
    for (const slot of [0, 1]) {
      const damaged = disk.clone()
      damaged.zeroSector(votePath, slot)
      if (slot === 0) expect((await reading()).kind).toBe('certain')
      const before = damaged.peek(walFile)
      for (let start = 1; start <= 3; start++) {
        expect(await refusal(LogStore.open(storeOptions(damaged)))).toMatchObject({
          code: 'QUORATE_CORRUPT',
          details: { file: votePath, offset: slot * 512 },
        })
        damaged.crash({ keepUnsynced: 'all' })
        expect(damaged.peek(walFile)).toEqual(before)
      }
    }
    expect(await recoveredHardState(disk)).toEqual(hard(2, 'n3', 0))
  })

  test('killed at any operation, a vote that left is never forgotten', async () => {
    const states = [hard(1, 'n1'), hard(2), hard(2, 'n2'), hard(5, 'n3'), hard(6), hard(6, 'n1')]
    const keeps: KeepUnsynced[] = ['none', 'all', 'prefix', 'sectors']
    const order = (state: HardState): number => state.currentTerm * 2 + (state.votedFor ? 1 : 0)
    for (let nth = 1; nth < 60; nth++) {
      for (const keepUnsynced of keeps) {
        const disk = await diskWith(group)
        await LogStore.create(storeOptions(disk))
        const random = new SeededRandom(nth)
        disk.fail({ operation: 'any', nth, error: 'kill' })
        let left = hard(0)
        try {
          const { log } = await LogStore.open(storeOptions(disk))
          for (const [at, hardState] of states.entries()) {
            await log.persist({
              hardState,
              entries: [entry(at + 1, hardState.currentTerm)],
              mustSync: true,
            })
            left = hardState
          }
        } catch (error) {
          expect(error).toBeInstanceOf(QuorateError)
        }
        disk.crash({ keepUnsynced, random })
        // A crash in the start after the crash, too.
        disk.fail({ operation: 'change', nth: (nth % 7) + 1, error: 'kill' })
        await recoveredHardState(disk).catch(() => {})
        disk.crash({ keepUnsynced, random })

        const found = await recoveredHardState(disk)

        expect(order(found)).toBeGreaterThanOrEqual(order(left))
        if (found.currentTerm === left.currentTerm && left.votedFor !== undefined) {
          expect(found.votedFor).toBe(left.votedFor)
        }
        disk.crash({ keepUnsynced: 'none' })
        expect(await recoveredHardState(disk)).toEqual(found)
      }
    }
  })

  test('is poisoned by the first failure, whichever file it was', async () => {
    for (const nth of [1, 2]) {
      const { disk, log } = await newStore()
      disk.fail({ operation: 'sync', nth, error: 'EIO' })
      const first = await refusal(
        log.persist({ hardState: hard(3, 'n1'), entries: [entry(1, 1)], mustSync: true }),
      )
      const changes = disk.changes
      expect(first.code).toBe('QUORATE_STORAGE')
      expect(await refusal(log.persist({ entries: [entry(1, 1)], mustSync: true }))).toBe(first)
      expect(await refusal(log.read(1, 1, 1))).toBe(first)
      expect(disk.changes).toBe(changes)
      await log.close()
    }
  })
})
