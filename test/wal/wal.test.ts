/**
 * Goal: the log keeps what it is given, across flushes, segments and restarts, and refuses misuse.
 * Method: small logs on a disk in memory; each is read back through `read` and through `open`.
 */
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/assert.ts'
import { entryBytes } from '../../src/raft/log.ts'
import { Wal } from '../../src/wal/wal.ts'
import {
  directory,
  entries,
  entry,
  firstSegment,
  hard,
  newLog,
  refusal,
  see,
  short,
  walOptions,
} from './support.ts'

describe('keeping', () => {
  test('an empty log opens empty', async () => {
    const { disk, wal } = await newLog()
    await wal.close()

    const { recovered, read } = await see(disk)

    expect(recovered).toEqual({
      base: { index: 0, term: 0 },
      configEntries: [],
      hardState: hard(0),
      termRuns: [],
      lastIndex: 0,
      tail: [],
      lastFlush: 0,
      end: { file: firstSegment, offset: 512 },
      tornFlush: undefined,
    })
    expect(read).toEqual([])
  })

  test('as many changes of members as anybody makes are read back', async () => {
    const { disk, wal } = await newLog()
    const count = 70_000
    const data = new Uint8Array(8)
    for (let at = 0; at < count; at += 5_000) {
      const changes = Array.from({ length: 5_000 }, (_, n) => {
        return { index: at + n + 1, term: 1, kind: 'config' as const, data }
      })
      await wal.append({ hardState: hard(1, 'n1', at), entries: changes, mustSync: true })
    }
    await wal.close()

    const { recovered } = await Wal.open(walOptions(disk))

    expect(recovered.configEntries).toHaveLength(count)
  })

  test('entries of all kinds and sizes, through many segments, survive a power cut', async () => {
    const { disk, wal } = await newLog()
    const all = Array.from({ length: 60 }, (_, at) =>
      entry(at + 1, 1 + Math.floor(at / 7), at * 53),
    )
    const kinds = ['noop', 'commands', 'config'] as const
    const mixed = all.map((item, at) => ({ ...item, kind: kinds[at % 3] ?? 'noop' }))
    for (let at = 0; at < mixed.length; at += 3) {
      const batch = mixed.slice(at, at + 3)
      const hardState = hard(batch.at(-1)?.term ?? 0, 'n2', at)
      await wal.append({ hardState, entries: batch, mustSync: true })
    }
    disk.crash({ keepUnsynced: 'none' })

    const { recovered, read } = await see(disk)

    expect(short(read)).toEqual(short(mixed))
    expect(short(recovered.tail)).toEqual(short(mixed))
    expect(recovered.lastIndex).toBe(60)
    expect(recovered.hardState).toEqual(hard(9, 'n2', 57))
    expect(recovered.termRuns).toEqual(
      Array.from({ length: 9 }, (_, at) => ({ term: at + 1, firstIndex: at * 7 + 1 })),
    )
    expect(disk.paths().length).toBeGreaterThan(5)
  })

  test('a flush larger than a segment gets a segment of its own size', async () => {
    const { disk, wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: [entry(1, 1, 100)], mustSync: true })
    await wal.append({ entries: [entry(2, 1, 100_000)], mustSync: true })
    await wal.append({ entries: [entry(3, 1, 100)], mustSync: true })
    disk.crash({ keepUnsynced: 'none' })

    const { read } = await see(disk)

    expect(read.map(({ data }) => data.length)).toEqual([100, 100_000, 100])
    expect(await disk.size(`${directory}/0000000002.wal`)).toBeGreaterThan(100_000)
    expect(await disk.size(`${directory}/0000000003.wal`)).toBe(8192)
  })

  test('a flush that fills its segment to the seal still fits, one byte more does not', async () => {
    // 8192 = header 512 + flush 7168 + seal 512; the flush: 64 + 32 + hard state 32 + data + 16.
    for (const [bytes, segments] of [
      [7168 - 144, 1],
      [7168 - 144 + 8, 2],
    ] as const) {
      const { disk, wal } = await newLog()
      await wal.append({ hardState: hard(1), entries: [entry(1, 1, bytes)], mustSync: true })
      await wal.append({ entries: [entry(2, 1, 10)], mustSync: true })
      await wal.close()

      expect(short((await see(disk)).read)).toEqual(short([entry(1, 1, bytes), entry(2, 1, 10)]))
      expect(disk.paths().length).toBe(segments + 1)
    }
  })

  test('a new leader overwrites a tail, by shorter and by longer ones', async () => {
    const { disk, wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: entries(1, 10, 1), mustSync: true })
    await wal.append({ hardState: hard(3), entries: [entry(4, 3)], mustSync: true })
    await wal.append({ hardState: hard(5), entries: entries(3, 20, 4), mustSync: true })
    const expected = [...entries(1, 2, 1), ...entries(3, 20, 4)]

    expect(short(await wal.read(1, 99, 1e9))).toEqual(short(expected))
    disk.crash({ keepUnsynced: 'none' })
    const { recovered, read } = await see(disk)
    expect(short(read)).toEqual(short(expected))
    expect(short(recovered.tail)).toEqual(short(expected))
  })

  test('a conflicting tail is replaced and its replacement committed in one flush', async () => {
    const { disk, wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: entries(1, 12, 1), mustSync: true })
    await wal.append({
      hardState: hard(2, undefined, 10),
      entries: entries(8, 10, 2),
      mustSync: true,
    })

    await expect(wal.append({ entries: [entry(10, 2)], mustSync: true })).rejects.toThrow(
      /committed/,
    )
    disk.restart()
    expect((await see(disk)).recovered.lastIndex).toBe(10)
  })

  test('the tail holds the newest entries that fit', async () => {
    const { disk, wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: entries(1, 100, 1, 36), mustSync: true })
    await wal.close()

    const { recovered } = await see(disk, { tailBytesMax: 1000 })

    expect(recovered.tail.map(({ index }) => index)).toEqual([
      91, 92, 93, 94, 95, 96, 97, 98, 99, 100,
    ])
  })

  test('a commit index alone is not synced, and goes out with what comes next', async () => {
    const { disk, wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: entries(1, 3, 1), mustSync: true })
    const before = disk.counts.get('sync')
    await wal.append({ hardState: hard(1, undefined, 2), entries: [], mustSync: false })
    expect(disk.counts.get('sync')).toBe(before)
    await wal.append({ entries: [entry(4, 1)], mustSync: true })
    disk.crash({ keepUnsynced: 'none' })
    expect((await see(disk)).recovered.hardState).toEqual(hard(1, undefined, 2))
  })

  test('a commit index ahead of the log is taken back to its end', async () => {
    const { disk, wal } = await newLog()
    await wal.append({
      hardState: hard(1, undefined, 9),
      entries: entries(1, 3, 1),
      mustSync: true,
    })
    await wal.close()

    expect((await see(disk)).recovered.hardState.commitIndex).toBe(3)
  })

  test('a term or a vote is synced even where the caller did not ask', async () => {
    const { disk, wal } = await newLog()
    await wal.append({ hardState: hard(4, 'n1'), entries: [], mustSync: false })
    disk.crash({ keepUnsynced: 'none' })

    expect((await see(disk)).recovered.hardState).toEqual(hard(4, 'n1'))
  })

  test('one flush is one write and one sync', async () => {
    const { disk, wal } = await newLog()
    const before = new Map(disk.counts)
    await wal.append({ hardState: hard(1), entries: entries(1, 50, 1, 20), mustSync: true })

    expect((disk.counts.get('write') ?? 0) - (before.get('write') ?? 0)).toBe(1)
    expect((disk.counts.get('sync') ?? 0) - (before.get('sync') ?? 0)).toBe(1)
  })
})

