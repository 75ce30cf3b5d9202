/**
 * Goal: a log is replaced by nothing behind a base at one moment; term and vote outlive it, and
 * nothing that others may count on is ever lost by it.
 * Method: the process killed at every operation, with every kind of loss, also of the start after
 * it; resets that would forget too much are asserted; damage to what is left.
 */
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/assert.ts'
import { SeededRandom } from '../../src/random.ts'
import type { Entry } from '../../src/raft/types.ts'
import { LogStore } from '../../src/wal/index.ts'
import type { KeepUnsynced, MemoryDisk } from '../suites/memory-disk.ts'
import { diskWith, entry, hard, identity, refusal, short } from './support.ts'

const group = 'data/groups/0'
const keeps: KeepUnsynced[] = ['none', 'all', 'prefix', 'sectors']
const all = 1e9
const segment = (n: number): string => `${group}/wal/${String(n).padStart(10, '0')}.wal`
const segmentsOn = (disk: MemoryDisk): string[] =>
  disk.paths().filter((path) => path.endsWith('.wal'))

function options(disk: MemoryDisk) {
  return { disk, directory: group, identity, segmentBytes: 3072 }
}

const large = (index: number, term: number): Entry => entry(index, term, 1300)
/** Five entries, each in a segment of its own; entry 3 is known to be committed. */
const log = [1, 2, 3, 4, 5].map((index) => large(index, index < 4 ? 1 : 2))

async function filled(): Promise<{ disk: MemoryDisk; store: LogStore }> {
  const disk = await diskWith(group)
  await LogStore.create(options(disk))
  const { log: store } = await LogStore.open(options(disk))
  for (const each of log) {
    const hardState = hard(each.term, 'n2', Math.min(3, each.index - 1))
    await store.persist({ hardState, entries: [each], mustSync: true })
  }
  return { disk, store }
}

async function opened(disk: MemoryDisk) {
  const { log: store, recovered } = await LogStore.open(options(disk))
  const read = await store.read(recovered.base.index + 1, all, all)
  return { store, recovered, read }
}

const far = { index: 40, term: 2 }

describe('reset', () => {
  test('leaves an empty log behind the base, with term and vote', async () => {
    const { disk, store } = await filled()
    await store.reset(far)
    expect([store.base, store.lastIndex, store.entries]).toEqual([far, 40, 0])
    expect(store.bytes).toBe(512)
    expect(await store.read(3, all, all)).toEqual([])
    expect(segmentsOn(disk)).toEqual([segment(6)])
    await store.persist({ entries: [large(41, 2)], mustSync: true })
    await store.close()
    disk.crash({ keepUnsynced: 'none' })

    const { recovered, read } = await opened(disk)
    expect(short(read)).toEqual(short([large(41, 2)]))
    expect(recovered).toMatchObject({ base: far, hardState: hard(2, 'n2', 40), lastIndex: 41 })
    expect(recovered.termRuns).toEqual([{ term: 2, firstIndex: 41 }])
  })

  test('keeps the vote twice: each copy alone tells it', async () => {
    const { disk, store } = await filled()
    await store.reset(far)
    await store.close()
    disk.unplant(`${group}/vote`)
    expect((await opened(disk)).recovered.hardState).toEqual(hard(2, 'n2', 40))
  })

  test('takes an entry of another term away with all behind it: a conflicting tail', async () => {
    const { disk, store } = await filled()
    await store.persist({ hardState: hard(3, undefined, 3), entries: [], mustSync: true })
    await store.reset({ index: 4, term: 3 })
    await store.close()
    const { recovered, read } = await opened(disk)
    expect(read).toEqual([])
    expect(recovered).toMatchObject({ base: { index: 4, term: 3 }, lastIndex: 4 })
  })

  test('never discards a longer valid tail, or what is committed (openraft#1892)', async () => {
    const { disk, store } = await filled()
    await expect(store.reset({ index: 4, term: 2 })).rejects.toThrow(AssertionError)
    await store.close()
    expect((await opened(disk)).read.length).toBe(5)
    const again = await filled()
    await expect(again.store.reset({ index: 2, term: 2 })).rejects.toThrow(AssertionError)
    await again.store.close()
    expect((await opened(again.disk)).read.length).toBe(5)
    // Where the base is the very last entry, nothing is lost.
    const third = await filled()
    await third.store.reset({ index: 5, term: 2 })
    expect(third.store.base).toEqual({ index: 5, term: 2 })
  })

  test('to a term that this node has not come to is a bug', async () => {
    const { store } = await filled()
    await expect(store.reset({ index: 40, term: 3 })).rejects.toThrow(AssertionError)
  })

  test('may be done again, and be followed by rotations and compactions', async () => {
    const { disk, store } = await filled()
    await store.reset(far)
    for (const index of [41, 42, 43]) {
      await store.persist({
        hardState: hard(2, 'n2', index),
        entries: [large(index, 2)],
        mustSync: true,
      })
    }
    expect(await store.compact(42)).toEqual({ index: 42, term: 2 })
    await store.reset({ index: 90, term: 2 })
    await store.close()
    const { recovered, store: next } = await opened(disk)
    expect(recovered.base).toEqual({ index: 90, term: 2 })
    expect(segmentsOn(disk)).toEqual([segment(9)])
    await next.close()
  })
})

