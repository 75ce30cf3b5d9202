/**
 * Goal: what real nodes write, send and acknowledge stays one log, and a follower that fell behind,
 * lost its links, or is somebody else's, is dealt with.
 * Method: whole nodes in one process on a clock that moves by hand: power is cut between a write
 * and its sync, links break at every few milliseconds, a leader stands still with writes in its
 * hands. Message by message the same family is in test/raft/faults-replication.test.ts.
 */
import { describe, expect, test } from 'vitest'
import { Cluster } from '../node/support/cluster.ts'
import type { Machine } from '../node/support/cluster.ts'
import { Group } from '../raft/support/group.ts'
import {
  clusters,
  highestTerm,
  leadersOver,
  patienceMs,
  plantTerm,
  relinkMs,
} from './support/world.ts'
import { Account, expectHonest, Writer, writers } from './support/writers.ts'

const cluster = clusters()

describe('acknowledged means durable', () => {
  test('a single node answers after its own sync, not before (etcd#14370)', async () => {
    const on = await cluster(1, 1).up()
    const [alone] = on.machines as [Machine]
    alone.syncMs = 20
    const account = new Account()
    for (let ms = 1; ms <= 45; ms++) {
      const db = await on.client({}, ['n1'])
      const key = `k${ms}`
      let answered = false
      const put = db.put(key, 'v').then(
        () => {
          answered = true
        },
        () => {},
      )
      await on.clock.advance(ms)
      const inTime = answered
      await on.powerCut(alone)
      const closed = db.close()
      await on.start(alone)
      await on.leader()
      await on.done(put)
      if (inTime) account.acknowledged.push(key)
      else account.unknown.push(key)
      await on.done(closed)
    }
    expect(account.acknowledged.length).toBeGreaterThan(5)
    expect(account.unknown.length).toBeGreaterThan(10)
    await expectHonest(on, [account])
  })

  test('and so does a leader whose followers are faster than its own disk', async () => {
    const on = await cluster(2).up()
    const leader = await on.leader()
    leader.syncMs = 40
    const [writer] = (await writers(on, 1)) as [Writer]
    for (let round = 0; round < 10; round++) {
      await on.clock.advance(71 + 7 * round)
      for (const machine of on.machines) await on.powerCut(machine)
      for (const machine of on.machines) await on.start(machine)
      await on.leader()
    }
    await writer.stop(on)
    expect(writer.acknowledged.length).toBeGreaterThan(5)
    await expectHonest(on, [writer])
  })
})

describe('a follower that is behind', () => {
  test('ten thousand conflicting entries cost a round trip per term at most (databend#3914)', () => {
    // Terms of which the leader never heard, a hundred entries of each, above a common beginning.
    const common = Array.from({ length: 50 }, () => 1)
    const other = Array.from({ length: 10_000 }, (_, i) => 2 + 2 * Math.floor(i / 100))
    const own = Array.from({ length: 10_000 }, (_, i) => 3 + 2 * Math.floor(i / 100))
    const group = new Group([
      { terms: [...common, ...own, 300], hardState: { commitIndex: 50 } },
      { terms: [...common, ...own, 300], hardState: { commitIndex: 50 } },
      { terms: [...common, ...other], hardState: { commitIndex: 50 } },
    ])
    group.elect('n1')
    let refusals = 0
    for (let round = 0; round < 400; round++) {
      refusals += group.wire.filter(({ type }) => type === 'appendEntriesRejected').length
      const arriving = new Set(group.wire)
      group.deliver((message) => arriving.has(message))
      group.takeTrace()
      if (group.wire.length === 0) for (const id of group.ids) group.tick(id)
    }
    expect(refusals).toBeLessThanOrEqual(101)
    expect(group.node('n3').disk.entries).toEqual(group.node('n1').disk.entries)
  })

  test('its links break every few milliseconds; then it catches up (etcd raft#14633)', async () => {
    const on = await cluster(3).up()
    const leader = await on.leader()
    const [behind] = on.followers(leader) as [Machine]
    const busy = await writers(on, 2, { pauseMs: 2, bytes: 300 })
    for (let n = 0; n < 60; n++) {
      await on.clock.advance(1 + ((n * 7) % 23))
      on.network.reset(leader.id, behind.id)
    }
    for (const writer of busy) await writer.stop(on)
    const goal = leader.status.commitIndex
    await on.until('it catches up', () => behind.status.appliedIndex >= goal, patienceMs)
    await expectHonest(on, busy)
  })

  test('what it needs cannot be read on the leader: that node ends, another leads (openraft#1795)', async () => {
    const on = await cluster(4, 3, { caps: { raft: { logBytesMax: 4_096 } } }).up()
    const leader = await on.leader()
    const [behind] = on.followers(leader) as [Machine]
    await on.kill(behind)
    const [writer] = (await writers(on, 1, { bytes: 1_000 })) as [Writer]
    await on.until('some writes', () => writer.acknowledged.length > 60)
    leader.disk.fail({ operation: 'read', nth: 1, error: 'EIO' })
    await on.start(behind)

    await on.until('the node ends', () => leader.end !== undefined, patienceMs)

    expect(leader.end).toMatchObject({ type: 'failed', error: { code: 'QUORATE_STORAGE' } })
    await on.leader(on.followers(leader), patienceMs)
    await writer.stop(on)
    leader.disk.restart()
    await on.start(leader)
    await on.leader()
    await expectHonest(on, [writer])
  })
})

