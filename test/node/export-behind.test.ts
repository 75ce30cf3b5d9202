/**
 * Goal: no backup is older than what readers of that node have seen before.
 * Method: a node that has lost its log, and with it the end of its state, alone; its export.
 */
import { afterEach, expect, test } from 'vitest'
import { Cluster } from './support/cluster.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

test('a node whose state went back is not saved before it has caught up', async () => {
  const options = { walMaxBytes: 65_536, walKeepEntries: 8, auditEveryMs: 0 }
  const on = new Cluster(1, 3, { options, segmentBytes: 8_192 })
  cluster = on
  for (const machine of on.machines) await on.initialise(machine)
  for (const machine of on.machines) await on.supervise(machine)
  const db = await on.client()
  for (let i = 0; i < 100; i++) await on.done(db.put(`k${i}`, 'v'.repeat(900)))
  const { leader } = await on.done(db.status())
  const victim = on.machine(['n1', 'n2', 'n3'].find((id) => id !== leader) ?? '')
  const others = on.machines.filter((machine) => machine !== victim)
  await on.kill(victim)
  const [first] = (await victim.disk.list('/data/groups/0/wal')) ?? []
  victim.disk.flipBit(`/data/groups/0/wal/${first}`, 8 * 1_600)
  for (const other of others) await on.kill(other)
  await on.supervise(victim)
  await on.clock.advance(3_000)
  const pinned = await on.client({ pin: true }, [victim.id])
  const refused = await on.failure(pinned.exportSnapshot({ timeout: 2_000 }))
  expect(refused).toMatchObject({
    code: 'QUORATE_OVERLOADED',
    outcome: 'not-applied',
    details: { retryAfter: 1_000 },
  })
  for (const other of others) await on.supervise(other)
  const saved = await on.done(pinned.exportSnapshot({ timeout: 60_000 }), 60_000)
  expect(saved.header.revision).toBe(100)
  await on.done(saved.close())
})
