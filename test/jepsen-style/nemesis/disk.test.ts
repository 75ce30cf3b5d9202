/**
 * Goal: faults of disks never damage the files of more than a minority at once, are seen only when
 * the node did what it must, fail loudly when it did not, are healed only when it has everything
 * back, and put back exactly what they damaged where the node rightly refused.
 * Method: a cluster without processes, with real files; its nodes answer or refuse as they are told.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { diskNemeses } from '../../../jepsen-style/nemesis/disk/index.ts'
import type { Nemesis } from '../../../jepsen-style/nemesis/nemesis.ts'
import { stateDirectories } from '../../../jepsen-style/nemesis/disk/files.ts'
import { drawn, FakeCluster, fakeLinks, sceneOf, type FakeNode } from './fake-cluster.ts'

const named = (name: string): Nemesis => {
  const found = diskNemeses.find((nemesis) => nemesis.name === name)
  if (found === undefined) throw new Error(`there is no ${name}`)
  return found
}

const damaging = ['damage-wal', 'damage-vote', 'damage-state', 'lose-state']

/** A log of two flushes, and a state. */
function makeFiles(node: FakeNode): void {
  const group = join(node.dataDirectory, 'groups', '0')
  mkdirSync(join(group, 'wal'), { recursive: true })
  const segment = Buffer.alloc(8 * 512)
  segment.write('QUORAWAL')
  segment.write('QFL1 the first', 512)
  segment.write('QFL1 the last', 1_024)
  writeFileSync(join(group, 'wal', '0000000001.wal'), segment)
  mkdirSync(join(group, 'state-1'), { recursive: true })
  writeFileSync(join(group, 'state-1', '000005.ldb'), 'rows'.repeat(1_000))
  writeFileSync(join(group, 'state-1', 'CURRENT'), 'MANIFEST-000004\n')
  writeFileSync(join(group, 'current'), '{}')
  writeFileSync(join(group, 'vote'), Buffer.alloc(1_024, 'QUORVOTE'))
}

/** All files of a node that its faults may touch. */
function contents(node: FakeNode): string[] {
  const group = join(node.dataDirectory, 'groups', '0')
  const names = ['wal/0000000001.wal', 'vote', 'state-1/000005.ldb', 'state-1/CURRENT', 'current']
  return names.map((name) =>
    existsSync(join(group, name)) ? readFileSync(join(group, name), 'latin1') : 'gone',
  )
}

const refusal = (node: FakeNode): Readonly<Record<string, unknown>> => ({
  level: 'error',
  message: 'the node stops',
  code: 'QUORATE_CORRUPT',
  error: 'damaged',
  file: join(node.dataDirectory, 'groups/0/wal/0000000001.wal'),
  offset: 512,
})

/** Makes a node refuse its next start. */
function refuses(node: FakeNode, line: Readonly<Record<string, unknown>>): void {
  node.onStart = () => {
    node.log(line)
    node.end('exit code 1')
    node.onStart = undefined
  }
}

let cluster: FakeCluster
beforeEach(() => {
  cluster = new FakeCluster(5)
  cluster.nodes.forEach(makeFiles)
})
afterEach(() => cluster.remove())

test('these are all', () => {
  expect(diskNemeses.map((nemesis) => nemesis.name)).toEqual([
    ...damaging,
    'full-disk',
    'slow-disk',
  ])
})

describe('never more than a minority', () => {
  for (const name of damaging) {
    test(`${name}: with two of five damaged, only those two again`, async () => {
      const hit = new Set<string>()
      for (let seed = 0; seed < 40; seed++) {
        const scene = sceneOf(cluster, seed)
        for (const id of ['n2', 'n4']) scene.damaged.add(id)
        hit.add((await drawn(named(name), scene)).takes[0] ?? '')
      }
      expect([...hit].sort()).toEqual(['n2', 'n4'])
    })

    test(`${name}: none where those two are busy`, async () => {
      const scene = sceneOf(cluster, 1, ['n2', 'n4'])
      for (const id of ['n2', 'n4']) scene.damaged.add(id)
      expect(await named(name).draw(scene)).toBeUndefined()
    })

    test(`${name}: the node counts as damaged from the beginning on`, async () => {
      const scene = sceneOf(cluster)
      const fault = await drawn(named(name), scene)
      expect([...scene.damaged]).toEqual([])
      // Whatever becomes of it.
      await fault.begin().catch(() => {})
      expect([...scene.damaged]).toEqual([...fault.takes])
    })

    test(`${name}: not with two nodes`, () => {
      const two = new FakeCluster(2)
      expect(named(name).unavailable({ cluster: two, links: fakeLinks })).toContain('3 nodes')
      two.remove()
      expect(named(name).unavailable({ cluster, links: fakeLinks })).toBeUndefined()
    })
  }
})

