/**
 * Goal: `attemptTimeout` bounds one attempt and no more: the call goes on under its own name, says
 * what it must of attempts without an answer, and takes an answer that comes late.
 * Method: scripted nodes that stay silent, or answer when the test says so; time is by hand.
 */
import { describe, expect, test } from 'vitest'
import type { ConnectOptions } from '../../src/client/index.ts'
import { answer, applied, commandBytes, error, refused } from './fake-node.ts'
import type { Reaction, Seen } from './fake-node.ts'
import { World } from './world.ts'

const bounded: ConnectOptions = { timeout: 60_000, attemptTimeout: 300 }

/** One node that reacts to what is not a status, attempt by attempt; the last reaction stays. */
async function scripted(...reactions: Reaction[]): Promise<World> {
  const world = new World()
  const [node] = await world.start(1)
  let at = 0
  node!.react = () => reactions[Math.min(at++, reactions.length - 1)]!
  return world
}

const page = (scanId: number, done: boolean): Reaction => {
  const row = { key: Buffer.from('k'), value: Buffer.from('v'), revision: 1 }
  return { kind: 'page', scanId, revision: 42, rows: [row], done }
}

describe('an attempt without an answer', () => {
  test('the call is sent again as it was, and gets its answer', async () => {
    const world = await scripted('silent', 'silent', applied(7))
    const db = await world.connect(bounded)

    expect(await world.end(db.put('k', 'v'))).toEqual({ verdict: 'applied', revision: 7 })

    const writes = world.nodes[0]!.asked('write')
    const sent = writes.map((request) => Buffer.from(commandBytes(request)).toString('hex'))
    expect(sent).toHaveLength(3)
    expect(new Set(sent).size).toBe(1)
    expect(writes.map((request) => request.timeoutMs)).toEqual([300, 300, 300])
    // Of one connection: a node that answers its status is not given up.
    expect(world.nodes[0]!.connectionsMade).toBe(1)
    expect(world.events).toContainEqual({ type: 'retry', attempt: 1, code: 'QUORATE_TIMEOUT' })
  })

  test('it goes to the node that leads by then', async () => {
    const world = new World()
    const [n1, n2] = await world.start(3, () => applied(3))
    n1!.react = () => 'silent'
    const db = await world.connect(bounded)
    const write = db.put('k', 'v')
    await world.clock.run()

    world.lead('n2')

    expect(await world.end(write)).toEqual({ verdict: 'applied', revision: 3 })
    expect(n1!.asked('write')).toHaveLength(1)
    expect(n2!.asked('write')).toHaveLength(1)
  })

  test('a read goes to another node', async () => {
    const world = new World()
    const [n1] = await world.start(3, () => ({ kind: 'rows', rows: [undefined], readRevision: 1 }))
    n1!.react = () => 'silent'
    const db = await world.connect(bounded)

    expect(await world.end(db.get('k'))).toBeUndefined()
    expect(n1!.asked('get')).toHaveLength(1)
  })

  test.each([
    ['a refusal', refused('QUORATE_SESSIONS_FULL', false), 'QUORATE_SESSIONS_FULL'],
    ['a refusal at the door', error('QUORATE_TOO_LARGE'), 'QUORATE_TOO_LARGE'],
  ])('leaves the call unknown, whatever comes after: %s', async (_name, last, code) => {
    const world = await scripted('silent', last)
    const db = await world.connect(bounded)

    const failure = await world.failure(db.put('k', 'v'))

    expect(failure).toMatchObject({ code, outcome: 'unknown', attempts: 2 })
  })

  test('a decided answer settles it', async () => {
    const conflict = answer({ status: 'conflict', operation: 0, revision: 1 })
    const world = await scripted('silent', conflict)
    const db = await world.connect(bounded)

    const failure = await world.failure(db.put('k', 'v', { ifRevision: 3 }))

    expect(failure).toMatchObject({ code: 'QUORATE_CONFLICT', outcome: 'not-applied' })
  })

  test('the time of the call bounds all its attempts', async () => {
    const world = await scripted('silent')
    const db = await world.connect(bounded)

    const failure = await world.failure(db.put('k', 'v', { timeout: 1_000 }))

    expect(failure).toMatchObject({ code: 'QUORATE_TIMEOUT', outcome: 'unknown', retryable: true })
    expect(failure.attempts).toBeGreaterThan(1)
    expect(failure.attempts).toBeLessThan(5)
  })

  test('without the option there is one attempt', async () => {
    const world = await scripted('silent')
    const db = await world.connect({ timeout: 2_000 })

    expect(await world.failure(db.put('k', 'v'))).toMatchObject({ attempts: 1 })
  })
})

