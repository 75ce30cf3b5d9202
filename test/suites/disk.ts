/**
 * What every `Disk` must do, whatever it is made of: run on the real one and on the one in memory,
 * so that what is shown with the latter holds for the former.
 */
import { expect, test } from 'vitest'
import type { Disk } from '../../src/ports.ts'

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)

/** Tests of a disk; `start` gives one, and a directory on it that is empty and its own. */
export function diskSuite(start: () => Promise<{ disk: Disk; path: string }>): void {
  test('files are created once, written, read and measured', async () => {
    const { disk, path } = await start()
    const name = `${path}/a`
    const file = await disk.open(name, 'create')
    await file.write([bytes(1, 2), bytes(), bytes(3)], 0)
    await file.write([bytes(9)], 1)
    await file.sync()

    expect(await file.read(0, 10)).toEqual(bytes(1, 9, 3))
    expect(await file.read(1, 1)).toEqual(bytes(9))
    expect(await file.read(3, 5)).toEqual(bytes())
    expect(await disk.size(name)).toBe(3)
    await file.close()
    await expect(disk.open(name, 'create')).rejects.toMatchObject({ code: 'EEXIST' })
  })

  test('many buffers go out in one write, in order', async () => {
    const { disk, path } = await start()
    const file = await disk.open(`${path}/a`, 'create')
    const buffers = Array.from({ length: 3000 }, (_, at) => bytes(at % 256, at >> 8))
    await file.write(buffers, 5)
    expect(await file.read(0, 5)).toEqual(bytes(0, 0, 0, 0, 0))
    expect(await file.read(5, 9999)).toEqual(new Uint8Array(Buffer.concat(buffers)))
    await file.close()
  })

  test('what is read stays as it is when the file changes', async () => {
    const { disk, path } = await start()
    const file = await disk.open(`${path}/a`, 'create')
    await file.write([bytes(1, 2, 3)], 0)
    const before = await file.read(0, 3)
    await file.write([bytes(7, 7, 7)], 0)
    expect(before).toEqual(bytes(1, 2, 3))
    await file.close()
  })

  test('truncate makes a file longer by zeros, and shorter', async () => {
    const { disk, path } = await start()
    const file = await disk.open(`${path}/a`, 'create')
    await file.write([bytes(1, 2, 3)], 0)
    await file.truncate(2)
    await file.truncate(100_000)
    expect(await disk.size(`${path}/a`)).toBe(100_000)
    expect(await file.read(0, 4)).toEqual(bytes(1, 2, 0, 0))
    expect(await file.read(99_999, 9)).toEqual(bytes(0))
    await file.close()
  })

  test('opening needs the file; reading does not write', async () => {
    const { disk, path } = await start()
    for (const mode of ['read', 'write'] as const) {
      await expect(disk.open(`${path}/none`, mode)).rejects.toMatchObject({ code: 'ENOENT' })
    }
    await (await disk.open(`${path}/a`, 'create')).close()
    const file = await disk.open(`${path}/a`, 'read')
    await expect(file.write([bytes(1)], 0)).rejects.toMatchObject({ code: 'EBADF' })
    await file.close()
    const again = await disk.open(`${path}/a`, 'write')
    await again.write([bytes(5)], 0)
    expect(await again.read(0, 1)).toEqual(bytes(5))
    await again.close()
  })

  test('whole files are read up to a bound; what is absent is undefined', async () => {
    const { disk, path } = await start()
    const file = await disk.open(`${path}/a`, 'create')
    await file.write([bytes(1, 2, 3)], 0)
    await file.close()
    expect(await disk.readFile(`${path}/a`, 3)).toEqual(bytes(1, 2, 3))
    await expect(disk.readFile(`${path}/a`, 2)).rejects.toThrow()
    expect(await disk.readFile(`${path}/none`, 3)).toBeUndefined()
    expect(await disk.size(`${path}/none`)).toBeUndefined()
    expect(await disk.size(path)).toBeUndefined()
    expect(await disk.list(`${path}/none`)).toBeUndefined()
  })

  test('directories are made with their parents, listed in order, synced and removed', async () => {
    const { disk, path } = await start()
    await disk.makeDirectory(`${path}/x/y`)
    await disk.makeDirectory(`${path}/x/y`)
    for (const name of ['b', 'B', 'a', 'é', '10', '9']) {
      await (await disk.open(`${path}/x/${name}`, 'create')).close()
    }
    expect(await disk.list(`${path}/x`)).toEqual(['10', '9', 'B', 'a', 'b', 'y', 'é'])
    await disk.syncDirectory(`${path}/x`)
    await expect(disk.syncDirectory(`${path}/none`)).rejects.toMatchObject({ code: 'ENOENT' })
    await disk.remove(`${path}/x/a`)
    await disk.remove(`${path}/x/a`)
    expect(await disk.list(`${path}/x`)).not.toContain('a')
    await disk.remove(`${path}/x`)
    expect(await disk.list(path)).toEqual([])
  })

  test('rename replaces', async () => {
    const { disk, path } = await start()
    for (const [name, value] of [
      ['a', 1],
      ['b', 2],
    ] as const) {
      const file = await disk.open(`${path}/${name}`, 'create')
      await file.write([bytes(value)], 0)
      await file.close()
    }
    await disk.rename(`${path}/a`, `${path}/b`)
    expect(await disk.list(path)).toEqual(['b'])
    expect(await disk.readFile(`${path}/b`, 9)).toEqual(bytes(1))
    await expect(disk.rename(`${path}/a`, `${path}/b`)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('a lock keeps others out until it is released', async () => {
    const { disk, path } = await start()
    const lock = await disk.lock(`${path}/lock`)
    await expect(disk.lock(`${path}/lock`)).rejects.toMatchObject({ code: 'QUORATE_LOCKED' })
    await (await disk.lock(`${path}/other`)).release()
    await lock.release()
    await (await disk.lock(`${path}/lock`)).release()
  })
}
