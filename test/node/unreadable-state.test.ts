/**
 * Goal: a state that the disk cannot read any more is made anew from what others have; one that
 * might be readable again, or that nobody else has, is left alone.
 * Method: opening the database of a stopped node fails, so many times, as a disk fails it.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { Cluster } from './support/cluster.ts'
import type { Machine } from './support/cluster.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

/** What Node says of a file that cannot be read, and what LevelDB says of one of its own. */
function unreadable(code: string): Error {
  const what = 'IO error: /data/groups/0/state-1/000005.ldb: Input/output error'
  if (code === 'EIO') return Object.assign(new Error('EIO: i/o error, read'), { code })
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

describe('a state that cannot be read', () => {
  test.each(['EIO', 'LEVEL_IO_ERROR'])('three times: it is made anew (%s)', async (code) => {
    const [on, victim] = await stopped(3)
    victim.openErrors.push(unreadable(code), unreadable(code), unreadable(code))
    await on.supervise(victim)
    expect([...victim.databases.keys()].at(-1)).toContain('state-2')
    await expectWhole(on)
  })

  test('twice: it is opened as it is', async () => {
    const [on, victim] = await stopped(3)
    victim.openErrors.push(unreadable('EIO'), unreadable('EIO'))
    await on.supervise(victim)
    expect([...victim.databases.keys()]).toHaveLength(1)
    await expectWhole(on)
  })

  test('and nobody else has: it stays, and the node says what is wrong', async () => {
    const [on, victim] = await stopped(1)
    victim.openErrors.push(unreadable('EIO'), unreadable('EIO'), unreadable('EIO'))
    for (let i = 0; i < 3; i++) {
      await expect(on.supervise(victim)).rejects.toMatchObject({ code: 'QUORATE_STORAGE' })
    }
    await on.supervise(victim)
    await expectWhole(on)
  })

  test('for want of room: it stays', async () => {
    const [on, victim] = await stopped(3)
    const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' })
    victim.openErrors.push(full)
    await expect(on.supervise(victim)).rejects.toMatchObject({ code: 'QUORATE_STORAGE' })
    await on.supervise(victim)
    expect([...victim.databases.keys()]).toHaveLength(1)
    await expectWhole(on)
  })
})
