/**
 * Goal: calls find the node that can serve them, at once where somebody knows it, without a storm
 * where nobody does, and within one budget of time.
 * Method: scripted nodes that know or do not know the leader, hang, die, advertise wrong addresses
 * or belong elsewhere; what each was asked, and when, is judged on the manual clock.
 */
import { describe, expect, test } from 'vitest'
import { applied, error } from './fake-node.ts'
import { World } from './world.ts'

const notLeader = (leader?: string) =>
  error('QUORATE_NOT_LEADER', leader === undefined ? {} : { details: { leader } })

describe('the leader', () => {
  test('a hint is followed at once, to the endpoint that was given', async () => {
    const world = new World()
    const [n1, n2] = await world.start(2)
    n1!.react = () => notLeader('n2')
    n2!.react = () => applied(1)
    const db = await world.connect()
    const before = world.clock.monotonic()

    expect(await world.end(db.put('k', 'v'))).toMatchObject({ verdict: 'applied' })

    expect(world.clock.monotonic()).toBe(before)
    expect(world.events).toContainEqual({ type: 'leader', nodeId: 'n2', endpoint: 'n2:7101' })
    await world.end(db.put('k', 'v'))
    expect(n1!.asked('write')).toHaveLength(1)
  })

  test('a hint to a member that was not given leads to its advertised address', async () => {
    const world = new World()
    const [n1, n2] = await world.start(2)
    n1!.react = () => notLeader('n2')
    n2!.react = () => applied(1)
    const db = await world.connect({}, 'n1:7101')

    expect(await world.end(db.put('k', 'v'))).toMatchObject({ verdict: 'applied' })
  })

  test('an advertised address that leads to another node is not believed', async () => {
    const world = new World()
    const [n1, n2, n3] = await world.start(3)
    n1!.members = [{ id: 'n2', clientAddress: 'n3:7101' }]
    n1!.react = () => notLeader('n2')
    n2!.react = () => applied(1)
    n3!.react = () => applied(2)
    const db = await world.connect({}, 'n1:7101')
    n1!.leader = 'n2'

    const failure = await world.failure(db.put('k', 'v', { timeout: 300 }))

    expect(failure).toMatchObject({ code: 'QUORATE_CONNECTION_LOST', outcome: 'not-applied' })
    expect(n3!.asked('write')).toEqual([])
  })

  test('nodes that point at each other do not make a call run in circles', async () => {
    const world = new World()
    const [n1, n2] = await world.start(2)
    n1!.react = () => notLeader('n2')
    n2!.react = () => notLeader('n1')
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { timeout: 1000 }))

    expect(failure).toMatchObject({ code: 'QUORATE_NO_QUORUM', outcome: 'not-applied' })
    expect(failure.attempts).toBeLessThan(40)
  })

  test('a thousand calls wait for an election together, and are not sent about', async () => {
    const world = new World()
    const nodes = await world.start(3, () => notLeader())
    const db = await world.connect()
    world.lead(undefined)
    const calls = Array.from({ length: 1000 }, (_, i) => db.put(`k${i}`, 'v'))
    await world.clock.advance(1000)
    const sentBefore = nodes.flatMap((node) => node.asked('write')).length
    const asked = nodes.flatMap((node) => node.asked('status')).length

    nodes[2]!.react = () => applied(1)
    world.lead('n3')
    await world.end(Promise.all(calls))

    expect(sentBefore).toBe(1000)
    expect(asked).toBeLessThan(60)
    expect(nodes[2]!.asked('write')).toHaveLength(1000)
    expect(Math.max(...nodes[2]!.frames)).toBeGreaterThan(900)
  })

  test('a node that lags does not lead back to the leader of an older term', async () => {
    const world = new World()
    const [n1, n2, n3] = await world.start(3)
    for (const node of [n2, n3]) node!.react = () => applied(1)
    const db = await world.connect()
    world.network.crash('n1')
    n2!.leader = 'n1'
    n3!.leader = 'n3'
    n3!.term = 5
    world.network.delay('n2', 'client', 5)

    expect(await world.end(db.put('k', 'v'))).toMatchObject({ verdict: 'applied' })
    await world.clock.advance(300)
    const asked = n3!.asked('status').length
    expect(await world.end(db.put('k', 'v'))).toMatchObject({ verdict: 'applied' })
    expect(n3!.asked('status')).toHaveLength(asked)
    expect(n2!.asked('write')).toEqual([])
    expect(n1!.asked('write')).toEqual([])
  })

  test('a node that hangs is left within about a second, though nobody was told', async () => {
    const world = new World()
    const [n1, n2] = await world.start(2)
    n2!.react = () => applied(1)
    n1!.react = () => 'silent'
    n1!.onStatus = () => 'silent'
    const db = await world.connect()
    const before = world.clock.monotonic()
    const write = db.put('k', 'v')
    await world.clock.run()
    n2!.leader = 'n2'
    n2!.term = 2

    expect(await world.end(write)).toMatchObject({ verdict: 'applied' })
    expect(world.clock.monotonic() - before).toBeLessThan(1500)
    expect(n1!.asked('write')).toHaveLength(1)
  })

  test('a status whose answer was lost is asked for again, on the connection that stands', async () => {
    const world = new World()
    const [n1] = await world.start(1, () => notLeader())
    const db = await world.connect()
    world.lead(undefined)
    n1!.onStatus = () => 'silent'
    const write = db.put('k', 'v')
    await world.clock.advance(100)
    expect(n1!.asked('status')).toHaveLength(1)
    n1!.onStatus = () => ({ kind: 'status', status: n1!.status() })
    n1!.react = () => applied(1)
    world.lead('n1')

    expect(await world.end(write)).toMatchObject({ verdict: 'applied' })
    expect(n1!.connectionsMade).toBe(1)
  })

  test('a node that is slow, but answers what it can, keeps its work', async () => {
    const world = new World()
    const [n1] = await world.start(1, () => 'silent')
    const db = await world.connect()
    const write = db.put('k', 'v')
    await world.clock.advance(3000)

    n1!.reply(n1!.seen[0]!, applied(4))

    expect(await world.end(write)).toEqual({ verdict: 'applied', revision: 4 })
    expect(n1!.asked('write')).toHaveLength(1)
    expect(n1!.connectionsMade).toBe(1)
  })
})

