/**
 * Goal: a program that embeds nodes can do what the command line can: make a cluster, have a node
 * join it, remove one, and learn why it ended.
 * Method: real nodes in this process, through the package's own door alone.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { connect, initialiseNode, startNode } from '../../src/index.ts'
import type { ClosedReason, Identity, Member, RunningNode } from '../../src/index.ts'

let directory = ''
const running: RunningNode[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-embedded-'))
})

afterEach(async () => {
  for (const node of running.splice(0)) await node.close()
  rmSync(directory, { recursive: true })
})

async function start(id: string, peers: Readonly<Record<string, string>>): Promise<RunningNode> {
  const node = await startNode({
    dataDirectory: join(directory, id),
    clientListen: '127.0.0.1:0',
    peerListen: '127.0.0.1:0',
    peers,
  })
  running.push(node)
  return node
}

test('a node joins, is removed, and says why it ended', async () => {
  // The port is not known before the node has bound it: a member may have any address until then.
  const first: Member = { id: 'n1', peerAddress: '127.0.0.1:1' }
  const identity: Identity = await initialiseNode({
    path: join(directory, 'n1'),
    nodeId: 'n1',
    clusterName: 'embedded',
    members: [first],
  })
  const one = await start('n1', {})
  const members = [{ id: 'n1', peerAddress: one.peerAddress }]
  const { clusterId } = identity
  const joining = { path: join(directory, 'n2'), nodeId: 'n2', members, joining: true }
  await expect(initialiseNode({ ...joining, clusterName: 'embedded' })).rejects.toMatchObject({
    code: 'QUORATE_USAGE',
  })
  await initialiseNode({ ...joining, clusterId })
  const two = await start('n2', { n1: one.peerAddress })

  await using db = await connect(one.clientAddress, { timeout: 20_000 })
  await db.updateMember('n1', { peerAddress: one.peerAddress })
  const added = await db.addMember({ id: 'n2', peerAddress: two.peerAddress })
  expect(added.members.map(({ id, voter }) => [id, voter])).toEqual([
    ['n1', true],
    ['n2', true],
  ])
  // The peer port is no place for clients, and says so at once.
  await expect(connect(two.peerAddress, { timeout: 20_000 })).rejects.toMatchObject({
    code: 'QUORATE_PROTOCOL',
    message: expect.stringContaining('n2 for other nodes'),
  })
  await db.removeMember('n2')
  const removed: ClosedReason = await two.closed
  expect(removed).toBe('removed')
  await one.close()
  expect(await one.closed).toBe('closed')
})
