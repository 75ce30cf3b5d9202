/**
 * Goal: the node as a whole keeps the guarantees: nothing acknowledged is lost, no read goes back
 * in time, refusals are honest, failures of the disk end the node, and damage is repaired.
 * Method: three real nodes and the real client in one process, on a clock that moves by hand and
 * disks, databases and a network that fail on demand.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { decodePeerFrame, encodePeerFrame } from '../../src/transport/peer-codec.ts'
import { Cluster } from './support/cluster.ts'
import type { Machine } from './support/cluster.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

async function three(seed = 1): Promise<Cluster> {
  cluster = new Cluster(seed)
  return await cluster.up()
}

/** Writes one after the other until told to stop; remembers what was acknowledged. */
class Writer {
  readonly acknowledged: string[] = []
  readonly refused: string[] = []
  readonly unknown: string[] = []
  #stopped = false
  readonly #ended: Promise<void>

  constructor(db: { put(key: string, value: string, o: object): Promise<unknown> }, name: string) {
    const run = async (): Promise<void> => {
      for (let i = 0; !this.#stopped; i++) {
        const key = `${name}-${i}`
        try {
          await db.put(key, key, { timeout: 2_000 })
          this.acknowledged.push(key)
        } catch (error) {
          const outcome: unknown =
            error instanceof Error && 'outcome' in error ? error.outcome : String(error)
          if (outcome === 'not-applied') this.refused.push(key)
          else if (outcome === 'unknown') this.unknown.push(key)
          else throw error
        }
      }
    }
    this.#ended = run()
  }

  async stop(on: Cluster): Promise<void> {
    this.#stopped = true
    await on.done(this.#ended)
  }
}

/** Every acknowledged write is there, no refused one is, and the nodes agree on every row. */
async function expectHonest(on: Cluster, writers: readonly Writer[]): Promise<void> {
  const db = await on.client()
  for (const { acknowledged, refused } of writers) {
    const found = await on.done(db.getMany(acknowledged))
    expect(found).toEqual(acknowledged)
    const none = await on.done(db.getMany(refused))
    expect(none).toEqual(refused.map(() => undefined))
  }
  const revisions = new Set<number>()
  await on.until('all nodes are at one index', () => {
    const indices = on.machines.map(({ status }) => status.appliedIndex)
    return indices.every((index) => index === indices[0])
  })
  for (const { status } of on.machines) revisions.add(status.revision)
  expect(revisions.size).toBe(1)
}

describe('a healthy cluster', () => {
  test('elects, writes, reads on every node, refuses nothing and holds no election', async () => {
    const on = await three()
    const db = await on.client()
    const { term } = (await on.leader()).status
    expect((await on.done(db.put('a', '1'))).verdict).toBe('applied')
    await on.clock.advance(700)
    for (const { id } of on.machines) {
      const pinned = await on.client({ pin: true }, [id])
      expect(await on.done(pinned.get('a'))).toBe('1')
      expect(on.machine(id).status.ready).toBe(true)
    }
    await on.clock.advance(20_000)
    expect((await on.leader()).status.term).toBe(term)
  })

  test('an orderly end and a restart keep everything', async () => {
    const on = await three()
    const db = await on.client()
    const { revision } = await on.done(db.put('a', '1'))
    for (const machine of on.machines) {
      await on.done(machine.node.close())
      // A second close is a wait for the first one, and nothing else.
      await on.done(machine.node.close())
      expect(machine.end).toEqual({ type: 'closed' })
      await on.start(machine)
    }
    await on.leader()
    expect(await on.done(db.entry('a'))).toMatchObject({ value: '1', revision })
  })
})

describe('a node that stops', () => {
  test('does not turn away a peer as a stranger while a slow client holds it up', async () => {
    const on = await three()
    const [a, b] = on.followers(await on.leader()) as [Machine, Machine]
    await on.client({ pin: true }, [a.id])
    await on.kill(b)
    // The goodbye to the client gets nowhere, so that the end takes its time.
    on.network.cut(a.id, 'client')
    const closing = a.node.close()
    await on.start(b)
    await on.clock.advance(1_000)
    expect(a.end).toBeUndefined()
    await on.done(closing)
    expect(b.log.join('\n')).not.toContain('warn refused')
    expect(b.log.join('\n')).not.toContain('INCARNATION')
    expect(a.log.join('\n')).not.toContain('INCARNATION')
  })
})

describe('partitions', () => {
  test('a leader that is cut off neither acknowledges nor reads; the others go on', async () => {
    const on = await three()
    const old = await on.leader()
    const writer = await on.client()
    await on.done(writer.put('a', 'before'))
    const atOld = await on.client({ pin: true }, [old.id])
    on.isolate(old)
    // At once: it still believes that it leads.
    const lost = on.failure(atOld.put('a', 'by the old one', { timeout: 1_500 }))
    const read = on.failure(atOld.get('a', { timeout: 1_500 }))
    const [lostError, readError] = await Promise.all([lost, read])
    expect(lostError.outcome).toBe('unknown')
    expect(readError.outcome).toBe('not-applied')
    expect(old.status.ready).toBe(false)
    expect(old.status.role).not.toBe('leader')

    const others = on.followers(old)
    await on.leader(others)
    const fresh = await on.client(
      {},
      others.map(({ id }) => id),
    )
    await on.done(fresh.put('a', 'after'))
    expect(await on.done(atOld.get('a', { consistency: 'stale' }))).toBe('before')

    on.network.heal()
    await on.leader()
    expect(await on.done(atOld.get('a'))).toBe('after')
    expect(await on.done(writer.get('a'))).toBe('after')
  })

  test('a minority refuses writes and reads, says so, and takes part again', async () => {
    const on = await three()
    const leader = await on.leader()
    const [dead, alive] = on.followers(leader) as [Machine, Machine]
    await on.kill(dead)
    on.isolate(leader)
    await on.clock.advance(2_000)
    for (const machine of [leader, alive]) {
      const db = await on.client({ pin: true }, [machine.id])
      const put = await on.failure(db.put('k', 'v', { timeout: 1_000 }))
      expect(put.outcome).toBe('not-applied')
      expect(machine.status.ready).toBe(false)
      expect(machine.status.reasons.join()).toMatch(/no leader|no quorum/)
    }
    on.network.heal()
    await on.start(dead)
    await on.leader()
    const db = await on.client()
    expect(await on.done(db.get('k'))).toBeUndefined()
  })

  test('writers through a storm of partitions: every answer is true', async () => {
    const on = await three(7)
    const writers: Writer[] = []
    for (let i = 0; i < 4; i++) writers.push(new Writer(await on.client(), `w${i}`))
    for (let round = 0; round < 8; round++) {
      const victim = round % 2 === 0 ? await on.leader() : on.machines[round % 3]
      if (victim !== undefined) on.isolate(victim)
      await on.clock.advance(700 + 100 * round)
      if (round % 3 === 2) for (const a of on.machines) on.network.reset(a.id, 'client')
      on.network.heal()
      await on.leader()
    }
    for (const writer of writers) await writer.stop(on)
    expect(writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)).toBeGreaterThan(
      100,
    )
    await expectHonest(on, writers)
  })
})

