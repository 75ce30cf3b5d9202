/**
 * Goal: a data directory is made whole or recognised as half-made; a finished one is never made
 * again; what a node trusts at its start is verified to the last bit.
 * Method: init is killed at every operation, with every kind of loss, and repeated; every bit of
 * the small files is flipped; arguments and files that cannot be right are refused.
 */
import { describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/assert.ts'
import { SeededRandom } from '../../src/random.ts'
import {
  clusterIdOf,
  initialise,
  LogStore,
  openDataDirectory,
  PeerIncarnations,
  stateDirectoryName,
  StatePointer,
  type InitialiseOptions,
} from '../../src/wal/index.ts'
import { encodeDocument } from '../../src/wal/document.ts'
import { MemoryDisk, type KeepUnsynced } from '../suites/memory-disk.ts'
import { diskWith, hard, refusal } from './support.ts'

const members = [
  { id: 'n2', peerAddress: '10.0.0.2:7201' },
  { id: 'n1', peerAddress: '10.0.0.1:7201', clientAddress: '10.0.0.1:7101' },
  { id: 'n3', peerAddress: '[::1]:7203' },
]
const path = 'var/lib/quorate/n1'
const nodeFile = `${path}/node.json`
const group = `${path}/groups/0`

function options(disk: MemoryDisk, overrides: Partial<InitialiseOptions> = {}): InitialiseOptions {
  const random = new SeededRandom(1)
  const clusterName = 'probes'
  return {
    disk,
    random,
    path,
    nodeId: 'n1',
    members,
    clusterName,
    segmentBytes: 2048,
    ...overrides,
  }
}

async function made(): Promise<MemoryDisk> {
  const disk = new MemoryDisk()
  await initialise(options(disk))
  disk.crash({ keepUnsynced: 'none' })
  return disk
}

/** Opens everything in a data directory. */
async function openAll(disk: MemoryDisk): Promise<void> {
  const data = await openDataDirectory({ disk, path })
  try {
    const directory = data.groupDirectory
    await PeerIncarnations.open({ disk, directory })
    await new StatePointer({ disk, directory }).read()
    const { log } = await LogStore.open({ disk, directory, identity: data.logIdentity })
    await log.close()
  } finally {
    await data.close()
  }
}

describe('init', () => {
  test('makes a directory that a power cut leaves as it is', async () => {
    const disk = await made()

    const data = await openDataDirectory({ disk, path })

    expect(data.identity).toMatchObject({ nodeId: 'n1', clusterName: 'probes' })
    expect(data.identity.members.map(({ id }) => id)).toEqual(['n1', 'n2', 'n3'])
    expect(data.identity.clusterId).toBe(clusterIdOf('probes', members))
    expect(data.identity.incarnation).toMatch(/^[0-9a-f]{32}$/)
    await data.close()
    await openAll(disk)
  })

  test('comes to the same cluster id on all members, and another for another cluster', () => {
    const id = clusterIdOf('probes', members)
    expect(clusterIdOf('probes', members.toReversed())).toBe(id)
    expect(
      clusterIdOf(
        'probes',
        members.map(({ id, peerAddress }) => ({ id, peerAddress })),
      ),
    ).toBe(id)
    expect(clusterIdOf('probe', members)).not.toBe(id)
    expect(clusterIdOf('probes', members.slice(1))).not.toBe(id)
    expect(id).toMatch(/^[0-9a-f]{32}$/)
  })

  test('refuses a finished directory, and leaves it alone', async () => {
    const disk = await made()
    const before = disk.peek(nodeFile)

    const error = await refusal(initialise(options(disk, { random: new SeededRandom(2) })))

    expect(error.code).toBe('QUORATE_ALREADY_INITIALISED')
    expect(error.message).toContain('quorate node start')
    expect(disk.peek(nodeFile)).toEqual(before)
  })

  test('killed at any operation, it is done, or it is done again', async () => {
    const keeps: KeepUnsynced[] = ['none', 'all', 'prefix', 'sectors']
    let nth = 1
    for (let finished = false; !finished; nth++) {
      for (const keepUnsynced of keeps) {
        const disk = new MemoryDisk()
        disk.fail({ operation: 'any', nth, error: 'kill' })
        finished = await initialise(options(disk)).then(
          () => true,
          () => false,
        )
        disk.crash({ keepUnsynced, random: new SeededRandom(nth) })

        const opened = await openAll(disk).then(
          () => undefined,
          (error: unknown) => error,
        )
        const again = await initialise(options(disk)).then(
          () => undefined,
          (error: unknown) => error,
        )

        if (finished) expect(opened).toBeUndefined()
        if (opened !== undefined) expect(opened).toMatchObject({ code: 'QUORATE_NOT_INITIALISED' })
        if (opened === undefined)
          expect(again).toMatchObject({ code: 'QUORATE_ALREADY_INITIALISED' })
        else expect(again).toBeUndefined()
        disk.crash({ keepUnsynced: 'none' })
        await openAll(disk)
      }
    }
    expect(nth).toBeGreaterThan(20)
  })

  test('does not start anew where a node has lost its identity file', async () => {
    const disk = await made()
    const data = await openDataDirectory({ disk, path })
    const store = { disk, directory: group, identity: data.logIdentity }
    const { log } = await LogStore.open(store)
    await log.persist({ hardState: hard(1, 'n1'), entries: [], mustSync: true })
    await log.close()
    await data.close()
    disk.unplant(nodeFile)

    for (const attempt of [initialise(options(disk)), openDataDirectory({ disk, path })]) {
      expect(await refusal(attempt)).toMatchObject({
        code: 'QUORATE_CORRUPT',
        details: { file: nodeFile },
      })
    }
    expect(disk.paths()).toContain(`${group}/wal/0000000001.wal`)
  })

  test('leaves other files of the directory alone', async () => {
    const disk = await diskWith(path)
    disk.plant(`${path}/notes`, new Uint8Array(1))
    await initialise(options(disk))
    expect(disk.paths()).toContain(`${path}/notes`)
  })

  test.each<[string, Partial<InitialiseOptions>]>([
    ['no cluster', { clusterName: undefined }],
    ['a bad cluster id', { clusterId: 'xyz' }],
    ['an empty cluster name', { clusterName: '' }],
    ['a control character in the name', { clusterName: 'a\nb' }],
    ['a node that is no member', { nodeId: 'n9' }],
    ['no members', { members: [] }],
    [
      'ten members',
      {
        members: Array.from({ length: 10 }, (_, at) => ({
          id: `n${at}`,
          peerAddress: `h:${at + 1}`,
        })),
      },
    ],
    ['an id twice', { members: [...members, { id: 'n1', peerAddress: 'h:1' }] }],
    ['an address twice', { members: [...members, { id: 'n4', peerAddress: '10.0.0.1:7201' }] }],
    ['an id that is no name', { members: [...members, { id: '../x', peerAddress: 'h:1' }] }],
    [
      'an id that is too long',
      { members: [...members, { id: 'x'.repeat(65), peerAddress: 'h:1' }] },
    ],
    ['an address without port', { members: [...members, { id: 'n4', peerAddress: 'h' }] }],
    ['a host that is none', { members: [...members, { id: 'n4', peerAddress: 'node.1:7201' }] }],
    ['an address with port 0', { members: [...members, { id: 'n4', peerAddress: 'h:0' }] }],
    [
      'an address with a port too high',
      { members: [...members, { id: 'n4', peerAddress: 'h:65536' }] },
    ],
    [
      'a bad client address',
      { members: [...members, { id: 'n4', peerAddress: 'h:1', clientAddress: 'h' }] },
    ],
  ])('refuses %s before it touches the disk', async (_, overrides) => {
    const disk = new MemoryDisk()
    expect((await refusal(initialise(options(disk, overrides)))).code).toBe('QUORATE_USAGE')
    expect(disk.changes).toBe(0)
  })
})

describe('init of a node that joins', () => {
  const others = members.filter(({ id }) => id !== 'n1')
  const joining = { joining: true, nodeId: 'n9', members: others, clusterId: 'ab'.repeat(16) }

  test('remembers that it joins, and of whom it was told', async () => {
    const disk = new MemoryDisk()
    await initialise(options(disk, joining))
    const { identity } = await openDataDirectory({ disk, path })
    expect(identity).toMatchObject({ nodeId: 'n9', joining: true, clusterId: 'ab'.repeat(16) })
    expect(identity.members.map(({ id }) => id)).toEqual(['n2', 'n3'])
    await openAll(disk.clone())
  })

  test.each<[string, Partial<InitialiseOptions>]>([
    ['one that is among those that it joins', { ...joining, nodeId: 'n2' }],
    ['one that joins nobody', { ...joining, members: [] }],
    ['one with a base', { ...joining, base: { entry: { index: 3, term: 1 }, term: 1 } }],
    ['a first member that is none', { nodeId: 'n9' }],
  ])('refuses %s', async (_, overrides) => {
    const disk = new MemoryDisk()
    expect((await refusal(initialise(options(disk, overrides)))).code).toBe('QUORATE_USAGE')
    expect(disk.changes).toBe(0)
  })
})

describe('init of a restored node', () => {
  const base = { entry: { index: 1_000_017, term: 4 }, term: 6 }

  /** What a restore puts in place before the directory is one. */
  const restore = (disk: MemoryDisk) => async (groupDirectory: string) => {
    const state = `${groupDirectory}/${stateDirectoryName(1)}`
    await disk.makeDirectory(state)
    const file = await disk.open(`${state}/000005.ldb`, 'create')
    await file.write([new Uint8Array(700)], 0)
    await file.sync()
    await file.close()
    await disk.syncDirectory(state)
    await disk.syncDirectory(groupDirectory)
    await new StatePointer({ disk, directory: groupDirectory }).switchTo(1, base.entry)
  }

  test('makes a log behind the base, in its term, beside the state', async () => {
    const disk = new MemoryDisk()
    await initialise(options(disk, { base, beforeIdentity: restore(disk) }))
    disk.crash({ keepUnsynced: 'none' })

    const data = await openDataDirectory({ disk, path })
    expect(data.identity.base).toEqual(base.entry)
    const directory = data.groupDirectory
    const opened = await LogStore.open({ disk, directory, identity: data.logIdentity })
    expect(opened.recovered).toMatchObject({
      base: base.entry,
      lastIndex: base.entry.index,
      hardState: hard(6, undefined, base.entry.index),
    })
    const pointer = new StatePointer({ disk, directory })
    expect(await pointer.read()).toEqual({ generation: 1, snapshot: base.entry })
    expect(disk.paths().some((name) => name.endsWith('unfinished'))).toBe(false)
    await opened.log.persist({
      hardState: hard(7, 'n1', base.entry.index),
      entries: [{ index: 1_000_018, term: 7, kind: 'noop', data: new Uint8Array() }],
      mustSync: true,
    })
    await opened.log.close()
  })

  test.each<[string, Partial<InitialiseOptions>]>([
    ['a term before that of the base', { base: { ...base, term: 3 } }],
    ['a base that is no entry', { base: { entry: { index: 0, term: 0 }, term: 1 } }],
    ['a term that is no number', { base: { ...base, term: Number.NaN } }],
  ])('refuses %s', async (_, overrides) => {
    const disk = new MemoryDisk()
    expect((await refusal(initialise(options(disk, overrides)))).code).toBe('QUORATE_USAGE')
    expect(disk.changes).toBe(0)
  })

  test('killed at any operation, it is done, or it is done again (etcd#10688)', async () => {
    let nth = 1
    for (let finished = false; !finished; nth++) {
      for (const keepUnsynced of ['none', 'all', 'prefix', 'sectors'] as const) {
        const disk = new MemoryDisk()
        disk.fail({ operation: 'any', nth, error: 'kill' })
        const restored = (on: MemoryDisk): InitialiseOptions =>
          options(on, { base, beforeIdentity: restore(on) })
        finished = await initialise(restored(disk)).then(
          () => true,
          () => false,
        )
        disk.crash({ keepUnsynced, random: new SeededRandom(nth) })

        const opened = await openAll(disk).then(
          () => undefined,
          (error: unknown) => error,
        )

        if (finished) expect(opened).toBeUndefined()
        if (opened !== undefined) {
          expect(opened).toMatchObject({ code: 'QUORATE_NOT_INITIALISED' })
          await initialise(restored(disk))
        }
        disk.crash({ keepUnsynced: 'none' })
        await openAll(disk)
      }
    }
    expect(nth).toBeGreaterThan(40)
  })

  test('does not start anew once its log was in use, though the mark of the restore is left', async () => {
    const disk = new MemoryDisk()
    await initialise(options(disk, { base, beforeIdentity: restore(disk) }))
    const data = await openDataDirectory({ disk, path })
    disk.plant(`${group}/unfinished`, new Uint8Array(9))
    const store = { disk, directory: group, identity: data.logIdentity }
    const { log } = await LogStore.open(store)
    await log.persist({ hardState: hard(7, 'n1'), entries: [], mustSync: true })
    await log.close()
    await data.close()
    disk.unplant(nodeFile)
    expect(await refusal(initialise(options(disk)))).toMatchObject({ code: 'QUORATE_CORRUPT' })
  })

  test('that fails in what it puts in place is half-made', async () => {
    const disk = new MemoryDisk()
    const beforeIdentity = () => Promise.reject(new Error('no such snapshot'))
    const failed = await refusal(initialise(options(disk, { base, beforeIdentity })))
    expect(failed.message).toContain('no such snapshot')
    await initialise(options(disk))
    await openAll(disk)
  })
})

test('the pointer keeps the snapshot that a state came from, and refuses what is none', async () => {
  const disk = await diskWith('g')
  const pointer = new StatePointer({ disk, directory: 'g' })
  await pointer.switchTo(3, { index: 70, term: 5 })
  expect(await pointer.read()).toEqual({ generation: 3, snapshot: { index: 70, term: 5 } })
  await pointer.switchTo(4)
  expect(await pointer.read()).toEqual({ generation: 4, snapshot: undefined })
  await expect(pointer.switchTo(5, { index: 0, term: 5 })).rejects.toThrow(AssertionError)
  const kind = { document: 'quorate state', formatVersion: 1 }
  for (const snapshot of [7, null, { index: 1 }, { index: -1, term: 1 }, { index: 1, term: 1.5 }]) {
    disk.plant('g/current', encodeDocument(kind, { generation: 1, snapshot }))
    expect(await refusal(pointer.read())).toMatchObject({ code: 'QUORATE_CORRUPT' })
  }
})

describe('opening', () => {
  test('refuses what was never made, says what to do, and leaves no trace', async () => {
    const disk = await diskWith('var')
    const changes = disk.changes
    const error = await refusal(openDataDirectory({ disk, path }))
    expect(error.code).toBe('QUORATE_NOT_INITIALISED')
    expect(error.message).toContain('quorate node init')
    expect(disk.changes).toBe(changes)
  })

  test('keeps a second process out, and lets go again', async () => {
    const disk = await made()
    const data = await openDataDirectory({ disk, path })
    expect((await refusal(openDataDirectory({ disk, path }))).code).toBe('QUORATE_LOCKED')
    expect((await refusal(initialise(options(disk)))).code).toBe('QUORATE_LOCKED')
    await data.close()
    await openAll(disk)
  })

  test('lets go of the lock where it refuses', async () => {
    const disk = await made()
    const bytes = disk.peek(nodeFile)
    disk.flipBit(nodeFile, 99)
    expect((await refusal(openDataDirectory({ disk, path }))).code).toBe('QUORATE_CORRUPT')
    disk.plant(nodeFile, bytes)
    await openAll(disk)
  })

  test('tells a newer format from damage', async () => {
    const disk = await made()
    disk.plant(nodeFile, encodeDocument({ document: 'quorate node', formatVersion: 2 }, { x: 1 }))
    expect(await refusal(openDataDirectory({ disk, path }))).toMatchObject({
      code: 'QUORATE_FORMAT_TOO_NEW',
      details: { file: nodeFile },
    })
  })

  test('refuses a log, a vote file or an identity of another node', async () => {
    const disk = await made()
    const other = new MemoryDisk()
    await initialise(options(other, { random: new SeededRandom(9) }))
    for (const file of [nodeFile, `${group}/vote`, `${group}/wal/0000000001.wal`]) {
      const copy = disk.clone()
      copy.plant(file, other.peek(file))
      expect((await refusal(openAll(copy))).code).toBe('QUORATE_CORRUPT')
    }
  })
})

describe('the small files', () => {
  async function withAll(): Promise<MemoryDisk> {
    const disk = await made()
    const pins = await PeerIncarnations.open({ disk, directory: group })
    await pins.pin('n2', 'ab'.repeat(16))
    await new StatePointer({ disk, directory: group }).switchTo(3)
    return disk
  }

  test.each(['node.json', 'groups/0/peers.json', 'groups/0/current'])(
    'every flipped bit of %s, every length and every other content is refused',
    async (name) => {
      const disk = await withAll()
      const file = `${path}/${name}`
      const bytes = disk.peek(file)
      const expectRefused = async (copy: MemoryDisk): Promise<void> => {
        const error = await refusal(openAll(copy))
        expect(error.code).toBe('QUORATE_CORRUPT')
        expect(error.details.file).toBe(file)
        expect(error.details.offset).toBeGreaterThanOrEqual(0)
      }
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const copy = disk.clone()
        copy.flipBit(file, bit)
        await expectRefused(copy)
      }
      for (let length = 0; length < bytes.length; length += 7) {
        const copy = disk.clone()
        copy.plant(file, bytes.subarray(0, length))
        await expectRefused(copy)
      }
      for (const other of ['node.json', 'groups/0/peers.json', 'groups/0/current']) {
        if (other === name) continue
        const copy = disk.clone()
        copy.plant(file, disk.peek(`${path}/${other}`))
        await expectRefused(copy)
      }
      const large = disk.clone()
      large.plant(file, new Uint8Array(2 * 1024 * 1024))
      await expectRefused(large)
    },
  )

  test('a list of peers that is gone is refused', async () => {
    const disk = await withAll()
    disk.unplant(`${group}/peers.json`)
    expect((await refusal(openAll(disk))).code).toBe('QUORATE_CORRUPT')
  })
})

