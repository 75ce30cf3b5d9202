/**
 * Goal: wrong clocks have the sizes that they should, are seen only in processes that follow them,
 * and are right again afterwards.
 * Method: a cluster whose clocks answer what the test says, over many seeds.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clockNemeses } from '../../../jepsen-style/nemesis/clock/index.ts'
import type { Nemesis } from '../../../jepsen-style/nemesis/nemesis.ts'
import { drawn, FakeCluster, fakeLinks, sceneOf } from './fake-cluster.ts'

let cluster: FakeCluster
beforeEach(() => {
  cluster = new FakeCluster(5)
})
afterEach(() => cluster.remove())

const named = (name: string): Nemesis => {
  const found = clockNemeses.find((nemesis) => nemesis.name === name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

test('these are all', () => {
  expect(clockNemeses.map((nemesis) => nemesis.name)).toEqual([
    'clock-jump',
    'clock-skew',
    'clock-strobe',
  ])
})

test('sizes: 11 ms to 288 s, 2 to 10 %, 4 ms to 262 s every 1 ms to 1 s; both ways', async () => {
  const signs = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    for (const nemesis of clockNemeses) {
      const fault = await drawn(nemesis, sceneOf(cluster, seed))
      await fault.begin()
      const order = cluster.node(fault.takes[0] ?? '').order
      switch (order?.type) {
        case 'offset':
          expect(Math.abs(order.ms)).toBeGreaterThanOrEqual(11)
          expect(Math.abs(order.ms)).toBeLessThanOrEqual(287_627)
          signs.add(`offset ${Math.sign(order.ms)}`)
          break
        case 'rate':
          expect(Math.abs(order.rate)).toBeGreaterThanOrEqual(0.02)
          expect(Math.abs(order.rate)).toBeLessThanOrEqual(0.1)
          signs.add(`rate ${Math.sign(order.rate)}`)
          break
        case 'strobe':
          expect(Math.abs(order.ms)).toBeGreaterThanOrEqual(4)
          expect(Math.abs(order.ms)).toBeLessThanOrEqual(262_144)
          expect(order.periodMs).toBeGreaterThanOrEqual(1)
          expect(order.periodMs).toBeLessThanOrEqual(1_024)
          signs.add(`strobe ${Math.sign(order.ms)}`)
          break
        case undefined:
          throw new Error('no order was given')
      }
    }
  }
  expect(signs.size).toBe(6)
})

test('one to all free nodes, none that is busy', async () => {
  const sizes = new Set<number>()
  for (let seed = 0; seed < 100; seed++) {
    const { takes } = await drawn(named('clock-jump'), sceneOf(cluster, seed, ['n3']))
    expect(takes).not.toContain('n3')
    sizes.add(takes.length)
  }
  expect([...sizes].sort((a, b) => a - b)).toEqual([1, 2, 3, 4])
})

test('seen when each of them says so, and right afterwards', async () => {
  for (const nemesis of clockNemeses) {
    const fault = await drawn(nemesis, sceneOf(cluster, 3))
    expect(await fault.seen()).toBeUndefined()
    await fault.begin()
    expect(await fault.seen()).toContain('off')
    await fault.heal()
    for (const id of fault.takes) expect(cluster.node(id).order).toEqual({ type: 'offset', ms: 0 })
  }
})

test('not seen from a process that ran before, from one of several, or from rounding', async () => {
  const fault = await drawn(named('clock-jump'), sceneOf(cluster, 3))
  expect(fault.takes.length).toBeGreaterThan(1)
  await fault.begin()
  const node = cluster.node(fault.takes[0] ?? '')
  const answer = node.clockAnswer
  for (const wrong of [
    undefined,
    { pid: 1, differenceMs: 500 },
    { pid: node.process ?? 0, differenceMs: 1 },
  ]) {
    node.clockAnswer = wrong
    expect(await fault.seen()).toBeUndefined()
  }
  node.clockAnswer = answer
  expect(await fault.seen()).toBeDefined()
})

test('a node that is down need not answer', async () => {
  const fault = await drawn(named('clock-jump'), sceneOf(cluster))
  await fault.begin()
  for (const id of fault.takes) {
    cluster.node(id).obeys = false
    await cluster.kill(id)
  }
  await fault.heal()
})

test('why it is not to be had', () => {
  const missing = { type: 'missing', reason: 'their clocks are those of the machine' }
  const without = Object.create(cluster, {
    tools: { value: { ...cluster.tools, clocks: missing } },
  })
  for (const nemesis of clockNemeses) {
    expect(nemesis.unavailable({ cluster: without, links: fakeLinks })).toBe(missing.reason)
    expect(nemesis.unavailable({ cluster, links: fakeLinks })).toBeUndefined()
  }
})