describe('crashes', () => {
  test.each(['none', 'prefix', 'sectors'] as const)(
    'all nodes lose power at once (unsynced bytes kept: %s): nothing acknowledged is lost',
    async (keep) => {
      const on = await three(keep.length)
      for (const machine of on.machines) machine.syncMs = 5
      const writers: Writer[] = []
      for (let i = 0; i < 3; i++) writers.push(new Writer(await on.client(), `w${i}`))
      for (let round = 0; round < 4; round++) {
        await on.clock.advance(150 + 37 * round)
        for (const machine of on.machines) await on.powerCut(machine, keep)
        for (const machine of on.machines) await on.start(machine)
        await on.leader()
      }
      for (const writer of writers) await writer.stop(on)
      expect(writers[0]?.acknowledged.length).toBeGreaterThan(10)
      await expectHonest(on, writers)
    },
  )

  test('power fails, and the leader, whose disk was the fastest, never comes back', async () => {
    for (let round = 0; round < 4; round++) {
      const on = await three(round)
      const leader = await on.leader()
      for (const machine of on.machines) machine.syncMs = machine === leader ? 1 : 60
      const writers: Writer[] = []
      for (let i = 0; i < 3; i++) writers.push(new Writer(await on.client(), `w${i}`))
      await on.clock.advance(400 + 17 * round)
      for (const machine of on.machines) await on.powerCut(machine)
      const others = on.followers(leader)
      for (const machine of others) await on.start(machine)
      await on.leader(others)
      for (const writer of writers) await writer.stop(on)
      const db = await on.client()
      for (const { acknowledged } of writers) {
        expect(acknowledged.length).toBeGreaterThan(1)
        expect(await on.done(db.getMany(acknowledged))).toEqual(acknowledged)
      }
      await on.down()
    }
    cluster = undefined
  })

  test('a node whose state is lost makes it anew from its log', async () => {
    const on = await three()
    const db = await on.client()
    for (let i = 0; i < 20; i++) await on.done(db.put(`k${i}`, `${i}`))
    const [victim] = on.followers(await on.leader()) as [Machine]
    await on.kill(victim)
    victim.database.wipe()
    await on.start(victim)
    await on.leader()
    const pinned = await on.client({ pin: true }, [victim.id])
    for (let i = 0; i < 20; i++) {
      expect(await on.done(pinned.get(`k${i}`))).toBe(`${i}`)
    }
  })

  test('a node that comes back serves nothing older than what its log knew as committed', async () => {
    const on = await three()
    const db = await on.client()
    for (let i = 0; i < 10; i++) await on.done(db.put('k', `${i}`))
    const [victim] = on.followers(await on.leader()) as [Machine]
    await on.powerCut(victim)
    on.isolate(victim)
    await on.start(victim)
    const pinned = await on.client({ pin: true }, [victim.id])
    const value = await on.done(pinned.get('k', { consistency: 'stale' }))
    expect(Number(value)).toBeGreaterThanOrEqual(8)
  })
})