describe('reads', () => {
  const rows = { kind: 'rows', rows: [undefined], readRevision: 1 } as const

  test('linearizable reads go to the leader, stale ones to the nearest', async () => {
    const world = new World()
    const [n1, n2] = await world.start(2, () => rows)
    world.network.delay('client', 'n1', 30)
    const db = await world.connect()
    await world.clock.advance(100)

    await world.end(db.get('a'))
    await world.end(db.get('b', { consistency: 'stale' }))

    expect(n1!.asked()).toMatchObject([{ kind: 'get', consistency: 'linearizable' }])
    expect(n2!.asked()).toMatchObject([{ kind: 'get', consistency: 'stale' }])
  })

  test('another node serves them while the leader cannot be reached from here', async () => {
    const world = new World()
    const [n1, n2] = await world.start(2, () => rows)
    const db = await world.connect()
    world.network.crash('n1')
    await world.clock.run()

    await world.end(db.get('a'))

    expect(n1!.asked()).toEqual([])
    expect(n2!.asked()).toMatchObject([{ kind: 'get', consistency: 'linearizable' }])
  })

  test('one that fails everywhere is not-applied', async () => {
    const world = new World()
    await world.start(2, () => error('QUORATE_NO_QUORUM'))
    const db = await world.connect()

    const failure = await world.failure(db.get('a', { timeout: 400 }))

    expect(failure).toMatchObject({ code: 'QUORATE_NO_QUORUM', outcome: 'not-applied' })
    const cut = new World()
    await cut.start(1, () => 'cut')
    const other = await cut.connect()
    expect(await cut.failure(other.get('a', { timeout: 400 }))).toMatchObject({
      outcome: 'not-applied',
    })
  })
})