describe('reading', () => {
  test('honours its bounds, and returns one entry at least', async () => {
    const { wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: entries(1, 30, 1, 100), mustSync: true })

    expect(short(await wal.read(5, 7, 1e9))).toEqual(short(entries(5, 7, 1, 100)))
    expect(short(await wal.read(5, 30, 328))).toEqual(short(entries(5, 6, 1, 100)))
    expect(short(await wal.read(5, 30, 327))).toEqual(short([entry(5, 1, 100)]))
    expect(short(await wal.read(5, 30, 0))).toEqual(short([entry(5, 1, 100)]))
    expect(short(await wal.read(29, 99, 1e9))).toEqual(short(entries(29, 30, 1, 100)))
    expect(await wal.read(31, 99, 1e9)).toEqual([])
  })

  test('bounds a long run of entries without data too, as the core counts them', async () => {
    const { wal } = await newLog()
    const all = entries(1, 200, 1, 0).map((item) => ({ ...item, kind: 'noop' as const }))
    await wal.append({ hardState: hard(1), entries: all, mustSync: true })
    const counted = (count: number): number =>
      all.slice(0, count).reduce((sum, each) => sum + entryBytes(each), 0)

    expect(await wal.read(1, 200, counted(10))).toHaveLength(10)
    expect(await wal.read(1, 200, counted(10) - 1)).toHaveLength(9)
  })

  test('reads records of all sizes, across what is read at once and longer than that', async () => {
    const { wal } = await newLog({ segmentBytes: 4 * 1024 * 1024 })
    const all = Array.from({ length: 60 }, (_, at) => entry(at + 1, 1, (at * 7919) % 40_000))
    const longer = [...all, entry(61, 1, 700_000), entry(62, 1, 0), entry(63, 1, 5)]
    await wal.append({ hardState: hard(1), entries: longer, mustSync: true })

    expect(short(await wal.read(1, 99, 1e9))).toEqual(short(longer))
    expect(short(await wal.read(61, 99, 1e9))).toEqual(short(longer.slice(60)))
  })

  test('starts from checkpoints within large flushes, and over several segments', async () => {
    const { disk, wal } = await newLog({ segmentBytes: 1024 * 1024 })
    const all = entries(1, 900, 1, 4000)
    await wal.append({ hardState: hard(1), entries: all.slice(0, 600), mustSync: true })
    for (const item of all.slice(600)) await wal.append({ entries: [item], mustSync: true })

    const reads = disk.counts.get('read') ?? 0
    expect(short(await wal.read(599, 602, 1e9))).toEqual(short(all.slice(598, 602)))
    expect((disk.counts.get('read') ?? 0) - reads).toBeLessThan(6)
    expect(short(await wal.read(850, 900, 1e9))).toEqual(short(all.slice(849)))
  })

  test('may run beside an append that cuts what is being read', async () => {
    const { wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: entries(1, 50, 1, 300), mustSync: true })

    const reading = wal.read(1, 50, 1e9)
    await wal.append({ hardState: hard(2), entries: entries(2, 90, 2, 300), mustSync: true })

    expect(short(await reading)).toEqual(short(entries(1, 50, 1, 300)))
    const after = await wal.read(1, 99, 1e9)
    expect(short(after)).toEqual(short([entry(1, 1, 300), ...entries(2, 90, 2, 300)]))
  })

  test('tells damage by file and offset', async () => {
    const { disk, wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: entries(1, 5, 1, 100), mustSync: true })
    disk.flipBit(firstSegment, (512 + 64 + 32 + 132 + 50) * 8)

    const error = await refusal(wal.read(1, 5, 1e9))

    expect(error.code).toBe('QUORATE_CORRUPT')
    expect(error.details).toEqual({ file: firstSegment, offset: 512 + 64 + 32 + 136 })
    expect(short(await wal.read(1, 1, 1e9))).toEqual(short([entry(1, 1, 100)]))
  })

  test('tells a file that has become shorter', async () => {
    const { disk, wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: entries(1, 5, 1, 100), mustSync: true })
    disk.plant(firstSegment, disk.peek(firstSegment).subarray(0, 1000))

    const error = await refusal(wal.read(1, 5, 1e9))

    expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: firstSegment } })
  })
})