describe('failures of the disk', () => {
  test.each(
    (['write', 'sync'] as const).flatMap((operation) =>
      [1, 2, 5].flatMap((nth) =>
        (['EIO', 'ENOSPC'] as const).map((error) => ({ operation, nth, error })),
      ),
    ),
  )('the leader: $operation $nth ends with $error', async ({ operation, nth, error }) => {
    const on = await three(nth)
    const leader = await on.leader()
    const writer = new Writer(await on.client(), 'w')
    await on.clock.advance(50)
    leader.disk.fail({ operation, nth, error })
    await on.until('the node ends', () => leader.end !== undefined)
    expect(leader.end?.type).toBe('failed')
    expect(leader.end).toMatchObject({ error: { code: 'QUORATE_STORAGE' } })
    await on.leader(on.followers(leader))
    await on.clock.advance(300)
    await writer.stop(on)
    // It comes back: what it had not synced was promised to nobody.
    await on.powerCut(leader)
    await on.start(leader)
    await on.leader()
    await expectHonest(on, [writer])
  })

  test('alone, a failing disk acknowledges nothing that a restart does not find', async () => {
    for (let nth = 1; nth <= 12; nth++) {
      const on = await new Cluster(nth, 1).up()
      cluster = on
      const machine = on.machine('n1')
      const writer = new Writer(await on.client(), 'w')
      await on.clock.advance(20)
      machine.disk.fail({ operation: 'change', nth, error: 'EIO' })
      await on.until('the node ends', () => machine.end !== undefined)
      expect(machine.end?.type).toBe('failed')
      await on.powerCut(machine)
      await on.start(machine)
      await on.leader()
      await writer.stop(on)
      await expectHonest(on, [writer])
      await on.down()
    }
    cluster = undefined
  })

  test('the database of the state cannot be written any more: the node ends', async () => {
    const on = await three()
    const [victim] = on.followers(await on.leader()) as [Machine]
    victim.database.failWrites(new Error('no space left on device'))
    const db = await on.client()
    await on.done(db.put('k', 'v'))
    await on.until('the node ends', () => victim.end !== undefined, 3_000)
    expect(victim.end).toMatchObject({ type: 'stateFailed', error: { code: 'QUORATE_STORAGE' } })
    expect(await on.done(db.get('k'))).toBe('v')
  })
})

