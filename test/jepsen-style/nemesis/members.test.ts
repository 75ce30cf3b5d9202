/**
 * Goal: faults of members go through the operator alone, are seen by what it was told, exclude each
 * other, and leave none of the nodes that joined behind, also where a step fails.
 * Method: a cluster without processes; its operator changes members at once, or fails as it is told.
 */
import { QuorateError } from 'quorate'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Pause } from '../../../jepsen-style/nemesis/background.ts'
import { makeGrowShrink } from '../../../jepsen-style/nemesis/members/grow-shrink.ts'
import { memberNemeses } from '../../../jepsen-style/nemesis/members/index.ts'
import { replaceMember } from '../../../jepsen-style/nemesis/members/replace-member.ts'
import { makeTransfer } from '../../../jepsen-style/nemesis/members/transfer.ts'
import { drawn, FakeCluster, fakeLinks, sceneOf } from './fake-cluster.ts'

/** Lets what is ready go on, as far as it can without a pause. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}

/** A pause that ends when the test says so, or when the work is to stop. */
function steps(): { readonly pause: Pause; readonly step: () => Promise<void> } {
  let go = (): void => {}
  return {
    pause: (_ms, signal) =>
      new Promise((resolve) => {
        go = () => {
          signal.removeEventListener('abort', go)
          resolve()
        }
        signal.addEventListener('abort', go)
      }),
    step: async () => {
      await settle()
      go()
      await settle()
    },
  }
}

let cluster: FakeCluster
beforeEach(() => {
  cluster = new FakeCluster(5)
})
afterEach(() => cluster.remove())

test('these are all', () => {
  expect(memberNemeses.map(({ name }) => name)).toEqual([
    'transfer',
    'grow-shrink',
    'replace-member',
  ])
})

describe('transfer', () => {
  test('moves the leadership again and again, to nodes drawn and to the fittest', async () => {
    const { pause, step } = steps()
    const fault = await drawn(makeTransfer(pause), sceneOf(cluster))
    expect(fault.takes).toEqual([])
    expect(await fault.seen()).toBeUndefined()
    await fault.begin()
    for (let i = 0; i < 30; i++) await step()
    expect(await fault.seen()).toMatch(/^handed over 31 times, to n\d/)
    await fault.heal()
    expect(cluster.calls).toHaveLength(31)
    expect(new Set(cluster.calls)).toEqual(
      new Set(['anybody', 'n1', 'n2', 'n3', 'n4', 'n5'].map((to) => `transfer ${to}`)),
    )
  })

  test('one that fails counts for nothing, and the next is tried', async () => {
    const { pause, step } = steps()
    const fault = await drawn(makeTransfer(pause), sceneOf(cluster))
    cluster.operator.failures.set('transfer', new QuorateError('QUORATE_TRANSFER', 'it lags'))
    await fault.begin()
    await settle()
    expect(await fault.seen()).toBeUndefined()
    await step()
    expect(await fault.seen()).toContain('handed over once')
    await fault.heal()
  })

  test('what is no error of the cluster fails the fault', async () => {
    const { pause } = steps()
    const fault = await drawn(makeTransfer(pause), sceneOf(cluster))
    cluster.operator.failures.set('transfer', new Error('a mistake'))
    await fault.begin()
    await expect(fault.heal()).rejects.toThrow('a mistake')
  })

  test('not with one node', () => {
    const one = new FakeCluster(1)
    const [transfer] = memberNemeses
    expect(transfer?.unavailable({ cluster: one, links: fakeLinks })).toContain('2 nodes')
    expect(transfer?.unavailable({ cluster, links: fakeLinks })).toBeUndefined()
    one.remove()
  })
})

describe('grow-shrink', () => {
  test('one joins, is removed, and another joins; none is left when it is healed', async () => {
    const { pause, step } = steps()
    const fault = await drawn(makeGrowShrink(pause), sceneOf(cluster))
    expect(await fault.seen()).toBeUndefined()
    await fault.begin()
    expect(await fault.seen()).toContain('new1 had joined as a voter')
    await step()
    expect(cluster.calls).toEqual(['join', 'remove new1', 'join'])
    expect([...cluster.operator.members]).toEqual(['new2'])
    await fault.heal()
    expect(cluster.calls.at(-1)).toBe('clear')
    expect([...cluster.operator.members]).toEqual([])
  })

  test('one that does not get in fails the fault, and is cleared away', async () => {
    const { pause } = steps()
    const fault = await drawn(makeGrowShrink(pause), sceneOf(cluster))
    cluster.operator.failures.set('join', new Error('no vote in time'))
    await expect(fault.begin()).rejects.toThrow('no vote in time')
    expect(await fault.seen()).toBeUndefined()
    await fault.heal()
    expect([...cluster.operator.members]).toEqual([])
  })

  test('a later one that does not get in is told whenever it is healed', async () => {
    const { pause, step } = steps()
    const fault = await drawn(makeGrowShrink(pause), sceneOf(cluster))
    await fault.begin()
    cluster.operator.failures.set('remove', new Error('not removed'))
    await step()
    await expect(fault.heal()).rejects.toThrow('not removed')
    await expect(fault.heal()).rejects.toThrow('not removed')
    expect([...cluster.operator.members]).toEqual([])
  })
})

describe('replace-member', () => {
  test('one joins, dies, and another takes its place', async () => {
    const scene = sceneOf(cluster)
    const fault = await drawn(replaceMember, scene)
    await fault.begin()
    expect(cluster.calls).toEqual(['join', 'kill new1', 'replace new1'])
    expect(await fault.seen()).toContain('new1 was killed; new2 took its place')
    expect([...scene.damaged]).toEqual([])
    await fault.heal()
    expect([...cluster.operator.members]).toEqual([])
  })

  test('while it is dead it counts as one of the minority', async () => {
    const scene = sceneOf(cluster)
    const fault = await drawn(replaceMember, scene)
    cluster.operator.failures.set('replace', new Error('no quorum'))
    await expect(fault.begin()).rejects.toThrow('no quorum')
    expect([...scene.damaged]).toEqual(['new1'])
    await fault.heal()
    expect([...scene.damaged]).toEqual([])
  })

  test('none where a minority lacks something already', async () => {
    const scene = sceneOf(cluster)
    for (const id of ['n2', 'n4']) scene.damaged.add(id)
    expect(await replaceMember.draw(scene)).toBeUndefined()
  })

  test('it does not die where another fault has taken the last place meanwhile', async () => {
    const scene = sceneOf(cluster)
    const fault = await drawn(replaceMember, scene)
    for (const id of ['n2', 'n4']) scene.damaged.add(id)
    await fault.begin()
    expect(cluster.calls).toEqual(['join', 'replace new1'])
    expect(await fault.seen()).toContain('new2 took the place of new1')
    expect([...scene.damaged]).toEqual(['n2', 'n4'])
  })
})

test('changes of members exclude each other', async () => {
  const scene = sceneOf(cluster, 1, ['the members'])
  for (const nemesis of memberNemeses.slice(1)) {
    expect((await drawn(nemesis, sceneOf(cluster))).takes).toEqual(['the members'])
    expect(await nemesis.draw(scene)).toBeUndefined()
  }
})

test('nodes can join only where places were set aside for them', () => {
  const without = Object.create(cluster, { tools: { value: { ...cluster.tools, canJoin: false } } })
  for (const nemesis of memberNemeses.slice(1)) {
    expect(nemesis.newcomers).toBe(true)
    expect(nemesis.unavailable({ cluster: without, links: fakeLinks })).toContain('no places')
  }
})
