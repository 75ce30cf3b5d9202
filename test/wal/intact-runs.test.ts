/**
 * Goal: of a damaged log, everything that can be read and is known to be committed can be had, and
 * nothing that is not.
 * Method: a log of several segments, in which tails were overwritten, with every sector damaged and
 * every segment missing in turn; what is read is held against what was committed.
 */
import { describe, expect, test } from 'vitest'
import { intactRuns, LogStore } from '../../src/wal/index.ts'
import type { MemoryDisk } from '../suites/memory-disk.ts'
import { diskWith, entry, hard, identity, refusal, short } from './support.ts'

const group = 'data/groups/0'
const options = (disk: MemoryDisk) => ({ disk, directory: group, identity, segmentBytes: 3072 })

/** What was committed in the end: entries that stood in its place before are of other terms. */
const committed = [
  [1, 1],
  [2, 1],
  [3, 2],
  [4, 2],
  [5, 3],
  [6, 3],
  [7, 3],
].map(([index = 0, term = 0]) => entry(index, term, 600))

/** Seven entries of which six are known to be committed; entries 3 and 5 took the place of others. */
async function filled(): Promise<MemoryDisk> {
  const disk = await diskWith(group)
  await LogStore.create(options(disk))
  const { log } = await LogStore.open(options(disk))
  const at = (index: number) => committed.filter((each) => each.index === index)
  const write = async (term: number, commitIndex: number, entries: typeof committed) => {
    await log.persist({ hardState: hard(term, 'n1', commitIndex), entries, mustSync: true })
  }
  await write(1, 0, at(1))
  await write(1, 1, at(2))
  await write(1, 2, [entry(3, 1, 600), entry(4, 1, 600)])
  await write(1, 2, [entry(5, 1, 600)])
  await write(2, 2, at(3))
  await write(2, 3, at(4))
  await write(2, 4, [entry(5, 2, 600)])
  await write(3, 4, at(5))
  await write(3, 5, at(6))
  await write(3, 6, at(7))
  await log.close()
  return disk
}

/** The indices that could be read, over all runs. */
async function readAll(disk: MemoryDisk): Promise<Set<number>> {
  const held = new Set<number>()
  for await (const { base, committedIndex, read } of intactRuns(options(disk))) {
    const entries = []
    for (;;) {
      const from = base.index + 1 + entries.length
      const next = await read(from, Number.MAX_SAFE_INTEGER, 1_000)
      if (next.length === 0) break
      entries.push(...next)
    }
    const expected = committed.filter(({ index }) => index > base.index && index <= committedIndex)
    expect(short(entries)).toEqual(short(expected))
    for (const { index } of entries) held.add(index)
  }
  return held
}

const upTo = (last: number): Set<number> => new Set(Array.from({ length: last }, (_, at) => at + 1))

describe('a log', () => {
  test('that is whole is one run, up to what is known to be committed', async () => {
    const disk = await filled()
    expect(await readAll(disk)).toEqual(upTo(6))
  })

  test('with damage in any sector gives what is committed, and nothing else', async () => {
    const disk = await filled()
    const paths = disk.paths().filter((path) => path.endsWith('.wal'))
    expect(paths.length).toBeGreaterThan(3)
    let most = 0
    for (const path of paths) {
      for (let sector = 0; sector < 6; sector++) {
        const copy = disk.clone()
        copy.damage(path, new Uint8Array(256).fill(0x5a), sector * 512)
        const before = copy.paths().map((each) => copy.peek(each))
        const held = await readAll(copy)
        most = Math.max(most, held.size)
        expect(copy.paths().map((each) => copy.peek(each))).toEqual(before)
      }
      const copy = disk.clone()
      copy.unplant(path)
      await readAll(copy)
    }
    expect(most).toBeGreaterThanOrEqual(5)
  })

  test('with damage in its middle gives what stands before it and what begins behind it', async () => {
    const disk = await filled()
    const [, , third] = disk.paths().filter((path) => path.endsWith('.wal'))
    disk.damage(third ?? '', new Uint8Array(256).fill(0x5a), 512)
    expect((await refusal(LogStore.open(options(disk)))).code).toBe('QUORATE_CORRUPT')
    const held = await readAll(disk)
    expect(held).toContain(1)
    expect(held).toContain(6)
    expect(held.size).toBeLessThan(6)
  })

  test('that is gone has none, and one that cannot be read says so', async () => {
    const empty = await diskWith(`${group}/wal`)
    expect(await readAll(empty)).toEqual(new Set())
    const disk = await filled()
    disk.fail({ operation: 'read', nth: 3, error: 'EIO' })
    expect((await refusal(readAll(disk))).code).toBe('QUORATE_STORAGE')
  })
})
