/**
 * Goal: what is compacted goes, durably and alone; readers, writers and crashes beside it find the
 * log that they must find.
 * Method: logs with one entry per segment, so that every boundary is met; the process killed at
 * every operation, with every kind of loss; readers that are held up until their files are gone.
 */
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/assert.ts'
import { QuorateError } from '../../src/errors.ts'
import type { Disk } from '../../src/ports.ts'
import { SeededRandom } from '../../src/random.ts'
import type { Entry } from '../../src/raft/types.ts'
import { LogStore } from '../../src/wal/index.ts'
import { decodeSegmentHeader, encodeSegmentHeader } from '../../src/wal/segment-header.ts'
import { Wal } from '../../src/wal/wal.ts'
import type { KeepUnsynced, MemoryDisk } from '../suites/memory-disk.ts'
import {
  directory,
  diskWith,
  entries,
  entry,
  hard,
  identity,
  newLog,
  refusal,
  see,
  seeOrRefusal,
  short,
  walOptions,
} from './support.ts'

const small = { segmentBytes: 3072 }
const keeps: KeepUnsynced[] = ['none', 'all', 'prefix', 'sectors']
const segment = (n: number): string => `${directory}/${String(n).padStart(10, '0')}.wal`
const numbersOn = (disk: MemoryDisk): number[] =>
  disk.paths().map((path) => Number(/(\d{10})\.wal$/.exec(path)?.[1]))
const all = 1e9

/** An entry that fills a segment. */
const large = (index: number, term: number): Entry => entry(index, term, 1300)

/** Entries 1 to `count`, each in a segment of its own. */
async function stairs(count: number): Promise<{ disk: MemoryDisk; wal: Wal }> {
  const made = await newLog(small)
  for (let index = 1; index <= count; index++) {
    const hardState = hard(1, 'n1', index - 1)
    await made.wal.append({ hardState, entries: [large(index, 1)], mustSync: true })
  }
  return made
}

/**
 * Entries 1 to 5 of term 1 in segments 1 to 5; in term 2 entry 3 is written anew, in segment 6, and
 * 4 to 6 in segments 7 to 9. What segments 4, 5 and 6 begin behind was never committed.
 */
async function crossed(): Promise<{ disk: MemoryDisk; wal: Wal; log: Entry[] }> {
  const made = await stairs(2)
  for (const index of [3, 4, 5]) {
    await made.wal.append({ entries: [large(index, 1)], mustSync: true })
  }
  for (const index of [3, 4, 5, 6]) {
    const hardState = hard(2, 'n2', index === 3 ? 2 : 3)
    await made.wal.append({ hardState, entries: [large(index, 2)], mustSync: true })
  }
  const log = [large(1, 1), large(2, 1), ...[3, 4, 5, 6].map((index) => large(index, 2))]
  return { ...made, log }
}

