/**
 * Goal: a cluster lives on while its log is compacted, its members change and its leadership moves:
 * nothing acknowledged is lost, and whoever comes late, or back, holds the same in the end.
 * Method: real nodes and the real client in one process, kept up as a process keeps them up, on a
 * clock that moves by hand, with a log that is compacted after a few kilobytes.
 */
import { afterEach, describe, expect, test } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import type { NodeStatus } from '../../src/transport/index.ts'
import { PeerIncarnations } from '../../src/wal/index.ts'
import { writers } from '../scenarios/support/writers.ts'
import { Cluster } from './support/cluster.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  if (process.env['SHOW'] !== undefined)
    for (const m of cluster?.machines ?? []) {
      console.log(m.id, m.log.slice(-14).join('\n'))
      m.supervised?.closed.catch((e: unknown) => console.log(m.id, e))
    }
  await cluster?.down()
  cluster = undefined
})

const smallLog = { walMaxBytes: 65_536, walKeepEntries: 8, auditEveryMs: 120_000 }

async function supervised(count: number, seed = 1): Promise<Cluster> {
  const on = new Cluster(seed, count, { options: smallLog, segmentBytes: 8_192 })
  cluster = on
  for (const machine of on.machines) await on.initialise(machine)
  for (const machine of on.machines) await on.supervise(machine)
  return on
}

/** What a node says of itself. */
async function statusOf(on: Cluster, id: string): Promise<NodeStatus> {
  const db = await on.client({ pin: true }, [id])
  const { endpoints } = await on.done(db.status())
  await on.done(db.close())
  const [first] = endpoints
  if (first?.node === undefined) throw new Error(`${id} did not answer`)
  return first.node
}

async function fill(on: Cluster, db: Client, name: string, count: number): Promise<void> {
  const value = 'v'.repeat(1_000)
  for (let i = 0; i < count; i += 20) {
    const puts = Array.from({ length: 20 }, (_, j) => db.put(`${name}-${i + j}`, value))
    await on.done(Promise.all(puts))
  }
}

/** Waits until all hold the same rows. */
async function expectEqual(on: Cluster, db: Client, count: number): Promise<void> {
  const digest = await on.done(db.digest(), 120_000)
  expect(digest.nodes).toHaveLength(count)
  const told = digest.nodes.map((node) => ('rows' in node ? [node.effects, node.rows] : node))
  expect(told).toEqual(told.map(() => told[0]))
}

describe('compaction', () => {
  test('the log stays within its cap, and a node that was away gets a snapshot', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await fill(on, db, 'before', 20)
    const away = on.machine('n3')
    await on.kill(away)
    await fill(on, db, 'meanwhile', 400)
    await on.clock.advance(2_000)
    for (const id of ['n1', 'n2']) {
      const status = await statusOf(on, id)
      expect(status.baseIndex).toBeGreaterThan(0)
      expect(status.walBytes).toBeLessThan(smallLog.walMaxBytes)
    }
    await on.supervise(away)
    await on.clock.advance(3_000)
    await fill(on, db, 'after', 20)
    await expectEqual(on, db, 3)
    expect(away.log.join('\n')).toContain('a snapshot is whole')
  })

  test('a damaged state whose log no longer has it all is fetched anew, and counted', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await on.done(db.put('rotten', 'good'))
    await fill(on, db, 'row', 400)
    await on.clock.advance(2_000)
    const victim = on.machine('n3')
    expect((await statusOf(on, 'n3')).baseIndex).toBeGreaterThan(0)
    const rotten = Buffer.from('rotten').toString('hex')
    const key = [...victim.database.rows().keys()].find((name) => name.endsWith(rotten))
    await on.kill(victim, 0)
    victim.database.tamper(key ?? '', (row) => row.map((byte, i) => (i > 5 ? ~byte : byte)))
    await on.supervise(victim)
    const pinned = await on.client({ pin: true }, ['n3'])
    const value = pinned.get('rotten', { consistency: 'stale', timeout: 20_000 })
    expect(await on.done(value)).toBe('good')
    const { counters } = await statusOf(on, 'n3')
    expect(counters['repaired']).toBe(1)
    await expectEqual(on, db, 3)
  })
})

