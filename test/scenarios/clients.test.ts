/**
 * Goal: between a client's call and its answer anything may happen, and still the call takes effect
 * at most once, and what the client is told is true.
 * Method: real clients and whole nodes in one process on a clock that moves by hand: the leader
 * dies between commit and reply, copies of a call meet in the log, sessions expire under way, the
 * nodes' wall clocks disagree. Each rule by itself is tested in test/state and test/client.
 */
import { describe, expect, test } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import type { Cluster, Machine } from '../node/support/cluster.ts'
import { clusters, leadersOver, patienceMs } from './support/world.ts'
import { Account, expectHonest, writers } from './support/writers.ts'

const cluster = clusters()
const dayMs = 24 * 3_600_000

/** No answer of this node gets to the client any more. */
const deafen = (on: Cluster, { id }: Machine): void => on.network.cutOneWay(id, 'client')

describe('the leader goes between commit and reply', () => {
  const timeout = 15_000
  const calls: readonly (readonly [string, (db: Client) => Promise<unknown>])[] = [
    ['condition', (db) => db.put('k', 'after', { ifRevision: 1, timeout })],
    ['token', (db) => db.put('k', 'after', { token: 't', timeout })],
    ['once', (db) => db.put('k1', 'after', { once: true, timeout })],
    [
      'batch',
      (db) => db.batch([{ type: 'put', key: 'k', value: 'x', ifRevision: 1 }], { timeout }),
    ],
    ['delete', (db) => db.delete('k', { timeout })],
  ]

  test('at any moment: a plain put is made once, and its answer is that of its effect (jetcd 0.8.2)', async () => {
    const on = await cluster().up()
    const db = await on.client()
    for (const machine of on.machines) machine.syncMs = 2
    for (let after = 0; after <= 12; after++) {
      const leader = await on.leader()
      const put = db.put(`k${after}`, 'v')
      await on.clock.advance(after)
      await on.kill(leader)
      const { verdict, revision } = await on.done(put)
      expect({ verdict, revision }).toEqual({ verdict: 'applied', revision: after + 1 })
      expect(await on.done(db.entry(`k${after}`))).toMatchObject({ revision })
      await on.start(leader)
      await on.leader()
    }
    expect((await on.leader()).status.revision).toBe(13)
  })

  test('conditions and tokens get the first answer again, from another leader (jetcd 0.8.2)', async () => {
    for (const [kind, ask] of calls) {
      const on = await cluster(kind.length).up()
      const db = await on.client()
      await on.done(db.put('k', 'before'))
      const leader = await on.leader()
      deafen(on, leader)
      const call = ask(db)
      await on.until('it is applied', () => leader.status.revision === 2, 1_000)
      await on.kill(leader)
      const result = await on.done(call, 20_000)
      expect(result, kind).toMatchObject({ verdict: 'applied', revision: 2 })
      const next = await on.leader(on.followers(leader))
      expect(next.status.revision, kind).toBe(2)
      await on.down()
    }
  })

  test('what a token decided is known to every later leader', async () => {
    const on = await cluster(2).up()
    const first = await on.client()
    const { revision } = await on.done(first.put('k', 'v', { token: 't' }))
    for (let round = 0; round < 4; round++) {
      const leader = await on.leader()
      await on.powerCut(leader)
      await on.start(leader)
      await on.leader()
      const db = await on.client()
      const again = await on.done(db.put('k', 'v', { token: 't' }))
      const other = await on.done(db.put('k', `${round}`, { token: 't' }))
      expect(again).toMatchObject({ verdict: 'duplicate', revision })
      expect(other).toMatchObject({ verdict: 'mismatch', revision })
    }
    expect((await on.leader()).status.revision).toBe(1)
  })
})

