/**
 * Goal: a follower that gets a snapshot over a slow link catches up under a load, though the log is
 * compacted several times meanwhile (hashicorp/raft#444): what stands behind the snapshot is kept.
 * Method: real nodes in one process, on a clock that moves by hand; the link to one has a delay.
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
const value = 'v'.repeat(1_000)

async function baseOf(on: Cluster, machine: Machine): Promise<number> {
  const db = await on.client({ pin: true }, [machine.id])
  const { endpoints } = await on.done(db.status())
  await on.done(db.close())
  return endpoints[0]?.node?.baseIndex ?? 0
}

/** A put every tenth of a second. */
async function load(on: Cluster, db: Client, name: string, seconds: number): Promise<void> {
  for (let i = 0; i < 10 * seconds; i++) {
    const put = db.put(`${name}-${i}`, value)
    await on.clock.advance(100)
    await on.done(put)
  }
}

test('a snapshot that takes longer than the log is kept is fetched once', async () => {
  const caps = { segmentBytes: 4_096 }
  const on = new Cluster(1, 3, { options, caps, segmentBytes: 4_096 })
  cluster = on
  for (const machine of on.machines) await on.initialise(machine)
  for (const machine of on.machines) await on.supervise(machine)
  const db = await on.client()
  await on.done(db.put('first', value))
  const { leader = '' } = await on.done(db.status())
  const [slow] = on.machines.filter(({ id }) => id !== leader)
  if (slow === undefined) throw new Error('there is no follower')
  await on.kill(slow)
  for (let i = 0; i < 600; i += 20) {
    await on.done(Promise.all(Array.from({ length: 20 }, (_, j) => db.put(`row-${i + j}`, value))))
  }
  await on.clock.advance(2_000)
  for (const machine of on.machines) {
    if (machine === slow) continue
    on.network.delay(machine.id, slow.id, 120)
    on.network.delay(slow.id, machine.id, 120)
  }
  slow.log.length = 0
  await on.supervise(slow)
  const count = (words: string): number => slow.log.filter((line) => line.includes(words)).length
  const before = await baseOf(on, on.machine(leader))
  let seconds = 0
  while (count('a snapshot is whole') === 0 && seconds < 20) {
    await load(on, db, `during-${seconds}`, 1)
    seconds++
  }
  // The log went on, so without its front being held the follower would find it gone.
  const rows = 10 * seconds
  await load(on, db, 'behind', 5)

  expect(await baseOf(on, on.machine(leader))).toBeGreaterThan(before + rows / 2)
  expect(count('fetching a snapshot')).toBe(1)
  const pinned = await on.client({ pin: true }, [slow.id])
  const last = pinned.get('behind-40', { consistency: 'stale', timeout: 5_000 })
  expect(await on.done(last)).toBe(value)
})
