/**
 * Goal: a node does not start with a log and a state that do not belong together.
 * Method: whole nodes in memory; the state of one is put beside the log of another.
 */
import { expect, test } from 'vitest'
import { Cluster } from './support/cluster.ts'

/** One node that was started `starts` times, in as many terms, and wrote something in the last. */
async function lone(starts: number, writes: number): Promise<Cluster> {
  const cluster = await new Cluster(starts, 1).up()
  const machine = cluster.machine('n1')
  for (let n = 1; n < starts; n++) {
    await cluster.done(machine.node.close())
    await cluster.start(machine)
    await cluster.leader()
  }
  const client = await cluster.client()
  for (let n = 0; n < writes; n++) await cluster.done(client.put(`k${n}`, 'v'))
  await cluster.down()
  return cluster
}

test('a state that was made from another log is refused', async () => {
  const one = await lone(1, 12)
  const other = await lone(3, 2)
  const machine = one.machine('n1')
  const [path] = [...machine.databases.keys()]
  expect(path).toBeDefined()
  machine.databases.set(path ?? '', other.machine('n1').database)

  const error = await one.failure(one.start(machine))

  expect(error.code).toBe('QUORATE_CORRUPT')
  expect(error.message).toContain('term')
})