describe('misuse is asserted', () => {
  const cases: [string, Parameters<Wal['append']>[0]][] = [
    ['a gap', { entries: [entry(7, 2)], mustSync: true }],
    ['a gap within', { entries: [entry(6, 2), entry(8, 2)], mustSync: true }],
    ['going back within', { entries: [entry(6, 2), entry(6, 2)], mustSync: true }],
    ['index 0', { entries: [entry(0, 2)], mustSync: true }],
    ['a term that falls', { entries: [entry(6, 1)], mustSync: true }],
    ['a term ahead of the current one', { entries: [entry(6, 3)], mustSync: true }],
    ['a committed entry', { entries: [entry(2, 2)], mustSync: true }],
    ['a current term that falls', { hardState: hard(1), entries: [], mustSync: true }],
    ['a vote that changes', { hardState: hard(2, 'n2', 2), entries: [], mustSync: true }],
    ['a vote that is taken back', { hardState: hard(2), entries: [], mustSync: true }],
    ['a vote for no node', { hardState: hard(3, 'a b'), entries: [], mustSync: true }],
  ]
  test.each(cases)('%s', async (_, batch) => {
    const { disk, wal } = await newLog()
    await wal.append({ hardState: hard(2, 'n1', 2), entries: entries(1, 5, 2), mustSync: true })

    await expect(wal.append(batch)).rejects.toThrow(AssertionError)

    disk.restart()
    expect(short((await see(disk)).read)).toEqual(short(entries(1, 5, 2)))
  })

  test('two flushes at once, and any use after close', async () => {
    const { wal } = await newLog()
    const first = wal.append({ hardState: hard(1), entries: [entry(1, 1)], mustSync: true })
    await expect(wal.append({ entries: [entry(2, 1)], mustSync: true })).rejects.toThrow(/durable/)
    await first
    await wal.close()
    await wal.close()
    await expect(wal.append({ entries: [], mustSync: false })).rejects.toThrow(/closed/)
    await expect(wal.read(1, 1, 1)).rejects.toThrow(/closed/)
  })

  test('close waits for the flush that is under way', async () => {
    const { disk, wal } = await newLog()
    const appending = wal.append({ hardState: hard(1), entries: [entry(1, 1)], mustSync: true })
    await wal.close()
    await appending
    expect(short((await see(disk)).read)).toEqual(short([entry(1, 1)]))
  })
})

test('bytes counts what is used, over all segments', async () => {
  const { disk, wal } = await newLog()
  expect(wal.bytes).toBe(512)
  for (let at = 1; at <= 20; at++) {
    await wal.append({ hardState: hard(1), entries: [entry(at, 1, 900)], mustSync: true })
  }
  const { bytes } = wal
  expect(bytes).toBeGreaterThan(20 * 900)
  expect(bytes).toBeLessThan(20 * 2000)
  await wal.close()
  const again = await Wal.open(walOptions(disk))
  expect(again.wal.bytes).toBe(bytes)
})
