/**
 * Goal: the simulated disk is a disk; what a crash may take is taken and nothing else, operations
 * take time and stay in order, and the errors that are asked for come.
 * Method: the suite for every disk, then one short script for each rule; crashes that draw are run
 * with many seeds, and must show every outcome that is allowed and no other.
 */
import { describe, expect, test } from 'vitest'
import type { DiskFile } from '../../../src/ports.ts'
import { diskSuite } from '../../suites/disk.ts'
import type { PowerCut } from './sim-disk.ts'
import { TestMachine } from './test-machine.ts'

describe('as a disk', () => {
  diskSuite(async () => {
    const machine = new TestMachine()
    const disk = machine.driven()
    await disk.makeDirectory('top')
    return { disk, path: 'top' }
  })
})

const bytes = (count: number, value: number): Uint8Array => new Uint8Array(count).fill(value)

/** A machine with a durable file of 8 KiB of ones, open for writing. */
async function withFile(seed = 1): Promise<{ machine: TestMachine; file: DiskFile }> {
  const machine = new TestMachine(seed)
  const file = await machine.run(machine.port.open('a', 'create'))
  await machine.run(file.write([bytes(8192, 1)], 0))
  await machine.run(file.sync())
  await machine.run(machine.port.syncDirectory('.'))
  return { machine, file }
}

function cutPower(machine: TestMachine, cut: PowerCut): void {
  machine.restart(() => machine.disk.powerCut(cut))
}

describe('a power cut', () => {
  test.each(['strict', 'ext4'] as const)('%s: takes what was not synced', async (style) => {
    const { machine, file } = await withFile()
    await machine.run(file.write([bytes(8192, 2)], 0))
    await machine.run(machine.port.open('b', 'create'))
    await machine.run(machine.port.rename('a', 'c'))
    cutPower(machine, { keep: 'none', style })
    expect(await machine.run(machine.port.list('.'))).toEqual(['a'])
    expect(machine.disk.peek('a')).toEqual(bytes(8192, 1))
  })

  test('a sync covers what was written when it was called, not what came later', async () => {
    const { machine, file } = await withFile()
    await machine.run(file.write([bytes(512, 2)], 0))
    machine.disk.slow(100)
    const sync = file.sync()
    await machine.run(machine.process.sleep(1))
    const write = file.write([bytes(512, 3)], 512)
    await machine.run(Promise.all([sync, write]))
    cutPower(machine, { keep: 'none', style: 'strict' })
    expect(machine.disk.peek('a').subarray(0, 512)).toEqual(bytes(512, 2))
    expect(machine.disk.peek('a').subarray(512, 1024)).toEqual(bytes(512, 1))
  })

  test('writes to one place end in the order in which they began', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { machine, file } = await withFile(seed)
      const writes = [2, 3, 4].map((value) => file.write([bytes(600, value)], 0))
      await machine.run(Promise.all(writes))
      expect(machine.disk.peek('a').subarray(0, 600)).toEqual(bytes(600, 4))
    }
  })

  test('only ext4 keeps a name with the fsync of a file that came later', async () => {
    const found = []
    for (const style of ['strict', 'ext4'] as const) {
      const { machine, file } = await withFile()
      await machine.run(machine.port.rename('a', 'b'))
      await machine.run(file.sync())
      cutPower(machine, { keep: 'none', style })
      found.push(await machine.run(machine.port.list('.')))
    }
    expect(found).toEqual([['a'], ['b']])
  })

  test('ext4 writes the bytes of a file that takes over a name; strict may leave it empty', async () => {
    const sizes = { strict: new Set<number>(), ext4: new Set<number>() }
    for (const style of ['strict', 'ext4'] as const) {
      for (let seed = 1; seed <= 30; seed++) {
        const { machine } = await withFile(seed)
        const next = await machine.run(machine.port.open('a.tmp', 'create'))
        await machine.run(next.write([bytes(100, 2)], 0))
        await machine.run(machine.port.rename('a.tmp', 'a'))
        cutPower(machine, { keep: 'sectors', style })
        sizes[style].add(machine.disk.peek('a').length)
      }
    }
    expect(sizes.ext4).toEqual(new Set([100, 8192]))
    expect(sizes.strict).toContain(8192)
    expect(sizes.strict).toContain(0)
  })

  test('ext4 keeps changes of names in the order of the whole disk', async () => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= 40; seed++) {
      const machine = new TestMachine(seed)
      await machine.run(machine.port.makeDirectory('x'))
      await machine.run(machine.port.makeDirectory('y'))
      await machine.run(machine.port.syncDirectory('.'))
      for (const name of ['x/1', 'y/2', 'x/3']) {
        await machine.run(machine.port.open(name, 'create'))
      }
      cutPower(machine, { keep: 'sectors', style: 'ext4' })
      const names = [
        ...((await machine.run(machine.port.list('x'))) ?? []),
        ...((await machine.run(machine.port.list('y'))) ?? []),
      ]
      seen.add(names.sort().join(''))
    }
    expect([...seen].sort()).toEqual(['', '1', '12', '123'])
  })
})

