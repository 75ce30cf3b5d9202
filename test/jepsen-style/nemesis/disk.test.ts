/**
 * Goal: faults of disks never damage the files of more than a minority, are seen only when the node
 * did what it must, fail loudly when it did not, and put back exactly what they damaged.
 * Method: a cluster without processes, with real files; its nodes answer or refuse as they are told.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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

const damaging = ['damage-wal', 'damage-state', 'lose-state']

/** A log of two flushes, and a state. */
function makeFiles(node: FakeNode): void {
  const group = join(node.dataDirectory, 'groups', '0')
  mkdirSync(join(group, 'wal'), { recursive: true })
  const segment = Buffer.alloc(8 * 512)
  segment.write('QUORAWAL')
  segment.write('QFL1 the first', 512)
  segment.write('QFL1 the last', 1_024)
  writeFileSync(join(group, 'wal', '0000000001.wal'), segment)
  mkdirSync(join(group, 'state-1'))
  writeFileSync(join(group, 'state-1', '000005.ldb'), 'rows'.repeat(1_000))
  writeFileSync(join(group, 'state-1', 'CURRENT'), 'MANIFEST-000004\n')
  writeFileSync(join(group, 'current'), '{}')
}

/** All files of a node that its faults may touch. */
function contents(node: FakeNode): string[] {
  const group = join(node.dataDirectory, 'groups', '0')
  return ['wal/0000000001.wal', 'state-1/000005.ldb', 'state-1/CURRENT', 'current'].map((name) =>
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
  expect(diskNemeses.map((nemesis) => nemesis.name)).toEqual([...damaging, 'full-disk'])
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

describe('a damaged log', () => {
  test('refused with file and offset: seen, and put back byte for byte', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const fault = await drawn(named('damage-wal'), sceneOf(cluster, seed))
      const node = cluster.node(fault.takes[0] ?? '')
      const before = contents(node)
      refuses(node, refusal(node))

      await fault.begin()
      expect(contents(node)).not.toEqual(before)
      expect(await fault.seen()).toContain(
        'QUORATE_CORRUPT, groups/0/wal/0000000001.wal at byte 512',
      )
      await fault.heal()

      expect(contents(node), `seed ${seed}`).toEqual(before)
      expect(node.state()).toBe('running')
      expect(existsSync(`${node.dataDirectory}.saved`)).toBe(false)
    }
  })

  test('taken for whole: that is told, and the files stay as the node has them', async () => {
    const fault = await drawn(named('damage-wal'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    await expect(fault.begin()).rejects.toThrow('as if its log were whole')
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
      const fault = await drawn(named('damage-wal'), sceneOf(cluster))
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
    const fault = await drawn(named('damage-wal'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    node.log(refusal(node))
    refuses(node, { level: 'info', message: 'hello' })
    await expect(fault.begin()).rejects.toThrow('named no file and offset')
  })

  test('without a log there is nothing to damage: the node runs again when it is healed', async () => {
    const fault = await drawn(named('damage-wal'), sceneOf(cluster))
    const node = cluster.node(fault.takes[0] ?? '')
    writeFileSync(join(node.dataDirectory, 'groups/0/wal/0000000001.wal'), '')
    await expect(fault.begin()).rejects.toThrow('holds nothing')
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

  test('refused: seen, and put back byte for byte', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const fault = await drawn(named('damage-state'), sceneOf(cluster, seed))
      const node = cluster.node(fault.takes[0] ?? '')
      const before = contents(node)
      refuses(node, refusal(node))
      await fault.begin()
      expect(contents(node)).not.toEqual(before)
      expect(await fault.seen()).toContain('refused')
      await fault.heal()
      expect(contents(node), `seed ${seed}`).toEqual(before)
    }
  })
})

describe('a lost state', () => {
  test('is seen once the node has made another and serves', async () => {
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
    await fault.heal()
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
