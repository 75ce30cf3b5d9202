/**
 * Goal: after any damage at rest the log is right, or it is refused with file and offset. It is
 * never shorter or different, but for a last flush that looks as if power had cut it.
 * Method: one small log with everything in it (several segments, an overwritten tail, a value of
 * zeros, a vote); every bit flipped, every sector zeroed, every byte cut off, files swapped, dropped
 * and repeated, each on a fresh copy of the disk.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { LogStore } from '../../src/wal/log-store.ts'
import { Wal } from '../../src/wal/wal.ts'
import type { MemoryDisk } from '../suites/memory-disk.ts'
import {
  directory,
  diskWith,
  entries,
  entry,
  firstSegment,
  hard,
  identity,
  newLog,
  otherIncarnation,
  refusal,
  see,
  seeOrRefusal,
  short,
  walOptions,
  type Seen,
} from './support.ts'

const small = { segmentBytes: 3072 }
const segment = (n: number): string => `${directory}/000000000${n}.wal`

let disk: MemoryDisk
let whole: Seen
let withoutLast: string[]

/** Three segments; the last flush is three sectors long and holds a value that is nearly zero. */
beforeAll(async () => {
  const made = await newLog(small)
  disk = made.disk
  const { wal } = made
  await wal.append({ hardState: hard(1, 'n1'), entries: entries(1, 6, 1), mustSync: true })
  await wal.append({ hardState: hard(2, undefined, 3), entries: [entry(4, 2)], mustSync: true })
  await wal.append({ entries: entries(5, 6, 2, 500), mustSync: true })
  await wal.append({ hardState: hard(3, 'n3', 6), entries: [], mustSync: true })
  await wal.append({ entries: [entry(7, 3, 10)], mustSync: true })
  withoutLast = short(await wal.read(1, 99, 1e9))
  const sparse = { ...entry(8, 3), data: new Uint8Array(1300) }
  sparse.data[1] = 9
  sparse.data[700] = 64
  await wal.append({ entries: [sparse], mustSync: true })
  await wal.close()
  whole = await see(disk, small)
  expect(disk.paths()).toEqual([segment(1), segment(2), segment(3)])
})

/** What a copy of the disk says after something was done to it. */
async function after(damage: (copy: MemoryDisk) => void): Promise<Seen | QuorateError> {
  const copy = disk.clone()
  damage(copy)
  return seeOrRefusal(copy, small)
}

function expectNamed(error: QuorateError): void {
  expect(error.code).toBe('QUORATE_CORRUPT')
  expect(error.details.file).toContain(directory)
  expect(error.details.offset).toBeGreaterThanOrEqual(0)
}

/** The same log, or a refusal. Where `mayTear`: or all but the last flush, and said so. */
function expectRight(seen: Seen | QuorateError, mayTear: boolean): void {
  if (seen instanceof QuorateError) return expectNamed(seen)
  const read = short(seen.read)
  if (mayTear && seen.recovered.tornFlush !== undefined) {
    expect(read).toEqual(withoutLast)
  } else {
    expect(read).toEqual(short(whole.read))
    expect(seen.recovered.hardState).toEqual(whole.recovered.hardState)
  }
}

describe('a single flipped bit', () => {
  // Every bit of the last segment; of the others, whose flushes are alike, every seventh.
  test.each([
    [1, 7],
    [2, 7],
    [3, 1],
  ])('anywhere in segment %i changes nothing unseen', async (number, step) => {
    const bits = disk.peek(segment(number)).length * 8
    let refused = 0
    for (let bit = 0; bit < bits; bit += step) {
      const seen = await after((copy) => copy.flipBit(segment(number), bit))
      if (seen instanceof QuorateError) refused += 1
      expectRight(seen, false)
    }
    expect(refused).toBeGreaterThan((512 * 8) / step)
  })

  test('in what lies behind the last flush is put right', async () => {
    const copy = disk.clone()
    const end = whole.recovered.end.offset
    copy.flipBit(segment(3), (end + 3) * 8)

    const first = await see(copy, small)
    const second = await see(copy, small)

    expect(first.recovered.tornFlush).toMatchObject({ file: segment(3), offset: end })
    expect(second.recovered.tornFlush).toBeUndefined()
    expect(short(second.read)).toEqual(short(whole.read))
  })
})