describe('copies of one call', () => {
  test('that stand in the log side by side, none of them committed yet, take effect once', async () => {
    const on = await cluster(3).up()
    const db = await on.client()
    await on.done(db.put('before', '1'))
    const leader = await on.leader()
    const before = leader.status.lastIndex
    for (const { id } of on.followers(leader)) on.network.cutOneWay(id, leader.id)
    const put = db.put('k', 'v', { timeout: 10_000 })
    for (let copy = 0; copy < 3; copy++) {
      await on.clock.advance(60)
      on.network.reset('client', leader.id)
    }
    await on.clock.advance(60)
    expect(leader.status.lastIndex).toBeGreaterThanOrEqual(before + 2)
    expect(leader.status.commitIndex).toBe(before)
    on.network.heal()
    expect(await on.done(put)).toMatchObject({ verdict: 'applied', revision: 2 })
    await on.clock.advance(1_000)
    for (const { status } of on.machines) expect(status.revision).toBe(2)
  })

  test('of 64 calls in flight, over links that break again and again: each once', async () => {
    const on = await cluster(4).up()
    const db = await on.client()
    const account = new Account()
    for (let wave = 0; wave < 6; wave++) {
      const calls = Array.from({ length: 64 }, (_, i) => {
        const key = `${wave}-${i}`
        return account.note(key, db.put(key, 'v', { timeout: 10_000 }))
      })
      for (let n = 0; n < 5; n++) {
        await on.clock.advance(1 + ((wave + n) % 4))
        for (const { id } of on.machines) on.network.reset('client', id)
      }
      await on.done(Promise.all(calls))
    }
    expect(account.acknowledged.length).toBe(6 * 64)
    await expectHonest(on, [account])
  })

  test('two calls with one token at the same time: one wins, on every node the same one', async () => {
    const on = await cluster(5).up()
    const [a, b] = [await on.client(), await on.client()]
    for (let i = 0; i < 20; i++) {
      const [left, right] = await on.done(
        Promise.all([
          a.put(`k${i}`, 'a', { token: `t${i}` }),
          b.put(`k${i}`, 'b', { token: `t${i}` }),
        ]),
      )
      expect([left.verdict, right.verdict].sort()).toEqual(['applied', 'mismatch'])
      expect(left.revision).toBe(right.revision)
      const value = left.verdict === 'applied' ? 'a' : 'b'
      for (const { id } of on.machines) {
        const pinned = await on.client({ pin: true }, [id])
        expect(await on.done(pinned.get(`k${i}`))).toBe(value)
        await on.done(pinned.close())
      }
    }
  })
})