describe('a kill', () => {
  test('leaves in the page cache what was written, to be lost later', async () => {
    const { machine, file } = await withFile()
    await machine.run(file.write([bytes(512, 2)], 0))
    machine.restart()
    expect(machine.disk.peek('a')[0]).toBe(2)
    cutPower(machine, { keep: 'none', style: 'strict' })
    expect(machine.disk.peek('a')[0]).toBe(1)
  })

  test('in the middle of a write leaves any of its pages up to some point', async () => {
    const seen = new Set<number>()
    for (let seed = 1; seed <= 40; seed++) {
      const { machine, file } = await withFile(seed)
      let settled = false
      void file.write([bytes(8192, 2)], 0).finally(() => {
        settled = true
      })
      machine.restart()
      await machine.run(machine.process.sleep(100))
      expect(settled).toBe(false)
      seen.add(machine.disk.peek('a').lastIndexOf(2) + 1)
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 4096, 8192])
  })

  test('in the middle of a sync: it happened or it did not', async () => {
    const seen = new Set<number | undefined>()
    for (let seed = 1; seed <= 20; seed++) {
      const { machine, file } = await withFile(seed)
      await machine.run(file.write([bytes(8192, 2)], 0))
      void file.sync()
      cutPower(machine, { keep: 'none', style: 'strict' })
      seen.add(machine.disk.peek('a')[0])
    }
    expect(seen).toEqual(new Set([1, 2]))
  })

  test('lets locks go, and is told of at the operation that was asked for', async () => {
    const { machine, file } = await withFile()
    await machine.run(machine.port.lock('lock'))
    let kills = 0
    let settled = 0
    machine.disk.slow(10)
    machine.disk.killAt(2, () => {
      kills++
      machine.process.kill()
    })
    const count = (): void => void settled++
    void file.write([bytes(1, 2)], 0).then(count)
    await machine.run(machine.process.sleep(5))
    void file.sync().finally(count)
    for (let i = 0; i < 3; i++) void file.write([bytes(1, 2)], 0).finally(count)
    void file.read(0, 1).finally(count)
    machine.kernel.after(50, () => machine.restart())
    await machine.run(new Promise<void>((resolve) => void machine.kernel.after(60, resolve)))
    expect({ kills, settled }).toEqual({ kills: 1, settled: 1 })
    await machine.run(machine.port.lock('lock'))
  })

  test('a process that is stopped hears of what ended when it goes on', async () => {
    const { machine, file } = await withFile()
    let told = false
    void file.write([bytes(1, 2)], 0).then(() => {
      told = true
    })
    machine.process.stop()
    const wait = (ms: number): Promise<void> =>
      machine.run(new Promise((resolve) => void machine.kernel.after(ms, resolve)))
    await wait(50)
    expect({ told, byte: machine.disk.peek('a')[0] }).toEqual({ told: false, byte: 2 })
    machine.kernel.after(1, () => machine.process.resume())
    await wait(2)
    expect(told).toBe(true)
  })
})

