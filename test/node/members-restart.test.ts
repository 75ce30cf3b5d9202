/**
 * Goal: after a change of members the death of all nodes at once takes nothing of it back: every
 * node comes up with the same members, from the same entry of the log (`etcd#19557`, `etcd#20793`).
 * Method: real nodes in one process. After each change all are killed, with all of the state that
 * was not flushed or with none of it, and started again on what their disks hold.
 */
import { afterEach, expect, test } from 'vitest'
import type { Client } from '../../src/client/index.ts'
import { configurationKey, parse, readConfigurationRow, unseal } from '../../src/state/layout.ts'
import { Cluster } from './support/cluster.ts'
import type { Machine } from './support/cluster.ts'

let cluster: Cluster | undefined

afterEach(async () => {
  await cluster?.down()
  cluster = undefined
})

const wait = { timeout: 60_000 }

/** As `n1 n2 (n3)`: learners stand in brackets. */
async function membersOf(on: Cluster, { id }: Machine): Promise<string> {
  const db = await on.client({ pin: true }, [id])
  const { endpoints } = await on.done(db.status())
  await on.done(db.close())
  const members = endpoints[0]?.node?.members ?? []
  return members.map((member) => (member.voter ? member.id : `(${member.id})`)).join(' ')
}

/** Where in the log the members stand that a node's state holds; 0: nowhere yet. */
function indexIn({ database }: Machine): number {
  const key = configurationKey
  const row = database.rows().get(Buffer.from(key).toString('hex'))
  if (row === undefined) return 0
  return parse('state', key, unseal('state', key, row), readConfigurationRow).index
}

test.each([
  ['none', 0],
  ['all', undefined],
])(
  'members outlive all nodes, killed after each change, with %s of the unflushed state kept',
  async (_, kept) => {
    const on = new Cluster(1, 2)
    cluster = on
    for (const machine of on.machines) await on.initialise(machine)
    for (const machine of on.machines) await on.supervise(machine)
    let there = on.machines

    async function check(members: string, index: number): Promise<void> {
      for (const machine of there) await on.kill(machine, kept)
      for (const machine of there) await on.supervise(machine)
      const db = await on.client({}, there.map(({ id }) => id)) // prettier-ignore
      await on.done(db.put('after', members), 60_000)
      await on.done(db.close())
      await on.clock.advance(3_000)
      for (const machine of there) {
        expect([machine.id, await membersOf(on, machine)]).toEqual([machine.id, members])
        expect([machine.id, indexIn(machine)]).toEqual([machine.id, index])
      }
    }
    async function change(make: (db: Client) => Promise<{ index: number }>): Promise<number> {
      const db = await on.client({}, there.map(({ id }) => id)) // prettier-ignore
      const { index } = await on.done(make(db), 60_000)
      await on.done(db.close())
      return index
    }

    const newcomer = await on.newcomer('n3')
    await on.supervise(newcomer)
    const n3 = { id: 'n3', peerAddress: 'n3:7201' }
    let index = await change((db) => db.addMember({ ...n3, learner: true }, wait))
    there = [...on.machines]
    await check('n1 n2 (n3)', index)

    index = await change((db) => db.promoteMember('n3', wait))
    await check('n1 n2 n3', index)

    const last = await on.newcomer('n4')
    await on.supervise(last)
    const n4 = { id: 'n4', peerAddress: 'n4:7201' }
    index = await change((db) => db.replaceMember('n1', n4, wait))
    there = on.machines.filter(({ id }) => id !== 'n1')
    await check('n2 n3 n4', index)

    index = await change((db) => db.removeMember('n2', wait))
    there = on.machines.filter(({ id }) => id === 'n3' || id === 'n4')
    await check('n3 n4', index)
  },
)
