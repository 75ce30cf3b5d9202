/**
 * Goal: whatever passes the door goes all the way: the largest batch, value, key and token are
 * replicated, survive the death of all nodes, and are known again; one byte more is refused
 * without effect; a client that reads more than it can take at once gets it all the same.
 * Method: three real processes, the SDK, SIGKILL of all of them, digests.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BatchOperation, Client } from '../../src/index.ts'
import { LocalCluster } from './harness.ts'

const mebibyte = 1_048_576
const token = 't'.repeat(256)
const longKey = 'k'.repeat(4096)

let cluster: LocalCluster
let db: Client
beforeAll(async () => {
  cluster = await LocalCluster.up()
  db = await cluster.connect({ timeout: 30_000 })
}, 60_000)
afterAll(async () => {
  await db.close()
  await cluster.down()
}, 60_000)

/** Puts whose encoding as a batch is exactly so long, `more` bytes apart. */
function largestBatch(more = 0): BatchOperation[] {
  const heads = 3 + 5 * (1 + 1 + 2 + 2 + 4)
  const last = 4 * mebibyte - heads - 3 * mebibyte - 500_000 + more
  return [mebibyte, mebibyte, mebibyte, 500_000, last].map((length, i) => ({
    type: 'put',
    key: `b${i}`,
    value: Buffer.alloc(length, i),
  }))
}

function small(count: number): BatchOperation[] {
  return Array.from({ length: count }, (_, i) => ({ type: 'put', key: `s${i}`, value: 'v' }))
}

test('the largest of everything is replicated, and is still known after a restart', async () => {
  expect(await db.batch(largestBatch(), { token })).toMatchObject({ verdict: 'applied' })
  await expect(db.batch(largestBatch(1))).rejects.toMatchObject({
    code: 'QUORATE_TOO_LARGE',
    outcome: 'not-applied',
  })
  const value = Buffer.alloc(mebibyte, 7)
  expect(await db.put(longKey, value, { token: 'u'.repeat(256) })).toMatchObject({
    verdict: 'applied',
    revision: 2,
  })
  expect(await db.batch(small(10_000))).toMatchObject({ verdict: 'applied', revision: 3 })
  await expect(db.batch(small(10_001))).rejects.toMatchObject({ code: 'QUORATE_TOO_LARGE' })
  expect(await db.batch(small(10_000).map(({ key }) => ({ type: 'delete', key })))).toMatchObject({
    revision: 4,
  })

  for (const id of cluster.ids()) cluster.kill(id)
  for (const id of cluster.ids()) await cluster.run('restart', id)
  await cluster.caughtUp()

  expect(await db.batch(largestBatch(), { token })).toEqual({ verdict: 'duplicate', revision: 1 })
  expect(await db.get(longKey)).toEqual(value)
  const { nodes } = await db.digest()
  const digests = nodes.map((node) => ('error' in node ? node.error : [node.effects, node.rows]))
  expect(digests).toEqual([digests[0], digests[0], digests[0]])
  expect(digests[0]).toBeInstanceOf(Array)
}, 120_000)

test('a hundred large records read in one breath all arrive', async () => {
  await db.put('large', Buffer.alloc(mebibyte, 9))
  const gets = await Promise.all(Array.from({ length: 100 }, () => db.get('large')))
  expect(gets.every((each) => each instanceof Uint8Array && each.length === mebibyte)).toBe(true)
  const many = await db.getMany(Array.from({ length: 100 }, () => 'large'))
  expect(many.every((each) => each instanceof Uint8Array && each.length === mebibyte)).toBe(true)
}, 120_000)