describe('compact', () => {
  test('drops whole segments below an index, and never the newest', async () => {
    const { disk, wal } = await stairs(5)
    const before = wal.bytes
    expect(await wal.compact(0)).toEqual({ index: 0, term: 0 })
    expect(await wal.compact(1)).toEqual({ index: 1, term: 1 })
    expect(numbersOn(disk)).toEqual([2, 3, 4, 5])
    expect(wal.bytes).toBe(before - 512 - 1536 - 512)
    expect(await wal.compact(3)).toEqual({ index: 3, term: 1 })
    // Entry 5 is in the newest segment; all that is before it may go.
    expect(await wal.compact(5)).toEqual({ index: 4, term: 1 })
    expect(numbersOn(disk)).toEqual([5])
    expect(await wal.compact(5)).toEqual({ index: 4, term: 1 })
    expect(wal.lastIndex).toBe(5)
    expect(short(await wal.read(5, all, all))).toEqual(short([large(5, 1)]))
    expect(await wal.read(4, all, all)).toEqual([])
    await wal.close()

    const seen = await see(disk, small)
    expect(seen.recovered).toMatchObject({
      base: { index: 4, term: 1 },
      hardState: hard(1, 'n1', 4),
      termRuns: [{ term: 1, firstIndex: 5 }],
      lastIndex: 5,
    })
    expect(short(seen.read)).toEqual(short([large(5, 1)]))
  })

  test('never above what it is asked for, and never past the end of the log', async () => {
    const { wal } = await stairs(3)
    await expect(wal.compact(4)).rejects.toThrow(AssertionError)
    expect(wal.base).toEqual({ index: 0, term: 0 })
  })

  test('of everything leaves a log that goes on, and starts, without an entry', async () => {
    const { disk, wal } = await stairs(3)
    // A rotation for a flush without entries: the newest segment then holds none.
    const { wal: roomless } = await newLog(small)
    await roomless.close()
    for (let term = 2; wal.base.index < 3; term++) {
      await wal.append({ hardState: hard(term, 'n2', 3), entries: [], mustSync: true })
      await wal.compact(3)
    }
    await wal.close()
    const seen = await see(disk, small)
    expect(seen.recovered).toMatchObject({ lastIndex: 3, termRuns: [], tail: [] })
    const { wal: next, recovered } = await Wal.open(walOptions(disk, small))
    const term = recovered.hardState.currentTerm
    await next.append({ entries: [large(4, term)], mustSync: true })
    expect(short(await next.read(4, 4, all))).toEqual(short([large(4, term)]))
    await expect(next.append({ entries: [large(3, term)], mustSync: true })).rejects.toThrow(
      AssertionError,
    )
  })

  test('does not begin a log behind an entry that was overwritten', async () => {
    const { disk, wal, log } = await crossed()
    expect(await wal.compact(2)).toEqual({ index: 2, term: 1 })
    expect(numbersOn(disk)).toEqual([3, 4, 5, 6, 7, 8, 9])
    expect(await wal.compact(5)).toEqual({ index: 5, term: 2 })
    expect(numbersOn(disk)).toEqual([9])
    await wal.close()
    expect(short((await see(disk, small)).read)).toEqual(short(log.slice(5)))
  })

  test.each([false, true])(
    'keeps a segment whose overwritten base is the only one that is low enough (restart: %s)',
    async (restart) => {
      const made = await stairs(2)
      for (const index of [3, 4, 5]) {
        await made.wal.append({ entries: [large(index, 1)], mustSync: true })
      }
      // Segment 6 begins behind entry 5 of term 1, and holds entries 3 to 7 of term 2.
      const tail = entries(3, 7, 2, 300)
      await made.wal.append({ hardState: hard(2, 'n2', 2), entries: tail, mustSync: true })
      let { wal } = made
      if (restart) {
        await wal.close()
        wal = (await Wal.open(walOptions(made.disk, small))).wal
      }
      expect(numbersOn(made.disk)).toEqual([1, 2, 3, 4, 5, 6])
      expect(await wal.compact(7)).toEqual({ index: 2, term: 1 })
      expect(numbersOn(made.disk)).toEqual([3, 4, 5, 6])
      await wal.close()
      expect(short((await see(made.disk, small)).read)).toEqual(short(tail))
    },
  )

  test('knows after a restart as well which entries were overwritten', async () => {
    const { disk, wal, log } = await crossed()
    await wal.close()
    const { wal: next } = await Wal.open(walOptions(disk, small))
    expect(await next.compact(3)).toEqual({ index: 3, term: 2 })
    expect(numbersOn(disk)).toEqual([7, 8, 9])
    await next.close()
    expect(short((await see(disk, small)).read)).toEqual(short(log.slice(3)))
  })

  test('that fails is final, as any failure of the disk is', async () => {
    for (const operation of ['remove', 'syncDirectory'] as const) {
      const { disk, wal } = await stairs(4)
      disk.fail({ operation, nth: 2, error: 'EIO' })
      const failed = await refusal(wal.compact(3))
      expect(failed.code).toBe('QUORATE_STORAGE')
      expect(await refusal(wal.append({ entries: [large(5, 1)], mustSync: true }))).toBe(failed)
      expect(await refusal(wal.read(4, 4, 1))).toBe(failed)
      disk.restart()
      const seen = await see(disk, small)
      expect(seen.recovered.lastIndex).toBe(4)
    }
  })
})