test('a reset that is cut short at any operation leaves the old log or the new one (redisraft#43)', async () => {
  const seen = new Set<string>()
  let ended = false
  for (let nth = 1; !ended; nth++) {
    for (const keepUnsynced of keeps) {
      for (const second of [0, 2, 3, 5, 8]) {
        const { disk, store } = await filled()
        disk.fail({ operation: 'change', nth, error: 'kill' })
        ended = await store.reset(far).then(
          () => true,
          () => false,
        )
        const random = new SeededRandom(nth * 9 + second)
        disk.crash({ keepUnsynced, random })
        // The start after it is cut short as well, now and then.
        if (second > 0) {
          disk.fail({ operation: 'change', nth: second, error: 'kill' })
          await opened(disk).catch(() => {})
          disk.crash({ keepUnsynced, random })
        }

        const { store: next, recovered, read } = await opened(disk)

        expect(recovered.hardState).toMatchObject({ currentTerm: 2, votedFor: 'n2' })
        if (recovered.base.index === 0) {
          expect(ended).toBe(false)
          expect(short(read)).toEqual(short(log))
        } else {
          expect(recovered.base).toEqual(far)
          expect(read).toEqual([])
          expect(segmentsOn(disk)).toEqual([segment(6)])
        }
        seen.add(`${recovered.base.index}`)
        const index = recovered.lastIndex + 1
        await next.persist({
          hardState: hard(4, 'n1', 3),
          entries: [large(index, 4)],
          mustSync: true,
        })
        await next.close()
        disk.crash({ keepUnsynced: 'none' })
        expect((await opened(disk)).recovered.lastIndex).toBe(index)
      }
    }
  }
  expect([...seen].toSorted()).toEqual(['0', '40'])
})

describe('after a reset', () => {
  test('segments from before it count for nothing, whichever of them are left', async () => {
    const { disk, store } = await filled()
    const before = segmentsOn(disk).map((path) => [path, disk.peek(path)] as const)
    await store.reset(far)
    await store.close()
    for (let left = 0; left < 1 << before.length; left++) {
      const copy = disk.clone()
      for (const [at, [path, bytes]] of before.entries()) {
        // Damaged ones, too: nobody reads them.
        if ((left & (1 << at)) !== 0) copy.plant(path, left % 3 === 0 ? bytes.slice(9) : bytes)
      }
      const { recovered } = await opened(copy)
      expect(recovered.base).toEqual(far)
      expect(segmentsOn(copy)).toEqual([segment(6)])
    }
  })

  test('an entry that reaches below the base is damage, and a lost log is not an empty one', async () => {
    const { disk, store } = await filled()
    await store.reset(far)
    await expect(store.persist({ entries: [large(40, 2)], mustSync: true })).rejects.toThrow(
      AssertionError,
    )
    disk.unplant(segment(6))
    expect(await refusal(opened(disk))).toMatchObject({ code: 'QUORATE_CORRUPT' })
  })

  test('every flipped bit of the header is seen', async () => {
    const { disk, store } = await filled()
    await store.reset(far)
    await store.close()
    for (let bit = 0; bit < 512 * 8; bit += 3) {
      const copy = disk.clone()
      copy.flipBit(segment(6), bit)
      expect(await refusal(opened(copy))).toMatchObject({
        code: 'QUORATE_CORRUPT',
        details: { file: segment(6) },
      })
    }
  })
})

test('a reset that the disk fails is final', async () => {
  for (const operation of ['write', 'sync', 'rename', 'syncDirectory', 'remove'] as const) {
    const { disk, store } = await filled()
    disk.fail({ operation, nth: 1, error: 'EIO' })
    const failed = await refusal(store.reset(far))
    expect(failed.code).toBe('QUORATE_STORAGE')
    expect(await refusal(store.persist({ entries: [], mustSync: true }))).toBe(failed)
    await store.close().catch(() => {})
    disk.restart()
    const { recovered } = await opened(disk)
    expect([0, 40]).toContain(recovered.base.index)
  }
})