test('a state that a start finds damaged is counted, as often as it was made anew', async () => {
  const on = await supervised(3)
  const db = await on.client()
  await fill(on, db, 'row', 400)
  await on.clock.advance(2_000)
  const victim = on.machine('n3')
  // With its log's beginning gone, the node is opened once more, for the snapshot that it fetches.
  expect((await statusOf(on, 'n3')).baseIndex).toBeGreaterThan(0)
  await on.kill(victim)
  const applied = [...victim.database.rows().keys()].find((key) => key.startsWith('00'))
  victim.database.tamper(applied ?? '', (row) => row.map((byte) => ~byte))
  await on.supervise(victim)
  expect(victim.log.join('\n')).toContain('the state is damaged and is made anew')
  expect((await statusOf(on, 'n3')).counters['repaired']).toBe(1)
  await on.clock.advance(5_000)
  await expectEqual(on, db, 3)
  expect((await statusOf(on, 'n3')).counters['repaired']).toBe(1)
})

describe('comparison', () => {
  test('a row that is gone without a trace is missed, and comes back', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await on.done(db.put('lost', 'once'))
    await fill(on, db, 'row', 40)
    // The state writes down what it holds.
    await on.clock.advance(2_000)
    const { leader = '' } = await on.done(db.status())
    const victim = on.machine(['n1', 'n2', 'n3'].find((id) => id !== leader) ?? '')
    await on.kill(victim)
    const name = Buffer.from('lost').toString('hex')
    const key = [...victim.database.rows().keys()].find((row) => row.endsWith(name)) ?? ''
    victim.database.tamper(key, () => undefined)
    await on.supervise(victim)
    const pinned = await on.client({ pin: true }, [victim.id])
    expect(await on.done(pinned.get('lost', { consistency: 'stale' }))).toBeUndefined()
    await on.clock.advance(130_000)
    const found = pinned.get('lost', { consistency: 'stale', timeout: 20_000 })
    expect(await on.done(found)).toBe('once')
    expect((await statusOf(on, victim.id)).counters['repaired']).toBe(1)
    await expectEqual(on, db, 3)
  })
})

describe('a damaged log', () => {
  /** Flips a bit among the entries that the first segment of the log holds. */
  async function damageLog(on: Cluster, id: string): Promise<void> {
    const machine = on.machine(id)
    const [first] = (await on.done(machine.disk.list('/data/groups/0/wal'))) ?? []
    machine.disk.flipBit(`/data/groups/0/wal/${first}`, 8 * 1_600)
  }

  test('of one node of three: it neither votes nor counts until it has all again', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await fill(on, db, 'before', 40)
    const { leader = '' } = await on.done(db.status())
    const [victim = '', other = ''] = ['n1', 'n2', 'n3'].filter((id) => id !== leader)
    await on.kill(on.machine(victim))
    await damageLog(on, victim)
    // Without a second whole node there is nobody who could tell what it lacks.
    await on.kill(on.machine(other))
    await on.supervise(on.machine(victim))
    const alone = await on.failure(db.put('k', 'v', { timeout: 3_000 }))
    expect(alone.outcome).toBe('unknown')
    expect((await statusOf(on, victim)).waitsFor).toContain('what it had acknowledged')
    await on.supervise(on.machine(other))
    await on.done(db.put('k', 'w', { timeout: 20_000 }))
    await on.clock.advance(5_000)
    expect((await statusOf(on, victim)).waitsFor).toBeUndefined()
    expect(on.machine(victim).log.join('\n')).toContain('this node votes and counts')
    expect((await statusOf(on, victim)).counters['repaired']).toBe(1)
    await expectEqual(on, db, 3)
    // It counts again, after a start too.
    await on.kill(on.machine(victim))
    await on.supervise(on.machine(victim))
    await on.kill(on.machine(other))
    await on.done(db.put('k', 'x', { timeout: 20_000 }))
  })

  test('of one node of two: it refuses to start and says what to do', async () => {
    const on = await supervised(2)
    const db = await on.client()
    await fill(on, db, 'row', 40)
    await on.kill(on.machine('n2'))
    await damageLog(on, 'n2')
    await expect(on.supervise(on.machine('n2'))).rejects.toMatchObject({
      code: 'QUORATE_CORRUPT',
      message: expect.stringContaining('quorate snapshot restore'),
    })
  })
})