describe('a compaction that is cut short', () => {
  const logs = {
    'of a plain log': { make: () => stairs(6), upTo: 4, from: 0, to: 4 },
    'past entries that were overwritten': { make: crossed, upTo: 3, from: 0, to: 3 },
  }
  test.each(Object.entries(logs))(
    'at every operation, %s, leaves the old log or the new one (redisraft#43)',
    async (_, { make, upTo, to }) => {
      let ended = false
      const bases = new Set<number>()
      for (let nth = 1; !ended; nth++) {
        for (const keepUnsynced of keeps) {
          const { disk, wal } = await make()
          const whole = await wal.read(1, all, all)
          disk.fail({ operation: 'change', nth, error: 'kill' })
          ended = await wal.compact(upTo).then(
            () => true,
            () => false,
          )
          disk.crash({ keepUnsynced, random: new SeededRandom(nth) })

          const { recovered, read } = await see(disk, small)

          const { base } = recovered
          bases.add(base.index)
          if (ended) expect(base.index).toBe(to)
          expect(base.index).toBeLessThanOrEqual(to)
          expect(base.term).toBe(whole[base.index - 1]?.term ?? 0)
          expect(short(read)).toEqual(short(whole.slice(base.index)))
          // It goes on, and what was passed over goes with the next compaction.
          const { wal: next } = await Wal.open(walOptions(disk, small))
          const more = large(recovered.lastIndex + 1, 2)
          await next.append({ hardState: hard(2, 'n2', upTo), entries: [more], mustSync: true })
          expect(await next.compact(upTo)).toEqual({ index: to, term: whole[to - 1]?.term })
          await next.close()
          const again = await see(disk, small)
          expect(short(again.read)).toEqual(short([...whole.slice(to), more]))
          const [first = 0] = numbersOn(disk)
          expect(numbersOn(disk)).toEqual(numbersOn(disk).map((_, at) => first + at))
          expect(disk.paths().length).toBe(again.read.length)
        }
      }
      // Before, after, and in between.
      expect(bases.size).toBeGreaterThan(2)
    },
  )

  test('passes over what cannot begin a log, and leaves it until the next one', async () => {
    const { disk, wal, log } = await crossed()
    await wal.close()
    // As if the process had been killed after three of six removals.
    for (const number of [1, 2, 3]) disk.unplant(segment(number))

    const seen = await see(disk, small)

    expect(seen.recovered.base).toEqual({ index: 3, term: 2 })
    expect(short(seen.read)).toEqual(short(log.slice(3)))
    expect(numbersOn(disk)).toEqual([4, 5, 6, 7, 8, 9])
    const { wal: next } = await Wal.open(walOptions(disk, small))
    expect(next.bytes).toBeLessThan(4 * 3072)
    // Nothing is to go yet, should it be asked for less than the log has lost.
    await next.compact(2)
    expect(numbersOn(disk)).toEqual([4, 5, 6, 7, 8, 9])
    await next.compact(3)
    expect(numbersOn(disk)).toEqual([7, 8, 9])
  })

  test('is not what a gap is: that is damage', async () => {
    const { disk, wal } = await stairs(6)
    await wal.compact(2)
    await wal.close()
    for (const number of [4, 5]) {
      const copy = disk.clone()
      copy.unplant(segment(number))
      expect(await refusal(see(copy, small))).toMatchObject({
        code: 'QUORATE_CORRUPT',
        details: { file: segment(number), offset: 0 },
      })
    }
  })
})