describe('damage', () => {
  async function withDamagedRow(on: Cluster, machine: Machine): Promise<void> {
    const db = await on.client()
    await on.done(db.put('rotten', 'good'))
    const { lastIndex } = (await on.leader()).status
    await on.until('it is applied', () => machine.status.appliedIndex >= lastIndex, 1_000)
    await on.done(machine.node.close())
    const key = [...machine.database.rows().keys()].find((name) =>
      name.endsWith(Buffer.from('rotten').toString('hex')),
    )
    if (key === undefined) throw new Error('the row is not stored')
    machine.database.crash(machine.database.volatileBatches)
    machine.database.tamper(key, (row) =>
      row.map((byte, i) => (i === row.length - 1 ? ~byte : byte)),
    )
  }

  test.each(['get', 'scan', 'digest'])('met by a %s ends the node as damaged', async (how) => {
    const on = await three()
    const victim = on.followers(await on.leader())[0] as Machine
    await withDamagedRow(on, victim)
    await on.start(victim)
    await on.leader()
    const pinned = await on.client({ pin: true }, [victim.id])
    const ask = async (): Promise<unknown> => {
      if (how === 'get') return await pinned.get('rotten', { consistency: 'stale' })
      if (how === 'digest') return await (await on.client()).digest()
      const values: unknown[] = []
      for await (const { value } of pinned.scan({ consistency: 'stale' })) values.push(value)
      return values
    }
    const answer = ask().then(
      (value) => JSON.stringify(value) ?? '',
      (error: unknown) => String(error),
    )
    await on.until('the node ends', () => victim.end !== undefined, 5_000)
    expect(victim.end?.type).toBe('stateDamaged')
    if (how !== 'digest') expect(await on.done(answer)).not.toMatch(/^\W*go/)
  })

  test('supervised, the node makes its state anew, on the same ports', async () => {
    const on = await three()
    const victim = on.followers(await on.leader())[0] as Machine
    await withDamagedRow(on, victim)
    victim.running = undefined
    await on.supervise(victim)
    const pinned = await on.client({ pin: true }, [victim.id])
    const value = await on.done(pinned.get('rotten', { consistency: 'stale', timeout: 20_000 }))
    expect(value).toBe('good')
    expect(victim.log.join('\n')).toContain('the state is damaged and is made anew')
  })

  test('closed while the state is made anew, it still ends in order', async () => {
    for (let later = 0; later < 30; later += 3) {
      const on = await new Cluster(later, 1).up()
      cluster = on
      const machine = on.machine('n1')
      await withDamagedRow(on, machine)
      machine.running = undefined
      const supervised = await on.supervise(machine)
      const pinned = await on.client({ pin: true }, ['n1'])
      const answer = pinned.get('rotten', { consistency: 'stale' }).catch(() => {})
      await on.clock.advance(2)
      for (let turn = 0; turn < later; turn++) await Promise.resolve()
      const closed = supervised.close().catch((error: unknown) => String(error))
      expect(await on.done(closed)).toBeUndefined()
      await on.done(answer)
      machine.supervised = undefined
      // Its lock and its ports are free again.
      await on.start(machine)
      await on.down()
    }
    cluster = undefined
  })
})

describe('a wiped node', () => {
  test('is refused under its old name, and the others say why', async () => {
    const on = await three()
    const db = await on.client()
    await on.done(db.put('k', 'v'))
    const [victim, other] = on.followers(await on.leader()) as [Machine, Machine]
    await on.kill(victim)
    victim.disk.unplant('data')
    victim.databases.clear()
    await on.initialise(victim)
    await on.start(victim)
    await on.clock.advance(5_000)
    expect(victim.status.lastIndex).toBe(0)
    expect(victim.status.leader).toBeUndefined()
    expect(victim.status.reasons.join()).toContain('refused by')
    // With one more gone there is no quorum: the wiped node must not help out.
    await on.kill(other)
    const refused = await on.failure(db.put('k', 'w', { timeout: 3_000 }))
    expect(['unknown', 'not-applied']).toContain(refused.outcome)
    await on.start(other)
    await on.until('a leader', () => on.machines.some(({ status }) => status.role === 'leader'))
    expect(['v', 'w']).toContain(await on.done(db.get('k')))
  })
})

describe('the peer port', () => {
  test('refuses an incarnation that is none, and the node goes on', async () => {
    const on = await three()
    const [victim, other] = on.machines as [Machine, Machine]
    const network = on.network.host('stranger')
    const connection = await on.done(
      network.connect(`${victim.id}:7201`, { frameBytesMax: 1_000_000, timeoutMs: 1_000 }),
    )
    const answers: string[] = []
    connection.setHandlers({
      onFrame: (bytes) => void answers.push(decodePeerFrame(bytes).type),
      onClose: () => {},
    })
    connection.send(
      encodePeerFrame({
        type: 'peerHello',
        protocolMin: 1,
        protocolMax: 1,
        link: 'control',
        clusterId: victim.status.clusterId,
        groupId: 0,
        nodeId: other.id,
        incarnation: 'nonsense',
        to: victim.id,
        peerAddress: 'n9:1',
        clientAddress: 'n9:2',
      }),
    )
    await on.clock.advance(500)
    expect(answers).toEqual(['peerRefusal'])
    expect(victim.end).toBeUndefined()
  })
})

test('a long log is applied in many turns, and the node hears the others in between', async () => {
  const caps = { raft: { applyBytesMax: 1 }, proposals: { operationsPerEntryMax: 1 } }
  const on = await new Cluster(7, 1, { caps }).up()
  cluster = on
  const db = await on.client()
  const records = Array.from({ length: 1_100 }, (_, i) => ({ key: `k${i}`, value: 'v' }))
  await on.done(db.putMany(records))
  const [machine] = on.machines
  if (machine === undefined) throw new Error('a cluster has a node')
  const { appliedIndex } = machine.status
  expect(appliedIndex).toBeGreaterThan(1_100)
  // Power is lost, and with it all of the state, so that all of the log is applied anew.
  await on.powerCut(machine)
  await on.start(machine)
  await on.until('the log is applied', () => machine.status.appliedIndex >= appliedIndex)
  expect(machine.end).toBeUndefined()
})