describe('an answer that comes after its attempt', () => {
  /** A node that keeps every request to itself; the test answers them. */
  async function holding() {
    const world = new World()
    const held: Seen[] = []
    const [node] = await world.start(1)
    node!.react = (_request, seen) => {
      held.push(seen)
      return 'silent'
    }
    return { world, node: node!, held }
  }

  test('is the answer of the call, which is the same for every copy', async () => {
    const { world, node, held } = await holding()
    const db = await world.connect(bounded)
    const write = db.put('k', 'v')
    await world.clock.advance(700)
    expect(held.length).toBeGreaterThan(1)

    node.reply(held[0]!, applied(9))

    expect(await world.end(write)).toEqual({ verdict: 'applied', revision: 9 })
    // The copies' answers find nobody.
    for (const seen of held.slice(1)) node.reply(seen, applied(9))
    await world.clock.advance(1_000)
  })

  test('is not taken where it is a refusal of that attempt alone', async () => {
    const { world, node, held } = await holding()
    const db = await world.connect(bounded)
    const write = db.put('k', 'v')
    await world.clock.advance(500)
    expect(held).toHaveLength(2)

    node.reply(held[0]!, error('QUORATE_TOO_LARGE'))
    node.reply(held[0]!, refused('QUORATE_SESSIONS_FULL', false))
    await world.clock.run()
    node.reply(held[1]!, applied(4))

    expect(await world.end(write)).toEqual({ verdict: 'applied', revision: 4 })
  })
})

describe('what must not be asked for twice', () => {
  test('a page of a scan is waited for', async () => {
    const world = new World()
    const [node] = await world.start(1)
    const held: Seen[] = []
    node!.react = (request, seen) => {
      if (request.kind === 'scanNext') held.push(seen)
      return request.kind === 'scan' ? page(1, false) : 'silent'
    }
    const db = await world.connect(bounded)
    const scan = db.scan()
    expect(scan.revision).toBeUndefined()
    await world.end(scan.next())
    expect(scan.revision).toBe(42)
    const second = scan.next()

    await world.clock.advance(2_000)
    expect(held).toHaveLength(1)
    node!.reply(held[0]!, page(1, true) as Exclude<Reaction, string>)

    expect(await world.end(second)).toMatchObject({ value: { key: 'k' } })
    expect(await world.end(scan.next())).toMatchObject({ done: true })
    expect(scan.revision).toBe(42)
  })

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('%d is no bound', async (bound) => {
    const world = await scripted(applied(1))

    const failure = await world.failure(world.connect({ attemptTimeout: bound }))

    expect(failure).toMatchObject({ code: 'QUORATE_USAGE' })
    expect(failure.message).toContain('attemptTimeout')
  })
})

test('the time of the cluster is told by the nodes, and goes on', async () => {
  const world = await scripted(applied(1))
  const db = await world.connect()
  const before = db.clusterTime

  await world.clock.advance(5_000)

  expect(before).toBeGreaterThanOrEqual(world.nodes[0]!.clusterTime)
  expect(db.clusterTime - before).toBe(5_000)
})