describe('members', () => {
  async function add(on: Cluster, db: Client, id: string): Promise<void> {
    await on.supervise(await on.newcomer(id))
    const { members } = await on.done(
      db.addMember({ id, peerAddress: `${id}:7201` }, { timeout: 60_000 }),
    )
    expect(members.find((member) => member.id === id)?.voter).toBe(true)
  }

  test('a cluster grows from one to five, under writes', async () => {
    const on = await supervised(1)
    const db = await on.client()
    await fill(on, db, 'before', 300)
    for (const id of ['n2', 'n3', 'n4', 'n5']) {
      const written = fill(on, db, id, 40)
      await add(on, db, id)
      await on.done(written)
    }
    await expectEqual(on, db, 5)
    const status = await statusOf(on, 'n5')
    expect(status.members.map(({ id, voter }) => [id, voter])).toEqual(
      ['n1', 'n2', 'n3', 'n4', 'n5'].map((id) => [id, true]),
    )
  })

  test('it shrinks again, the leader too goes, and who was removed stops quietly', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await fill(on, db, 'row', 100)
    const { leader = '' } = await on.done(db.status())
    await on.done(db.removeMember(leader, { timeout: 20_000 }))
    const gone = on.machine(leader)
    expect(await on.done<unknown>(gone.supervised?.closed ?? Promise.resolve(), 20_000)).toBe(
      'removed',
    )
    const [left] = on.machines.filter((machine) => machine !== gone)
    await on.done(db.put('k', 'v'))
    const { members } = await on.done(db.members())
    expect(members.map(({ id }) => id)).not.toContain(leader)
    // Once more is no mistake.
    await on.done(db.removeMember(leader))
    await on.done(left?.supervised?.close() ?? Promise.resolve())
    expect(await left?.supervised?.closed).toBe('closed')
  })

  test.each([1, 2, 3, 4])('down to the last one, under writes (drawing %i)', async (seed) => {
    const on = await supervised(3, seed)
    const db = await on.client()
    await fill(on, db, 'before', 40)
    for (const id of ['n1', 'n2']) {
      const written = fill(on, db, id, 40)
      await on.done(db.removeMember(id, { timeout: 20_000 }))
      await on.done<unknown>(on.machine(id).supervised?.closed ?? Promise.resolve(), 20_000)
      await on.done(written)
    }
    // Nobody else is there any more: nothing that they had said may take the lead from it.
    const before = await statusOf(on, 'n3')
    expect(before.role).toBe('leader')
    await fill(on, db, 'after', 200)
    await on.clock.advance(30_000)
    const keys: unknown[] = []
    const read = async (): Promise<void> => {
      for await (const { key } of db.scan({ keysOnly: true })) keys.push(key)
    }
    await on.done(read())
    expect(keys).toHaveLength(320)
    expect((await statusOf(on, 'n3')).term).toBe(before.term)
  })

  test('one that hangs is removed, and no write waits for it (openraft#808)', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await fill(on, db, 'row', 100)
    const { leader } = await on.done(db.status())
    const hung = on.machines.find(({ id }) => id !== leader)
    if (hung === undefined) throw new Error('nobody follows')
    const busy = await writers(on, 2, { pauseMs: 5 })
    await on.clock.advance(200)
    hung.life.pause()
    // Not so long that the links to it are given up.
    await on.clock.advance(500)
    const { members } = await on.done(db.removeMember(hung.id, { timeout: 20_000 }))
    expect(members.map(({ id }) => id)).not.toContain(hung.id)
    await on.clock.advance(3_500)
    for (const writer of busy) await writer.stop(on)
    for (const { slowestMs, acknowledged, refused, unknown } of busy) {
      expect(slowestMs).toBeLessThan(200)
      expect(acknowledged.length).toBeGreaterThan(250)
      expect([...refused, ...unknown]).toEqual([])
    }
    expect((await on.done(db.status())).leader).toBe(leader)
  })

  test('a member is replaced in one step', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await fill(on, db, 'row', 300)
    await on.supervise(await on.newcomer('n4'))
    const { leader = '' } = await on.done(db.status())
    const old = ['n1', 'n2', 'n3'].find((id) => id !== leader) ?? ''
    const by = { id: 'n4', peerAddress: 'n4:7201' }
    const { members } = await on.done(db.replaceMember(old, by, { timeout: 60_000 }))
    const left = ['n1', 'n2', 'n3', 'n4'].filter((id) => id !== old)
    expect(members.map(({ id, voter }) => [id, voter])).toEqual(left.map((id) => [id, true]))
  })

  test('a node that joins later refuses a member that was wiped, as the others do (`fabric#3639`)', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await on.done(db.put('k', 'v'))
    const { leader = '' } = await on.done(db.status())
    const id = ['n1', 'n2', 'n3'].find((each) => each !== leader) ?? ''
    await on.kill(on.machine(id))
    const wiped = await on.wiped(id)
    await on.supervise(wiped)
    await add(on, db, 'n4')
    await on.clock.advance(5_000)
    const { members } = await statusOf(on, 'n4')
    expect(members.filter(({ connected }) => !connected).map((member) => member.id)).toEqual([id])
    expect(wiped.log.join('\n')).toContain('QUORATE_WRONG_INCARNATION')
  })

  test('a stranger is refused, and the node goes on, where no more names can be remembered', async () => {
    const on = new Cluster(1, 1, { options: smallLog, segmentBytes: 8_192 })
    cluster = on
    const only = on.machine('n1')
    await on.initialise(only)
    const known = { disk: only.disk, directory: '/data/groups/0' }
    const pins = await on.done(PeerIncarnations.open(known))
    for (let i = 0; i < 1_024; i++) await on.done(pins.pin(`old-${i}`, 'ab'.repeat(16)))
    await on.supervise(only)
    const db = await on.client()
    await on.done(db.put('k', 'v'))
    const stranger = await on.newcomer('n2')
    await on.supervise(stranger)
    const added = db.addMember({ id: 'n2', peerAddress: 'n2:7201' }, { timeout: 3_000 })
    expect((await on.failure(added)).outcome).toBe('unknown')
    expect(await on.done(db.get('k'))).toBe('v')
  })

  test('changes that make no sense are refused with the reason', async () => {
    const on = await supervised(2)
    const db = await on.client()
    const unknown = await on.failure(db.promoteMember('n9'))
    expect(unknown).toMatchObject({
      code: 'QUORATE_MEMBERSHIP',
      outcome: 'not-applied',
      details: { reason: 'unknownMember' },
    })
    const taken = await on.failure(db.addMember({ id: 'n2', peerAddress: 'elsewhere:7201' }))
    expect(taken).toMatchObject({ details: { reason: 'knownMember' } })
    // Nobody answers there: it stays a learner that lags, for as long as it is waited for.
    const nobody = db.addMember({ id: 'n3', peerAddress: 'n3:7201' }, { timeout: 1_000 })
    expect(await on.failure(nobody)).toMatchObject({ outcome: 'unknown' })
    await on.kill(on.machine('n2'))
    await on.clock.advance(200)
    await on.supervise(on.machine('n2'))
    await on.done(db.removeMember('n3', { timeout: 10_000 }))
  })
})