const begunAnew = {
  level: 'error',
  message: 'the log is damaged and begins anew; the others bring back what it had',
  error: 'the checksum does not match',
}
const isWhole = { level: 'info', message: 'the log is whole again: this node votes and counts' }

/** Makes a node recover at its next start, and be whole at once where `whole` says so. */
function recovers(node: FakeNode, { whole }: { readonly whole: boolean }): void {
  node.onStart = () => {
    node.log(begunAnew)
    node.waitsFor = 'a leader that brings its log up to what it had acknowledged'
    if (whole) becomesWhole(node)
    node.onStart = undefined
  }
}

function becomesWhole(node: FakeNode): void {
  node.log(isWhole)
  node.waitsFor = undefined
}

describe('a damaged log', () => {
  test('begun anew: seen; healed once it is whole again, with nothing put back', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const scene = sceneOf(cluster, seed)
      const fault = await drawn(named('damage-wal'), scene)
      const node = cluster.node(fault.takes[0] ?? '')
      makeFiles(node)
      const before = contents(node)
      recovers(node, { whole: true })

      await fault.begin()
      const damaged = contents(node)
      expect(damaged).not.toEqual(before)
      expect(damaged.slice(1)).toEqual(before.slice(1))
      expect(await fault.seen()).toContain('the checksum does not match')
      await fault.heal()

      expect(contents(node), `seed ${seed}`).toEqual(damaged)
      expect(existsSync(`${node.dataDirectory}.saved`)).toBe(false)
      // It has everything back: another one may be hit.
      expect([...scene.damaged]).toEqual([])
    }
  })

  test('not healed before the node says that its log is whole', async () => {
    const scene = sceneOf(cluster)
    const fault = await drawn(named('damage-wal'), scene)
    const node = cluster.node(fault.takes[0] ?? '')
    // What it said of an earlier recovery does not count.
    node.log(isWhole)
    recovers(node, { whole: false })
    await fault.begin()
    let healed = false
    const heal = fault.heal().then(() => (healed = true))
    node.waitsFor = undefined
    await cluster.report(node.id)
    expect(healed).toBe(false)
    expect([...scene.damaged]).toEqual([node.id])
    becomesWhole(node)
    await heal
    expect([...scene.damaged]).toEqual([])
  })

  test('taken for whole: that is told', async () => {
    const fault = await drawn(named('damage-wal'), sceneOf(cluster))
    await expect(fault.begin()).rejects.toThrow('as if its log were whole')
    expect(await fault.seen()).toBeUndefined()
  })

  test('refused, though the others have it: that is told', async () => {
    const fault = await drawn(named('damage-wal'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    refuses(node, refusal(node))
    await expect(fault.begin()).rejects.toThrow('instead of recovering: damaged')
    expect(await fault.seen()).toBeUndefined()
  })
})

