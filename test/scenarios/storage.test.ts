/**
 * Goal: whatever a disk does to a running node, nothing acknowledged is lost, nothing is tried
 * again on a disk that failed, and the node is back as soon as its disk is.
 * Method: whole nodes over disks in memory that fail at the n-th operation, for every n, tear
 * writes, and forget what was not synced; then everything is counted. The files themselves, byte
 * by byte, are in test/wal.
 */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { corruptError, QuorateError } from '../../src/errors.ts'
import { SeededRandom } from '../../src/random.ts'
import type { Cluster, Machine } from '../node/support/cluster.ts'
import type { KeepUnsynced } from '../suites/memory-disk.ts'
import { clusters, patienceMs } from './support/world.ts'
import type { Writer } from './support/writers.ts'
import { expectHonest, writers } from './support/writers.ts'

const cluster = clusters()
const keeps: readonly KeepUnsynced[] = ['none', 'prefix', 'sectors', 'all']
/** Small enough that it is left for the next one within a test. */
const segmentBytes = 4_096

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

/** What a start is refused with. */
async function refusal(on: Cluster, machine: Machine): Promise<QuorateError> {
  const error = await on.start(machine).then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (error instanceof QuorateError) return error
  throw new Error('it started', { cause: error })
}

describe('a sync or a write that fails on a running node', () => {
  test.each(['leader', 'follower'] as const)(
    'the n-th sync of a %s: it ends, and no later sync makes up for it (fsyncgate, Rebello ATC 2020)',
    async (who) => {
      for (let nth = 1; nth <= 8; nth++) {
        const on = await cluster(nth, 3, { segmentBytes }).up()
        const leader = await on.leader()
        const victim = who === 'leader' ? leader : (on.followers(leader)[0] as Machine)
        const busy = await writers(on, 2, { bytes: 100, pauseMs: 3 })
        victim.disk.fail({ operation: 'sync', nth, error: 'EIO' })
        await on.until('the node ends', () => victim.end !== undefined)
        expect(victim.end).toMatchObject({ type: 'failed', error: { code: 'QUORATE_STORAGE' } })
        const { changes } = victim.disk
        await on.clock.advance(100)
        expect(victim.disk.changes).toBe(changes)

        // The process starts anew and still reads the pages that never reached the disk.
        victim.disk.restart()
        await on.start(victim)
        await on.leader(on.machines, patienceMs)
        await on.clock.advance(100)
        for (const machine of on.machines) await on.powerCut(machine)
        for (const machine of on.machines) await on.start(machine)
        await on.leader()
        for (const writer of busy) await writer.stop(on)
        await expectHonest(on, busy)
        await on.down()
      }
    },
  )

  test('no space in mid-write: it stops cleanly, and serves once there is space (etcd TestCreateFailFromNoSpaceLeft)', async () => {
    const random = new SeededRandom(60)
    for (let nth = 1; nth <= 10; nth++) {
      const on = await cluster(nth, 3, { segmentBytes }).up()
      const victim = await on.leader()
      const busy = await writers(on, 2, { bytes: 700, pauseMs: 3 })
      await on.clock.advance(nth)
      const shortBytes = random.uint32() % 1_600
      victim.disk.fail({ operation: 'write', nth, error: 'ENOSPC', shortBytes })
      await on.until('the node ends', () => victim.end !== undefined)
      expect(victim.end).toMatchObject({ type: 'failed', error: { code: 'QUORATE_STORAGE' } })
      await on.leader(on.followers(victim), patienceMs)
      if (nth % 2 === 0) await on.powerCut(victim, keeps[nth % 4])
      else victim.disk.restart()
      await on.start(victim)
      await on.leader()
      await on.clock.advance(50)
      for (const writer of busy) await writer.stop(on)
      await expectHonest(on, busy)
      await on.down()
    }
  })
})

describe('all nodes lose power at once', () => {
  test('in every millisecond of the way, also while a segment is left for the next (nats#7564, etcd#22340)', async () => {
    for (const keep of keeps) {
      const on = await cluster(keep.length, 3, { segmentBytes }).up()
      for (const machine of on.machines) machine.syncMs = 3
      const busy = await writers(on, 2, { bytes: 150 })
      for (let round = 0; round < 5; round++) {
        await on.clock.advance(120 + round)
        for (const machine of on.machines) await on.powerCut(machine, keep)
        for (const machine of on.machines) await on.start(machine)
        await on.leader()
      }
      for (const writer of busy) await writer.stop(on)
      expect(busy[0]?.acknowledged.length).toBeGreaterThan(10)
      await expectHonest(on, busy)
      for (const { disk } of on.machines) {
        expect(disk.paths().filter((path) => path.endsWith('.wal')).length).toBeGreaterThan(1)
      }
      await on.down()
    }
  })
})

describe('the first start', () => {
  test('killed at any operation, the next one gets there (etcd#10688)', async () => {
    let nth = 1
    for (let finished = false; !finished; nth++) {
      const on = cluster(nth, 1)
      const [alone] = on.machines as [Machine]
      alone.disk.fail({ operation: 'any', nth, error: 'kill' })
      const boot = async (): Promise<boolean> => {
        await on.initialise(alone)
        await on.start(alone)
        await on.leader(on.machines, patienceMs)
        return true
      }
      finished = await boot().catch(() => false)
      await on.powerCut(alone, keeps[nth % 4])

      await on.initialise(alone).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'QUORATE_ALREADY_INITIALISED' })
      })
      await on.start(alone)
      await on.leader()
      const db = await on.client()
      expect((await on.done(db.put('k', 'v'))).revision).toBe(1)
      await on.down()
    }
    expect(nth).toBeGreaterThan(40)
  })
})