describe('leadership', () => {
  test('it is handed to whom is named, to somebody, and to who is preferred', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await on.done(db.put('k', 'v'))
    const { leader: first = '' } = await on.done(db.status())
    const other = ['n1', 'n2', 'n3'].find((id) => id !== first) ?? ''
    expect(await on.done(db.transferLeadership(other))).toBe(other)
    expect(await on.done(db.transferLeadership(other))).toBe(other)
    expect(await on.done(db.transferLeadership())).not.toBe(other)
    expect(await on.failure(db.transferLeadership('n9'))).toMatchObject({
      code: 'QUORATE_TRANSFER',
      details: { reason: 'unknownMember' },
    })
    await on.done(db.updateMember(first, { priority: 5 }))
    await on.clock.advance(15_000)
    expect((await on.done(db.status())).leader).toBe(first)
    expect(await on.done(db.get('k'))).toBe('v')
  })

  test('a leader that is closed hands over first: nobody waits for a timeout', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await on.done(db.put('k', 'v'))
    const { leader = '' } = await on.done(db.status())
    await on.done(on.machine(leader).supervised?.close() ?? Promise.resolve())
    const rest = ['n1', 'n2', 'n3'].filter((id) => id !== leader)
    const [status] = await Promise.all(rest.map((id) => statusOf(on, id)))
    expect(rest).toContain(status?.leader)
    expect(status?.term).toBe(2)
  })
})