describe('faults', () => {
  test('the n-th operation of a kind fails, and never after the process', async () => {
    const { machine, file } = await withFile()
    machine.disk.failNext({ operation: 'sync', nth: 2, error: 'EIO' })
    expect(machine.disk.troubled).toBe(true)
    await machine.run(file.write([bytes(1, 2)], 0))
    await machine.run(file.sync())
    await machine.run(file.write([bytes(1, 3)], 0))
    await expect(machine.run(file.sync())).rejects.toMatchObject({ code: 'EIO' })
    // The pages are taken for clean: no later sync writes them.
    await machine.run(file.sync())
    expect(machine.disk.peek('a')[0]).toBe(3)
    machine.disk.failNext({ operation: 'any', nth: 1, error: 'EIO' })
    cutPower(machine, { keep: 'all', style: 'strict' })
    expect(machine.disk.troubled).toBe(false)
    expect((await machine.run(machine.port.readFile('a', 9999)))?.[0]).toBe(2)
  })

  test('a short write, a failing read, a stale sector', async () => {
    const { machine, file } = await withFile()
    machine.disk.failNext({ operation: 'write', nth: 1, error: 'EIO', shortBytes: 3 })
    const write = machine.run(file.write([bytes(2, 2), bytes(4, 3)], 0))
    await expect(write).rejects.toMatchObject({ code: 'EIO' })
    expect(machine.disk.peek('a').subarray(0, 4)).toEqual(Uint8Array.of(2, 2, 3, 1))
    machine.disk.failNext({ operation: 'read', nth: 1, error: 'EIO' })
    await expect(machine.run(file.read(0, 1))).rejects.toMatchObject({ code: 'EIO' })
    await machine.run(file.write([bytes(512, 7)], 512))
    await machine.run(file.sync())
    machine.disk.failNext({ operation: 'read', nth: 1, error: 'stale' })
    const stale = await machine.run(file.read(0, 1024))
    expect([...stale.subarray(0, 4)]).toEqual([1, 1, 1, 1])
    expect(stale[512]).toBe(7)
    expect((await machine.run(file.read(0, 1)))[0]).toBe(2)
  })

  test('healed, it is in order, and what was planned does not come', async () => {
    const { machine, file } = await withFile()
    const { disk } = machine
    let killed = false
    disk.slow(1000)
    disk.stallSyncs(10_000)
    disk.failNext({ operation: 'any', nth: 1, error: 'EIO' })
    disk.killAt(1, () => {
      killed = true
    })
    disk.heal()
    const before = machine.kernel.now
    await machine.run(file.sync())
    expect([killed, machine.kernel.now - before < 5]).toEqual([false, true])
  })

  test('a full disk writes what fits, and serves again when there is space', async () => {
    const { machine, file } = await withFile()
    machine.disk.setFree(4096)
    await machine.run(file.write([bytes(8192, 2)], 0))
    const write = machine.run(file.write([bytes(8192, 3)], 8192))
    await expect(write).rejects.toMatchObject({ code: 'ENOSPC' })
    expect(machine.disk.peek('a').length).toBe(3 * 4096)
    await expect(machine.run(machine.port.open('b', 'create'))).rejects.toMatchObject({
      code: 'ENOSPC',
    })
    await machine.run(machine.port.remove('a'))
    await machine.run(machine.port.open('b', 'create'))
    machine.disk.setFree(undefined)
    await machine.run(file.write([bytes(8192, 3)], 8192))
  })

  test('slow and stalled syncs take their time; writes do not', async () => {
    const { machine, file } = await withFile()
    const took = async (operation: () => Promise<void>): Promise<number> => {
      const before = machine.kernel.now
      await machine.run(operation())
      return machine.kernel.now - before
    }
    machine.disk.slow(100)
    expect(await took(() => file.write([bytes(1, 1)], 0))).toBeLessThan(1)
    expect(await took(() => file.sync())).toBeGreaterThanOrEqual(100)
    machine.disk.slow(1)
    machine.disk.stallSyncs(500)
    expect(await took(() => file.sync())).toBeGreaterThanOrEqual(500)
    expect(await took(() => file.sync())).toBeLessThan(5)
  })
})