describe('a log that is damaged', () => {
  const log = 'data/groups/0/wal/0000000001.wal'

  test('keeps the only node out, wherever the bit is (nats#7549)', async () => {
    const on = await cluster(4, 1).up()
    const [writer] = (await writers(on, 1)) as [Writer]
    await on.until('some writes', () => writer.acknowledged.length > 30)
    await writer.stop(on)
    const victim = await on.leader()
    await on.done(victim.node.close())
    const whole = victim.disk.peek(log)
    const used = whole.findLastIndex((byte) => byte !== 0)
    for (let bit = 1; bit < used * 8; bit += 4_099) {
      victim.disk.flipBit(log, bit)
      const error = await refusal(on, victim)
      expect(error).toMatchObject({ code: 'QUORATE_CORRUPT', details: { file: expect.anything() } })
      victim.disk.plant(log, whole)
    }
    await on.start(victim)
    await on.leader()
    await expectHonest(on, [writer])
  })

  test('takes nothing from the others, and its node has all again (nats#7549, nats#7556)', async () => {
    const on = await cluster(4).up()
    const [writer] = (await writers(on, 1)) as [Writer]
    await on.until('some writes', () => writer.acknowledged.length > 30)
    await writer.stop(on)
    const victim = await on.leader()
    await on.done(victim.node.close())
    victim.disk.flipBit(log, 8 * 600)
    await on.leader(on.followers(victim))
    const db = await on.client()
    expect(await on.done(db.getMany(writer.acknowledged))).toEqual(writer.acknowledged)
    await on.start(victim)
    expect(victim.status.waitsFor).toContain('what it had acknowledged')
    await on.until('it counts again', () => victim.status.waitsFor === undefined)
    await on.leader()
    await expectHonest(on, [writer])
  })
})

describe('the state', () => {
  test('kills under load never part it from the index that it says (etcd#13766)', async () => {
    const on = await cluster(9, 3, { caps: { overlayFlushBytes: 300 } }).up()
    const busy = await writers(on, 2, { bytes: 60, pauseMs: 2 })
    const random = new SeededRandom(71)
    let kept = 0
    for (let round = 0; round < 18; round++) {
      const victim = on.machines[random.uint32() % 3] as Machine
      await on.clock.advance(20 + (random.uint32() % 60))
      const batches = victim.database.volatileBatches
      const keep = batches === 0 ? 0 : random.uint32() % (batches + 1)
      if (keep > 0 && keep < batches) kept++
      await on.kill(victim, keep)
      await on.start(victim)
      await on.leader()
    }
    expect(kept).toBeGreaterThan(3)
    for (const writer of busy) await writer.stop(on)
    await expectHonest(on, busy)
  })

  /** A node with twenty records whose database will not open any more. */
  async function unopenable(
    seed: number,
  ): Promise<{ on: Cluster; alone: Machine; writer: Writer }> {
    const on = await cluster(seed, 1).up()
    const [writer] = (await writers(on, 1)) as [Writer]
    await on.until('some writes', () => writer.acknowledged.length > 20)
    await writer.stop(on)
    const [alone] = on.machines as [Machine]
    await on.done(alone.node.close())
    alone.openErrors.push(corruptError('data/groups/0/state-1/CURRENT', 0, 'it is empty'))
    return { on, alone, writer }
  }

  test('that does not open is made anew from the log, whole, and never “repaired” (etcd#13766)', async () => {
    const { on, alone, writer } = await unopenable(1)
    await on.start(alone)
    await on.leader()
    expect(alone.log.join('\n')).toContain('the state is damaged and is made anew')
    await expectHonest(on, [writer])
    expect([...alone.databases.keys()].at(-1)).toContain('state-2')
  })

  test('and a kill at any operation of that leaves a node that starts (redisraft#43)', async () => {
    let nth = 1
    for (let finished = false; !finished; nth++) {
      const { on, alone, writer } = await unopenable(nth)
      alone.disk.fail({ operation: 'any', nth, error: 'kill' })
      finished = await on
        .start(alone)
        .then(
          () => on.leader(on.machines, patienceMs).then(() => true),
          () => false,
        )
        .catch(() => false)
      await on.powerCut(alone, keeps[nth % 4])
      await on.start(alone)
      await on.leader()
      await expectHonest(on, [writer])
      await on.down()
    }
    expect(nth).toBeGreaterThan(10)
  })
})

test('a second process on a directory is refused before it touches a byte', async () => {
  const on = await cluster().up()
  const [machine] = on.machines as [Machine]
  const { running, life } = machine
  const { disk } = machine
  const hashes = (): string[] => disk.paths().map((path) => `${path} ${md5(disk.peek(path))}`)
  const bytes = hashes()
  const before = machine.disk.changes
  const error = await refusal(on, machine)
  expect(error.code).toBe('QUORATE_LOCKED')
  expect(machine.disk.changes).toBe(before)
  expect(hashes()).toEqual(bytes)
  machine.running = running
  machine.life = life
  await on.leader()
})
