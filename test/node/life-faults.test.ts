/**
 * Goal: a node whose state is gone, or whose fetch of one broke off, comes back by itself, whatever
 * became of the cluster since it was made.
 * Method: as in `life.test.ts`: real nodes in one process, kept up as a process keeps them up.
 */
import { afterEach, expect, test } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { Cluster } from './support/cluster.ts'
import type { Machine } from './support/cluster.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

const options = { walMaxBytes: 65_536, walKeepEntries: 8, auditEveryMs: 0 }

async function supervised(count: number, overrides?: Record<string, string>): Promise<Cluster> {
  const peers = overrides === undefined ? {} : { peers: overrides }
  const on = new Cluster(1, count, { options: { ...options, ...peers }, segmentBytes: 8_192 })
  cluster = on
  for (const machine of on.machines) await on.initialise(machine)
  for (const machine of on.machines) await on.supervise(machine)
  return on
}

async function fill(
  on: Cluster,
  db: Client,
  name: string,
  count: number,
  bytes = 1_000,
): Promise<void> {
  const value = 'v'.repeat(bytes)
  for (let i = 0; i < count; i += 50) {
    const puts = Array.from({ length: 50 }, (_, j) => db.put(`${name}-${i + j}`, value))
    await on.done(Promise.all(puts))
  }
}

async function add(on: Cluster, db: Client, id: string): Promise<void> {
  await on.supervise(await on.newcomer(id))
  await on.done(db.addMember({ id, peerAddress: `${id}:7201` }, { timeout: 60_000 }))
}

/** Damages a row, so that the state is found damaged at the next start. */
async function damageState(on: Cluster, victim: Machine, row: string): Promise<void> {
  const name = Buffer.from(row).toString('hex')
  const key = [...victim.database.rows().keys()].find((each) => each.endsWith(name))
  await on.kill(victim, 0)
  victim.database.tamper(key ?? '', (bytes) => bytes.map((byte, i) => (i > 5 ? ~byte : byte)))
}

/** The node has it all again, and says so to those who read there. */
async function expectBack(on: Cluster, victim: Machine): Promise<void> {
  const pinned = await on.client({ pin: true }, [victim.id])
  const value = pinned.get('rotten', { consistency: 'stale', timeout: 20_000 })
  expect(await on.done(value)).toBe('good')
  expect(victim.log.join('\n')).toContain('a snapshot is whole')
}

test('a follower that is killed in the middle of a snapshot gets another one', async () => {
  const on = await supervised(3)
  const db = await on.client()
  const away = on.machine('n3')
  await on.kill(away)
  await fill(on, db, 'row', 150, 16_000)
  await on.clock.advance(2_000)
  const says = (words: string): boolean => away.log.some((line) => line.includes(words))
  await on.supervise(away)
  await on.until('it fetches', () => says('fetching a snapshot'))
  await on.clock.advance(14)
  expect(says('a snapshot is whole')).toBe(false)
  await on.kill(away)
  away.log.length = 0
  await on.supervise(away)
  await on.until('it has it', () => says('a snapshot is whole'))
})

test('the first node of a cluster that has grown since fetches its state from the others', async () => {
  const on = await supervised(1)
  const db = await on.client()
  await on.done(db.put('rotten', 'good'))
  await add(on, db, 'n2')
  await add(on, db, 'n3')
  await fill(on, db, 'row', 400)
  await on.clock.advance(2_000)
  const victim = on.machine('n1')
  await damageState(on, victim, 'rotten')
  await on.supervise(victim)
  await expectBack(on, victim)
})

test('a node that lost its state starts though it is told of members that came later', async () => {
  const on = await supervised(3)
  const db = await on.client()
  await on.done(db.put('rotten', 'good'))
  await add(on, db, 'n4')
  await fill(on, db, 'row', 400)
  await on.clock.advance(2_000)
  const victim = on.machine('n3')
  await damageState(on, victim, 'rotten')
  Object.assign(on.shape.options ?? {}, { peers: { n4: 'n4:7201' } })
  await on.supervise(victim)
  await expectBack(on, victim)
})