describe('a zeroed sector', () => {
  test('is damage everywhere but in the last flush', async () => {
    const lastFlush = whole.recovered.end.offset - 1536
    for (const path of disk.paths()) {
      for (let sector = 0; sector * 512 < disk.peek(path).length; sector++) {
        const seen = await after((copy) => copy.zeroSector(path, sector))
        const inLast = path === segment(3) && sector * 512 >= lastFlush
        expectRight(seen, inLast)
        if (inLast && sector * 512 === lastFlush) expect(seen).not.toBeInstanceOf(QuorateError)
      }
    }
  })

  test('in any flush of several sectors but the last is damage', async () => {
    const made = await newLog({ segmentBytes: 16 * 1024 })
    await made.wal.append({ hardState: hard(1), entries: [entry(1, 1, 1800)], mustSync: true })
    await made.wal.append({ entries: [entry(2, 1, 1900)], mustSync: true })
    const durable = made.wal.bytes / 512
    await made.wal.append({ entries: [entry(3, 1, 1500)], mustSync: true })
    for (let sector = 0; sector < durable; sector++) {
      const copy = made.disk.clone()
      copy.zeroSector(firstSegment, sector)
      expect(await refusal(see(copy))).toMatchObject({
        code: 'QUORATE_CORRUPT',
        details: { file: firstSegment },
      })
    }
  })

  test('any pair of them ends in the right log or a refusal', async () => {
    const all = disk
      .paths()
      .flatMap((path) =>
        Array.from({ length: disk.peek(path).length / 512 }, (_, at) => [path, at]),
      )
    for (const [path, sector] of all) {
      for (const [other, otherSector] of all) {
        if (typeof path !== 'string' || typeof other !== 'string') continue
        const seen = await after((copy) => {
          copy.zeroSector(path, Number(sector))
          copy.zeroSector(other, Number(otherSector))
        })
        if (seen instanceof QuorateError) expectNamed(seen)
        else expect([short(whole.read), withoutLast]).toContainEqual(short(seen.read))
      }
    }
  })

  test('a flipped bit does not pass for a torn write where a value is full of zeros', async () => {
    const made = await newLog()
    const zeros = { ...entry(1, 1), data: new Uint8Array(3000) }
    await made.wal.append({ hardState: hard(1), entries: [zeros], mustSync: true })
    for (let bit = 512 * 8; bit < 4096 * 8; bit += 13) {
      const copy = made.disk.clone()
      copy.flipBit(firstSegment, bit)
      expect(await seeOrRefusal(copy)).toBeInstanceOf(QuorateError)
    }
  })
})

