/**
 * Goal: a cluster whose disks run full one by one neither stops nor loses anything, and goes on by
 * itself, without copying whole states about, once there is room.
 * Method: real nodes in one process, on a clock that moves by hand; disks say how much is free.
 */
import { afterEach, expect, test } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { Cluster } from './support/cluster.ts'
import type { Machine } from './support/cluster.ts'

const floor = 100_000
const enough = { free: 10 * floor, total: 1_000_000_000 }
/** Below the floor. */
const low = { free: 0.9 * floor, total: 1_000_000_000 }
/** Below three quarters of it. */
const gone = { free: 0.5 * floor, total: 1_000_000_000 }

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

async function supervised(): Promise<Cluster> {
  const options = {
    walMaxBytes: 1_000_000,
    walKeepEntries: 10_000,
    freeSpaceFloorBytes: floor,
    auditEveryMs: 0,
  }
  const on = new Cluster(1, 3, { options, segmentBytes: 8_192, caps: { segmentBytes: 8_192 } })
  cluster = on
  for (const machine of on.machines) {
    machine.disk.room = enough
    await on.initialise(machine)
  }
  for (const machine of on.machines) await on.supervise(machine)
  return on
}

async function fill(on: Cluster, db: Client, name: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await on.done(db.put(`${name}-${i}`, 'v'.repeat(1_000)))
}

async function followersOf(on: Cluster, db: Client): Promise<Machine[]> {
  const { leader = '' } = await on.done(db.status())
  return on.machines.filter(({ id }) => id !== leader)
}

async function expectEqual(on: Cluster, db: Client): Promise<void> {
  const { nodes } = await on.done(db.digest(), 60_000)
  const told = nodes.map((node) => ('rows' in node ? node.rows : node.error.message))
  expect(told).toHaveLength(3)
  expect(new Set(told).size).toBe(1)
}

function fetches(machine: Machine): number {
  return machine.log.filter((line) => line.includes('fetching a snapshot')).length
}

test('followers without room take no records, and all of them once there is', async () => {
  const on = await supervised()
  const db = await on.client()
  await fill(on, db, 'before', 5)
  const followers = await followersOf(on, db)
  for (const { disk } of followers) disk.room = gone
  await on.clock.advance(1_000)

  const stuck = await on.failure(db.put('stuck', 'v', { timeout: 2_000 }))
  expect(stuck.outcome).toBe('unknown')
  expect(await on.done(db.get('before-0'))).toBe('v'.repeat(1_000))

  for (const { disk } of followers) disk.room = enough
  await fill(on, db, 'after', 5)
  await expectEqual(on, db)
})

test('a full leader keeps in its log what a full follower still lacks', async () => {
  const on = await supervised()
  const db = await on.client()
  await fill(on, db, 'before', 5)
  const [behind] = await followersOf(on, db)
  if (behind === undefined) throw new Error('there is no follower')
  behind.disk.room = gone
  await on.clock.advance(1_000)
  // Several segments that it has not got.
  await fill(on, db, 'meanwhile', 60)
  for (const machine of on.machines) if (machine !== behind) machine.disk.room = low
  await on.clock.advance(10_000)
  expect((await on.failure(db.put('k', 'v', { timeout: 500 }))).code).toBe('QUORATE_DISK_FULL')

  for (const { disk } of on.machines) disk.room = enough
  await fill(on, db, 'after', 5)
  await expectEqual(on, db)
  expect(fetches(behind)).toBe(0)
})

test('a log that was kept in case goes when the disk runs full', async () => {
  const on = await supervised()
  const db = await on.client()
  await fill(on, db, 'before', 60)
  const baseOf = async (): Promise<number> => {
    const { endpoints } = await on.done(db.status())
    return Math.min(...endpoints.map(({ node }) => node?.baseIndex ?? 0))
  }
  expect(await baseOf()).toBe(0)
  for (const { disk } of on.machines) disk.room = low
  await on.clock.advance(2_000)
  expect(await baseOf()).toBeGreaterThan(40)
})

test('a leader whose disk alone is full hands over, and gets nothing back before it has room', async () => {
  const on = await supervised()
  const db = await on.client()
  await fill(on, db, 'before', 5)
  const { leader: first = '' } = await on.done(db.status())
  await on.done(db.updateMember(first, { priority: 5 }))
  on.machine(first).disk.room = low
  await on.clock.advance(5_000)

  for (let i = 0; i < 15; i++) {
    await on.done(db.put(`meanwhile-${i}`, 'v', { timeout: 2_000 }))
    await on.clock.advance(1_000)
  }
  const { leader: second } = await on.done(db.status())
  expect(second).not.toBe(first)

  on.machine(first).disk.room = enough
  await on.clock.advance(200_000)
  expect((await on.done(db.status())).leader).toBe(first)
})

test('a full leader finds the one voter that has room', async () => {
  const on = await supervised()
  const db = await on.client()
  await fill(on, db, 'before', 5)
  const { leader } = await on.done(db.status())
  const [roomy, ...full] = on.machines.filter(({ id }) => id !== leader)
  for (const { disk } of [on.machine(leader ?? ''), ...full]) disk.room = low
  await on.clock.advance(15_000)

  await on.done(db.put('k', 'v'))

  expect((await on.done(db.status())).leader).toBe(roomy?.id)
})