describe('a damaged vote', () => {
  test('refused with file and offset: seen, and put back byte for byte', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const fault = await drawn(named('damage-vote'), sceneOf(cluster, seed))
      const node = cluster.node(fault.takes[0] ?? '')
      const before = contents(node)
      const slots = (text: string): string[] => [text.slice(0, 512), text.slice(512)]
      refuses(node, refusal(node))

      await fault.begin()
      const [log = '', vote = '', ...rest] = contents(node)
      expect(log).not.toBe(before[0])
      const whole = slots(before[1] ?? '')
      expect(slots(vote).filter((slot, i) => slot === whole[i])).toEqual([])
      expect(rest).toEqual(before.slice(2))
      expect(await fault.seen()).toContain(
        'QUORATE_CORRUPT, groups/0/wal/0000000001.wal at byte 512',
      )
      await fault.heal()

      expect(contents(node), `seed ${seed}`).toEqual(before)
      expect(node.state()).toBe('running')
      expect(existsSync(`${node.dataDirectory}.saved`)).toBe(false)
    }
  })

  test('served nevertheless: that is told, and the files stay as the node has them', async () => {
    const fault = await drawn(named('damage-vote'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    await expect(fault.begin()).rejects.toThrow('nobody knows how it voted')
    const served = contents(node)
    expect(await fault.seen()).toBeUndefined()
    await fault.heal()
    expect(contents(node)).toEqual(served)
    expect(node.state()).toBe('running')
  })

  const silences: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
    ['no word', {}],
    ['another error', { level: 'error', message: 'the node stops', code: 'QUORATE_STORAGE' }],
    ['no offset', { level: 'error', message: 'stops', code: 'QUORATE_CORRUPT', file: '/a' }],
    ['no place', { level: 'error', message: 'the node stops', code: 'QUORATE_CORRUPT' }],
  ]
  for (const [what, line] of silences) {
    test(`refused with ${what}: that is told, and the files are put back`, async () => {
      const fault = await drawn(named('damage-vote'), sceneOf(cluster))
      const node = cluster.node(fault.takes[0] ?? '')
      const before = contents(node)
      refuses(node, line)
      await expect(fault.begin()).rejects.toThrow('named no file and offset')
      await fault.heal()
      expect(contents(node)).toEqual(before)
      expect(node.state()).toBe('running')
    })
  }

  test('a refusal that was in the log before does not count', async () => {
    const fault = await drawn(named('damage-vote'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    node.log(refusal(node))
    refuses(node, { level: 'info', message: 'hello' })
    await expect(fault.begin()).rejects.toThrow('named no file and offset')
  })

  test('without a vote there is nothing to damage: the node runs again when it is healed', async () => {
    const fault = await drawn(named('damage-vote'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    rmSync(join(node.dataDirectory, 'groups/0/vote'))
    await expect(fault.begin()).rejects.toThrow('there is no vote')
    await fault.heal()
    expect(node.state()).toBe('running')
  })
})

describe('a damaged state', () => {
  test('made anew: seen, and nothing is put back', async () => {
    const fault = await drawn(named('damage-state'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    node.onStart = () =>
      node.log({ level: 'error', message: 'the state is damaged and is made anew from the log' })
    await fault.begin()
    const served = contents(node)
    expect(await fault.seen()).toContain('made anew')
    await fault.heal()
    expect(contents(node)).toEqual(served)
    expect(cluster.calls).toEqual([`stop ${node.id}`, `start ${node.id}`])
  })

  test('taken for whole: that is told', async () => {
    const fault = await drawn(named('damage-state'), sceneOf(cluster))
    await expect(fault.begin()).rejects.toThrow('as if its state were whole')
    expect(await fault.seen()).toBeUndefined()
  })

  test('refused: that is told', async () => {
    const fault = await drawn(named('damage-state'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    refuses(node, refusal(node))
    await expect(fault.begin()).rejects.toThrow('instead of making it anew: damaged')
    expect(await fault.seen()).toBeUndefined()
  })

  test('not healed while the node waits for a snapshot', async () => {
    const scene = sceneOf(cluster)
    const fault = await drawn(named('damage-state'), scene)
    const node = cluster.node(fault.takes[0] ?? '')
    node.onStart = () => {
      node.log({ level: 'error', message: 'the state is damaged and is made anew' })
      node.waitsFor = 'a snapshot of the state from a leader'
    }
    await fault.begin()
    let healed = false
    const heal = fault.heal().then(() => (healed = true))
    await cluster.report(node.id)
    expect(healed).toBe(false)
    expect([...scene.damaged]).toEqual([node.id])
    node.waitsFor = undefined
    await heal
    expect([...scene.damaged]).toEqual([])
  })
})

describe('a lost state', () => {
  test('is seen once the node has made another and answers; healed once it lacks nothing', async () => {
    const fault = await drawn(named('lose-state'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    node.answers = false
    await fault.begin()
    expect(stateDirectories(node)).toEqual([])
    node.answers = true
    expect(await fault.seen()).toBeUndefined()
    mkdirSync(join(node.dataDirectory, 'groups/0/state-2'))
    node.answers = false
    expect(await fault.seen()).toBeUndefined()
    node.answers = true
    expect(await fault.seen()).toContain('made anew')
    node.waitsFor = 'a snapshot'
    expect(await fault.seen()).toContain('it waits for a snapshot')
    let healed = false
    const heal = fault.heal().then(() => (healed = true))
    await cluster.report(node.id)
    expect(healed).toBe(false)
    node.waitsFor = undefined
    await heal
    expect(node.state()).toBe('running')
  })

  test('the log is not touched', async () => {
    const fault = await drawn(named('lose-state'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    const [log] = contents(node)
    await fault.begin()
    expect(contents(node)[0]).toBe(log)
    await fault.heal()
  })
})

describe('a full disk', () => {
  test('is seen when the node has ended and says why; room and node are back afterwards', async () => {
    const fault = await drawn(named('full-disk'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    const line = {
      level: 'error',
      message: 'the node stops',
      code: 'QUORATE_STORAGE',
      error: 'ENOSPC',
    }
    node.log(line)
    await fault.begin()
    expect(node.full).toBe(true)
    expect(await fault.seen()).toBeUndefined()
    node.end('exit code 1')
    // What stood in its log before is no proof.
    expect(await fault.seen()).toBeUndefined()
    node.log(line)
    // Nor is what a node says that goes on.
    node.now = 'running'
    expect(await fault.seen()).toBeUndefined()
    node.now = 'stopped'
    expect(await fault.seen()).toContain('exit code 1')
    await fault.heal()
    expect(node.full).toBe(false)
    expect(node.state()).toBe('running')
  })

  test('is seen when the node says that it takes no writes', async () => {
    const fault = await drawn(named('full-disk'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    await fault.begin()
    expect(await fault.seen()).toBeUndefined()
    node.diskFull = true
    expect(await fault.seen()).toContain('takes no writes')
    await fault.heal()
    expect(cluster.calls).toEqual([])
  })

  test('a node that wrote on is left running', async () => {
    const fault = await drawn(named('full-disk'), sceneOf(cluster))
    await fault.begin()
    await fault.heal()
    expect(cluster.calls).toEqual([])
  })

  test('why it is not to be had', () => {
    const missing = { type: 'missing', reason: 'only root can' }
    const without = Object.create(cluster, {
      tools: { value: { ...cluster.tools, disks: missing } },
    })
    expect(named('full-disk').unavailable({ cluster: without, links: fakeLinks })).toBe(
      'only root can',
    )
  })
})

describe('a slow disk', () => {
  test('one free node, half of the time the leader; delays of each size, drawn by the seed', async () => {
    const hit: string[] = []
    const longest = new Set<number>()
    for (let seed = 0; seed < 200; seed++) {
      const fault = await drawn(named('slow-disk'), sceneOf(cluster, seed, ['n3']))
      const [id = ''] = fault.takes
      expect(fault.takes).toHaveLength(1)
      await fault.begin()
      const delays = cluster.node(id).delays ?? []
      expect(delays).toHaveLength(32)
      for (const delay of delays) {
        expect(delay).toBeGreaterThan(0)
        expect(delay).toBeLessThanOrEqual(500)
      }
      hit.push(id)
      longest.add(Number(/up to (\d+) ms/.exec(fault.detail)?.[1]))
    }
    expect([...longest].sort((a, b) => a - b)).toEqual([20, 100, 500])
    expect([...new Set(hit)].sort()).toEqual(['n1', 'n2', 'n4', 'n5'])
    // n1 leads.
    const leader = hit.filter((id) => id === 'n1').length
    expect(leader).toBeGreaterThan(90)
    expect(leader).toBeLessThan(160)
  })

  test('seen once the process that runs now was held up; as fast as before afterwards', async () => {
    const fault = await drawn(named('slow-disk'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    await fault.begin()
    // It follows the order, and has not flushed anything yet.
    expect(await fault.seen()).toBeUndefined()
    const held = { pid: node.process ?? 0, flushes: 3, delayedMs: 41 }
    for (const wrong of [undefined, { ...held, pid: 1 }, { ...held, delayedMs: 0 }]) {
      node.flushAnswer = wrong
      expect(await fault.seen()).toBeUndefined()
    }
    node.flushAnswer = held
    expect(await fault.seen()).toContain(`3 flushes of ${node.id} took 41 ms longer`)
    await fault.heal()
    expect(node.delays).toEqual([])
  })

  test('a node that is down need not answer', async () => {
    const fault = await drawn(named('slow-disk'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    await fault.begin()
    node.obeys = false
    await cluster.kill(node.id)
    await fault.heal()
  })

  test('not on a cluster that others started', () => {
    const without = Object.create(cluster, { tools: { value: undefined } })
    const slow = named('slow-disk')
    expect(slow.unavailable({ cluster: without, links: fakeLinks })).toContain('not started by')
    expect(slow.unavailable({ cluster, links: fakeLinks })).toBeUndefined()
  })
})