describe('a session', () => {
  test.each([
    ['a bare write ends in doubt, and is not made again', undefined],
    ['a token finds its own effect, under a new session', 't'],
  ])('that expired while a call was under way: %s (thesis 6.3)', async (_, token) => {
    const on = await cluster(6).up()
    const there = await on.client({}, undefined, 'elsewhere')
    await on.done(there.setSetting('sessionExpiryMs', 4_000))
    const db = await on.client({ timeout: 60_000 })
    await on.done(db.put('first', '1'))
    const leader = await on.leader()
    deafen(on, leader)
    const put = db.put('k', 'v', token === undefined ? {} : { token })
    const ended = put.catch((error: unknown) => error)
    await on.until('it is applied', () => leader.status.revision === 2, 1_000)
    // From now on its copies wait in the network, while time goes on in the log.
    for (const { id } of on.machines) on.network.cut(id, 'client')
    for (let i = 0; i < 10; i++) {
      await on.clock.advance(800)
      await on.done(there.put(`tick${i}`, 'x'))
    }
    on.network.heal()

    const result = await on.done(ended)

    if (token === undefined) expect(result).toMatchObject({ outcome: 'unknown' })
    else expect(result).toMatchObject({ verdict: 'duplicate', revision: 2 })
    expect(await on.done(there.entry('k'))).toMatchObject({ revision: 2 })
    expect((await on.leader()).status.revision).toBe(12)
  })

  test.each([
    ['of which a copy took effect', true],
    ['of which none did', false],
  ])('SESSION_EXPIRED is unknown, for a call %s alike (thesis 6.3)', async (_, arrives) => {
    const on = await cluster(8).up()
    const there = await on.client({}, undefined, 'elsewhere')
    await on.done(there.setSetting('sessionExpiryMs', 4_000))
    const db = await on.client({ timeout: 60_000 })
    await on.done(db.put('first', '1'))
    const leader = await on.leader()
    for (const { id } of on.machines) {
      if (arrives) on.network.cutOneWay(id, 'client')
      else on.network.cut(id, 'client')
    }
    const ended = on.failure(db.put('k', 'v'), 60_000)
    await on.clock.advance(200)
    expect(leader.status.revision).toBe(arrives ? 2 : 1)
    for (const { id } of on.machines) on.network.cut(id, 'client')
    for (let i = 0; i < 10; i++) {
      await on.clock.advance(800)
      await on.done(there.put(`tick${i}`, 'x'))
    }
    on.network.heal()

    const error = await ended

    expect(error).toMatchObject({ code: 'QUORATE_SESSION_EXPIRED', outcome: 'unknown' })
    expect(await on.done(there.get('k'))).toBe(arrives ? 'v' : undefined)
    // Only that call is lost to its caller: the next one goes on under a new session.
    expect(await on.done(db.put('k', 'again'))).toMatchObject({ verdict: 'applied' })
  })

  test('that expired while its client was idle is replaced unheard: SESSION_EXPIRED of a first copy (thesis 6.3)', async () => {
    const on = await cluster(9).up()
    const there = await on.client({}, undefined, 'elsewhere')
    await on.done(there.setSetting('sessionExpiryMs', 4_000))
    const db = await on.client()
    await on.done(db.put('first', '1'))
    for (let i = 0; i < 10; i++) {
      await on.clock.advance(800)
      await on.done(there.put(`tick${i}`, 'x'))
    }
    const { revision } = (await on.leader()).status

    const result = await on.done(db.put('k', 'v'))

    expect(result).toMatchObject({ verdict: 'applied', revision: revision + 1 })
    expect((await on.leader()).status.revision).toBe(revision + 1)
  })

  test('expires at one moment on all nodes, though their wall clocks are days apart (thesis 6.3)', async () => {
    const on = cluster(7)
    const [n1, n2, n3] = on.machines as [Machine, Machine, Machine]
    n1.skewMs = -3 * dayMs
    n3.skewMs = 5 * dayMs
    await on.up()
    const admin = await on.client()
    await on.done(admin.setSetting('sessionExpiryMs', 3_000))
    await on.done(admin.setSetting('tokenRetentionMs', 4_000))
    const busy = await writers(on, 2, { pauseMs: 400 })
    for (let round = 0; round < 6; round++) {
      const idle = await on.client()
      await on.done(idle.put(`idle-${round}`, 'x', { token: `t${round}` }))
      await on.clock.advance(1_700)
      const leader = await on.leader()
      await on.kill(leader)
      await on.leader(on.followers(leader), patienceMs)
      await on.start(leader)
      await on.leader()
    }
    for (const writer of busy) await writer.stop(on)
    const { nodes } = await on.done(admin.digest())
    // Which sessions and tokens there are is in the rows; what they were asked to do, in the effects.
    const digests = nodes.map((node) =>
      'error' in node ? String(node.error) : `${node.effects} ${node.rows}`,
    )
    expect(new Set(digests).size, digests.join('\n')).toBe(1)
    expect(n2.status.revision).toBe(n1.status.revision)
  })
})

test('a write that nobody confirmed in time may still take effect: it is unknown (Jepsen: ok, fail, info)', async () => {
  const seen = new Set<string>()
  for (let round = 0; round < 6; round++) {
    const on = await cluster(20 + round).up()
    const leader = await on.leader()
    const db = await on.client({ pin: true }, [leader.id])
    const others = on.followers(leader)
    const cutFrom = round % 2 === 0 ? others.map(({ id }) => [id, leader.id] as const) : []
    for (const [from, to] of cutFrom) on.network.cutOneWay(from, to)
    if (round % 2 === 1) for (const other of others) other.life.pause()
    const error = await on.failure(db.put('k', 'v', { timeout: 150 }))
    expect(error.outcome).toBe('unknown')
    on.network.heal()
    for (const { life } of others) if (life.isPaused) life.resume()
    if (round >= 4) for (const { id } of others) on.network.reset(leader.id, id)
    await leadersOver(on, 1_000)
    await on.leader()
    const fresh = await on.client()
    seen.add(String(await on.done(fresh.get('k'))))
    await on.down()
  }
  expect(seen).toContain('v')
})