describe('pinned', () => {
  test('everything goes to that node; what it cannot do is an error', async () => {
    const world = new World()
    const [n1, n2] = await world.start(2, () => notLeader('n1'))
    const db = await world.connect({ pin: true }, 'n2:7101')

    const failure = await world.failure(db.put('k', 'v'))

    expect(failure).toMatchObject({
      code: 'QUORATE_NOT_LEADER',
      outcome: 'not-applied',
      attempts: 1,
    })
    expect(failure.details.leader).toBe('n1')
    n2!.react = () => ({ kind: 'rows', rows: [undefined], readRevision: 1 })
    await world.end(db.get('a', { consistency: 'stale' }))
    await world.end(db.get('a'))
    const status = await world.end(db.status())
    expect(status.endpoints.map((each) => each.endpoint)).toEqual(['n2:7101'])
    expect(n1!.connectionsMade).toBe(0)
  })

  test('more than one endpoint cannot be pinned', async () => {
    const world = new World()
    await world.start(2)

    await expect(world.connect({ pin: true })).rejects.toMatchObject({ code: 'QUORATE_USAGE' })
  })
})

describe('connecting', () => {
  test('one node that answers is enough', async () => {
    const world = new World()
    await world.start(1, () => applied(1))

    const db = await world.connect({}, 'gone:1, n1:7101 ,alsogone:2')

    expect(db.clusterId).toBe('c1')
    expect(await world.end(db.put('k', 'v'))).toMatchObject({ verdict: 'applied' })
  })

  test('nobody answers: an error once the time is up, and nothing is left behind', async () => {
    const world = new World()
    const connecting = world.connect({ timeout: 700 }, 'gone:1')

    await expect(connecting).rejects.toMatchObject({
      code: 'QUORATE_CONNECTION_LOST',
      outcome: 'not-applied',
    })
    await world.clock.advance(5000)
    expect(world.clock.timers).toBe(0)
    expect(world.network.connections).toBe(0)
  })

  test('a node that comes up in time is found', async () => {
    const world = new World()
    const connecting = world.connect({}, 'n1:7101')
    await world.clock.advance(800)

    await world.start(1)

    await expect(connecting).resolves.toBeDefined()
  })

  test('another cluster is refused at once where the id is given', async () => {
    const world = new World()
    await world.start(1)

    await expect(world.connect({ clusterId: 'other' })).rejects.toMatchObject({
      code: 'QUORATE_WRONG_CLUSTER',
    })
  })

  test('a write never goes to a node of another cluster than the first that answered', async () => {
    const world = new World()
    const [n1, n2] = await world.start(2, () => notLeader('n2'))
    n2!.clusterId = 'c2'
    n2!.react = () => applied(1)
    world.network.delay('client', 'n2', 5)
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { timeout: 500 }))

    expect(failure.outcome).toBe('not-applied')
    expect(n1!.asked('write').length).toBeGreaterThan(0)
    expect(n2!.asked()).toEqual([])
  })

  test.each(['', 'host', 'host:0', 'host:70000', 'http://host:1', 'a b:1', 'host:1,,host:2'])(
    'the endpoints %j are a usage error',
    async (endpoints) => {
      await expect(new World().connect({}, endpoints)).rejects.toMatchObject({
        code: 'QUORATE_USAGE',
      })
    },
  )

  test.each([
    { timeout: 0 },
    { timeout: Number.NaN },
    { callsMax: 0 },
    { keyEncoding: 'latin1' as 'utf8' },
    { consistency: 'eventual' as 'stale' },
  ])('the options %j are a usage error', async (options) => {
    await expect(new World().connect(options, 'n1:7101')).rejects.toMatchObject({
      code: 'QUORATE_USAGE',
    })
  })

  test('it can be given up', async () => {
    const world = new World()
    const controller = new AbortController()
    const connecting = world
      .connect({ signal: controller.signal }, 'gone:1')
      .catch((e: unknown) => e)
    await world.clock.advance(50)

    controller.abort()

    expect(await connecting).toMatchObject({ code: 'QUORATE_ABORTED', outcome: 'not-applied' })
  })
})