describe('a nearly full disk', () => {
  test('writes are refused, reads go on, and service comes back with room', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await on.done(db.put('k', 'v'))
    for (const { disk } of on.machines) disk.room = { free: 100, total: 1_000_000_000 }
    await on.clock.advance(1_000)
    const full = await on.failure(db.put('k', 'w', { timeout: 500 }))
    expect(full).toMatchObject({ code: 'QUORATE_DISK_FULL', outcome: 'not-applied' })
    expect(await on.done(db.get('k'))).toBe('v')
    expect((await statusOf(on, 'n1')).diskFull).toBe(true)
    for (const { disk } of on.machines) disk.room = { free: 900_000_000, total: 1_000_000_000 }
    await on.done(db.put('k', 'w'))
    expect(await on.done(db.get('k'))).toBe('w')
  })

  test('a state that cannot be written goes on from its last barrier, in the same process', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await fill(on, db, 'before', 40)
    const { leader = '' } = await on.done(db.status())
    const victim = on.machine(['n1', 'n2', 'n3'].find((id) => id !== leader) ?? '')
    const openings = victim.databases.size
    victim.database.failWrites(new Error('ENOSPC: no space left on device'))
    // Twice the disk is still full when it is opened again.
    for (let i = 0; i < 2; i++) victim.openErrors.push(noSpace())
    await fill(on, db, 'meanwhile', 40)
    await on.clock.advance(10_000)
    expect(victim.log.join('\n')).toContain('goes on from its last barrier')
    expect(victim.openErrors).toEqual([])
    await fill(on, db, 'after', 40)
    await expectEqual(on, db, 3)
    expect(victim.databases.size).toBe(openings)
  })

  test('a state that fails again at once is not opened again and again without a pause', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await fill(on, db, 'before', 40)
    const { leader = '' } = await on.done(db.status())
    const victim = on.machine(['n1', 'n2', 'n3'].find((id) => id !== leader) ?? '')
    const openings = (): number => victim.log.filter((line) => line.includes('state opened')).length
    const before = openings()
    victim.database.failWrites(new Error('ENOSPC: no space left on device'))
    await fill(on, db, 'meanwhile', 40)
    await on.until('the state fails', () => victim.log.join('').includes('its last barrier'))
    await on.clock.advance(500)
    expect(openings()).toBe(before)
    await on.clock.advance(5_000)
    expect(openings()).toBe(before + 1)
  })

  test('a node that is closed while its state waits to be opened again ends in order', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await fill(on, db, 'before', 40)
    const { leader = '' } = await on.done(db.status())
    const victim = on.machine(['n1', 'n2', 'n3'].find((id) => id !== leader) ?? '')
    victim.database.failWrites(new Error('ENOSPC: no space left on device'))
    for (let i = 0; i < 100; i++) victim.openErrors.push(noSpace())
    await fill(on, db, 'meanwhile', 40)
    await on.until('it waits', () => victim.log.join('').includes('could not be opened again yet'))
    const tried = victim.openErrors.length
    const { supervised: node } = victim
    await on.done(node?.close() ?? Promise.resolve())
    expect(await node?.closed).toBe('closed')
    expect(victim.openErrors.length).toBe(tried)
  })
})

function noSpace(): Error {
  return Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
}
