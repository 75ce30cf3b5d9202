/**
 * Goal: faults of processes hit whom they may, are seen only when they did happen, and leave every
 * node running.
 * Method: a cluster without processes that does at once what it is told, over many seeds.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeKillLoop } from '../../../jepsen-style/nemesis/process/kill-loop.ts'
import { processNemeses } from '../../../jepsen-style/nemesis/process/index.ts'
import { until } from '../../../jepsen-style/cluster/waiting.ts'
import type { Nemesis } from '../../../jepsen-style/nemesis/nemesis.ts'
import { drawn, FakeCluster, fakeLinks, sceneOf, type FakeNode } from './fake-cluster.ts'

const named = (name: string): Nemesis => {
  const found = processNemeses.find((nemesis) => nemesis.name === name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

let cluster: FakeCluster
beforeEach(() => {
  cluster = new FakeCluster(5)
})
afterEach(() => cluster.remove())

/** The others have dropped what this node lacks; it gets a snapshot when it is started. */
function leaveBehind(node: FakeNode): void {
  for (const other of cluster.nodes) if (other !== node) other.baseIndex = 1_000
  node.onStart = () => node.log({ level: 'info', message: 'a snapshot is whole' })
}

test('these are all', () => {
  expect(processNemeses.map((nemesis) => nemesis.name)).toEqual([
    'kill',
    'kill-leader',
    'kill-majority',
    'kill-all',
    'kill-loop',
    'pause',
    'pause-leader',
    'pause-majority',
    'rolling-restart',
    'double-start',
    'left-behind',
  ])
})

describe('whom they hit', () => {
  const sizes: readonly (readonly [string, number])[] = [
    ['kill', 1],
    ['kill-leader', 1],
    ['kill-majority', 3],
    ['kill-all', 5],
    ['kill-loop', 1],
    ['pause', 1],
    ['pause-leader', 1],
    ['pause-majority', 3],
    ['rolling-restart', 5],
    ['double-start', 1],
  ]
  for (const [name, size] of sizes) {
    test(`${name}: ${size} of 5, each once`, async () => {
      for (let seed = 0; seed < 20; seed++) {
        const { takes } = await drawn(named(name), sceneOf(cluster, seed))
        expect(takes.length).toBe(size)
        expect(new Set(takes).size).toBe(size)
      }
    })
  }

  test('one node is any of them in turn', async () => {
    const hit = new Set<string>()
    for (let seed = 0; seed < 60; seed++) {
      hit.add((await drawn(named('kill'), sceneOf(cluster, seed))).takes[0] ?? '')
    }
    expect([...hit].sort()).toEqual(['n1', 'n2', 'n3', 'n4', 'n5'])
  })

  test('the leader is the leader', async () => {
    cluster.leads = 'n4'
    expect((await drawn(named('kill-leader'), sceneOf(cluster))).takes).toEqual(['n4'])
    expect((await drawn(named('pause-leader'), sceneOf(cluster))).takes).toEqual(['n4'])
  })

  test('without a leader, or with one that is busy, there is none to hit', async () => {
    for (const name of ['kill-leader', 'pause-leader']) {
      expect(await named(name).draw(sceneOf(cluster, 1, ['n1']))).toBeUndefined()
      cluster.leads = undefined
      expect(await named(name).draw(sceneOf(cluster))).toBeUndefined()
      cluster.leads = 'n1'
    }
  })

  test('nodes that another fault has, or that are down, are left in peace', async () => {
    cluster.node('n5').end('exit code 1')
    for (let seed = 0; seed < 40; seed++) {
      for (const nemesis of processNemeses) {
        const fault = await nemesis.draw(sceneOf(cluster, seed, ['n1', 'n2']))
        if (fault === undefined) continue
        expect(fault.takes.every((id) => id === 'n3' || id === 'n4')).toBe(true)
      }
    }
    const scene = sceneOf(cluster, 1, ['n1', 'n2'])
    for (const name of ['kill-majority', 'pause-majority', 'kill-all', 'rolling-restart']) {
      expect(await named(name).draw(scene), name).toBeUndefined()
    }
  })
})