describe('a last flush that power cut', () => {
  /** The last flush as it is, of `sectors` sectors; beyond `keep` bytes of it there is nothing. */
  function cut(copy: MemoryDisk, keep: number): void {
    const start = whole.recovered.end.offset - 1536
    copy.damage(segment(3), new Uint8Array(1536 - keep), start + keep)
  }

  test('front to back, at every byte: the flush is gone, or it is whole', async () => {
    for (let keep = 0; keep < 1536; keep++) {
      const copy = disk.clone()
      cut(copy, keep)

      const seen = await see(copy, small)

      expect(short(seen.read)).toEqual(withoutLast)
      expect(seen.recovered.tornFlush !== undefined).toBe(keep > 0)
      if (keep % 16 !== 0) continue
      const again = await see(copy, small)
      expect(again.recovered.tornFlush).toBeUndefined()
      expect(short(again.read)).toEqual(withoutLast)
    }
  })

  /** A log of one flush of three sectors, none of them nearly zero. */
  async function fullFlush(): Promise<MemoryDisk> {
    const made = await newLog()
    const full = { ...entry(1, 1), data: new Uint8Array(1300).fill(7) }
    await made.wal.append({ hardState: hard(1), entries: [full], mustSync: true })
    expect((await see(made.disk)).recovered.end.offset).toBe(512 + 1536)
    return made.disk
  }

  test('and whose erasure was cut short in turn, at every byte of its steps: the flush is gone', async () => {
    const made = await fullFlush()
    // What the erasure overwrites, one step durable before the next begins.
    const steps = [
      { from: 1535, to: 1536 },
      { from: 64, to: 1536 },
      { from: 0, to: 64 },
    ]
    for (const [number, { from, to }] of steps.entries()) {
      for (let erased = from; erased <= to; erased++) {
        const copy = made.clone()
        // Torn by a sector that did not come; its end did, and stands until it is erased.
        copy.damage(firstSegment, new Uint8Array(512), 512 + 512)
        for (const done of steps.slice(0, number)) {
          copy.damage(firstSegment, new Uint8Array(done.to - done.from), 512 + done.from)
        }
        copy.damage(firstSegment, new Uint8Array(erased - from), 512 + from)

        const seen = await see(copy)

        expect(seen.read).toEqual([])
        expect(seen.recovered.end).toEqual({ file: firstSegment, offset: 512 })
      }
    }
  })

  test('is not one whose header alone is gone: that was written whole, and is damaged', async () => {
    const made = await fullFlush()
    for (let erased = 1; erased < 512; erased++) {
      const copy = made.clone()
      copy.damage(firstSegment, new Uint8Array(erased), 512)

      expect(await seeOrRefusal(copy)).toBeInstanceOf(QuorateError)
    }
  })

  test('sector by sector, in every order: the flush is gone, and the log goes on', async () => {
    const start = whole.recovered.end.offset - 1536
    for (let kept = 0; kept < 7; kept++) {
      const copy = disk.clone()
      for (let sector = 0; sector < 3; sector++) {
        if ((kept & (1 << sector)) === 0) copy.zeroSector(segment(3), start / 512 + sector)
      }

      const seen = await seeOrRefusal(copy, small)

      // The middle sector holds a single bit: without it, torn and rotten look the same.
      if (kept === 5) {
        expect(seen).toBeInstanceOf(QuorateError)
        continue
      }
      if (seen instanceof QuorateError) throw seen
      expect(short(seen.read)).toEqual(withoutLast)
      const { wal } = await Wal.open(walOptions(copy, small))
      await wal.append({ entries: entries(8, 9, 3), mustSync: true })
      await wal.close()
      expect((await see(copy, small)).recovered.lastIndex).toBe(9)
    }
  })

  test('a file cut short is damage: its length was durable before its first flush', async () => {
    for (const path of disk.paths()) {
      const bytes = disk.peek(path)
      for (let length = 0; length < bytes.length; length++) {
        const seen = await after((copy) => copy.plant(path, bytes.subarray(0, length)))
        expect(seen).toBeInstanceOf(QuorateError)
        expectRight(seen, false)
      }
    }
  })

  test('bytes behind the end of a file are damage', async () => {
    const seen = await after((copy) => {
      copy.plant(segment(3), Buffer.concat([disk.peek(segment(3)), new Uint8Array(1)]))
    })
    expect(seen).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: segment(3) } })
  })
})

describe('a last flush that holds a vote', () => {
  const group = 'data/groups/0'
  const votePath = `${group}/vote`
  const before = hard(4, 'n1')
  const voted = hard(5, 'n2')
  const store = (copy: MemoryDisk) => ({
    disk: copy,
    directory: group,
    identity,
    segmentBytes: 4096,
  })

  interface Votes {
    readonly with: MemoryDisk
    readonly without: MemoryDisk
    /** Where the flush with the vote begins in the log, and its last byte. It is of one sector. */
    readonly start: number
    readonly last: number
    /** The first and the last byte of the vote file that the vote changed. */
    readonly slot: { readonly first: number; readonly last: number }
  }

  /** Both files, with the vote and without it. */
  async function votes(): Promise<Votes> {
    const on = await diskWith(group)
    await LogStore.create(store(on))
    const { log } = await LogStore.open(store(on))
    await log.persist({ hardState: before, entries: entries(1, 3, 4), mustSync: true })
    const without = on.clone()
    await log.persist({ hardState: voted, entries: [entry(4, 4)], mustSync: true })
    await log.close()
    const changes = (path: string): number[] => {
      const [old, now] = [without.peek(path), on.peek(path)]
      return [...now.keys()].filter((at) => now[at] !== old[at])
    }
    const [start = 0, last = 0] = [changes(firstSegment)[0], changes(firstSegment).at(-1)]
    const [first = 0, end = 0] = [changes(votePath)[0], changes(votePath).at(-1)]
    expect([start % 512, last - start < 512]).toEqual([0, true])
    return { with: on, without, start, last, slot: { first, last: end } }
  }

  /** Of what the vote changed in a file, the bytes before `end` are there and the rest is not. */
  function cut(disk: MemoryDisk, { without }: Votes, path: string, end: number): MemoryDisk {
    const copy = disk.clone()
    copy.damage(path, without.peek(path).slice(end), end)
    return copy
  }

  async function hardStateOf(copy: MemoryDisk) {
    const { log, recovered } = await LogStore.open(store(copy))
    await log.close()
    return recovered.hardState
  }

  test('cut at every byte of the log: the vote is remembered', async () => {
    const made = await votes()
    for (let end = made.start; end <= made.last + 1; end++) {
      const copy = cut(made.with, made, firstSegment, end)

      expect([end, await hardStateOf(copy)]).toEqual([end, voted])
      if (end % 16 === 0) expect([end, await hardStateOf(copy)]).toEqual([end, voted])
    }
  })

  test('cut at every byte of the vote file: the vote is remembered, if it had left', async () => {
    const made = await votes()
    const { first, last } = made.slot
    for (let end = first; end <= last; end++) {
      const copy = cut(made.with, made, votePath, end)
      // The log is written once the vote file is durable: without it, the vote had not left.
      const early = cut(copy, made, firstSegment, made.start)

      expect([end, await hardStateOf(copy)]).toEqual([end, voted])
      expect([end, await hardStateOf(early)]).toEqual([end, before])
    }
  })

  test('cut in both files, which no crash does: the node does not guess', async () => {
    const made = await votes()
    const { first, last } = made.slot
    for (let end = made.start + 1; end <= made.last; end += 5) {
      const log = cut(made.with, made, firstSegment, end)
      for (const slotEnd of [first + 1, Math.floor((first + last) / 2), last]) {
        const error = await refusal(LogStore.open(store(cut(log, made, votePath, slotEnd))))

        expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: votePath } })
      }
    }
  })
})

