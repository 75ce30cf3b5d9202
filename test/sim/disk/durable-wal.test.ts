/**
 * Goal: the durable log is what a start would find if power went now, no more and no less, though
 * it is read by another decoder and while the log is being written.
 * Method: random histories on small segments, with kills and power cuts at any operation; what the
 * store has confirmed must be durable at once, and what it recovers from the disk must be exactly
 * what is durable then, and among the few things that could be there.
 */
import { expect, test } from 'vitest'
import { entryHash } from './entry-hash.ts'
import { durableOf, group, LogHistory, toldOf } from './log-history.ts'
import type { PowerCut } from './sim-disk.ts'
import { readFlush, readSegmentStart } from './wal-bytes.ts'

const seeds = 25

interface Counts {
  crashes: number
  torn: number
  segments: number
  compacted: number
  resets: number
}

async function live(seed: number, counts: Counts): Promise<void> {
  const history = new LogHistory(seed)
  const { machine } = history
  await history.create()
  for (let step = 0; step < 25; step++) {
    if (history.draw(0, 8) === 0) {
      await replaced(history, counts)
      continue
    }
    const batch = history.next()
    if (history.draw(0, 3) > 0) {
      await history.persist(batch)
      expectAgreement(history)
      if (history.draw(0, 3) > 0) continue
      await history.compact()
      if ((history.store?.base.index ?? 0) > history.base.index) counts.compacted++
      expectAgreement(history)
      continue
    }
    counts.crashes++
    const { base } = history
    const possible = [history.log, history.after(batch).log].map((log) =>
      String(toldOf({ base, log })),
    )
    const powerOff = history.draw(0, 5) > 0
    await crash(history, powerOff, () => {
      void history.store?.persist(batch).catch(() => {})
      // What was committed before may go meanwhile; to the durable log that is no difference.
      const { commitIndex } = history.hardState
      if (batch.entries.length === 0) return
      void history.store?.compact(Math.min(commitIndex, history.lastIndex)).catch(() => {})
    })
    const durable = String(durableOf(history))
    expect(possible).toContain(durable)
    const recovered = await history.open()
    if (recovered.tornFlush !== undefined) counts.torn++
    // After a power cut there is nothing but what is durable; a kill leaves the page cache.
    expect(powerOff ? [durable] : possible).toContain(String(toldOf(history)))
    expectAgreement(history)
  }
  counts.segments += (await machine.run(machine.port.list('/data/groups/0/wal')))?.length ?? 0
}

/** The log is replaced by a base; now and then the process is killed meanwhile. */
async function replaced(history: LogHistory, counts: Counts): Promise<void> {
  const base = history.nextBase()
  if (base === undefined) return
  counts.resets++
  if (history.draw(0, 2) === 0) {
    await history.reset(base)
    expectAgreement(history)
    return
  }
  const possible = [history, history.afterReset(base)].map((each) => String(toldOf(each)))
  await crash(history, true, () => {
    void history.store?.reset(base).catch(() => {})
  })
  const durable = String(durableOf(history))
  expect(possible).toContain(durable)
  await history.open()
  expect(String(toldOf(history))).toBe(durable)
  expectAgreement(history)
}

/** Kills the process while it works, and may cut the power as well. */
async function crash(history: LogHistory, powerOff: boolean, work: () => void): Promise<void> {
  const { machine } = history
  const style = history.pick<PowerCut['style']>(['strict', 'ext4'])
  const keep = history.pick<PowerCut['keep']>([
    'none',
    'prefix',
    'sectors',
    'sectors',
    'sectors',
    'all',
  ])
  let killed = false
  // Mostly at a sync, where there is something to tear.
  machine.disk.killAt(history.pick([1, 2, 2, 2, 4, 4, 8]), () => {
    killed = true
  })
  work()
  const end = machine.kernel.now + 40
  await machine.run(
    new Promise<void>((resolve) => {
      const look = (): void => {
        if (killed || machine.kernel.now >= end) resolve()
        else machine.kernel.after(0.3, look)
      }
      look()
    }),
  )
  machine.restart(() => {
    if (powerOff) machine.disk.powerCut({ keep, style })
  })
}

function expectAgreement(history: LogHistory): void {
  const { durable } = history.machine.disk
  expect(String(durableOf(history))).toBe(String(toldOf(history)))
  const { currentTerm, votedFor } = history.hardState
  expect(durable.voteFile).toEqual({ term: currentTerm, votedFor })
  expect([durable.currentTerm, durable.votedFor]).toEqual([currentTerm, votedFor])
  expect(durable.at(0)).toBeUndefined()
  expect(durable.at(durable.lastIndex + 1)).toBeUndefined()
}

test('it agrees with recovery after any history', async () => {
  const counts: Counts = { crashes: 0, torn: 0, segments: 0, compacted: 0, resets: 0 }
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await live(seed, counts)
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
    }
  }
  expect(counts.crashes).toBeGreaterThan(seeds * 3)
  expect(counts.torn).toBeGreaterThan(seeds / 10)
  expect(counts.segments).toBeGreaterThan(seeds)
  expect(counts.compacted).toBeGreaterThan(seeds)
  expect(counts.resets).toBeGreaterThan(seeds)
})

