/**
 * Goal: a client finds its cluster again, whoever comes, goes, moves, takes another one's address,
 * or has missed all of that; also one that nobody used meanwhile.
 * Method: scripted nodes over the memory network on a manual clock.
 */
import { expect, test } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { applied, error, FakeNode } from './fake-node.ts'
import { World } from './world.ts'

/** A node that takes writes while it leads, and else names the leader and its address. */
function serving(world: World, id: string, address = `${id}:7101`): FakeNode {
  const node = new FakeNode(world.network, id)
  Object.assign(node, { address })
  node.react = (request) => {
    if (request.kind !== 'write') return error('QUORATE_INTERNAL')
    if (node.leader === node.id) return applied(1)
    const leader = world.nodes.find((each) => each.id === node.leader)
    const details = leader === undefined ? {} : { leader: leader.id, leaderAddress: leader.address }
    return error('QUORATE_NOT_LEADER', { details })
  }
  world.nodes.push(node)
  return node
}

const listOf = (nodes: readonly FakeNode[]) =>
  nodes.map(({ id, address }) => ({ id, clientAddress: address }))

/** Three nodes that know each other; n1 leads. */
async function three(world: World): Promise<[FakeNode, FakeNode, FakeNode]> {
  const nodes = [serving(world, 'n1'), serving(world, 'n2'), serving(world, 'n3')] as const
  for (const node of nodes) {
    node.members = listOf(nodes)
    await node.start()
  }
  world.lead('n1')
  return [...nodes]
}

async function stop(world: World, node: FakeNode): Promise<void> {
  await world.end(node.stop())
  node.cutAll()
}

/** It stops, and is no member of anything any more. */
async function leave(world: World, node: FakeNode): Promise<void> {
  await stop(world, node)
  world.nodes.splice(world.nodes.indexOf(node), 1)
}

/** They say who the members are. */
function announce(nodes: readonly FakeNode[], told = nodes): void {
  for (const node of told) node.announce(listOf(nodes))
}

const put = (world: World, db: Client) => world.end(db.put('k', 'v', { timeout: 10_000 }))

test('an address that was learnt for a node that has moved goes to who is there now', async () => {
  const world = new World()
  const [n1, old, n3] = await three(world)
  const db = await world.connect({}, ['n1:7101'])
  await world.end(db.status())

  await leave(world, old)
  const n2 = serving(world, 'n2', 'elsewhere:7101')
  const n4 = serving(world, 'n4', old.address)
  for (const node of [n2, n4]) Object.assign(node, { leader: 'n1', term: n1.term })
  await n2.start('elsewhere')
  announce([n1, n2, n3])
  await world.clock.advance(5_000)
  await n4.start('n2')
  announce([n1, n2, n3, n4])
  await world.clock.advance(5_000)
  await leave(world, n1)
  world.lead('n4')

  expect(await put(world, db)).toMatchObject({ verdict: 'applied' })
  const { endpoints } = await world.end(db.status())
  expect(endpoints.map(({ node }) => node?.id)).toEqual(expect.arrayContaining(['n2', 'n3', 'n4']))
})

test('a leader that a refusal named is forgotten once it is no member any more', async () => {
  const world = new World()
  const [n1, n2, n3] = await three(world)
  world.lead('n2')
  const db = await world.connect({}, ['n2:7101', 'n3:7101'])
  await put(world, db)
  world.lead('n1')
  await put(world, db)
  await leave(world, n1)
  world.lead('n2')
  await put(world, db)
  announce([n2, n3])
  await world.clock.advance(3_000)

  const n4 = serving(world, 'n4', n1.address)
  Object.assign(n4, { leader: 'n2', term: n2.term })
  await n4.start('n1')
  announce([n2, n3, n4])
  await world.clock.advance(3_000)
  await leave(world, n2)
  world.lead('n4')

  expect(await put(world, db)).toMatchObject({ verdict: 'applied' })
})