describe('whole files', () => {
  test('any one that is missing is missed, but the first: there the log begins later', async () => {
    const [first, ...others] = disk.paths()
    for (const path of others) {
      const seen = await after((copy) => copy.unplant(path))
      expect(seen).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: path, offset: 0 } })
    }
    // As after a compaction. The node sees that its state has not applied what the base stands for.
    const rest = await after((copy) => copy.unplant(first ?? ''))
    if (rest instanceof QuorateError) throw rest
    const { index, term } = rest.recovered.base
    expect(index).toBeGreaterThan(0)
    expect(short(rest.read)).toEqual(short(whole.read.slice(index)))
    expect(whole.read[index - 1]?.term).toBe(term)
    expect(await after((copy) => disk.paths().forEach((path) => copy.unplant(path)))).toMatchObject(
      {
        code: 'QUORATE_CORRUPT',
        details: { file: segment(1) },
      },
    )
    expect(await after((copy) => copy.unplant(directory))).toMatchObject({
      code: 'QUORATE_CORRUPT',
    })
  })

  test('any two that are swapped, and any one that stands in for another, are seen', async () => {
    for (const a of disk.paths()) {
      for (const b of disk.paths()) {
        if (a === b) continue
        const swapped = await after((copy) => {
          copy.plant(a, disk.peek(b))
          copy.plant(b, disk.peek(a))
        })
        const repeated = await after((copy) => copy.plant(a, disk.peek(b)))
        for (const seen of [swapped, repeated]) {
          expect(seen).toMatchObject({ code: 'QUORATE_CORRUPT' })
          if (seen instanceof QuorateError) expectNamed(seen)
        }
      }
    }
  })

  test('a repeated one at the end is seen', async () => {
    const seen = await after((copy) => copy.plant(segment(4), disk.peek(segment(3))))
    expect(seen).toMatchObject({ code: 'QUORATE_CORRUPT' })
  })

  test('a flush copied to the end, or over another, is seen', async () => {
    const bytes = disk.peek(segment(2))
    for (let from = 512; from < 3072; from += 512) {
      for (let to = 512; to < 3072; to += 512) {
        const seen = await after((copy) =>
          copy.damage(segment(2), bytes.slice(from, from + 512), to),
        )
        expectRight(seen, false)
        const atEnd = await after((copy) =>
          copy.damage(segment(3), bytes.slice(from, from + 512), to),
        )
        expectRight(atEnd, true)
      }
    }
  })

  test('a flush of the same log as it might have been is refused', async () => {
    const { disk: one, wal } = await newLog()
    await wal.append({ hardState: hard(1), entries: [entry(1, 1)], mustSync: true })
    await wal.close()
    const other = one.clone()
    for (const [at, copy] of [one, other].entries()) {
      const opened = await Wal.open(walOptions(copy))
      await opened.wal.append({ entries: [entry(2, 1, 40, at)], mustSync: true })
      await opened.wal.append({ entries: [entry(3, 1)], mustSync: true })
      await opened.wal.close()
    }
    one.damage(firstSegment, other.peek(firstSegment).slice(1024, 1536), 1024)

    expect(await refusal(Wal.open(walOptions(one)))).toMatchObject({
      code: 'QUORATE_CORRUPT',
      details: { file: firstSegment, offset: 1536 },
    })
  })

  test('segments of other logs are refused: incarnation, cluster, group, another history', async () => {
    const strangers = [
      { ...identity, incarnation: otherIncarnation },
      { ...identity, clusterId: otherIncarnation },
      { ...identity, groupId: 1 },
      identity,
    ]
    for (const stranger of strangers) {
      const made = await newLog({ ...small, identity: stranger })
      for (let at = 1; at <= 5; at++) {
        const batch = { hardState: hard(1), entries: [entry(at, 1, 1300, 1)], mustSync: true }
        await made.wal.append(batch)
      }
      for (const number of [2, 3]) {
        const path = segment(number)
        const seen = await after((copy) => copy.plant(path, made.disk.peek(path)))
        expect(seen).toBeInstanceOf(QuorateError)
        expectRight(seen, false)
      }
    }
  })

  test('a newer format is told apart from damage', async () => {
    const bytes = disk.peek(segment(1))
    const { crc32 } = await import('node:zlib')
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    view.setUint32(12, 3, true)
    view.setUint32(8, crc32(bytes.subarray(12, 512)), true)

    const seen = await after((copy) => copy.plant(segment(1), bytes))

    expect(seen).toMatchObject({
      code: 'QUORATE_FORMAT_TOO_NEW',
      details: { file: segment(1), offset: 12 },
    })
  })

  test('other files in the directory are left alone', async () => {
    const copy = disk.clone()
    copy.plant(`${directory}/notes.txt`, new Uint8Array(3))
    copy.plant(`${directory}/0000000004.wal.tmp`, new Uint8Array(700))
    expect(short((await see(copy, small)).read)).toEqual(short(whole.read))
    expect(copy.paths()).toContain(`${directory}/notes.txt`)
    expect(copy.paths()).not.toContain(`${directory}/0000000004.wal.tmp`)
  })
})

