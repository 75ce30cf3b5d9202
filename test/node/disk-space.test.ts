/**
 * Goal: a node stops taking writes while LevelDB, which asks nobody, still has the room that it needs
 * for what was taken before; on disks of any size.
 * Method: the rule for floors as a law over sizes; the watch over a disk whose free space is told.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DiskSpace } from '../../src/node/disk-space.ts'
import { nodeSettings } from '../../src/node/options.ts'
import { storageCaps } from '../../src/node/storage.ts'
import type { StorageCaps } from '../../src/node/storage.ts'
import { MemoryDisk } from '../suites/memory-disk.ts'

const mebibyte = 1_048_576
const gibibyte = 1_024 * mebibyte

function capsFor(total: number, options = {}): StorageCaps {
  const { storage, caps } = nodeSettings({ dataDirectory: '/data', ...options })
  return storageCaps(storage, caps, { free: total, total })
}

describe('the floor', () => {
  test('is half of a small disk, and 128 MiB of others, unless told otherwise', () => {
    expect(capsFor(64 * mebibyte).freeSpaceFloorBytes).toBe(32 * mebibyte)
    expect(capsFor(256 * mebibyte).freeSpaceFloorBytes).toBe(128 * mebibyte)
    expect(capsFor(500 * gibibyte).freeSpaceFloorBytes).toBe(128 * mebibyte)
    const told = capsFor(64 * mebibyte, { freeSpaceFloorBytes: 1_000 })
    expect(told.freeSpaceFloorBytes).toBe(1_000)
    const { storage, caps } = nodeSettings({ dataDirectory: '/data' })
    expect(storageCaps(storage, caps, undefined).freeSpaceFloorBytes).toBe(128 * mebibyte)
  })

  test('leaves LevelDB what it rewrites at once, and the log two segments', () => {
    fc.assert(
      fc.property(fc.integer({ min: mebibyte, max: 4_096 * gibibyte }), (total) => {
        const { freeSpaceFloorBytes: floor, segmentBytes, walMaxBytes, database } = capsFor(total)
        const levels = 12 * database.writeBufferBytes + 10 * mebibyte
        expect(floor + 1).toBeGreaterThanOrEqual(Math.min(total - floor, levels))
        expect(2 * segmentBytes).toBeLessThanOrEqual(floor)
        expect(floor + walMaxBytes).toBeLessThan(total)
      }),
    )
  })

  test('LevelDB has its own sizes, but for a small disk', () => {
    const own = { writeBufferBytes: 4 * mebibyte, tableBytes: 2 * mebibyte }
    expect(capsFor(256 * mebibyte).database).toEqual(own)
    expect(capsFor(gibibyte).database).toEqual(own)
    const small = { writeBufferBytes: mebibyte, tableBytes: mebibyte }
    expect(capsFor(64 * mebibyte).database).toEqual(small)
    expect(capsFor(mebibyte).database.writeBufferBytes).toBe(65_536)
  })
})

function watched(floorBytes = 1_000) {
  const disk = new MemoryDisk()
  const space = new DiskSpace({ disk, path: '/data', floorBytes })
  let now = 0
  const after = async (ms: number, free: number | undefined): Promise<DiskSpace> => {
    disk.room = free === undefined ? undefined : { free, total: 100_000 }
    now += ms
    space.tick(now)
    await space.stop()
    return space
  }
  return { space, after }
}

describe('the watch', () => {
  test('refuses below the floor until there is a sixteenth more', async () => {
    const { after } = watched(1_600)
    const isLow = async (free: number): Promise<boolean> => (await after(1_000, free)).isLow
    expect(await isLow(1_600)).toBe(false)
    expect(await isLow(1_599)).toBe(true)
    expect(await isLow(1_699)).toBe(true)
    expect(await isLow(1_700)).toBe(false)
    expect(await isLow(1_600)).toBe(false)
  })

  test('takes what a leader sends for longer, and leaves LevelDB three quarters', async () => {
    const { after } = watched(1_600)
    const isGone = async (free: number): Promise<boolean> => (await after(1_000, free)).isNearlyGone
    expect(await isGone(1_200)).toBe(false)
    expect(await isGone(1_199)).toBe(true)
    expect(await isGone(1_274)).toBe(true)
    expect(await isGone(1_275)).toBe(false)
  })

  test('looks twice a second, and ten times near the floor', async () => {
    const { space, after } = watched()
    await after(500, 10_000)
    expect((await after(499, 9_000)).freeBytes).toBe(10_000)
    expect((await after(1, 9_000)).freeBytes).toBe(9_000)
    await after(500, 3_999)
    expect((await after(99, 3_000)).freeBytes).toBe(3_999)
    expect((await after(1, 3_000)).freeBytes).toBe(3_000)
    expect(space.isLow).toBe(false)
  })

  test('refuses nothing where nobody can tell, or nobody wants to know', async () => {
    const { after } = watched()
    await after(1_000, 1)
    const untold = await after(1_000, undefined)
    expect([untold.freeBytes, untold.isLow, untold.isNearlyGone]).toEqual([undefined, false, false])
    const { space, after: later } = watched(0)
    await later(1_000, 0)
    expect(space.isLow).toBe(false)
  })
})