describe('what a compacted log refuses', () => {
  test('two of its segments swapped, one repeated, its base altered (TigerBeetle: misdirected)', async () => {
    const { disk, wal } = await stairs(6)
    await wal.compact(2)
    await wal.close()
    const paths = disk.paths()
    for (const a of paths) {
      for (const b of paths) {
        if (a === b) continue
        const swapped = disk.clone()
        swapped.plant(a, disk.peek(b))
        swapped.plant(b, disk.peek(a))
        const repeated = disk.clone()
        repeated.plant(a, disk.peek(b))
        for (const copy of [swapped, repeated]) {
          expect(await refusal(see(copy, small))).toMatchObject({ code: 'QUORATE_CORRUPT' })
        }
      }
    }
    for (let bit = 88 * 8; bit < 512 * 8; bit++) {
      const copy = disk.clone()
      copy.flipBit(segment(3), bit)
      expect(await refusal(see(copy, small))).toMatchObject({
        code: 'QUORATE_CORRUPT',
        details: { file: segment(3), offset: 8 },
      })
    }
  })

  test('an older segment that comes back is a gap, or overlaps nothing that it could change', async () => {
    const { disk, wal } = await stairs(6)
    const old = disk.peek(segment(1))
    await wal.compact(3)
    await wal.close()
    disk.plant(segment(1), old)
    expect(await refusal(see(disk, small))).toMatchObject({
      code: 'QUORATE_CORRUPT',
      details: { file: segment(3), offset: 0 },
    })
  })

  test('a segment that says another base, or hard state, than the log has', async () => {
    const made = await stairs(2)
    // The next segment is there and sealed in, and holds nothing yet.
    made.disk.fail({ operation: 'write', nth: 3, error: 'kill' })
    await refusal(made.wal.append({ entries: [large(3, 1)], mustSync: true }))
    made.disk.crash({ keepUnsynced: 'none' })
    const { header } = decodeSegmentHeader(made.disk.peek(segment(3)).slice(0, 512), identity, '')
    const start = { base: { index: 2, term: 1 }, hardState: hard(1, 'n1', 1) }
    expect(header.start).toEqual(start)
    const wrong = [
      { ...start, base: { index: 3, term: 1 } },
      { ...start, base: { index: 1, term: 1 } },
      { ...start, hardState: hard(1, 'n2', 1) },
      { ...start, hardState: hard(2, 'n1', 1) },
      { ...start, hardState: hard(1, 'n1', 2) },
    ]
    for (const other of [start, ...wrong]) {
      const { bytes } = encodeSegmentHeader(identity, { ...header, start: other })
      const copy = made.disk.clone()
      copy.damage(segment(3), bytes, 0)
      const seen = await seeOrRefusal(copy, small)
      if (other === start) expect(seen).not.toBeInstanceOf(QuorateError)
      else {
        const details = { file: segment(3), offset: 88 }
        expect(seen).toMatchObject({ code: 'QUORATE_CORRUPT', details })
      }
    }
  })
})

type Hold = (at: 'open' | 'read') => { reached: Promise<void>; release: () => void }

