/**
 * Goal: a damaged log is recovered by whoever has others to recover it from, also where the node was
 * not told yet who they are; who has none is told what helps.
 * Method: real nodes in one process; a bit is flipped among the entries of a stopped one.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { Cluster } from './support/cluster.ts'
import type { Machine } from './support/cluster.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

/** Logs that are never compacted, and states that are not flushed before their time. */
const options = { walMaxBytes: 1_000_000, walKeepEntries: 8, auditEveryMs: 0 }

/** A cluster that a node joined, which was killed while its state was young, its log damaged. */
async function damaged(count: number, learner = false): Promise<[Cluster, Machine]> {
  const on = new Cluster(1, count, { options, segmentBytes: 8_192 })
  cluster = on
  for (const machine of on.machines) await on.initialise(machine)
  for (const machine of on.machines) await on.supervise(machine)
  const db = await on.client()
  for (let i = 0; i < 10; i++) await on.done(db.put(`k${i}`, 'v'.repeat(900)))
  const joined = await on.newcomer('n9')
  await on.supervise(joined)
  const added = { id: 'n9', peerAddress: 'n9:7201', learner }
  await on.done(db.addMember(added, { timeout: 60_000 }))
  for (let i = 0; i < 10; i++) await on.done(db.put(`l${i}`, 'v'.repeat(900)))
  if (learner) await on.clock.advance(30_000)
  await on.kill(joined)
  const [first] = (await joined.disk.list('/data/groups/0/wal')) ?? []
  joined.disk.flipBit(`/data/groups/0/wal/${first}`, 8 * 1_600)
  return [on, joined]
}

describe('a damaged log of a node that joined', () => {
  test('is recovered, though its state is too young to say who the others are', async () => {
    const [on, joined] = await damaged(3)
    await on.supervise(joined)
    await on.clock.advance(5_000)
    expect(joined.log.join('\n')).toContain('this node votes and counts')
    const db = await on.client()
    const digest = await on.done(db.digest(), 60_000)
    expect(digest.nodes).toHaveLength(4)
    expect(new Set(digest.nodes.map((node) => ('rows' in node ? node.rows : node))).size).toBe(1)
  })

  test('where it has met one other alone: it is told to give up its place', async () => {
    const [on, joined] = await damaged(1)
    const error = await on.supervise(joined).then(undefined, (cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'QUORATE_CORRUPT' })
    expect(String(error)).toContain('quorate member replace')
    expect(String(error)).not.toContain('snapshot restore')
  })

  test('of a learner of one voter: it is told to be removed and added anew', async () => {
    const [on, joined] = await damaged(1, true)
    const error = await on.supervise(joined).then(undefined, (cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'QUORATE_CORRUPT' })
    expect(String(error)).toContain('quorate member remove n9')
    expect(String(error)).not.toContain('snapshot restore')
  })
})