describe('the incarnations of the peers', () => {
  const first = '11'.repeat(16)
  const second = '22'.repeat(16)

  test('the first one counts, for ever', async () => {
    const disk = await made()
    const pins = await PeerIncarnations.open({ disk, directory: group })
    expect(await pins.pin('n2', first)).toBe('pinned')
    expect(await pins.pin('n2', first)).toBe('same')
    expect(await pins.pin('n2', second)).toBe('other')
    expect(await pins.pin('n3', second)).toBe('pinned')
    disk.crash({ keepUnsynced: 'none' })
    const again = await PeerIncarnations.open({ disk, directory: group })
    expect(await again.pin('n2', second)).toBe('other')
    expect(await again.pin('n3', second)).toBe('same')
  })

  test('of two links that ask at once one wins, and the answer waits for the disk', async () => {
    const disk = await made()
    const pins = await PeerIncarnations.open({ disk, directory: group })
    const results = await Promise.all([
      pins.pin('n2', first),
      pins.pin('n2', first),
      pins.pin('n2', second),
      pins.pin('n3', first),
    ])
    expect(results).toEqual(['pinned', 'same', 'other', 'pinned'])
  })

  test('a failure at any operation is final; the next start has what was answered', async () => {
    for (let nth = 1; ; nth++) {
      const disk = await made()
      const pins = await PeerIncarnations.open({ disk, directory: group })
      disk.fail({ operation: 'any', nth, error: 'EIO' })
      const result = await pins.pin('n2', first).catch(() => undefined)
      if (result === 'pinned') break
      expect((await refusal(pins.pin('n2', first))).code).toBe('QUORATE_STORAGE')
      disk.crash({ keepUnsynced: 'all' })
      const again = await PeerIncarnations.open({ disk, directory: group })
      expect(['pinned', 'same']).toContain(await again.pin('n2', first))
    }
  })

  test('no answer vouches for a pin that a power cut can still take back', async () => {
    for (let turns = 0; turns < 40; turns++) {
      const disk = await made()
      const pins = await PeerIncarnations.open({ disk, directory: group })
      const slow = pins.pin('n2', first).catch(() => {})
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      expect(['same', 'pinned']).toContain(await pins.pin('n2', first))
      disk.crash({ keepUnsynced: 'none' })
      await slow
      const again = await PeerIncarnations.open({ disk, directory: group })
      expect(await again.pin('n2', second)).toBe('other')
    }
  })

  test('what a killed process left is durable before it is answered from', async () => {
    const disk = await made()
    const pins = await PeerIncarnations.open({ disk, directory: group })
    disk.fail({ operation: 'syncDirectory', nth: 1, error: 'kill' })
    await refusal(pins.pin('n2', first))
    disk.restart()
    const next = await PeerIncarnations.open({ disk, directory: group })
    expect(await next.pin('n2', first)).toBe('same')
    disk.crash({ keepUnsynced: 'none' })
    const last = await PeerIncarnations.open({ disk, directory: group })
    expect(await last.pin('n2', second)).toBe('other')
  })

  test('nonsense is refused', async () => {
    const pins = await PeerIncarnations.open({ disk: await made(), directory: group })
    expect((await refusal(pins.pin('../n2', first))).code).toBe('QUORATE_USAGE')
    expect((await refusal(pins.pin('n2', 'x'))).code).toBe('QUORATE_USAGE')
  })
})

describe('the pointer to the live state', () => {
  test('is absent at first, then switches durably', async () => {
    const disk = await made()
    const pointer = new StatePointer({ disk, directory: group })
    expect(await pointer.read()).toBeUndefined()
    await pointer.switchTo(1)
    await pointer.switchTo(2)
    disk.crash({ keepUnsynced: 'none' })
    expect(await pointer.read()).toEqual({ generation: 2, snapshot: undefined })
    expect(stateDirectoryName(2)).toBe('state-2')
    await expect(pointer.switchTo(0)).rejects.toThrow(AssertionError)
  })
})