describe('a rotation that was cut short', () => {
  /** A log whose next flush needs a new segment. */
  async function full(): Promise<{ disk: MemoryDisk; wal: Wal }> {
    const made = await newLog(small)
    await made.wal.append({ hardState: hard(1), entries: [entry(1, 1, 1300)], mustSync: true })
    return made
  }

  test('at every operation, with every kind of loss: nothing acknowledged is lost', async () => {
    for (let nth = 1; nth <= 8; nth++) {
      for (const keepUnsynced of ['none', 'all'] as const) {
        const made = await full()
        made.disk.fail({ operation: 'change', nth, error: 'kill' })
        const done = await made.wal.append({ entries: [entry(2, 1, 1300)], mustSync: true }).then(
          () => true,
          () => false,
        )
        made.disk.crash({ keepUnsynced })

        const seen = await see(made.disk, small)

        if (done) expect(seen.recovered.lastIndex).toBe(2)
        expect(short(seen.read)[0]).toEqual(short([entry(1, 1, 1300)])[0])
        const { wal } = await Wal.open(walOptions(made.disk, small))
        const next = seen.recovered.lastIndex + 1
        await wal.append({ entries: [entry(next, 1, 1300)], mustSync: true })
        await wal.close()
        expect((await see(made.disk, small)).recovered.lastIndex).toBe(next)
      }
    }
  })

  test('with a seal that is missing and a used successor is damage', async () => {
    const seen = await after((copy) => {
      const bytes = copy.peek(segment(1))
      const end = bytes.length - 512
      for (let at = 512; at <= end; at += 512) {
        if (bytes[at + 64 + 8] === 3) copy.zeroSector(segment(1), at / 512)
      }
    })
    expect(seen).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: segment(1) } })
  })

  test('does not hide that the last flush before it is gone', async () => {
    const made = await full()
    // The successor is made, and the seal never written.
    made.disk.fail({ operation: 'write', nth: 2, error: 'kill' })
    await expect(
      made.wal.append({ entries: [entry(2, 1, 1300)], mustSync: true }),
    ).rejects.toMatchObject({ code: 'QUORATE_STORAGE' })
    made.disk.crash({ keepUnsynced: 'none' })
    for (const sector of [1, 2, 3]) made.disk.zeroSector(firstSegment, sector)

    const error = await refusal(see(made.disk, small))

    expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: firstSegment } })
  })
})

test('an empty directory is not an empty log', async () => {
  const empty = await diskWith(directory)
  expect(await refusal(see(empty))).toMatchObject({
    code: 'QUORATE_CORRUPT',
    details: { file: firstSegment, offset: 0 },
  })
})
