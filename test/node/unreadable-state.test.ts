/**
 * Goal: a state that the disk cannot read, or has no room for, is never thrown away: it may be
 * readable again, and where storage fails for all nodes at once nobody else would have it.
 * Method: opening the database of a stopped node fails, so many times, as a disk fails it.
 */
import { afterEach, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { Cluster } from './support/cluster.ts'
import type { Machine } from './support/cluster.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

/** What Node says of a file that it cannot read or write, and what LevelDB says of one of its own. */
function unreadable(code: string): Error {
  const what = 'IO error: /data/groups/0/state-1/000005.ldb: Input/output error'
  if (code === 'EIO') return Object.assign(new Error('EIO: i/o error, read'), { code })
  if (code === 'ENOSPC') return Object.assign(new Error('ENOSPC: no space left'), { code })
  const cause = Object.assign(new Error(what), { code })
  return new QuorateError('QUORATE_STORAGE', 'it cannot be opened', { cause })
}

/** A cluster of which one node is stopped. */
async function stopped(count: number): Promise<[Cluster, Machine]> {
  const on = new Cluster(1, count, { options: { auditEveryMs: 0 } })
  cluster = on
  for (const machine of on.machines) await on.initialise(machine)
  for (const machine of on.machines) await on.supervise(machine)
  const db = await on.client()
  await on.done(db.put('k', 'v'))
  const victim = on.machine('n1')
  await on.done(victim.supervised?.close() ?? Promise.resolve(), 20_000)
  return [on, victim]
}

async function expectWhole(on: Cluster): Promise<void> {
  const db = await on.client({ pin: true }, ['n1'])
  expect(await on.done(db.get('k'), 60_000)).toBe('v')
}

test.each(['EIO', 'LEVEL_IO_ERROR', 'ENOSPC'])(
  'a state that cannot be opened stays, and the node says what is wrong: %s',
  async (code) => {
    const [on, victim] = await stopped(3)
    for (let start = 1; start <= 5; start++) {
      victim.openErrors.push(unreadable(code))
      await expect(on.supervise(victim)).rejects.toMatchObject({ code: 'QUORATE_STORAGE' })
    }
    await on.supervise(victim)
    expect([...victim.databases.keys()]).toHaveLength(1)
    await expectWhole(on)
  },
)