describe('a write in the hands of a leader that is none any more', () => {
  test('is not taken for the entry that came to stand in its place (redisraft#52, openraft#1761)', async () => {
    const outcomes = new Set<string>()
    for (let after = 0; after <= 6; after++) {
      const on = await cluster(10 + after).up()
      const old = await on.leader()
      const others = on.followers(old)
      const pinned = await on.client({ pin: true }, [old.id])
      const first = await on.client(
        {},
        others.map(({ id }) => id),
      )
      // Half of the time nothing that it writes gets out, and others stand in its place later.
      if (after % 2 === 0) for (const { id } of others) on.network.cutOneWay(old.id, id)
      const lost = new Account()
      const calls: Promise<void>[] = []
      for (let i = 0; i < 4; i++) {
        calls.push(lost.note(`lost-${i}`, pinned.put(`lost-${i}`, 'v', { timeout: 3_000 })))
        await on.clock.advance(1 + (i % 2))
      }
      await on.clock.advance(after)
      old.life.pause()
      await on.leader(others)
      const next = new Writer(on, first, 'next', { pauseMs: 50 })
      await on.clock.advance(400)
      on.network.heal()
      old.life.resume()
      await on.done(Promise.all(calls))
      await next.stop(on)
      await on.leader()
      await expectHonest(on, [lost, next])
      expect(next.acknowledged.length).toBeGreaterThan(3)
      if (lost.acknowledged.length > 0) outcomes.add('acknowledged')
      if (lost.unknown.length > 0) outcomes.add('unknown')
      if (lost.refused.length > 0) outcomes.add('refused')
      await on.down()
    }
    expect([...outcomes].sort()).toEqual(['acknowledged', 'unknown'])
  })
})

test('a node of another cluster at a member’s address is heard by nobody', async () => {
  const on = await cluster(5).up()
  const db = await on.client()
  await on.done(db.put('a', '1'))
  const gone = on.followers(await on.leader())[0] as Machine
  await on.kill(gone)
  const before = highestTerm(on)
  const stranger = new Cluster(6, 3, { name: 'other' }, on)
  const there = stranger.machine(gone.id)
  await stranger.initialise(there)
  await plantTerm(there, 90)
  await stranger.start(there)

  const leaders = await leadersOver(on, 10_000)

  expect(leaders.length).toBe(1)
  expect(highestTerm(on)).toBe(before)
  expect(there.status.reasons.join()).toContain('refused by')
  expect(there.status).toMatchObject({ lastIndex: 0, leader: undefined })
  await on.done(db.put('a', '2'))
  await stranger.kill(there)
  await on.start(gone)
  await on.leader(on.machines, patienceMs + relinkMs + 30_000)
  const pinned = await on.client({ pin: true }, [gone.id])
  expect(await on.done(pinned.get('a'))).toBe('2')
})
