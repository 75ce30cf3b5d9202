/**
 * Goal: a node that was removed stays out: started again, on the same directory, it says so and ends,
 * and serves nothing that is old. One that joins under the same name with a directory of its own is
 * not taken for it.
 * Method: real nodes and the real client in one process, on a clock that moves by hand.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { Cluster } from './support/cluster.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

const smallLog = { walMaxBytes: 65_536, walKeepEntries: 8, auditEveryMs: 120_000 }

async function supervised(count: number): Promise<Cluster> {
  const on = new Cluster(1, count, { options: smallLog, segmentBytes: 8_192 })
  cluster = on
  for (const machine of on.machines) await on.initialise(machine)
  for (const machine of on.machines) await on.supervise(machine)
  return on
}

/** Removes a node and waits until it has ended by itself. */
async function removed(on: Cluster, id: string): Promise<void> {
  const db = await on.client()
  await on.done(db.removeMember(id, { timeout: 20_000 }))
  await on.done(Promise.resolve(on.machine(id).supervised?.closed), 20_000)
  await on.done(db.put('k', 'new'))
}

async function expectRefused(on: Cluster, id: string): Promise<void> {
  await on.kill(on.machine(id))
  await expect(on.supervise(on.machine(id))).rejects.toMatchObject({
    code: 'QUORATE_REMOVED',
    message: expect.stringContaining('quorate node init --join'),
  })
}

describe('a node that was removed', () => {
  test.each(['leader', 'follower'])('does not start again: the %s', async (who) => {
    const on = await supervised(3)
    const db = await on.client()
    await on.done(db.put('k', 'v'))
    const { leader = '' } = await on.done(db.status())
    const id = who === 'leader' ? leader : ['n1', 'n2', 'n3'].filter((each) => each !== leader)[0]
    await removed(on, id ?? '')
    await expectRefused(on, id ?? '')
    // However often.
    await expectRefused(on, id ?? '')
  })

  test('does not start again: one that had joined later', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await on.supervise(await on.newcomer('n4'))
    await on.done(db.addMember({ id: 'n4', peerAddress: 'n4:7201' }, { timeout: 60_000 }))
    await removed(on, 'n4')
    await expectRefused(on, 'n4')
  })

  test('does not start again: one that was away meanwhile, and is told so once', async () => {
    const on = await supervised(3)
    const db = await on.client()
    await on.done(db.put('k', 'v'))
    const { leader = '' } = await on.done(db.status())
    const [id = ''] = ['n1', 'n2', 'n3'].filter((each) => each !== leader)
    await on.kill(on.machine(id))
    await on.done(db.removeMember(id, { timeout: 20_000 }))
    await on.done((await on.supervise(on.machine(id))).closed, 60_000)
    await expectRefused(on, id)
  })

  test('is not a newcomer that was killed before it knew that it is a member', async () => {
    const on = await supervised(3)
    const db = await on.client()
    for (let i = 0; i < 60; i++) await on.done(db.put(`k${i}`, 'v'.repeat(900)))
    const newcomer = await on.newcomer('n4')
    await on.supervise(newcomer)
    const adding = db.addMember({ id: 'n4', peerAddress: 'n4:7201' }, { timeout: 60_000 })
    for (let i = 0; i < 8; i++) {
      await on.clock.advance(7)
      await on.kill(newcomer)
      await on.supervise(newcomer)
    }
    const { members } = await on.done(adding, 60_000)
    expect(members.find(({ id }) => id === 'n4')?.voter).toBe(true)
  })

  test('is not one whose name was added, taken out and added again before it ran', async () => {
    const on = await supervised(3)
    const db = await on.client()
    const name = { id: 'n4', peerAddress: 'n4:7201' }
    for (let i = 0; i < 5; i++) await on.done(db.put(`k${i}`, 'v'.repeat(900)))
    await on.failure(db.addMember(name, { timeout: 1_000 }))
    await on.done(db.removeMember('n4', { timeout: 20_000 }))
    for (let i = 0; i < 200; i++) await on.done(db.put(`l${i}`, 'v'.repeat(90)))
    const newcomer = await on.newcomer('n4')
    await on.supervise(newcomer)
    const { members } = await on.done(db.addMember(name, { timeout: 60_000 }))
    expect(members.find(({ id }) => id === 'n4')?.voter).toBe(true)
    await on.kill(newcomer)
    await on.supervise(newcomer)
  })
})