/** A disk whose next `open` or `read` of a file waits until it is let go. */
function gated(disk: MemoryDisk): { port: Disk; hold: Hold } {
  let gate: { at: 'open' | 'read'; passed: Promise<void>; reach: () => void } | undefined
  const wait = async (at: 'open' | 'read'): Promise<void> => {
    if (gate?.at !== at) return
    gate.reach()
    await gate.passed
  }
  const port: Disk = new Proxy(disk, {
    get(target, name) {
      if (name === 'open') {
        return async (path: string, mode: 'create' | 'write' | 'read') => {
          if (mode === 'read') await wait('open')
          const file = await target.open(path, mode)
          return {
            read: async (offset: number, length: number) => {
              await wait('read')
              return file.read(offset, length)
            },
            write: (buffers: readonly Uint8Array[], offset: number) => file.write(buffers, offset),
            truncate: (length: number) => file.truncate(length),
            sync: () => file.sync(),
            close: () => file.close(),
          }
        }
      }
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return {
    port,
    hold: (at) => {
      let [release, reach] = [(): void => {}, (): void => {}]
      const reached = new Promise<void>((resolve) => {
        reach = resolve
      })
      const passed = new Promise<void>((resolve) => {
        release = resolve
      })
      gate = { at, passed, reach }
      return {
        reached,
        release: () => {
          gate = undefined
          release()
        },
      }
    },
  }
}

describe('a read that is under way', () => {
  async function open(disk: MemoryDisk): Promise<{ wal: Wal; hold: Hold }> {
    const { port, hold } = gated(disk)
    const { wal } = await Wal.open({ ...walOptions(disk, small), disk: port })
    return { wal, hold }
  }

  test('of what goes is answered with nothing, as if it had come later', async () => {
    const made = await stairs(6)
    await made.wal.close()
    const { wal, hold } = await open(made.disk)
    const { reached, release } = hold('open')
    const reading = wal.read(2, 5, all)
    await reached
    await wal.compact(4)
    release()
    expect(await reading).toEqual([])
  })

  test('of what stays is answered, though it was to begin in what goes', async () => {
    const made = await stairs(6)
    await made.wal.close()
    const { wal, hold } = await open(made.disk)
    const { reached, release } = hold('open')
    // There is one checkpoint, at entry 1: the segments are small.
    const reading = wal.read(5, 6, all)
    await reached
    await wal.compact(4)
    release()
    expect(short(await reading)).toEqual(short([large(5, 1), large(6, 1)]))
  })

  test('of a file that it has open is finished', async () => {
    const made = await stairs(6)
    await made.wal.close()
    const { wal, hold } = await open(made.disk)
    const { reached, release } = hold('read')
    const reading = wal.read(1, 1, all)
    await reached
    await wal.compact(4)
    release()
    expect(short(await reading)).toEqual(short([large(1, 1)]))
  })

  test('of a segment that is missing for another reason fails', async () => {
    const made = await stairs(6)
    await made.wal.compact(1)
    made.disk.unplant(segment(4))
    expect(await refusal(made.wal.read(2, 6, all))).toMatchObject({ code: 'QUORATE_STORAGE' })
  })
})

test('rotations beside a compaction disturb nothing', async () => {
  const { disk, wal } = await stairs(8)
  const [compacted] = await Promise.all([
    wal.compact(7),
    (async () => {
      for (let index = 9; index <= 16; index++) {
        await wal.append({ entries: [large(index, 1)], mustSync: true })
      }
    })(),
  ])
  expect(compacted).toEqual({ index: 7, term: 1 })
  expect(numbersOn(disk)).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 16])
  const kept = Array.from({ length: 9 }, (_, at) => large(8 + at, 1))
  expect(short(await wal.read(8, all, all))).toEqual(short(kept))
  await expect(Promise.all([wal.compact(8), wal.compact(9)])).rejects.toThrow(AssertionError)
  await wal.close()
  // The first of the two had begun.
  expect(short((await see(disk, small)).read)).toEqual(short(kept.slice(1)))
})

describe('config entries', () => {
  const config = (index: number, term: number): Entry => ({
    ...entry(index, term, 9),
    kind: 'config',
  })

  test('are handed over, all that are live and behind the base', async () => {
    const { disk, wal } = await newLog(small)
    const first = [entry(1, 1), config(2, 1), entry(3, 1, 1300)]
    await wal.append({ hardState: hard(1, 'n1', 2), entries: first, mustSync: true })
    await wal.append({ entries: [config(4, 1), entry(5, 1), config(6, 1)], mustSync: true })
    // A new leader replaces entries 6 and 5, the change of members among them (`redisraft#48`).
    await wal.append({
      hardState: hard(2, 'n2', 4),
      entries: [entry(5, 2), config(6, 2)],
      mustSync: true,
    })
    await wal.close()
    const before = await see(disk, { ...small, tailBytesMax: 0 })
    expect(before.recovered.tail).toEqual([])
    expect(short(before.recovered.configEntries)).toEqual(
      short([config(2, 1), config(4, 1), config(6, 2)]),
    )
    const { wal: next } = await Wal.open(walOptions(disk, small))
    expect((await next.compact(4)).index).toBe(3)
    await next.close()
    expect(short((await see(disk, small)).recovered.configEntries)).toEqual(
      short([config(4, 1), config(6, 2)]),
    )
  })
})

test('a log store compacts, counts what is left, and keeps its vote', async () => {
  const disk = await diskWith('data/groups/0')
  const options = { disk, directory: 'data/groups/0', identity, ...small }
  await LogStore.create(options)
  const { log } = await LogStore.open(options)
  for (let index = 1; index <= 5; index++) {
    const hardState = hard(4, 'n3', index - 1)
    await log.persist({ hardState, entries: [large(index, 4)], mustSync: true })
  }
  expect([log.entries, log.base.index]).toEqual([5, 0])
  expect(await log.compact(5)).toEqual({ index: 4, term: 4 })
  expect([log.entries, log.base]).toEqual([1, { index: 4, term: 4 }])
  await log.close()
  disk.crash({ keepUnsynced: 'none' })
  // Both copies of the vote are still there, each without the other.
  for (const damage of [(copy: MemoryDisk) => copy.unplant('data/groups/0/vote'), () => {}]) {
    const copy = disk.clone()
    damage(copy)
    const { recovered } = await LogStore.open({ ...options, disk: copy })
    expect(recovered.hardState).toEqual(hard(4, 'n3', 4))
    expect(short(recovered.tail)).toEqual(short(entries(5, 5, 4, 1300)))
  }
})
