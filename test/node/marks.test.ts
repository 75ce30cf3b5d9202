/**
 * Goal: marks that a node meets again while it catches up cost it nothing: the next comparison finds
 * it free, and it takes the digests of new marks as before.
 * Method: real nodes in one process, on a clock that moves by hand; what the node makes of marks is
 * seen where it is told of those that count.
 */
import { afterEach, expect, test, vi } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { Audit } from '../../src/node/audit.ts'
import { Cluster } from './support/cluster.ts'
import type { Machine } from './support/cluster.ts'

let cluster: Cluster | undefined
const counted = vi.spyOn(Audit.prototype, 'onMark')

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

async function supervised(): Promise<Cluster> {
  const on = new Cluster(1, 3, { options: { auditEveryMs: 0 }, segmentBytes: 8_192 })
  cluster = on
  for (const machine of on.machines) await on.initialise(machine)
  for (const machine of on.machines) await on.supervise(machine)
  return on
}

async function compare(on: Cluster, db: Client, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await on.done(db.put(`between-${i}`, 'v'))
    await on.done(db.digest(), 30_000)
  }
}

async function someFollower(on: Cluster, db: Client): Promise<Machine> {
  const { leader = '' } = await on.done(db.status())
  return on.machine(['n1', 'n2', 'n3'].find((id) => id !== leader) ?? '')
}

/** All three tell their digests, and they are alike; nothing but that one mark counted meanwhile. */
async function expectOneMark(on: Cluster, db: Client): Promise<void> {
  const { nodes } = await on.done(db.digest(), 30_000)
  const told = nodes.map((node) => ('rows' in node ? node.rows : node.error.message))
  expect(new Set(told).size).toBe(1)
  expect(told).toHaveLength(3)
  expect(counted).toHaveBeenCalledTimes(3)
}

test('a node that was away does not take the digests of marks written meanwhile', async () => {
  const on = await supervised()
  const db = await on.client()
  const away = await someFollower(on, db)
  await on.kill(away)
  await compare(on, db, 3)
  counted.mockClear()
  await on.supervise(away)
  await on.clock.advance(3_000)
  await expectOneMark(on, db)
})

test('nor does one that brings its damaged log back', async () => {
  const on = await supervised()
  const db = await on.client()
  await compare(on, db, 3)
  const victim = await someFollower(on, db)
  // Of the state nothing was durable yet: it is made again from entries that come from the others.
  await on.kill(victim, 0)
  const [first] = (await on.done(victim.disk.list('/data/groups/0/wal'))) ?? []
  victim.disk.flipBit(`/data/groups/0/wal/${first}`, 8 * 1_100)
  counted.mockClear()
  await on.supervise(victim)
  await on.clock.advance(5_000)
  expect(victim.log.join('\n')).toContain('this node votes and counts')
  await expectOneMark(on, db)
})