test('what is written is not durable before its sync has ended', async () => {
  const history = new LogHistory(3)
  await history.create()
  const { machine } = history
  const seen: number[] = []
  machine.disk.onDurable = () => seen.push(machine.disk.durable.lastIndex)
  const entries = [{ index: 1, term: 1, kind: 'commands' as const, data: new Uint8Array(9) }]
  const hardState = { currentTerm: 1, votedFor: 'n1', commitIndex: 0 }
  machine.disk.slow(50)
  const persisted = history.store?.persist({ hardState, entries, mustSync: true })
  await machine.run(machine.process.sleep(5))
  expect(seen).toEqual([])
  await machine.run(persisted ?? Promise.resolve())
  // The vote file first, then the log.
  expect(seen).toEqual([0, 1])
  const hash = entryHash({ kind: 'commands', data: new Uint8Array(9) })
  expect(machine.disk.durable.at(1)).toEqual({ index: 1, term: 1, hash })
  expect(entryHash({ kind: 'noop', data: new Uint8Array(9) })).not.toBe(hash)
})

test('what a killed process had written is not durable before somebody syncs it', async () => {
  const history = new LogHistory(6)
  await history.create()
  const { machine } = history
  const entries = [{ index: 1, term: 1, kind: 'noop' as const, data: new Uint8Array() }]
  const hardState = { currentTerm: 1, votedFor: 'n1', commitIndex: 0 }
  machine.disk.slow(1000)
  void history.store?.persist({ hardState, entries, mustSync: true })
  const written = (): boolean => machine.disk.peek(`${group}/wal/0000000001.wal`)[512] !== 0
  for (let i = 0; i < 1000 && !written(); i++) await machine.run(machine.process.sleep(10))
  expect(written()).toBe(true)
  machine.restart()
  machine.disk.slow(1)
  await machine.run(machine.port.syncDirectory('/data'))
  expect(machine.disk.durable.lastIndex).toBe(0)
  await history.open()
  expect(history.log.length).toBe(1)
  expectAgreement(history)
})

const directories = ['/', '/data', '/data/groups', '/data/groups/0', '/data/groups/0/wal']

test.each(directories)('nothing is durable below %s unless that was synced', async (path) => {
  const history = new LogHistory(4)
  const { machine } = history
  const { port } = machine
  machine.port = {
    ...bound(port),
    syncDirectory: (each) => (each === path ? Promise.resolve() : port.syncDirectory(each)),
  }
  await history.create()
  const entries = [{ index: 1, term: 1, kind: 'noop' as const, data: new Uint8Array() }]
  const hardState = { currentTerm: 1, votedFor: undefined, commitIndex: 0 }
  await history.persist({ hardState, entries, mustSync: true })
  expect(machine.disk.durable.lastIndex).toBe(0)
  expect(machine.disk.durable.voteFile === undefined).toBe(path !== directories.at(-1))
  await machine.run(port.syncDirectory(path))
  expectAgreement(history)
})

test('a flush of which a sector or a bit is missing is none', async () => {
  const history = new LogHistory(6)
  await history.create()
  const data = history.machine.random.bytes(3000)
  const entries = [1, 2].map((index) => ({ index, term: 1, kind: 'commands' as const, data }))
  const hardState = { currentTerm: 1, votedFor: undefined, commitIndex: 0 }
  await history.persist({ hardState, entries, mustSync: true })
  const whole = history.machine.disk.peek(`${group}/wal/0000000001.wal`)
  const { seed = 0 } = readSegmentStart(whole.subarray(0, 512)) ?? {}
  const read = (change: (bytes: Uint8Array) => void): boolean => {
    const bytes = whole.slice()
    change(bytes)
    const place = { offset: 512, number: 1, segment: 1, seed, previousChecksum: 0 }
    return readFlush((at, length) => bytes.subarray(at, at + length), place) !== undefined
  }
  expect(read(() => {})).toBe(true)
  for (let at = 512; at < 7168; at += 512) expect(read((b) => b.fill(0, at, at + 512))).toBe(false)
  for (let at = 512; at < 6600; at += 7) {
    // The padding behind the first record, and what comes behind the second, say nothing.
    expect([at, read((b) => b.set([(b[at] ?? 0) ^ 1], at))]).toEqual([at, false])
  }
})

function bound(port: LogHistory['machine']['port']): typeof port {
  return {
    makeDirectory: (path) => port.makeDirectory(path),
    list: (path) => port.list(path),
    size: (path) => port.size(path),
    readFile: (path, bytesMax) => port.readFile(path, bytesMax),
    open: (path, mode) => port.open(path, mode),
    rename: (from, to) => port.rename(from, to),
    remove: (path) => port.remove(path),
    syncDirectory: (path) => port.syncDirectory(path),
    space: (path) => port.space(path),
    lock: (path) => port.lock(path),
  }
}