describe('the breaker', () => {
  test('a dead endpoint is left alone for longer and longer, then found again', async () => {
    const world = new World()
    const [n1] = await world.start(1, () => applied(1))
    const db = await world.connect()
    await world.end(n1!.stop())
    await world.failure(db.put('k', 'v', { timeout: 4000 }))

    expect(world.events).toContainEqual({ type: 'breaker', endpoint: 'n1:7101', state: 'open' })
    await n1!.start()
    expect(await world.end(db.put('k', 'v'))).toMatchObject({ verdict: 'applied' })
    expect(world.events).toContainEqual({ type: 'breaker', endpoint: 'n1:7101', state: 'closed' })
  })

  test('a node that welcomes and breaks at each request does not see a storm', async () => {
    const world = new World()
    const [n1] = await world.start(1, () => 'cut')
    const db = await world.connect()

    const failure = await world.failure(db.put('k', 'v', { timeout: 5000 }))

    expect(failure.outcome).toBe('unknown')
    expect(n1!.connectionsMade).toBeGreaterThan(5)
    expect(n1!.connectionsMade).toBeLessThan(40)
  })
})

describe('bounds', () => {
  test('calls above the cap are refused, those below are not disturbed', async () => {
    const world = new World()
    const [n1] = await world.start(1, () => 'silent')
    const db = await world.connect({ callsMax: 2 })
    const open = [db.put('a', 'v'), db.put('b', 'v')]

    const failure = await world.failure(db.put('c', 'v'))

    expect(failure).toMatchObject({
      code: 'QUORATE_OVERLOADED',
      outcome: 'not-applied',
      attempts: 0,
    })
    await world.clock.run()
    for (const seen of n1!.seen) n1!.reply(seen, applied(1))
    await world.end(Promise.all(open))
  })

  test('large values under way on one connection are bounded; the rest waits its turn', async () => {
    const world = new World()
    const [n1] = await world.start(1, () => 'silent')
    const db = await world.connect()
    const value = new Uint8Array(1_000_000)
    const calls = Array.from({ length: 40 }, (_, i) => db.put(`k${i}`, value))
    await world.clock.run()
    expect(n1!.asked('write').length).toBeLessThanOrEqual(16)

    n1!.react = () => applied(1)
    for (const seen of Array.from(n1!.seen)) n1!.reply(seen, applied(1))

    await world.end(Promise.all(calls))
    expect(n1!.asked('write')).toHaveLength(40)
    const order = n1!.commands().map((c) => (c.kind === 'write' ? keyOf(c.operation) : ''))
    expect(order).toEqual(Array.from({ length: 40 }, (_, i) => `k${i}`))
  })

  test('calls of one turn leave in one frame', async () => {
    const world = new World()
    const [n1] = await world.start(1, () => applied(1))
    const db = await world.connect()

    await world.end(Promise.all(Array.from({ length: 100 }, (_, i) => db.put(`k${i}`, 'v'))))

    expect(n1!.frames).toEqual([100])
  })

  test('a listener that throws disturbs nobody', async () => {
    const world = new World()
    await world.start(1, () => applied(1))
    const db = await world.connect()
    db.on('status', () => {
      throw new Error('mine')
    })

    expect(await world.end(db.put('k', 'v'))).toMatchObject({ verdict: 'applied' })
  })
})

function keyOf(operation: { kind: string; key?: Uint8Array }): string {
  return operation.key === undefined ? '' : Buffer.from(operation.key).toString()
}