describe('what is seen, and what is left behind', () => {
  for (const nemesis of processNemeses) {
    test(`${nemesis.name}: seen once it happened, all run when it is healed`, async () => {
      const made = nemesis.name === 'kill-loop' ? makeKillLoop(async () => {}) : nemesis
      const fault = await drawn(made, sceneOf(cluster))
      expect(await fault.seen()).toBeUndefined()
      if (nemesis.name === 'left-behind') leaveBehind(cluster.node(fault.takes[0] ?? ''))

      await fault.begin()
      for (let i = 0; i < 1_000; i++) await Promise.resolve()
      // The loop is stopped first: its last kill is to be looked at.
      if (nemesis.name !== 'kill-loop') expect(await fault.seen()).toBeTypeOf('string')
      await fault.heal()

      expect(cluster.nodes.map((node) => node.state())).toEqual(Array(5).fill('running'))
    })

    test(`${nemesis.name}: healed without having begun, all run`, async () => {
      const fault = await drawn(nemesis, sceneOf(cluster))
      await fault.heal()
      expect(cluster.nodes.map((node) => node.state())).toEqual(Array(5).fill('running'))
    })
  }

  test('left-behind: started only when all others have dropped what it lacks', async () => {
    const fault = await drawn(named('left-behind'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    leaveBehind(node)
    const [late] = cluster.nodes.filter((other) => other !== node)
    if (late === undefined) throw new Error('there are others')
    // As much as any of them has in its log, committed or not, and what may lie behind it.
    late.baseIndex = 107
    const begin = fault.begin()
    await cluster.report(late.id)
    expect(node.state()).toBe('stopped')
    late.baseIndex = 108
    await begin
    expect(node.state()).toBe('running')
  })

  test('left-behind: what it lacks is told by where all logs end, its own too', async () => {
    const fault = await drawn(named('left-behind'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    leaveBehind(node)
    const [late, mute] = cluster.nodes.filter((other) => other !== node)
    if (late === undefined || mute === undefined) throw new Error('there are others')
    // Just started: it does not know yet what is committed.
    for (const other of cluster.nodes) other.commitIndex = 0
    node.lastIndex = 1_200
    mute.answers = false
    late.baseIndex = 1_300
    let asked = 0
    const report = cluster.report.bind(cluster)
    cluster.report = async (id) => {
      if (id === mute.id) asked++
      return await report(id)
    }
    const begin = fault.begin()
    await until(() => asked > 1, 5_000)
    for (const other of cluster.nodes) if (other !== node) other.baseIndex = 1_300
    mute.answers = true
    const before = asked
    await until(() => asked > before + 2, 5_000)
    expect(node.state()).toBe('stopped')
    for (const other of cluster.nodes) if (other !== node) other.baseIndex = 1_301
    await begin
    expect(node.state()).toBe('running')
  })

  test('left-behind: a snapshot of before does not count, nor one that is not whole', async () => {
    const fault = await drawn(named('left-behind'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    node.log({ level: 'info', message: 'a snapshot is whole' })
    leaveBehind(node)
    node.onStart = () => node.log({ level: 'info', message: 'fetching a snapshot' })
    await fault.begin()
    expect(await fault.seen()).toBeUndefined()
    node.log({ level: 'info', message: 'a snapshot is whole' })
    expect(await fault.seen()).toBe('its log says: a snapshot is whole')
  })

  test('a kill is not seen where the process ended in another way', async () => {
    const fault = await drawn(named('kill'), sceneOf(cluster))
    cluster.kill = async (id) => cluster.node(id).end('exit code 1')
    await fault.begin()
    expect(await fault.seen()).toBeUndefined()
  })

  test('a kill before the fault does not count', async () => {
    const scene = sceneOf(cluster)
    const fault = await drawn(named('kill'), scene)
    const id = fault.takes[0] ?? ''
    await cluster.kill(id)
    await cluster.start(id)
    cluster.kill = async () => {}
    await fault.begin()
    expect(await fault.seen()).toBeUndefined()
  })

  test('a pause is not seen while the node answers', async () => {
    const fault = await drawn(named('pause'), sceneOf(cluster))
    await fault.begin()
    cluster.report = async (id) => ({
      id,
      role: 'follower',
      term: 1,
      leader: 'n1',
      ready: true,
      baseIndex: 0,
      diskFull: false,
      waitsFor: undefined,
      commitIndex: 1,
      lastIndex: 1,
      appliedIndex: 1,
      revision: 1,
    })
    expect(await fault.seen()).toBeUndefined()
  })

  test('a rolling restart stops each node once, each when the one before serves', async () => {
    const fault = await drawn(named('rolling-restart'), sceneOf(cluster))
    await fault.begin()
    for (let i = 0; i < 1_000; i++) await Promise.resolve()
    await fault.heal()
    expect(cluster.calls).toEqual(fault.takes.flatMap((id) => [`stop ${id}`, `start ${id}`]))
  })

  test('a rolling restart that fails half-way is told, and all run', async () => {
    const fault = await drawn(named('rolling-restart'), sceneOf(cluster))
    const start = cluster.start.bind(cluster)
    cluster.start = (id) => {
      cluster.start = start
      return Promise.reject(new Error(`${id} does not start`))
    }
    await fault.begin()
    await expect(fault.heal()).rejects.toThrow('does not start')
    expect(cluster.nodes.map((node) => node.state())).toEqual(Array(5).fill('running'))
  })

  test('a kill loop kills more than once, and says how often', async () => {
    const lives: number[] = []
    const loop = makeKillLoop(async (ms, signal) => {
      lives.push(ms)
      if (lives.length === 3) await new Promise((r) => signal.addEventListener('abort', r))
    })
    const fault = await drawn(loop, sceneOf(cluster))
    await fault.begin()
    for (let i = 0; i < 1_000; i++) await Promise.resolve()
    expect(await fault.seen()).toContain('3 times')
    await fault.heal()
    expect(lives.every((ms) => ms >= 10 && ms < 1_500)).toBe(true)
    expect(new Set(lives).size).toBeGreaterThan(1)
  })
})

describe('a second process on the same directory', () => {
  const wrong: readonly (readonly [string, { code: number | undefined; log: string }])[] = [
    ['it runs', { code: undefined, log: '' }],
    ['it ends well', { code: 0, log: '' }],
    ['it ends for another reason', { code: 1, log: '{"level":"error","message":"a port"}' }],
  ]
  for (const [what, second] of wrong) {
    test(`${what}: that is told`, async () => {
      cluster.second = second
      const fault = await drawn(named('double-start'), sceneOf(cluster))
      await expect(fault.begin()).rejects.toThrow('the second process')
      expect(await fault.seen()).toBeUndefined()
    })
  }

  test('the first one ends because of it: that is told', async () => {
    const fault = await drawn(named('double-start'), sceneOf(cluster))
    const second = cluster.second
    cluster.tools.startTwice = async (id) => {
      cluster.node(id).end('exit code 1')
      return second
    }
    await expect(fault.begin()).rejects.toThrow('ended because')
  })

  test('it is not to be had where the nodes are not ours', () => {
    const foreign = Object.create(cluster, { tools: { value: undefined } })
    const scene = { cluster: foreign, links: fakeLinks }
    expect(named('double-start').unavailable(scene)).toContain('not started by this harness')
    expect(named('kill').unavailable(scene)).toBeUndefined()
  })
})