test('one that has missed its removal cannot make the members be forgotten', async () => {
  const world = new World()
  const [n1, n2, n3] = await three(world)
  world.lead('n2')
  const db = await world.connect({}, ['n1:7101'])
  await world.end(db.status())
  await put(world, db)
  // n1 hears of nobody but the client any more; all others are replaced.
  n1.leader = undefined
  const fresh = [serving(world, 'n4'), serving(world, 'n5'), serving(world, 'n6')]
  for (const node of fresh) {
    Object.assign(node, { leader: 'n2', term: n2.term })
    await node.start()
  }
  announce([n2, n3, ...fresh])
  await world.clock.advance(3_000)
  for (const node of [n2, n3, ...fresh]) Object.assign(node, { leader: 'n4', term: 9 })
  announce(fresh)
  await world.clock.advance(1_000)
  for (const node of [n2, n3]) await leave(world, node)
  await put(world, db)

  for (const node of fresh) await stop(world, node)
  const meanwhile = db.put('k', 'v', { timeout: 2_000 })
  expect((await world.failure(meanwhile)).code).toBe('QUORATE_NO_QUORUM')
  for (const node of fresh) await node.start()

  expect(await put(world, db)).toMatchObject({ verdict: 'applied' })
})

test('terms that begin anew, on nodes that were set up once more, are followed', async () => {
  const world = new World()
  const nodes = await three(world)
  for (const node of nodes) node.term = 9
  world.lead('n1')
  const db = await world.connect()
  await put(world, db)
  await stop(world, nodes[0])
  const lost = world.failure(db.put('k', 'v', { timeout: 3_000 }))
  await world.clock.advance(300)
  for (const node of nodes) node.leader = undefined
  await lost
  for (const node of nodes.slice(1)) await stop(world, node)

  const waiting = db.put('k', 'v', { timeout: 20_000 })
  await world.clock.advance(500)
  for (const node of nodes) {
    Object.assign(node, { term: 1, leader: 'n2' })
    await node.start()
  }

  expect(await world.end(waiting)).toMatchObject({ verdict: 'applied' })
})

test('a client that nobody uses connects again, and hears of those that come', async () => {
  const world = new World()
  const nodes = await three(world)
  const db = await world.connect()
  await put(world, db)
  for (const node of nodes) {
    await stop(world, node)
    await world.clock.advance(2_000)
    await node.start()
    await world.clock.advance(60_000)
  }
  expect(world.network.connections).toBeGreaterThan(0)
  // While nothing answers it goes on trying, at a slow pace.
  for (const node of nodes) await stop(world, node)
  const before = nodes.map(({ connectionsMade }) => connectionsMade)
  await world.clock.advance(600_000)
  await nodes[2].start()
  await world.clock.advance(31_000)
  expect(nodes[2].connectionsMade).toBe((before[2] ?? 0) + 1)

  await world.end(db.close())
  await stop(world, nodes[2])
  await world.clock.advance(60_000)
  await nodes[2].start()
  await world.clock.advance(60_000)
  expect(nodes[2].connectionsMade).toBe((before[2] ?? 0) + 1)
})

test('a client that nobody uses looks for those that its lost node told of', async () => {
  const world = new World()
  const [n1, n2, n3] = await three(world)
  const db = await world.connect({}, ['n1:7101'])
  await put(world, db)
  await leave(world, n1)
  world.lead('n2')
  await world.clock.advance(60_000)
  expect([n2, n3].some(({ connectionsMade }) => connectionsMade > 0)).toBe(true)

  // Now those that it never met may go as well.
  const n4 = serving(world, 'n4')
  await n4.start()
  world.lead('n4')
  announce([n2, n3, n4])
  await world.clock.advance(5_000)
  await leave(world, n2)
  await leave(world, n3)
  expect(await put(world, db)).toMatchObject({ verdict: 'applied' })
})
