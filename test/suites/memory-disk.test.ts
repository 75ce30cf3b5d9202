/**
 * Goal: the disk in memory behaves like a disk, loses what a power cut loses, and fails on demand.
 * Method: the suite for every disk; then one case for each kind of loss and failure.
 */
import { describe, expect, test } from 'vitest'
import { SeededRandom } from '../../src/random.ts'
import { diskSuite } from './disk.ts'
import { MemoryDisk } from './memory-disk.ts'

describe('as a disk', () => {
  diskSuite(async () => {
    const disk = new MemoryDisk()
    await disk.makeDirectory('top')
    return { disk, path: 'top' }
  })
})

async function withFile(): Promise<{
  disk: MemoryDisk
  file: Awaited<ReturnType<MemoryDisk['open']>>
}> {
  const disk = new MemoryDisk()
  const file = await disk.open('a', 'create')
  await file.write([new Uint8Array(8192).fill(1)], 0)
  await file.sync()
  await disk.syncDirectory('.')
  return { disk, file }
}

describe('a power cut', () => {
  test('loses names that were not synced, and bytes that were not', async () => {
    const { disk, file } = await withFile()
    await file.write([new Uint8Array(8192).fill(2)], 0)
    await (await disk.open('b', 'create')).close()
    await disk.rename('a', 'c')
    disk.crash({ keepUnsynced: 'none' })
    expect(disk.paths()).toEqual(['a'])
    expect(disk.peek('a').every((byte) => byte === 1)).toBe(true)
    await expect(file.sync()).rejects.toMatchObject({ code: 'EBADF' })
  })

  test('leaves a new name on an empty file where the file was not synced', async () => {
    const disk = new MemoryDisk()
    const file = await disk.open('a', 'create')
    await file.write([Uint8Array.of(1)], 0)
    await disk.syncDirectory('.')
    disk.crash({ keepUnsynced: 'none' })
    expect(disk.peek('a').length).toBe(0)
  })

  test('keeps any sectors, or a prefix, by chance', async () => {
    const mixes = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      for (const keepUnsynced of ['sectors', 'prefix'] as const) {
        const { disk, file } = await withFile()
        await file.write([new Uint8Array(8192).fill(2)], 0)
        disk.crash({ keepUnsynced, random: new SeededRandom(seed) })
        const bytes = disk.peek('a')
        mixes.add(`${keepUnsynced} ${bytes.filter((byte) => byte === 2).length}`)
        const turns = bytes.filter((byte, at) => at > 0 && byte !== bytes[at - 1]).length
        if (keepUnsynced === 'prefix') expect(turns).toBeLessThanOrEqual(1)
      }
    }
    expect(mixes.size).toBeGreaterThan(20)
  })
})

describe('planned failures', () => {
  test('a failed sync leaves bytes readable that no later sync writes', async () => {
    const { disk, file } = await withFile()
    await file.write([Uint8Array.of(9)], 0)
    disk.fail({ operation: 'sync', nth: 1, error: 'EIO' })
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    await file.sync()
    expect(disk.peek('a')[0]).toBe(9)
    disk.crash({ keepUnsynced: 'all' })
    expect(disk.peek('a')[0]).toBe(1)
  })

  test('a short write writes a part; a kill ends everything until the restart', async () => {
    const { disk, file } = await withFile()
    disk.fail({ operation: 'write', nth: 2, error: 'ENOSPC', shortBytes: 1 })
    await file.write([Uint8Array.of(7, 7)], 0)
    await expect(file.write([Uint8Array.of(8, 8)], 0)).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(disk.peek('a').subarray(0, 3)).toEqual(Uint8Array.of(8, 7, 1))
    disk.fail({ operation: 'any', nth: 1, error: 'kill' })
    await expect(disk.size('a')).rejects.toMatchObject({ code: 'KILL' })
    await expect(disk.size('a')).rejects.toMatchObject({ code: 'KILLED' })
    disk.restart()
    expect(await disk.size('a')).toBe(8192)
  })

  test('damage is seen at once and stays', async () => {
    const { disk } = await withFile()
    disk.flipBit('a', 8 * 4097 + 1)
    disk.zeroSector('a', 1)
    const copy = disk.clone()
    disk.crash({ keepUnsynced: 'none' })
    for (const one of [disk, copy]) {
      expect(one.peek('a')[4097]).toBe(3)
      expect(one.peek('a')[512]).toBe(0)
      expect(one.peek('a')[1024]).toBe(1)
    }
  })
})
